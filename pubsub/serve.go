package pubsub

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// Serve runs the timers and repairs of p until ctx is done: it then returns
// ctx's error, within 10 milliseconds. It is for a goroutine that the caller
// starts, so that others may leave p alone for any time. PublisherConfig.Concurrent
// must be set. After Close it returns pgm.ErrClosed.
func (p *Publisher) Serve(ctx context.Context) error {
	if !p.guard.on {
		return errNotConcurrent
	}
	p.lock()
	defer p.unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case p.closing:
			return pgm.ErrClosed
		}
		if err := p.step(); err != nil {
			return err
		}
		if err := p.sleep(true, stepOf(ctx, p.due())); err != nil {
			return err
		}
	}
}

// Serve takes in packets, asks for lost ones and runs the other timers of s until
// ctx is done: it then returns ctx's error, within 10 milliseconds. What it takes
// in waits in the receive window, as far as pgm.ReceiverConfig.BufferBytes goes,
// for the next call of Recv. It is for a goroutine that the caller starts, so that
// others may leave s alone for a while; it stands by while one waits in Recv.
// SubscriberConfig.Concurrent must be set. After Close it returns net.ErrClosed.
func (s *Subscriber) Serve(ctx context.Context) error {
	if !s.guard.on {
		return errNotConcurrent
	}
	s.lock()
	defer s.unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.closed:
			return net.ErrClosed
		}
		var err error
		if s.receiving > 0 {
			err = s.guard.sleep(nil, true, nil, idleStep)
		} else if err = s.takeIn(); err == nil {
			err = s.guard.sleep(s.rcv, true, nil, stepOf(ctx, s.rcv.TakeInDue()))
		}
		if err != nil {
			return err
		}
	}
}

// stepOf shortens a wait so that ctx is looked at often enough.
func stepOf(ctx context.Context, d time.Duration) time.Duration {
	d = min(d, contextStep)
	if end, ok := ctx.Deadline(); ok {
		d = min(d, max(time.Until(end), 0))
	}
	return d
}

// lock begins what one goroutine may do at a time.
func (p *Publisher) lock() {
	if p.guard.on {
		p.guard.mu.Lock()
	}
}

// unlock ends it.
func (p *Publisher) unlock() {
	if p.guard.on {
		p.rouse()
		p.guard.mu.Unlock()
	}
}

// rouse wakes those who sleep though there is something to do for them.
func (p *Publisher) rouse() {
	if p.guard.asleep > 0 {
		if p.above() == nil {
			p.guard.wakeUsers(nil)
		}
		due := p.due()
		p.guard.hurry(due, true)
		p.guard.hurry(due, false)
	}
}

// sleep waits for something to do, but no longer than d, without the lock.
func (p *Publisher) sleep(serve bool, d time.Duration) error {
	p.rouse()
	return p.guard.sleep(p.src, serve, nil, d)
}

// step answers NAKs, runs timers and sends what waits, once.
func (p *Publisher) step() error {
	if p.open != nil && p.hole.at == 0 && (p.cfg.Flush == FlushEach || p.late()) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	return p.src.Poll(0)
}

// await waits for the backlog to get smaller, or the deadline.
func (p *Publisher) await() error {
	if !p.guard.on {
		return p.src.Await()
	}
	return p.awaitUntil(p.user)
}

// awaitUntil is await in steps: it waits without the lock. The zero time is
// never.
func (p *Publisher) awaitUntil(deadline time.Time) error {
	d := p.due()
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		d = min(d, left)
	}
	if err := p.sleep(false, d); err != nil {
		return err
	}
	return p.step()
}

// pollFor is Poll for several goroutines.
func (p *Publisher) pollFor(d time.Duration) error {
	end := time.Now().Add(d)
	if err := p.step(); err != nil {
		return err
	}
	for time.Now().Before(end) {
		if err := p.awaitUntil(end); err != nil && err != os.ErrDeadlineExceeded {
			return err
		}
	}
	return nil
}

// closeShared is Close for several goroutines: what takes long it does without
// the lock.
func (p *Publisher) closeShared() error {
	if p.closing {
		return nil
	}
	p.closing = true
	p.guard.wakeServe()
	err := p.drain(time.Now().Add(max(p.cfg.Linger, 0)))
	if p.src.Finish() == nil && p.cfg.Repair > 0 {
		p.pollFor(p.cfg.Repair)
	}
	p.src.SetDeadline(time.Now())
	if shut := p.src.Close(0); err == nil {
		err = shut
	}
	p.guard.shut()
	return err
}

// drain sends everything, until the deadline.
func (p *Publisher) drain(deadline time.Time) error {
	p.complete()
	for {
		if err := p.src.Push(false); err != nil {
			return err
		}
		if n, _ := p.src.Unsent(); n == 0 {
			return nil
		}
		if err := p.awaitUntil(deadline); err != nil {
			return err
		}
	}
}

// lock begins what one goroutine may do at a time.
func (h *hub) lock() {
	if h.guard.on {
		h.guard.mu.Lock()
	}
}

// unlock ends it.
func (h *hub) unlock() {
	if h.guard.on {
		if h.guard.asleep > 0 {
			h.guard.hurry(h.rcv.TakeInDue(), true)
			h.hurryUsers()
		}
		h.guard.mu.Unlock()
	}
}

// recvShared is Recv for several goroutines, until the deadline that the user has
// set or ctx is done.
func (s *Subscriber) recvShared(ctx context.Context) (*Event, error) {
	s.lock()
	defer s.unlock()
	for {
		if ev, err := s.tryRecv(); ev != nil || err != nil {
			return s.owned(ev), err
		}
		d := s.due()
		if !s.user.IsZero() {
			left := time.Until(s.user)
			if left <= 0 {
				return nil, os.ErrDeadlineExceeded
			}
			d = min(d, left)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if ctx.Done() != nil {
			d = stepOf(ctx, d)
		}
		s.receiving++
		err := s.guard.sleep(s.rcv, false, s, d)
		s.receiving--
		if err != nil {
			return nil, err
		}
	}
}

// keep copies the frames of event if they are views.
func (s *Subscriber) keep() {
	if s.view {
		s.event.Frames = s.hold.copy(s.event.Frames)
		s.view = false
	}
}

// owned makes the frames of ev last until s receives again, whatever other
// goroutines do.
func (s *Subscriber) owned(ev *Event) *Event {
	if ev != nil && s.guard.on {
		s.keep()
	}
	return ev
}
