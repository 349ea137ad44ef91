package pubsub

import (
	"net"
	"slices"
	"time"

	"github.com/gopgm/gopgm/seq"
)

// Share returns another Subscriber that shares the receive of s: sockets, window
// and work are there once, however many share them. It has subscriptions, events
// and a deadline of its own, and no subscription yet; each source known is
// announced to it by an EventJoin.
//
// A call of any of them that receives does the work for all. What it finds for
// the others is copied to queues of theirs, of SubscriberConfig.QueueBytes each;
// what has no room there is lost to that one Subscriber, and an EventGap with
// CauseQueue tells. Who does not receive for long should therefore be closed.
//
// They are for one goroutine, as with Poll, unless Concurrent was set: then each
// may have its own. Without Concurrent the frames of an event are valid only until
// the next call of a method of any of them. The receive is closed with the last.
func (s *Subscriber) Share() (*Subscriber, error) {
	s.lock()
	defer s.unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	if s.found {
		s.keep()
	}
	o := &Subscriber{hub: s.hub, cfg: s.cfg}
	s.subs = append(s.subs, o)
	for _, st := range s.streams {
		if st.join.Kind == EventJoin {
			o.queue.push(&st.join, o.cfg.QueueBytes)
		}
	}
	return o, nil
}

// leave takes s out of those who share the receive, and closes that with the last.
func (s *Subscriber) leave() error {
	if s.closed {
		return nil
	}
	s.found, s.closed = false, true
	s.queue = queue{}
	s.subs = slices.DeleteFunc(s.subs, func(o *Subscriber) bool { return o == s })
	switch len(s.subs) {
	case 0:
		s.current = nil
		err := s.rcv.Close()
		s.guard.shut()
		return err
	case 1:
		s.rcv.SetDeadline(s.subs[0].user)
	}
	s.guard.wakeUsers(s)
	return nil
}

// shared reports whether there is anybody else.
func (s *Subscriber) shared() bool { return len(s.subs) > 1 }

// tell gives an event other than a message to all but s, who has it.
func (s *Subscriber) tell(ev *Event) {
	if !s.shared() {
		return
	}
	for _, o := range s.subs {
		if o == s {
			continue
		}
		if ev.Kind == EventGap {
			o.stats.Gaps++
		}
		if !o.queue.push(ev, o.cfg.QueueBytes) {
			o.overflow(ev)
		}
		s.guard.wakeUsers(o)
	}
}

// pass gives a message of st to all but s who subscribed to it.
func (s *Subscriber) pass(st *stream, frames [][]byte, first, last seq.Num) {
	ev := Event{Kind: EventMessage, Source: st.SourceID, Group: st.join.Group, Frames: frames, First: first, Last: last, At: st.at, Clock: st.clock}
	for _, o := range s.subs {
		switch {
		case o == s:
			continue
		case !o.filter.matches(frames[0]):
			o.stats.Filtered++
			continue
		}
		if !o.queue.push(&ev, o.cfg.QueueBytes) {
			o.stats.Overflow++
			o.overflow(&ev)
		}
		s.guard.wakeUsers(o)
	}
}

// overflow records that ev had no room.
func (s *Subscriber) overflow(ev *Event) {
	if s.queue.lose(ev) {
		s.stats.Gaps++
	}
}

// queued takes the next event off the queue. It reports false if there is none.
func (s *Subscriber) queued() bool {
	if !s.queue.pop(&s.event, s.cfg.QueueBytes) {
		return false
	}
	s.view = false
	if s.event.Kind == EventMessage {
		s.delivered()
	}
	return true
}

// delivered counts the message in event.
func (s *Subscriber) delivered() {
	s.stats.Messages++
	for _, f := range s.event.Frames {
		s.stats.Bytes += uint64(len(f))
	}
}

// A queue holds copies of events, in a ring.
type queue struct {
	slots   []slot
	head, n int
	bytes   int        // that the events in it take
	memory  int        // bytes that the slots have for messages
	out     frameStore // of the event taken last
}

type slot struct {
	event Event
	store frameStore
	cost  int
}

// slotCost is what an event takes besides its frames, about.
const slotCost = 256

// push adds a copy of ev unless there is no room: in an empty queue there always
// is, and for other events than messages there is twice as much.
func (q *queue) push(ev *Event, limit int) bool {
	cost := slotCost
	for _, f := range ev.Frames {
		cost += 24 + len(f)
	}
	if ev.Kind != EventMessage {
		limit *= 2
	}
	if q.n > 0 && q.bytes+cost > limit {
		return false
	}
	sl := q.add()
	q.memory -= cap(sl.store.bytes)
	frames := sl.store.copy(ev.Frames)
	q.memory += cap(sl.store.bytes)
	sl.event, sl.cost = *ev, cost
	sl.event.Frames = frames
	q.bytes += cost
	return true
}

// add returns the next free slot.
func (q *queue) add() *slot {
	if q.n == len(q.slots) {
		slots := make([]slot, max(2*q.n, 16))
		for i := range q.n {
			slots[i] = q.slots[(q.head+i)%len(q.slots)]
		}
		q.slots, q.head = slots, 0
	}
	q.n++
	return &q.slots[(q.head+q.n-1)%len(q.slots)]
}

// lose puts a gap for the packets of ev at the end of the queue, or extends the
// one that is there. It reports whether it is new.
func (q *queue) lose(ev *Event) bool {
	for i := q.n - 1; i >= 0; i-- {
		e := &q.slots[(q.head+i)%len(q.slots)].event
		if e.Kind != EventGap || e.Cause != CauseQueue {
			break
		}
		if e.Source == ev.Source {
			e.Last = seq.Max(e.Last, ev.Last)
			return false
		}
	}
	sl := q.add()
	sl.event = Event{Kind: EventGap, Source: ev.Source, Group: ev.Group, First: ev.First, Last: ev.Last, Cause: CauseQueue}
	sl.cost = slotCost
	q.bytes += sl.cost
	return true
}

// pop moves the first event to ev. Its frames are valid until the next call.
func (q *queue) pop(ev *Event, limit int) bool {
	if q.n == 0 {
		return false
	}
	sl := &q.slots[q.head]
	*ev = sl.event
	sl.event = Event{}
	q.bytes -= sl.cost
	if q.memory += cap(q.out.bytes) - cap(sl.store.bytes); q.memory > limit {
		q.memory -= cap(q.out.bytes)
		q.out = frameStore{}
	}
	q.out, sl.store = sl.store, q.out
	q.head = (q.head + 1) % len(q.slots)
	q.n--
	return true
}

// hurryUsers wakes those who wait for an event though there may be one.
func (h *hub) hurryUsers() {
	due := time.Duration(0)
	if h.current == nil {
		due = h.rcv.Due()
	}
	h.guard.hurry(due, false)
}
