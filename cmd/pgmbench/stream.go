package main

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

const (
	// patience is how long an end waits for the other before it gives up.
	patience = 10 * time.Second

	// grief is the same once something was lost: the end may have been too.
	grief = time.Second

	// stampEvery is how many messages share one look at the clock.
	stampEvery = 64

	// endMark is the number of the message after the last one that counts.
	endMark = ^uint64(0)
)

// send sends numbered messages as fast as they go.
func (s stack) send(t *task, ready func()) (r result, err error) {
	out, err := s.outlet(t, true)
	if err != nil {
		return r, err
	}
	ready()
	msg := make([]byte, t.Size)
	var h heap
	h.start()
	for start := time.Now(); ; r.Messages++ {
		if r.Messages%stampEvery == 0 && time.Since(start) > t.Duration {
			break
		}
		binary.BigEndian.PutUint64(msg, r.Messages)
		if err := out.queue(msg); err != nil {
			return r, err
		}
	}
	err = out.Flush()
	h.stop(&r)
	err = errors.Join(err, finish(out, msg))
	r.Source = out.stats()
	return r, err
}

// finish tells the other end that this was all and serves its repairs until it
// is done: then the parent closes our standard input.
func finish(out outlet, msg []byte) error {
	binary.BigEndian.PutUint64(msg, endMark)
	err := out.send(msg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, os.Stdin)
	}()
	for until := time.Now().Add(patience); err == nil && time.Now().Before(until); {
		select {
		case <-done:
			return out.close()
		default:
			err = out.Poll(5 * time.Millisecond)
		}
	}
	return errors.Join(err, out.close())
}

// receive takes messages until the end, and checks that they are numbered one
// after the other.
func (s stack) receive(t *task, ready func()) (r result, err error) {
	in, err := s.inlet(t)
	if err != nil {
		return r, err
	}
	defer in.Close()
	ready()
	in.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	err = r.receive(t, in)
	r.Receiver = in.stats()
	return r, err
}

func (r *result) receive(t *task, in inlet) error {
	var first, last time.Time
	var stamped, next uint64
	var h heap
	for {
		msg, n, err := r.next(t, in)
		if err != nil {
			return err
		}
		if n == endMark {
			h.stop(r)
			if stamped > 0 {
				r.Seconds = last.Sub(first).Seconds() * float64(r.Messages) / float64(stamped)
			}
			return nil
		}
		if len(msg) != t.Size || n != next {
			r.Wrong++
		}
		next = n + 1
		if r.Messages == 0 {
			h.start()
			first = time.Now()
		} else if r.Messages%stampEvery == 0 {
			last, stamped = time.Now(), r.Messages
		}
		r.Messages++
	}
}

// next returns the next message and its number, endMark if there is none any
// more. It counts losses.
func (r *result) next(t *task, in inlet) (msg []byte, n uint64, err error) {
	for {
		ev, err := in.take()
		switch {
		case r.Lost > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			return nil, endMark, nil
		case err != nil:
			return nil, 0, err
		}
		switch ev.Kind {
		case pgm.EventMessage:
			return ev.Data, binary.BigEndian.Uint64(ev.Data), nil
		case pgm.EventJoin:
		case pgm.EventLoss:
			r.lost(ev)
			in.SetDeadline(time.Now().Add(t.Duration + grief))
		default:
			return nil, endMark, nil
		}
	}
}

// lost counts a loss by its cause.
func (r *result) lost(ev *pgm.Event) {
	n := uint64(ev.Last.Sub(ev.First) + 1)
	r.Lost += n
	if r.Causes == nil {
		r.Causes = make(map[string]uint64)
	}
	r.Causes[ev.Cause.String()] += n
}
