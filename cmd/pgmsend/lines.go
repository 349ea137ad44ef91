package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
)

// readAhead reads in a goroutine of its own, the only one of the tool: a read
// may take for ever, and the source must answer its receivers meanwhile.
type readAhead struct {
	full chan block
	free chan []byte
}

// block is what one read gave.
type block struct {
	data []byte
	err  error
}

const (
	blocks    = 2
	blockSize = 64 << 10
)

func newReadAhead(in io.Reader) *readAhead {
	r := &readAhead{full: make(chan block, blocks), free: make(chan []byte, blocks)}
	for range blocks {
		r.free <- make([]byte, blockSize)
	}
	go func() {
		defer close(r.full)
		for buf := range r.free {
			n, err := in.Read(buf)
			r.full <- block{buf[:n], err} // has room for every buffer there is
			if err != nil {
				return
			}
		}
	}()
	return r
}

// release gives back the memory of a block.
func (r *readAhead) release(b block) { r.free <- b.data[:cap(b.data)] }

// stop ends the goroutine, once its read returns.
func (r *readAhead) stop() { close(r.free) }

// splitter cuts what it is given into lines, without their ends.
type splitter struct {
	limit int                     // of the length of a line
	emit  func(line []byte) error // takes each line
	lines int                     // emitted
	rest  []byte                  // of a line whose end has not come
}

// write cuts data.
func (s *splitter) write(data []byte) error {
	for len(data) > 0 {
		line, after, ended := bytes.Cut(data, []byte{'\n'})
		if len(s.rest)+len(line) > s.limit {
			return s.tooLong()
		}
		if !ended {
			s.rest = append(s.rest, line...)
			return nil
		}
		if len(s.rest) > 0 {
			s.rest = append(s.rest, line...)
			line = s.rest
		}
		if err := s.line(line); err != nil {
			return err
		}
		data = after
	}
	return nil
}

// end takes what is left as the last line.
func (s *splitter) end() error {
	if len(s.rest) == 0 {
		return nil
	}
	return s.line(s.rest)
}

func (s *splitter) line(line []byte) error {
	s.rest = s.rest[:0]
	err := s.emit(bytes.TrimSuffix(line, []byte{'\r'}))
	if errors.Is(err, pgm.ErrMessageTooLarge) {
		return s.tooLong()
	}
	s.lines++
	return err
}

func (s *splitter) tooLong() error {
	return fmt.Errorf("line %d is too long: a message has to be smaller than %v, half the --window", s.lines+1, cli.Size(s.limit))
}
