package pubsub

import (
	"errors"
	"math"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// A PollItem is one of what Poll waits for: a Publisher or a Subscriber.
type PollItem struct {
	Pub *Publisher
	Sub *Subscriber // if Pub is nil; an item with neither is never ready

	// ServeOnly asks only to run the timers and repairs of this one: Poll does
	// not return for it, and Ready stays false unless it has failed.
	ServeOnly bool

	// Ready is set by Poll. Of a Publisher it means that Send would not block
	// with a message that fits one packet, of a Subscriber that there is an
	// event: the next Recv or TryRecv returns it at once.
	Ready bool

	// Err is set by Poll: why this one has failed. It is ready then.
	Err error
}

// Poll waits until at least one of items is ready, but no longer than timeout,
// and returns how many are; each tells by its field Ready. With a timeout of 0 it
// looks once, a negative one means for ever. Meanwhile it runs the timers and
// repairs of all of them, in the caller's goroutine: many Publishers and
// Subscribers need no more than one, and no more than one system call to wait
// for.
//
// A Publisher is ready nearly always: to wait for Subscribers beside it, set its
// item's ServeOnly, unless there is something to send.
//
// The event that Poll has found for a Subscriber stays valid until the next call
// of one of its methods, or of Poll. Items that share a Publisher or Subscriber
// with another goroutine, see [SubscriberConfig.Concurrent], are looked at every
// millisecond at least. Poll sleeps at once, whatever pgmnet.Config.Spin says.
//
// After the first call with as many items it allocates nothing. The error is a
// failure to wait; failures of the items are in them.
func Poll(items []PollItem, timeout time.Duration) (n int, err error) {
	st := takeState(items)
	n, err = st.poll(items, timeout)
	putState(items, st)
	return n, err
}

// A pollState is the memory of Poll. The first of the items keeps it.
type pollState struct {
	poller pgmnet.Poller
	fds    []pgmnet.FD
	parts  []pollPart // for each item
}

// A pollPart is what one item waits for.
type pollPart struct {
	end int           // of its descriptors in fds
	due time.Duration // when it is to be called in any case
}

// state returns where the state is kept, or nil.
func (it *PollItem) state() **pollState {
	switch {
	case it.Pub != nil:
		return &it.Pub.polling
	case it.Sub != nil:
		return &it.Sub.polling
	}
	return nil
}

// lock and unlock are those of the item. Lock reports whether there are any.
func (it *PollItem) lock() (shared bool) {
	switch {
	case it.Pub != nil:
		it.Pub.lock()
		return it.Pub.guard.on
	case it.Sub != nil:
		it.Sub.lock()
		return it.Sub.guard.on
	}
	return false
}

func (it *PollItem) unlock() {
	switch {
	case it.Pub != nil:
		it.Pub.unlock()
	case it.Sub != nil:
		it.Sub.unlock()
	}
}

func takeState(items []PollItem) (st *pollState) {
	if len(items) > 0 {
		items[0].lock()
		defer items[0].unlock()
		if at := items[0].state(); at != nil {
			st, *at = *at, nil
		}
	}
	if st == nil {
		st = &pollState{}
	}
	return st
}

func putState(items []PollItem, st *pollState) {
	if len(items) > 0 {
		items[0].lock()
		defer items[0].unlock()
		if at := items[0].state(); at != nil {
			*at = st
		}
	}
}

func (st *pollState) poll(items []PollItem, timeout time.Duration) (n int, err error) {
	now := time.Now()
	forever := timeout < 0
	end := now.Add(timeout)
	for {
		wait := time.Duration(math.MaxInt64)
		if !forever {
			wait = max(end.Sub(now), 0)
		}
		last := wait == 0
		if err := st.wait(items, wait); err != nil {
			return 0, err
		}
		woke := time.Now()
		at := 0
		for i := range items {
			it, part := &items[i], &st.parts[i]
			hot := part.due <= woke.Sub(now)
			for ; at < part.end; at++ {
				hot = hot || st.fds[at].Ready
			}
			it.step(hot)
			if it.Ready {
				n++
			}
		}
		if n > 0 || last {
			return n, nil
		}
		now = woke
	}
}

// wait waits until an item has something to do, but no longer than d.
func (st *pollState) wait(items []PollItem, d time.Duration) error {
	st.fds, st.parts = st.fds[:0], st.parts[:0]
	for i := range items {
		it := &items[i]
		it.Ready, it.Err = false, nil
		part := pollPart{due: math.MaxInt64}
		shared := it.lock()
		switch {
		case it.Pub != nil:
			if !it.ServeOnly && it.Pub.writable() {
				d = 0
			}
			st.fds, part.due = it.Pub.src.FDs(st.fds), it.Pub.due()
		case it.Sub != nil:
			st.fds = it.Sub.rcv.FDs(st.fds)
			if it.ServeOnly {
				part.due = it.Sub.rcv.TakeInDue()
			} else {
				part.due = it.Sub.due()
			}
		}
		it.unlock()
		if shared {
			part.due = min(part.due, idleStep)
		}
		part.end = len(st.fds)
		d = min(d, part.due)
		st.parts = append(st.parts, part)
	}
	_, err := st.poller.Wait(st.fds, d)
	return err
}

// step serves an item that is hot: one with a descriptor that is ready, or whose
// time has come. It finds out whether the item is ready.
func (it *PollItem) step(hot bool) {
	it.lock()
	defer it.unlock()
	switch {
	case it.Pub != nil:
		if hot {
			it.Err = it.Pub.step()
		}
		it.Ready = it.Err != nil || !it.ServeOnly && it.Pub.writable()
	case it.Sub != nil:
		switch {
		case hot && it.ServeOnly:
			it.Err = it.Sub.takeIn()
		case hot:
			it.Ready, it.Err = it.Sub.look()
		}
		it.Ready = it.Ready || it.Err != nil
	}
}

// FDs appends to dst the file descriptors that a loop of the caller's own has to
// watch, see [pgmnet.Source.FDs]. When one is ready, or when Due has passed, call
// Poll(0), and then look at both again.
func (p *Publisher) FDs(dst []pgmnet.FD) []pgmnet.FD {
	p.lock()
	defer p.unlock()
	return p.src.FDs(dst)
}

// Due returns in what time Poll must be called though no descriptor is ready: 0
// means at once, and it is never more than an hour.
func (p *Publisher) Due() time.Duration {
	p.lock()
	defer p.unlock()
	return p.due()
}

func (p *Publisher) due() time.Duration {
	d := p.src.Due()
	if n, _ := p.src.Unsent(); p.open == nil || p.hole.at != 0 || n > 0 {
		return d // a packet begun waits for the backlog before it
	}
	switch {
	case p.cfg.Flush == FlushEach:
		return 0
	case p.cfg.FlushAfter > 0 && !p.since.IsZero():
		d = min(d, max(p.cfg.FlushAfter-time.Since(p.since), 0))
	}
	return d
}

// TrySend is Send that never blocks, and never drops the message, whatever the
// Policy: it returns ErrWouldBlock instead.
func (p *Publisher) TrySend(topic, body []byte) (id uint64, err error) {
	p.lock()
	defer p.unlock()
	size := headerLen(len(topic)) + len(topic) + headerLen(len(body)) + len(body)
	if ok, err := p.admitBy(WouldBlock, size); !ok {
		return 0, err
	}
	return p.put(topic, body)
}

// writable reports whether Send would take a message that fits one packet, or
// fail, rather than block.
func (p *Publisher) writable() bool {
	// Two packets: it may fill up the one begun and begin another.
	return p.above() == nil && !errors.Is(p.src.Room(2), pgm.ErrWouldBlock)
}

// FDs appends to dst the file descriptors that a loop of the caller's own has to
// watch, see [pgmnet.Receiver.FDs]. When one is ready, or when Due has passed, call
// TryRecv until it returns no event, and then look at both again.
func (s *Subscriber) FDs(dst []pgmnet.FD) []pgmnet.FD {
	s.lock()
	defer s.unlock()
	return s.rcv.FDs(dst)
}

// Due returns in what time TryRecv must be called though no descriptor is ready:
// 0 means at once, as when it returned an event last time, and it is never more
// than an hour.
func (s *Subscriber) Due() time.Duration {
	s.lock()
	defer s.unlock()
	return s.due()
}

func (s *Subscriber) due() time.Duration {
	if s.found || s.queue.n > 0 || s.current != nil {
		return 0
	}
	return s.rcv.Due()
}

// takeIn takes in what has arrived, for later calls of Recv. While one waits for
// an event it leaves that to it.
func (s *Subscriber) takeIn() error {
	if s.receiving > 0 {
		return nil
	}
	if s.found {
		s.keep()
	}
	if s.current != nil {
		s.current.keep()
	}
	return s.rcv.TakeIn()
}

// look looks for an event, for the next Recv or TryRecv to return.
func (s *Subscriber) look() (found bool, err error) {
	if !s.found {
		ev, err := s.tryRecv()
		if err != nil {
			return false, err
		}
		if s.found = ev != nil; s.found && (s.guard.on || s.shared()) {
			s.keep() // others may receive before it is taken
		}
	}
	return s.found, nil
}
