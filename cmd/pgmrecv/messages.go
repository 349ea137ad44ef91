package main

import (
	"bufio"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
)

// messages prints each message.
type messages struct {
	out   *bufio.Writer
	print func(b []byte, ev *event) []byte
	line  []byte
	n     uint64
	bytes int64
}

func newMessages(o *options, out *bufio.Writer) *messages {
	m := &messages{out: out, print: appendText}
	switch {
	case o.raw:
		m.print = nil
	case o.JSON && o.ZMQ:
		m.print = appendFrames
	case o.JSON:
		m.print = appendMessage
	}
	return m
}

func (m *messages) take(ev *event) error {
	if ev.Kind != pgm.EventMessage {
		return nil
	}
	m.n++
	for _, f := range ev.frames {
		m.bytes += int64(len(f))
	}
	if m.print == nil {
		for _, f := range ev.frames {
			if _, err := m.out.Write(f); err != nil {
				return err
			}
		}
		return nil
	}
	m.line = m.print(m.line[:0], ev)
	_, err := m.out.Write(m.line)
	return err
}

func (m *messages) count() uint64            { return m.n }
func (m *messages) progress() (int64, int64) { return m.bytes, 0 }
func (m *messages) close() error             { return nil }

func appendText(b []byte, ev *event) []byte {
	for i, f := range ev.frames {
		if i > 0 {
			b = append(b, '\t')
		}
		b = cli.AppendText(b, f)
	}
	return append(b, '\n')
}
