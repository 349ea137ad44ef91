package main

import (
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

// A publisher is the outlet of package pubsub: it publishes to one topic.
type publisher struct {
	*pubsub.Publisher
	topic  []byte
	corked bool
}

func openPublisher(t *task, corked bool) (outlet, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	pc := pubsub.PublisherConfig{Net: cfg, Source: t.sourceConfig(), Repair: -1} // finish does the repairs
	if corked {
		pc.Flush = pubsub.FlushFull
	}
	p, err := pubsub.NewPublisher(pc)
	return &publisher{p, []byte(topic), corked}, err
}

func (p *publisher) queue(msg []byte) error {
	_, err := p.Send(p.topic, msg)
	return err
}

func (p *publisher) send(msg []byte) error {
	if _, err := p.Send(p.topic, msg); err != nil || !p.corked {
		return err
	}
	return p.Flush()
}

func (p *publisher) close() error { return p.Close() }

func (p *publisher) stats() *pgmnet.SourceStats {
	st := p.Stats().Source
	return &st
}

// A subscriber is the inlet of package pubsub: it tells what it gets as one of
// package pgmnet would.
type subscriber struct {
	*pubsub.Subscriber
	ev pgm.Event
}

func openSubscriber(t *task) (inlet, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	s, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Net: cfg, Receiver: t.receiverConfig()})
	if err != nil {
		return nil, err
	}
	s.Subscribe(topic)
	return &subscriber{Subscriber: s}, nil
}

func (s *subscriber) take() (*pgm.Event, error) {
	ev, err := s.Recv()
	if err != nil {
		return nil, err
	}
	switch ev.Kind {
	case pubsub.EventMessage:
		s.ev.Kind, s.ev.Data = pgm.EventMessage, ev.Body()
	case pubsub.EventGap:
		s.ev = pgm.Event{Kind: pgm.EventLoss, First: ev.First, Last: ev.Last, Cause: ev.Cause}
	case pubsub.EventJoin:
		s.ev = pgm.Event{Kind: pgm.EventJoin}
	default:
		s.ev = pgm.Event{Kind: ev.Why}
	}
	return &s.ev, nil
}

func (s *subscriber) stats() *pgmnet.ReceiverStats {
	st := s.Stats().Receiver
	return &st
}
