package main

import (
	"encoding/binary"
	"time"
)

const (
	// paceInterval is the least time between messages whose way is timed: each
	// is alone, and each end has long been idle. The next is sent once the one
	// before has come back, so that an end that had to wait for its processor
	// delays one message.
	paceInterval = 500 * time.Microsecond

	// paceSpin is the end of that time, which is spent awake by all alike.
	paceSpin = 50 * time.Microsecond
)

// A pacer has messages sent at a distance, each with the time when it was sent.
type pacer struct {
	out   outlet
	clock sharedClock
	spin  bool
	due   time.Duration
}

func newPacer(t *task, out outlet) (*pacer, error) {
	clock, err := newSharedClock()
	return &pacer{out: out, clock: clock, spin: t.Spin, due: clock.now()}, err
}

// stamp waits until the next message is due, and notes the time in it.
func (p *pacer) stamp(msg []byte) error {
	p.due = max(p.due+paceInterval, p.clock.now())
	wait := p.due - p.clock.now()
	if p.spin {
		wait -= paceSpin
	}
	if err := p.out.Poll(wait); err != nil {
		return err
	}
	for p.clock.now() < p.due {
	}
	binary.BigEndian.PutUint64(msg[8:], uint64(p.clock.now()))
	return nil
}

// A timer notes how long those messages were on their way; those sent in the
// first tenth of the time are not counted.
type timer struct {
	clock sharedClock
	warm  time.Duration
	first time.Duration
	times trips
}

func newTimer(t *task) (*timer, error) {
	clock, err := newSharedClock()
	return &timer{clock: clock, warm: t.Duration / 10, times: make(trips, 0, t.Duration/paceInterval+1)}, err
}

func (w *timer) note(msg []byte) {
	now := w.clock.now()
	sent := time.Duration(binary.BigEndian.Uint64(msg[8:]))
	if w.first == 0 {
		w.first = sent
	}
	if sent-w.first >= w.warm {
		w.times = append(w.times, now-sent)
	}
}

// A sharedClock reads CLOCK_MONOTONIC, which all processes and namespaces of a
// machine have in common, in the way of the runtime: without a system call, as
// clock_gettime does in C. It is set by one, once.
type sharedClock struct {
	base time.Time
	at   time.Duration // what CLOCK_MONOTONIC was at base
}

func newSharedClock() (c sharedClock, err error) {
	c.base = time.Now()
	narrowest := time.Hour
	for range 1000 {
		before := time.Since(c.base)
		at, err := monotonic()
		between := time.Since(c.base) - before
		if err != nil {
			return c, err
		}
		if between < narrowest {
			narrowest, c.at = between, at-before-between/2
		}
	}
	return c, nil
}

func (c *sharedClock) now() time.Duration { return c.at + time.Since(c.base) }
