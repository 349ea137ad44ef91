package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

const (
	// linger is how long a source stays for repairs at the end.
	linger = 300 * time.Millisecond

	// patience is how long an end waits for the other before it gives up.
	patience = 10 * time.Second

	// stampEvery is how many messages share one look at the clock.
	stampEvery = 64
)

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
	return pgmnet.NewSource(cfg, pgm.SourceConfig{})
}

func (t *task) receiver() (*pgmnet.Receiver, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	return pgmnet.NewReceiver(cfg, pgm.ReceiverConfig{})
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
	err = errors.Join(err, src.Close(linger))
	st := src.Stats()
	r.Source = &st
	return r, err
}

// pgmReceive takes messages until the source closes, and checks that they are
// numbered one after the other.
func pgmReceive(t *task, ready func()) (r result, err error) {
	rcv, err := t.receiver()
	if err != nil {
		return r, err
	}
	defer rcv.Close()
	ready()
	rcv.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	var first, last time.Time
	var stamped, next uint64
	var h heap
	for {
		ev, err := rcv.Recv()
		if err != nil {
			return r, err
		}
		switch ev.Kind {
		case pgm.EventMessage:
			n := binary.BigEndian.Uint64(ev.Data)
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
		case pgm.EventLoss:
			r.Lost += uint64(ev.Last.Sub(ev.First) + 1)
		case pgm.EventFin, pgm.EventReset, pgm.EventExpired:
			h.stop(&r)
			if stamped > 0 {
				// The messages up to the stamp: what is past it may lack a time.
				r.Seconds = last.Sub(first).Seconds() * float64(r.Messages) / float64(stamped)
			}
			st := rcv.Stats()
			r.Receiver = &st
			return r, nil
		}
	}
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
	return r, errors.Join(err, src.Close(linger))
}

// pgmPong sends every message back until the other end closes.
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
		switch ev.Kind {
		case pgm.EventMessage:
			if err := src.Send(ev.Data); err != nil {
				return r, err
			}
			r.Messages++
		case pgm.EventFin, pgm.EventReset, pgm.EventExpired:
			ss, rs := src.Stats(), rcv.Stats()
			r.Source, r.Receiver = &ss, &rs
			return r, src.Close(0)
		}
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
