package pubsub

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// open opens another Publisher for the endpoint of a Subscriber.
func open(t *testing.T, cfg PublisherConfig) *Publisher {
	t.Helper()
	p, err := NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// numbered is a message with a number, of any size from 8.
func numbered(n, size int) []byte {
	b := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(b, uint64(n))
	return b
}

// expect takes events up to the end of a session, and wants messages first to
// last and no gap. It returns how the session ended.
func expect(t *testing.T, s *Subscriber, first, last int) pgm.EventKind {
	t.Helper()
	for next := first; ; {
		ev, err := s.Recv()
		if err != nil {
			t.Fatalf("waiting for message %d: %v", next, err)
		}
		switch ev.Kind {
		case EventMessage:
			if n := int(binary.BigEndian.Uint64(ev.Body())); n != next {
				t.Fatalf("message %d, want %d", n, next)
			}
			next++
		case EventGap:
			t.Fatalf("before message %d: gap %d to %d: %v", next, ev.First, ev.Last, ev.Cause)
		case EventLeave:
			if next != last+1 {
				t.Fatalf("%v before message %d, want up to %d", ev.Why, next, last)
			}
			return ev.Why
		}
	}
}

// TestCloseDrains closes with a backlog that takes a second to leave.
func TestCloseDrains(t *testing.T) {
	pub, sub := newPair(t, PublisherConfig{Source: pgm.SourceConfig{Rate: 1 << 20}, Repair: 100 * time.Millisecond}, SubscriberConfig{})
	sub.Subscribe("")
	const count = 1000
	done := make(chan error, 1)
	go func() {
		for n := range count {
			if _, err := pub.Send([]byte("t"), numbered(n, 1000)); err != nil {
				done <- err
				return
			}
		}
		if pub.Backlog() == 0 {
			t.Error("no backlog: the test tests nothing")
		}
		done <- pub.Close()
	}()
	if why := expect(t, sub, 0, count-1); why != pgm.EventFin {
		t.Errorf("ended by %v", why)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRestart has a publisher close and another come with a session of its own,
// and one that takes the same session up again.
func TestRestart(t *testing.T) {
	tsi := wire.TSI{GSI: wire.GSI{1, 2, 3, 4, 5, 6}, Port: 7}
	for _, tt := range []struct {
		desc string
		tsi  wire.TSI
		why  pgm.EventKind
	}{{"new TSI", wire.TSI{}, pgm.EventFin}, {"same TSI", tsi, pgm.EventFin}} {
		t.Run(tt.desc, func(t *testing.T) {
			cfg := PublisherConfig{Source: pgm.SourceConfig{TSI: tt.tsi}, Repair: 50 * time.Millisecond}
			pub, sub := newPair(t, cfg, SubscriberConfig{})
			sub.Subscribe("")
			cfg.Endpoint = sub.cfg.Endpoint
			for round := range 3 {
				if round > 0 {
					pub = open(t, cfg)
				}
				for n := range 100 {
					if _, err := pub.Send([]byte("t"), numbered(n, 5000)); err != nil {
						t.Fatal(err)
					}
				}
				if err := pub.Close(); err != nil {
					t.Fatal(err)
				}
				if why := expect(t, sub, 0, 99); why != tt.why {
					t.Errorf("round %d ended by %v, want %v", round, why, tt.why)
				}
			}
		})
	}
}

// TestKilled has a publisher vanish and come back with the same session.
func TestKilled(t *testing.T) {
	cfg := PublisherConfig{Source: pgm.SourceConfig{TSI: wire.TSI{Port: 9}}, Repair: 50 * time.Millisecond}
	pub, sub := newPair(t, cfg, SubscriberConfig{})
	sub.Subscribe("")
	cfg.Endpoint = sub.cfg.Endpoint
	for n := range 10 {
		if _, err := pub.Send([]byte("t"), numbered(n, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	// It is not closed: nothing tells its end.
	again := open(t, cfg)
	for n := range 10 {
		if _, err := again.Send([]byte("t"), numbered(n, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	if why := expect(t, sub, 0, 9); why != pgm.EventRestart {
		t.Errorf("the first ended by %v, want %v", why, pgm.EventRestart)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if why := expect(t, sub, 0, 9); why != pgm.EventFin {
		t.Errorf("the second ended by %v, want %v", why, pgm.EventFin)
	}
}

// TestLateJoin has a subscriber come late: it begins with the next message, or
// asks for what is in the window, which begins amid a message.
func TestLateJoin(t *testing.T) {
	for _, history := range []bool{false, true} {
		cfg := PublisherConfig{
			Endpoint: freeEndpoint(t), Repair: 300 * time.Millisecond,
			Source: pgm.SourceConfig{Join: true, WindowPackets: 97, MinRepair: -1},
		}
		pub := open(t, cfg)
		send := func(from, to int) {
			for n := from; n < to; n++ {
				if _, err := pub.Send([]byte("t"), numbered(n, 5000)); err != nil {
					t.Error(err)
				}
			}
		}
		send(0, 60)
		if err := pub.Flush(); err != nil {
			t.Fatal(err)
		}
		sub, err := NewSubscriber(SubscriberConfig{Endpoint: cfg.Endpoint, Receiver: pgm.ReceiverConfig{Join: history}})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		sub.Subscribe("")
		sub.SetDeadline(time.Now().Add(10 * time.Second))
		done := make(chan error, 1)
		go func() {
			send(60, 61)
			err := pub.Poll(200 * time.Millisecond)
			send(61, 70)
			done <- errors.Join(err, pub.Close())
		}()
		got := numbers(sub)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		first, last := 60, 60
		if history { // a message takes three to four packets
			first, last = 61-97/3, 61-97/4
		}
		if len(got) == 0 || got[0] < first || got[0] > last || got[len(got)-1] != 69 || len(got) != 70-got[0] {
			t.Errorf("history %v: messages %v, want %d or up to %d, to 69", history, got, first, last)
		}
	}
}

// numbers takes the numbers of all messages of a session.
func numbers(s *Subscriber) (list []int) {
	for {
		ev, err := s.Recv()
		if err != nil || ev.Kind == EventLeave || ev.Kind == EventGap {
			return list
		}
		if ev.Kind == EventMessage {
			list = append(list, int(binary.BigEndian.Uint64(ev.Body())))
		}
	}
}

// TestTwoPublishers interleaves two sources of one group: parts of their messages
// are not mixed, and each message says its source.
func TestTwoPublishers(t *testing.T) {
	one, sub := newPair(t, PublisherConfig{Repair: 50 * time.Millisecond}, SubscriberConfig{})
	sub.Subscribe("")
	two := open(t, PublisherConfig{Endpoint: sub.cfg.Endpoint, Repair: 50 * time.Millisecond})
	const count = 200
	for n := range count {
		for i, p := range []*Publisher{one, two} {
			if _, err := p.Send([]byte{byte('a' + i)}, numbered(n, 4000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range []*Publisher{one, two} {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	next := make(map[string]int)
	sources := make(map[string]pgm.SourceID)
	for left := 2; left > 0; {
		ev, err := sub.Recv()
		if err != nil {
			t.Fatal(err)
		}
		switch ev.Kind {
		case EventLeave:
			left--
		case EventGap:
			t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
		case EventMessage:
			topic := string(ev.Topic())
			if n := int(binary.BigEndian.Uint64(ev.Body())); n != next[topic] {
				t.Fatalf("%s: message %d, want %d", topic, n, next[topic])
			}
			if next[topic]++; next[topic] > 1 && sources[topic] != ev.Source {
				t.Fatalf("%s: from %v, was from %v", topic, ev.Source, sources[topic])
			}
			sources[topic] = ev.Source
		}
	}
	if next["a"] != count || next["b"] != count || sources["a"] == sources["b"] {
		t.Errorf("%v messages from %v", next, sources)
	}
}
