package main

import (
	"bufio"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
)

// messages prints each message.
type messages struct {
	out   *bufio.Writer
	print func(b []byte, ev *pgm.Event) []byte
	line  []byte
	n     uint64
	bytes int64
}

func newMessages(o *options, out *bufio.Writer) *messages {
	m := &messages{out: out, print: appendText}
	switch {
	case o.raw:
		m.print = nil
	case o.JSON:
		m.print = appendMessage
	}
	return m
}

func (m *messages) take(ev *pgm.Event) error {
	if ev.Kind != pgm.EventMessage {
		return nil
	}
	m.n++
	m.bytes += int64(len(ev.Data))
	if m.print == nil {
		_, err := m.out.Write(ev.Data)
		return err
	}
	m.line = m.print(m.line[:0], ev)
	_, err := m.out.Write(m.line)
	return err
}

func (m *messages) count() uint64            { return m.n }
func (m *messages) progress() (int64, int64) { return m.bytes, 0 }
func (m *messages) close() error             { return nil }

func appendText(b []byte, ev *pgm.Event) []byte {
	return append(cli.AppendText(b, ev.Data), '\n')
}
