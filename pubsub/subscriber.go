package pubsub

import (
	"context"
	"errors"
	"iter"
	"net"
	"os"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// A Subscriber delivers the messages of the topics subscribed to, from every
// source that sends to its groups. It is not safe for concurrent use, unless
// SubscriberConfig.Concurrent is set.
type Subscriber struct {
	*hub
	cfg     SubscriberConfig
	filter  filter
	event   Event
	found   bool  // Poll has found event
	view    bool  // its frames lie in the receive's memory
	queue   queue // of events that others have found
	closed  bool
	follow  *Event    // comes after event
	user    time.Time // the deadline the user has set
	stats   SubscriberStats
	hold    frameStore
	polling *pollState // of Poll, while it does not run
}

// A hub is the receive of a Subscriber.
type hub struct {
	guard     guard
	rcv       Receiver
	streams   map[pgm.SourceID]*stream
	last      *stream       // the one heard last
	current   *stream       // the one whose packet may have more messages, or nil
	receiving int           // goroutines that wait for an event
	subs      []*Subscriber // who share it
	unordered bool          // pgm.Unordered
	pieces    piecePool
}

// A stream is what a Subscriber knows of one source.
type stream struct {
	decoder
	pgm.SourceID
	join  Event     // that it began with
	at    time.Time // when its last packet arrived
	clock Clock     // that told

	stitch *stitcher // nil unless delivery is pgm.Unordered
}

// arrived takes in when the packet of ev arrived.
func (st *stream) arrived(ev *pgm.Event) {
	st.at, st.clock = time.Time{}, ClockNone
	if ev.Arrived != 0 {
		st.at, st.clock = time.Unix(0, ev.Arrived), ClockDriver
	}
	if ev.Arrived != 0 && ev.Hardware {
		st.clock = ClockNIC
	}
}

// SubscriberStats counts what a Subscriber did.
type SubscriberStats struct {
	Messages uint64               // delivered
	Bytes    uint64               // of their frames
	Filtered uint64               // messages of topics not subscribed to
	Gaps     uint64               // EventGap
	Overflow uint64               // messages that had no room in the queue, see Share
	Queued   int                  // bytes that the events in it take now
	Pieces   int                  // bytes of parts of messages that wait for other parts, see PieceBytes
	NoRoom   uint64               // parts for which there was no room
	Receiver pgmnet.ReceiverStats // of all who share it
}

// NewSubscriber opens a Subscriber, which has no subscriptions yet.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	if err := cfg.fillNet(); err != nil {
		return nil, err
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	rcv, err := pgmnet.NewReceiver(cfg.Net, cfg.Receiver)
	if err != nil {
		return nil, err
	}
	return newSubscriber(cfg, rcv), nil
}

func newSubscriber(cfg SubscriberConfig, rcv Receiver) *Subscriber {
	h := &hub{rcv: rcv, streams: make(map[pgm.SourceID]*stream)}
	h.guard.on = cfg.Concurrent
	h.unordered = cfg.Receiver.Delivery == pgm.Unordered
	h.pieces.limit = cfg.PieceBytes
	s := &Subscriber{hub: h, cfg: cfg}
	h.subs = []*Subscriber{s}
	return s
}

// Subscribe adds a subscription to the messages whose first frame begins with
// prefix; with an empty one that is all. The same prefix may be added again, and
// must then be removed as often.
func (s *Subscriber) Subscribe(prefix string) {
	s.lock()
	defer s.unlock()
	s.filter.add(prefix)
}

// Unsubscribe removes a subscription. It reports false if there was none.
func (s *Subscriber) Unsubscribe(prefix string) bool {
	s.lock()
	defer s.unlock()
	return s.filter.remove(prefix)
}

// SetDeadline sets when Recv gives up with os.ErrDeadlineExceeded. The zero
// time, which is the default, means never.
func (s *Subscriber) SetDeadline(t time.Time) {
	s.lock()
	defer s.unlock()
	s.user = t
	s.rcv.SetDeadline(t)
	s.guard.hurry(0, false)
}

// Stats returns the counters.
func (s *Subscriber) Stats() SubscriberStats {
	s.lock()
	defer s.unlock()
	st := s.stats
	st.Queued = s.queue.bytes
	st.Pieces, st.NoRoom = s.pieces.held, s.pieces.discarded
	st.Receiver = s.rcv.Stats()
	return st
}

