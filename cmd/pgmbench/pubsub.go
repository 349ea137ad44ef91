package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
)

// A publisher is a Publisher of one topic.
type publisher struct{ *pubsub.Publisher }

func (t *task) publisher(flush pubsub.Flush) (publisher, error) {
	cfg, err := t.config()
	if err != nil {
		return publisher{}, err
	}
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Net:    cfg,
		Source: pgm.SourceConfig{WindowBytes: int(t.Window), WindowPackets: windowPackets},
		Flush:  flush,
		Repair: -1, // finish does that
	})
	return publisher{pub}, err
}

// Send publishes a message and lets nothing wait.
func (p publisher) Send(body []byte) error {
	if _, err := p.Publisher.Send([]byte(topic), body); err != nil {
		return err
	}
	return p.Flush()
}

// Close ends the session.
func (p publisher) Close(time.Duration) error { return p.Publisher.Close() }

func (t *task) subscriber() (*pubsub.Subscriber, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{
		Net:      cfg,
		Receiver: pgm.ReceiverConfig{BufferBytes: int(t.Window), WindowPackets: windowPackets},
	})
	if err != nil {
		return nil, err
	}
	sub.Subscribe(topic)
	return sub, nil
}

// pubSend publishes numbered messages as fast as they go, in full packets.
func pubSend(t *task, ready func()) (r result, err error) {
	pub, err := t.publisher(pubsub.FlushFull)
	if err != nil {
		return r, err
	}
	ready()
	name, body := []byte(topic), make([]byte, t.Size)
	var h heap
	h.start()
	for start := time.Now(); ; r.Messages++ {
		if r.Messages%stampEvery == 0 && time.Since(start) > t.Duration {
			break
		}
		binary.BigEndian.PutUint64(body, r.Messages)
		if _, err := pub.Publisher.Send(name, body); err != nil {
			return r, err
		}
	}
	err = pub.Flush()
	h.stop(&r)
	err = errors.Join(err, finish(pub, body))
	st := pub.Stats().Source
	r.Source = &st
	return r, err
}

// pubReceive takes messages until the end, and checks that they are numbered
// one after the other.
func pubReceive(t *task, ready func()) (r result, err error) {
	sub, err := t.subscriber()
	if err != nil {
		return r, err
	}
	defer sub.Close()
	ready()
	sub.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	err = r.subscribe(t, sub)
	st := sub.Stats().Receiver
	r.Receiver = &st
	return r, err
}

// subscribe takes messages until the end.
func (r *result) subscribe(t *task, sub *pubsub.Subscriber) error {
	var first, last time.Time
	var stamped, next uint64
	var h heap
	for {
		ev, err := sub.Recv()
		ended := r.Lost > 0 && errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !ended {
			return err
		}
		if !ended && ev.Kind == pubsub.EventJoin {
			continue
		}
		if !ended && ev.Kind == pubsub.EventGap {
			r.lost(&pgm.Event{First: ev.First, Last: ev.Last, Cause: ev.Cause})
			sub.SetDeadline(time.Now().Add(t.Duration + grief))
			continue
		}
		var n uint64
		if ended = ended || ev.Kind != pubsub.EventMessage; !ended {
			n = binary.BigEndian.Uint64(ev.Body())
		}
		if ended || n == endMark {
			h.stop(r)
			if stamped > 0 {
				r.Seconds = last.Sub(first).Seconds() * float64(r.Messages) / float64(stamped)
			}
			return nil
		}
		if len(ev.Body()) != t.Size || n != next {
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

// pubPing publishes a message, waits for it to come back, and so on.
func pubPing(t *task, ready func()) (r result, err error) {
	pub, err := t.publisher(pubsub.FlushEach)
	if err != nil {
		return r, err
	}
	sub, err := t.subscriber()
	if err != nil {
		return r, err
	}
	defer sub.Close()
	ready()
	sub.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	name, body := []byte(topic), make([]byte, t.Size)
	var h heap
	h.start()
	r, err = ping(t, body, func() error {
		if _, err := pub.Publisher.Send(name, body); err != nil {
			return err
		}
		for {
			ev, err := sub.Recv()
			switch {
			case err != nil:
				return err
			case ev.Kind == pubsub.EventGap:
				return fmt.Errorf("lost numbers %d to %d: %v", ev.First, ev.Last, ev.Cause)
			case ev.Kind == pubsub.EventMessage && binary.BigEndian.Uint64(ev.Body()) == binary.BigEndian.Uint64(body):
				return nil
			}
		}
	})
	h.stop(&r)
	ps, ss := pub.Stats().Source, sub.Stats().Receiver
	r.Source, r.Receiver = &ps, &ss
	return r, errors.Join(err, finish(pub, body))
}

// pubPong publishes every message back until the end.
func pubPong(t *task, ready func()) (r result, err error) {
	pub, err := t.publisher(pubsub.FlushEach)
	if err != nil {
		return r, err
	}
	sub, err := t.subscriber()
	if err != nil {
		return r, err
	}
	defer sub.Close()
	ready()
	sub.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	name := []byte(topic)
	for {
		ev, err := sub.Recv()
		if err != nil {
			return r, err
		}
		if ev.Kind != pubsub.EventMessage {
			continue
		}
		if binary.BigEndian.Uint64(ev.Body()) == endMark {
			ps, ss := pub.Stats().Source, sub.Stats().Receiver
			r.Source, r.Receiver = &ps, &ss
			return r, pub.Close(0)
		}
		if _, err := pub.Publisher.Send(name, ev.Body()); err != nil {
			return r, err
		}
		r.Messages++
	}
}
