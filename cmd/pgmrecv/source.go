package main

import (
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

// An event is one of PGM. A message has frames: its data, or those of pub/sub.
type event struct {
	pgm.Event
	frames [][]byte
}

// A source is where events come from: PGM, or pub/sub on top of it.
type source interface {
	// next returns the next event, valid until the next call. If there is none
	// it waits until the deadline, or returns nil.
	next(wait bool) (*event, error)
	SetDeadline(t time.Time)
	Stats() pgmnet.ReceiverStats
	Close() error
}

func newSource(o *options) (source, error) {
	if !o.ZMQ {
		rcv, err := pgmnet.NewReceiver(o.socket(), o.receiver())
		return &plain{Receiver: rcv}, err
	}
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{
		Net: o.socket(), Receiver: o.receiver(), MaxMessage: int(max(o.Window/2, 32<<20)),
	})
	if err != nil {
		return nil, err
	}
	if len(o.topics) == 0 {
		sub.Subscribe("")
	}
	for _, t := range o.topics {
		sub.Subscribe(t)
	}
	return &subscriber{Subscriber: sub}, nil
}

// plain is a source of the messages of PGM.
type plain struct {
	*pgmnet.Receiver
	ev event
}

func (p *plain) next(wait bool) (*event, error) {
	var ok bool
	var err error
	if wait {
		p.ev.Event, err = p.Recv()
	} else if p.ev.Event, ok, err = p.TryRecv(); !ok {
		return nil, err
	}
	p.ev.frames = append(p.ev.frames[:0], p.ev.Data)
	return &p.ev, err
}

// subscriber is a source of messages with a topic.
type subscriber struct {
	*pubsub.Subscriber
	ev event
}

func (s *subscriber) next(wait bool) (*event, error) {
	recv := s.TryRecv
	if wait {
		recv = s.Recv
	}
	ev, err := recv()
	if err != nil || ev == nil {
		return nil, err
	}
	s.ev.Event = pgm.Event{
		Source: ev.Source, Group: ev.Group, First: ev.First, Last: ev.Last,
		Kind: ev.Why, Cause: ev.Cause, Code: ev.Code,
	}
	switch ev.Kind {
	case pubsub.EventMessage:
		s.ev.Kind, s.ev.frames = pgm.EventMessage, ev.Frames
	case pubsub.EventGap:
		s.ev.Kind = pgm.EventLoss
	case pubsub.EventJoin:
		s.ev.Kind = pgm.EventJoin
	}
	return &s.ev, nil
}

// Stats counts whole messages, of which packets hold several or a part.
func (s *subscriber) Stats() pgmnet.ReceiverStats {
	st := s.Subscriber.Stats()
	st.Receiver.Messages, st.Receiver.MessageBytes = st.Messages, st.Bytes
	return st.Receiver
}