// Recv blocks until there is an event and returns it. Its frames are valid until
// the next call of a method of s. The error is os.ErrDeadlineExceeded,
// net.ErrClosed, or a failure of a socket.
func (s *Subscriber) Recv() (*Event, error) {
	if s.guard.on {
		return s.recvShared(context.Background())
	}
	if s.shared() {
		s.rcv.SetDeadline(s.user)
	}
	return s.recv()
}

func (s *Subscriber) recv() (*Event, error) {
	if s.closed {
		return nil, net.ErrClosed
	}
	for {
		if s.took() || s.queued() || s.next() {
			return &s.event, nil
		}
		ev, err := s.rcv.Recv()
		if err != nil {
			return nil, err
		}
		if s.take(&ev) {
			return &s.event, nil
		}
	}
}

// TryRecv is Recv without blocking: it returns nil if there is no event now.
func (s *Subscriber) TryRecv() (*Event, error) {
	s.lock()
	defer s.unlock()
	ev, err := s.tryRecv()
	return s.owned(ev), err
}

func (s *Subscriber) tryRecv() (*Event, error) {
	if s.closed {
		return nil, net.ErrClosed
	}
	for {
		if s.took() || s.queued() || s.next() {
			return &s.event, nil
		}
		ev, ok, err := s.rcv.TryRecv()
		if err != nil || !ok {
			return nil, err
		}
		if s.take(&ev) {
			return &s.event, nil
		}
	}
}

// contextStep is how often a call that a context may end looks at it.
const contextStep = 10 * time.Millisecond

// RecvContext is Recv until ctx is done: it then returns ctx's error, within 10
// milliseconds. A deadline set by SetDeadline ends it too.
func (s *Subscriber) RecvContext(ctx context.Context) (*Event, error) {
	if s.guard.on {
		return s.recvShared(ctx)
	}
	defer s.rcv.SetDeadline(s.user)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		step := time.Now().Add(contextStep)
		if d, ok := ctx.Deadline(); ok && d.Before(step) {
			step = d
		}
		if !s.user.IsZero() && s.user.Before(step) {
			step = s.user
		}
		s.rcv.SetDeadline(step)
		ev, err := s.recv()
		if !errors.Is(err, os.ErrDeadlineExceeded) || !s.user.IsZero() && !time.Now().Before(s.user) {
			return ev, err
		}
	}
}

