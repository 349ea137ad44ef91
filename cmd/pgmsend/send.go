package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

const (
	// tick is how long a call may block before the loop looks at signals, and
	// busyTick how many messages it sends in between.
	tick     = 100 * time.Millisecond
	busyTick = 1024

	// glance is how long the loop serves the source before it looks again
	// whether standard input has more.
	glance = 5 * time.Millisecond

	// farewell is how long a source that is done tells its receivers so.
	farewell = 50 * time.Millisecond

	// maxLinger is how many times --linger is waited at most, when repair
	// requests do not end.
	maxLinger = 15
)

var errInterrupted = errors.New("interrupted")

// sender is one run of the tool.
type sender struct {
	o      *options
	ctx    context.Context
	src    source
	out    *bufio.Writer
	stderr io.Writer
	log    *slog.Logger
	bar    *cli.Progress

	messages int   // queued, or tried to
	sent     int   // files
	done     int64 // bytes queued
	size     int64 // of all files
	start    time.Time
	active   time.Duration // from start until all was on its way
}

func send(o *options, stdin io.Reader, stdout, stderr io.Writer) error {
	ctx, stop := cli.Interrupts()
	defer stop()
	cli.BoundMemory(o.Window)
	inputs, err := expand(o.paths)
	if err != nil {
		return err
	}
	s := &sender{o: o, ctx: ctx, out: bufio.NewWriter(stdout), stderr: stderr, log: o.SetLogger(stderr)}
	if s.src, err = newSource(o); err != nil {
		return err
	}
	about := o.About()
	if src, ok := s.src.(*pgmnet.Source); ok {
		about = append(about, "session", src.TSI().String())
	}
	s.log.Info("sending", about...)
	if !o.Quiet && !o.JSON && (len(inputs) > 0 || o.NArg() == 0 && !cli.IsTerminal(stdin)) {
		s.bar = cli.NewProgress(stderr)
	}

	s.start = time.Now()
	switch {
	case len(inputs) > 0:
		err = s.files(inputs)
	case o.NArg() > 0:
		err = s.args(o.Args())
	default:
		err = s.lines(stdin)
	}
	if e := s.finish(); err == nil {
		err = e
	}
	s.bar.Clear()
	if e := s.complete(); err == nil {
		err = e
	}
	if !o.Quiet && (err == nil || s.src.Stats().Messages > 0) {
		err = errors.Join(err, s.summarize())
	}
	return errors.Join(err, s.out.Flush())
}

// args sends each argument.
func (s *sender) args(args []string) error {
	for i, arg := range args {
		err := s.queue([]byte(arg))
		if errors.Is(err, pgm.ErrMessageTooLarge) {
			err = fmt.Errorf("message %d is too long: it has to be smaller than %v, half the --window", i+1, s.o.Window/2)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lines sends each line of in. An interrupt ends it like the end of in.
func (s *sender) lines(in io.Reader) error {
	split := splitter{limit: int(s.o.Window / 2), emit: s.queue}
	ahead := newReadAhead(in)
	defer ahead.stop()
	for {
		select {
		case b := <-ahead.full:
			if err := split.write(b.data); err != nil {
				return err
			}
			if b.err == io.EOF {
				return split.end()
			}
			if b.err != nil {
				return fmt.Errorf("standard input: %w", b.err)
			}
			ahead.release(b)
			if err := s.flush(); err != nil {
				return err
			}
		default:
			if err := s.serve(glance); err != nil {
				if err == errInterrupted {
					return nil
				}
				return err
			}
		}
	}
}

// queue sends a message, in company if there is more.
func (s *sender) queue(msg []byte) error {
	s.messages++
	if s.messages%busyTick == 0 {
		if err := s.tick(); err != nil {
			return err
		}
	}
	for {
		err := s.src.Queue(msg)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err := s.tick(); err != nil {
			return err
		}
	}
}

// flush sends what is queued.
func (s *sender) flush() error {
	for {
		err := s.src.Flush()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err := s.tick(); err != nil {
			return err
		}
	}
}

// tick looks at signals and the clock.
func (s *sender) tick() error {
	now := time.Now()
	if s.ctx.Err() != nil {
		return errInterrupted
	}
	if s.bar.Due(now) {
		st := s.src.Stats()
		s.bar.Show(now, s.done, s.size, fmt.Sprintf("%s, %d repaired, %d lost", cli.FormatRate(float64(st.Rate)), st.RDATAPackets, st.NAKOutside))
	}
	s.src.SetDeadline(now.Add(tick))
	return s.complete()
}

// serve answers receivers for a while.
func (s *sender) serve(d time.Duration) error {
	if err := s.tick(); err != nil {
		return err
	}
	return s.src.Poll(d)
}

// finish sends what is queued, stays for repairs, and ends the session. An
// interrupt cuts it short, which is an error only while something is unsent.
func (s *sender) finish() error {
	err := s.drain()
	s.active = time.Since(s.start)
	if err == nil && s.src.Stats().Messages > 0 {
		if err = s.linger(time.Duration(s.o.linger)); err == errInterrupted {
			err = nil
		}
	}
	if e := s.close(); err == nil {
		err = e
	}
	return err
}

// close ends the session. Receivers are told that it is complete only if all
// is sent, or can be in a moment.
func (s *sender) close() error {
	s.src.SetDeadline(time.Now().Add(farewell))
	if err := s.src.Flush(); errors.Is(err, os.ErrDeadlineExceeded) {
		return s.src.Abort(0)
	}
	return s.src.Close(farewell)
}

// drain waits until everything is sent.
func (s *sender) drain() error {
	if err := s.flush(); err != nil {
		return err
	}
	for s.src.Stats().Backlog > 0 {
		if err := s.serve(tick); err != nil {
			return err
		}
	}
	return nil
}

// linger stays until no receiver has asked for anything for as long as d.
func (s *sender) linger(d time.Duration) error {
	now := time.Now()
	last, until := now, now.Add(maxLinger*d)
	naks := s.src.Stats().NAKs
	for {
		now = time.Now()
		if n := s.src.Stats().NAKs; n != naks {
			naks, last = n, now
		}
		left := min(last.Add(d).Sub(now), until.Sub(now))
		if left <= 0 {
			return nil
		}
		if err := s.serve(min(left, tick)); err != nil {
			return err
		}
	}
}

// note prints a line for people.
func (s *sender) note(format string, args ...any) {
	s.bar.Clear()
	fmt.Fprintf(s.stderr, name+": "+format+"\n", args...)
}

// reportFile tells about a file that was sent.
func (s *sender) reportFile(file string, size int64, digest [32]byte) error {
	sum := hex.EncodeToString(digest[:])
	if !s.o.JSON {
		s.log.Info("sent", "file", file, "size", size, "sha256", sum)
		return nil
	}
	return cli.WriteJSON(s.out, struct {
		Event  string `json:"event"`
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	}{"file", file, size, sum})
}
