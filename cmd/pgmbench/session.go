package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
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

// windowPackets is how many packets the windows hold, so that small ones do not
// fill them before --window does.
const windowPackets = 1 << 20

// config returns what is the same for all sockets of a task: the defaults.
func (t *task) config() (cfg pgmnet.Config, err error) {
	cfg.Network, err = pgmnet.ParseNetwork(t.Network)
	if t.Spin {
		cfg.Spin = -1
	}
	return cfg, err
}

func (t *task) source() (*pgmnet.Source, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	return pgmnet.NewSource(cfg, pgm.SourceConfig{WindowBytes: int(t.Window), WindowPackets: windowPackets})
}

func (t *task) receiver() (*pgmnet.Receiver, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	return pgmnet.NewReceiver(cfg, pgm.ReceiverConfig{BufferBytes: int(t.Window), WindowPackets: windowPackets})
}

// pgmSend sends numbered messages as fast as they go.
func pgmSend(t *task, ready func()) (r result, err error) {
	src, err := t.source()
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
		if err := src.Queue(msg); err != nil {
			return r, err
		}
	}
	err = src.Flush()
	h.stop(&r)
	err = errors.Join(err, finish(src, msg))
	st := src.Stats()
	r.Source = &st
	return r, err
}

// A source is what finish ends.
type source interface {
	Send(msg []byte) error
	Poll(d time.Duration) error
	Close(linger time.Duration) error
}

// finish tells the other end that this was all and serves its repairs until it
// is done: then the parent closes our standard input.
func finish(src source, msg []byte) error {
	binary.BigEndian.PutUint64(msg, endMark)
	err := src.Send(msg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, os.Stdin)
	}()
	for until := time.Now().Add(patience); err == nil && time.Now().Before(until); {
		select {
		case <-done:
			return src.Close(0)
		default:
			err = src.Poll(5 * time.Millisecond)
		}
	}
	return errors.Join(err, src.Close(0))
}

// pgmReceive takes messages until the end, and checks that they are numbered
// one after the other.
func pgmReceive(t *task, ready func()) (r result, err error) {
	rcv, err := t.receiver()
	if err != nil {
		return r, err
	}
	defer rcv.Close()
	ready()
	rcv.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	err = r.receive(t, rcv)
	st := rcv.Stats()
	r.Receiver = &st
	return r, err
}

// receive takes messages until the end.
func (r *result) receive(t *task, rcv *pgmnet.Receiver) error {
	var first, last time.Time
	var stamped, next uint64
	var h heap
	for {
		ev, err := rcv.Recv()
		switch {
		case r.Lost > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			ev.Kind = pgm.EventExpired
		case err != nil:
			return err
		}
		var n uint64
		switch ev.Kind {
		case pgm.EventJoin:
			continue
		case pgm.EventLoss:
			r.lost(&ev)
			rcv.SetDeadline(time.Now().Add(t.Duration + grief))
			continue
		case pgm.EventMessage:
			n = binary.BigEndian.Uint64(ev.Data)
		}
		if ev.Kind != pgm.EventMessage || n == endMark {
			h.stop(r)
			if stamped > 0 {
				r.Seconds = last.Sub(first).Seconds() * float64(r.Messages) / float64(stamped)
			}
			return nil
		}
		if len(ev.Data) != t.Size || n != next {
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

// lost counts a loss by its cause.
func (r *result) lost(ev *pgm.Event) {
	n := uint64(ev.Last.Sub(ev.First) + 1)
	r.Lost += n
	if r.Causes == nil {
		r.Causes = make(map[string]uint64)
	}
	r.Causes[ev.Cause.String()] += n
}

// pgmPing sends a message, waits for it to come back, and so on.
func pgmPing(t *task, ready func()) (r result, err error) {
	src, err := t.source()
	if err != nil {
		return r, err
	}
	rcv, err := t.receiver()
	if err != nil {
		return r, err
	}
	defer rcv.Close()
	ready()
	msg := make([]byte, t.Size)
	var h heap
	h.start()
	r, err = ping(t, msg, func() error {
		if err := src.Send(msg); err != nil {
			return err
		}
		rcv.SetDeadline(time.Now().Add(patience))
		for {
			ev, err := rcv.Recv()
			if err != nil {
				return err
			}
			if ev.Kind == pgm.EventLoss {
				return fmt.Errorf("lost numbers %d to %d: %v", ev.First, ev.Last, ev.Cause)
			}
			if ev.Kind == pgm.EventMessage && binary.BigEndian.Uint64(ev.Data) == binary.BigEndian.Uint64(msg) {
				return nil
			}
		}
	})
	h.stop(&r)
	ss, rs := src.Stats(), rcv.Stats()
	r.Source, r.Receiver = &ss, &rs
	return r, errors.Join(err, finish(src, msg))
}

// pgmPong sends every message back until the end.
func pgmPong(t *task, ready func()) (r result, err error) {
	src, err := t.source()
	if err != nil {
		return r, err
	}
	rcv, err := t.receiver()
	if err != nil {
		return r, err
	}
	defer rcv.Close()
	ready()
	rcv.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	for {
		ev, err := rcv.Recv()
		if err != nil {
			return r, err
		}
		if ev.Kind != pgm.EventMessage {
			continue
		}
		if binary.BigEndian.Uint64(ev.Data) == endMark {
			ss, rs := src.Stats(), rcv.Stats()
			r.Source, r.Receiver = &ss, &rs
			return r, src.Close(0)
		}
		if err := src.Send(ev.Data); err != nil {
			return r, err
		}
		r.Messages++
	}
}

// ping times round trips of msg, each with a number of its own, for as long as
// the task says; those of the first tenth of the time are not counted.
func ping(t *task, msg []byte, trip func() error) (r result, err error) {
	times := make(trips, 0, 1<<20)
	start := time.Now()
	before := start
	for n := uint64(0); len(times) < cap(times) && before.Sub(start) < t.Duration; n++ {
		binary.BigEndian.PutUint64(msg, n)
		if err := trip(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = fmt.Errorf("no answer to message %d", n)
			}
			return r, err
		}
		after := time.Now()
		if before.Sub(start) > t.Duration/10 {
			times = append(times, after.Sub(before))
		}
		before = after
	}
	r.Messages = uint64(len(times))
	r.Seconds = before.Sub(start).Seconds()
	times.setPercentiles(&r)
	return r, nil
}
