package sim

import (
	"os"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

// subscriber is a pubsub.Subscriber as the application of a receiver, and the
// receiver as a pubsub.Receiver: one that never blocks.
type subscriber struct {
	rcv     *receiver
	spec    *SubSpec
	sub     *pubsub.Subscriber
	now     mono.Time
	readers []reader // by source
}

func newSubscriber(r *receiver, spec *SubSpec) *subscriber {
	s := &subscriber{rcv: r, spec: spec, readers: make([]reader, len(r.audits))}
	for i := range s.readers {
		if p := r.sim.sources[i].pub; p != nil {
			s.readers[i] = reader{book: &p.book, audit: &r.audits[i], spec: spec}
		}
	}
	return s
}

func (s *subscriber) start() (err error) {
	cfg := s.spec.Config
	cfg.Receiver.Delivery = s.rcv.cfg.Delivery
	if s.sub, err = pubsub.NewSubscriberOn(s, cfg); err != nil {
		return err
	}
	for _, prefix := range s.spec.Prefixes {
		s.sub.Subscribe(prefix)
	}
	return nil
}

// read takes out and checks all events there are.
func (s *subscriber) read(now mono.Time) {
	s.now = now
	sim, h := s.rcv.sim, s.rcv.host
	for !sim.failed() {
		ev, err := s.sub.TryRecv()
		if err != nil {
			sim.fail(h, nil, "TryRecv: %v", err)
			return
		}
		if ev == nil {
			break
		}
		sim.trace.read(s.rcv.global(now), h, ev)
		i := sim.ids[ev.Source] // known: the audit of the receiver has seen it
		if err := s.readers[i].event(ev); err != nil {
			sim.fail(h, sim.sources[i].host, "%v", err)
			return
		}
	}
	for i := range s.readers {
		if err := s.readers[i].settle(); err != nil {
			sim.fail(h, sim.sources[i].host, "%v", err)
			return
		}
	}
	if n, limit := s.sub.Stats().Pieces, s.spec.Config.PieceBytes; limit > 0 && n > limit {
		sim.fail(h, nil, "%d bytes of pieces wait; the limit is %d", n, limit)
	}
}

// The methods of pubsub.Receiver.

func (s *subscriber) TryRecv() (ev pgm.Event, ok bool, err error) {
	i, ok := s.rcv.event(s.now, &ev)
	if ok {
		s.readers[i].below(&ev)
	}
	return ev, ok, nil
}

func (s *subscriber) Recv() (pgm.Event, error) {
	ev, ok, err := s.TryRecv()
	if !ok {
		err = os.ErrDeadlineExceeded
	}
	return ev, err
}

func (s *subscriber) SetDeadline(time.Time)           {}
func (s *subscriber) Close() error                    { return nil }
func (s *subscriber) FDs(dst []pgmnet.FD) []pgmnet.FD { return dst }
func (s *subscriber) Due() time.Duration              { return 0 }
func (s *subscriber) TakeIn() error                   { return nil }
func (s *subscriber) TakeInDue() time.Duration        { return 0 }
func (s *subscriber) Stats() pgmnet.ReceiverStats {
	return pgmnet.ReceiverStats{ReceiverStats: s.rcv.pgm.Stats()}
}
