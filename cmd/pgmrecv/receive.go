package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
)

// tick is how long the loop waits, at most, before it looks at signals and the
// clock, and busyTick how many events it takes in between.
const (
	tick     = 100 * time.Millisecond
	busyTick = 1024
)

// receiver is one run of the tool.
type receiver struct {
	o        *options
	src      source
	sink     sink
	out      *bufio.Writer
	stderr   io.Writer
	log      *slog.Logger
	bar      *cli.Progress
	deadline time.Time // of --timeout; zero is never

	first, last time.Time // when messages came
	busy        bool      // some came after last
	lost        uint64    // packets reported lost
	ended       string    // why it ended before it was complete
}

func receive(o *options, stdout, stderr io.Writer) (err error) {
	ctx, stop := cli.Interrupts()
	defer stop()
	cli.BoundMemory(o.Window)
	r := &receiver{
		o: o, stderr: stderr,
		out:      bufio.NewWriterSize(stdout, 64<<10),
		log:      o.SetLogger(stderr),
		deadline: o.deadline(time.Now()),
	}
	if o.output != "" {
		r.sink, err = newFiles(o, r.out, r.note)
	} else {
		r.sink = newMessages(o, r.out)
	}
	if err != nil {
		return err
	}
	// Closed first and last, for whatever happens: it removes temporary files.
	defer r.sink.close()

	if r.src, err = newSource(o); err != nil {
		return err
	}
	defer r.src.Close()
	r.log.Info("receiving", o.About()...)
	if !o.Quiet && !o.JSON && (o.output != "" || !cli.IsTerminal(stdout)) {
		r.bar = cli.NewProgress(stderr)
	}

	err = r.loop(ctx)
	err = errors.Join(err, r.sink.close(), r.idle())
	r.bar.Clear()
	if !o.Quiet {
		err = errors.Join(err, r.summarize())
	}
	if err != nil {
		return err
	}
	return r.verdict()
}

// loop receives until there is enough, or a reason to stop.
func (r *receiver) loop(ctx context.Context) error {
	for n := 0; !r.complete(); n++ {
		if n%busyTick == 0 && r.tick(ctx) {
			return nil
		}
		ev, err := r.src.next(false)
		if err == nil && ev == nil {
			// Idle: show what there is, then wait.
			if err := r.idle(); err != nil {
				return err
			}
			ev, err = r.src.next(true)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			n = -1 // tick
			continue
		}
		if err != nil {
			return err
		}
		if err := r.take(ev); err != nil {
			return err
		}
	}
	return nil
}

// tick looks at signals and the clock, and reports whether to stop.
func (r *receiver) tick(ctx context.Context) (stop bool) {
	now := time.Now()
	if ctx.Err() != nil {
		r.ended = "interrupted"
		return true
	}
	if !r.deadline.IsZero() && !now.Before(r.deadline) {
		r.ended = fmt.Sprintf("timed out after %v", r.o.timeout)
		return true
	}
	if r.bar.Due(now) {
		s := r.src.Stats()
		done, total := r.sink.progress()
		r.bar.Show(now, done, total, fmt.Sprintf("%d repaired, %d lost", s.Repairs, s.Lost))
	}
	wake := now.Add(tick)
	if !r.deadline.IsZero() && r.deadline.Before(wake) {
		wake = r.deadline
	}
	r.src.SetDeadline(wake)
	return false
}

// idle is called when nothing has arrived for the moment.
func (r *receiver) idle() error {
	if r.busy {
		r.busy = false
		r.last = time.Now()
	}
	if r.out.Buffered() == 0 {
		return nil
	}
	r.bar.Clear() // both may be on the same terminal
	return r.out.Flush()
}

// complete reports whether there is all that --count asks for.
func (r *receiver) complete() bool { return r.o.count > 0 && r.sink.count() >= r.o.count }

// take takes in an event.
func (r *receiver) take(ev *event) error {
	switch ev.Kind {
	case pgm.EventMessage:
		if r.first.IsZero() {
			r.first = time.Now()
		}
		r.busy = true
		return r.sink.take(ev)
	case pgm.EventLoss:
		r.lost += uint64(ev.Last.Sub(ev.First)) + 1
	}
	if err := r.report(ev); err != nil {
		return err
	}
	return r.sink.take(ev)
}

// report tells about an event other than a message.
func (r *receiver) report(ev *event) error {
	switch {
	case r.o.JSON:
		return writeEvent(r.out, ev)
	case ev.Kind == pgm.EventLoss:
		n := uint64(ev.Last.Sub(ev.First)) + 1
		r.note("lost %s from %v, from number %d on: %v", r.losses(n), ev.Source, ev.First, ev.Cause)
	default:
		r.log.Info(ev.Kind.String(), "source", ev.Source.String(), "number", uint32(ev.First))
	}
	return nil
}

// losses says what so many lost packets are the loss of.
func (r *receiver) losses(packets uint64) string {
	if r.o.ZMQ {
		return "what was in " + cli.Plural(packets, "packet")
	}
	return cli.Plural(packets, "packet")
}

// note prints a line for people.
func (r *receiver) note(format string, args ...any) {
	r.bar.Clear()
	fmt.Fprintf(r.stderr, name+": "+format+"\n", args...)
}