// All returns the events from now on, until ctx is done or there is an error,
// which comes with a nil event as the last. An event's frames are valid until
// the next.
func (s *Subscriber) All(ctx context.Context) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for {
			ev, err := s.RecvContext(ctx)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// RecvBatch blocks until there are events and puts as many in dst as there are
// without another look at the network: those of one packet at most. It returns
// how many. Their frames are valid until the next call of a method of s; the
// Frames that the elements of dst have are used again. With Concurrent or Share
// there is one at a time.
func (s *Subscriber) RecvBatch(dst []Event) (n int, err error) {
	if len(dst) == 0 {
		return 0, nil
	}
	ev, err := s.Recv()
	for ; err == nil; n++ {
		frames := dst[n].Frames[:0]
		dst[n] = *ev
		dst[n].Frames = append(frames, ev.Frames...)
		if n+1 == len(dst) || s.guard.on || s.shared() || s.last != nil && s.last.release || s.unordered || !s.next() {
			return n + 1, nil
		}
	}
	return n, err
}

// Close closes the sockets, unless other Subscribers share them. Other methods
// then return net.ErrClosed.
func (s *Subscriber) Close() error {
	s.lock()
	defer s.unlock()
	return s.leave()
}

// took takes the event that Poll has found. It reports false if there is none.
func (s *Subscriber) took() bool {
	found := s.found
	s.found = false
	return found
}

// next finds the next message of the packet at hand that is subscribed to, or a
// gap. It reports false if there is none.
func (s *Subscriber) next() bool {
	if s.follow != nil {
		s.event, s.follow = *s.follow, nil
		return true
	}
	st := s.current
	if st == nil {
		return false
	}
	if st.stitch != nil {
		return s.nextStitched(st)
	}
	for {
		switch st.next() {
		case resultMessage:
			first, last := st.span()
			if s.message(st, st.frames, first, last) {
				return true
			}
		case resultBroken:
			num := st.num
			s.gap(st, num, num, CauseFraming)
			return true
		default:
			s.current = nil
			return false
		}
	}
}

// message makes the event that there is a message. It reports false if it was not
// subscribed to.
func (s *Subscriber) message(st *stream, frames [][]byte, first, last seq.Num) bool {
	if s.shared() {
		s.pass(st, frames, first, last)
	}
	if !s.filter.matches(frames[0]) {
		s.stats.Filtered++
		return false
	}
	s.event.Kind, s.event.Source, s.event.Group = EventMessage, st.SourceID, st.join.Group
	s.event.Frames = frames
	s.event.First, s.event.Last = first, last
	s.event.At, s.event.Clock = st.at, st.clock
	s.view = true
	s.delivered()
	return true
}

// nextStitched is next when delivery is not ordered. A gap does not end what has
// begun elsewhere.
func (s *Subscriber) nextStitched(st *stream) bool {
	for {
		switch st.stitch.next() {
		case resultMessage:
			if frames, first, last := st.stitch.message(); s.message(st, frames, first, last) {
				return true
			}
		case resultBroken:
			g := &st.stitch.gap
			s.gapEvent(st, g.First, g.Last, g.Cause)
			return true
		default:
			s.current = nil
			leave := st.stitch.end
			if leave == nil {
				return false
			}
			st.stitch.drop()
			s.event, s.view = *leave, false
			s.tell(leave)
			return true
		}
	}
}

// gap makes the event that packets first to last are lost to st, and with them
// the message that has begun.
func (s *Subscriber) gap(st *stream, first, last seq.Num, why pgm.Cause) {
	if began, partial := st.lose(); partial {
		first = began
	}
	s.gapEvent(st, first, last, why)
}

func (s *Subscriber) gapEvent(st *stream, first, last seq.Num, why pgm.Cause) {
	s.stats.Gaps++
	s.event.Kind, s.event.Source, s.event.Group = EventGap, st.SourceID, st.join.Group
	s.event.First, s.event.Last, s.event.Cause = first, last, why
	s.event.Frames, s.view = nil, false
	s.tell(&s.event)
}

// take takes in an event of PGM. It reports whether s.event is to be delivered.
func (s *Subscriber) take(ev *pgm.Event) bool {
	st := s.stream(ev.Source)
	s.event = Event{Source: ev.Source, Group: ev.Group, First: ev.First, Last: ev.Last}
	s.view = false
	if st.stitch != nil && ev.Kind != pgm.EventJoin {
		return s.takeStitched(st, ev)
	}
	switch ev.Kind {
	case pgm.EventMessage:
		if !st.feed(ev.Last, ev.Data) {
			s.gap(st, ev.First, ev.Last, CauseFraming)
			return true
		}
		st.arrived(ev)
		s.current = st
		return s.next()
	case pgm.EventLoss:
		s.gap(st, ev.First, ev.Last, ev.Cause)
	case pgm.EventJoin:
		st.lose()
		if st.stitch != nil {
			st.stitch.reset(ev.First)
		}
		s.event.Kind = EventJoin
		st.join = s.event
		s.tell(&s.event)
	default:
		delete(s.streams, ev.Source)
		s.last = nil
		leave := s.event
		leave.Kind, leave.Why, leave.Code = EventLeave, ev.Kind, ev.Code
		if st.begun() { // what has come of a message is all there will be
			s.gap(st, ev.First, ev.First-1, pgm.CauseEnd)
			s.follow = &leave
		} else {
			s.event = leave
		}
		s.tell(&leave)
	}
	return true
}

// takeStitched is take when delivery is not ordered.
func (s *Subscriber) takeStitched(st *stream, ev *pgm.Event) bool {
	switch ev.Kind {
	case pgm.EventMessage:
		st.arrived(ev)
		st.stitch.feed(ev)
	case pgm.EventLoss:
		st.stitch.lose(ev)
	default:
		delete(s.streams, ev.Source)
		s.last = nil
		leave := s.event
		leave.Kind, leave.Why, leave.Code = EventLeave, ev.Kind, ev.Code
		st.stitch.finish(ev.First, leave)
	}
	s.current = st
	return s.next()
}

// keep copies what the packet at hand has borrowed.
func (st *stream) keep() {
	if st.stitch != nil {
		st.stitch.keep()
		return
	}
	st.decoder.keep()
}

// stream returns the stream of a source.
func (s *Subscriber) stream(id pgm.SourceID) *stream {
	if s.last != nil && s.last.SourceID == id {
		return s.last
	}
	st := s.streams[id]
	if st == nil {
		st = &stream{decoder: decoder{limit: s.cfg.MaxMessage}, SourceID: id}
		if s.unordered {
			st.stitch = newStitcher(&s.pieces, s.cfg.MaxMessage)
		}
		s.streams[id] = st
	}
	s.last = st
	return st
}
