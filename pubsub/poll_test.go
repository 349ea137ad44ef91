package pubsub

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// newSubscriberAt opens a Subscriber to everything.
func newSubscriberAt(tb testing.TB, endpoint string, cfg SubscriberConfig) *Subscriber {
	tb.Helper()
	cfg.Endpoint = endpoint
	s, err := NewSubscriber(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	s.SetDeadline(time.Now().Add(20 * time.Second))
	s.Subscribe("")
	return s
}

func newPublisherAt(tb testing.TB, endpoint string, cfg PublisherConfig) *Publisher {
	tb.Helper()
	cfg.Endpoint = endpoint
	if cfg.Repair == 0 {
		cfg.Repair = -1
	}
	p, err := NewPublisher(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Close() })
	p.SetDeadline(time.Now().Add(20 * time.Second))
	return p
}

// A counter checks that messages made by number come in order.
type counter struct{ next uint32 }

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func (c *counter) take(t *testing.T, ev *Event) {
	t.Helper()
	switch ev.Kind {
	case EventMessage:
		if n := binary.BigEndian.Uint32(ev.Body()); n != c.next {
			t.Fatalf("message %d, want %d", n, c.next)
		}
		c.next++
	case EventGap:
		t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
	}
}

// lossy drops packets at random, percent of them.
func lossy(seed uint64, percent int) pgmnet.Config {
	rng := rand.New(rand.NewPCG(1, seed))
	return pgmnet.Config{Drop: func([]byte) bool { return rng.IntN(100) < percent }}
}

// TestPollMany drives a Publisher and many Subscribers that lose packets in one
// goroutine, in each I/O mode.
func TestPollMany(t *testing.T) {
	for _, mode := range []pgmnet.IO{pgmnet.Auto, pgmnet.Portable} {
		t.Run(mode.String(), func(t *testing.T) {
			endpoint := freeEndpoint(t)
			pub := newPublisherAt(t, endpoint, PublisherConfig{Net: pgmnet.Config{IO: mode}})
			items := []PollItem{{Pub: pub, ServeOnly: true}}
			counters := make([]counter, 10)
			for i := range counters {
				cfg := SubscriberConfig{Net: lossy(uint64(i), 5)}
				cfg.Net.IO = mode
				items = append(items, PollItem{Sub: newSubscriberAt(t, endpoint, cfg)})
			}
			const count = 500
			sent, missing := uint32(0), len(counters)*count
			for end := time.Now().Add(20 * time.Second); missing > 0; {
				if time.Now().After(end) {
					t.Fatalf("%d messages missing", missing)
				}
				wait := time.Second
				if sent < count {
					if _, err := pub.TrySend([]byte("a"), number(sent)); err != nil {
						t.Fatal(err)
					}
					sent++
					wait = 0
				}
				n, err := Poll(items, wait)
				if err != nil {
					t.Fatal(err)
				}
				ready := 0
				for i := range items {
					if items[i].Err != nil {
						t.Fatal(items[i].Err)
					}
					if !items[i].Ready {
						continue
					}
					ready++
					ev, err := items[i].Sub.TryRecv()
					if err != nil || ev == nil {
						t.Fatalf("ready, but TryRecv: %v, %v", ev, err)
					}
					if ev.Kind == EventMessage {
						missing--
					}
					counters[i-1].take(t, ev)
				}
				if ready != n {
					t.Fatalf("Poll returned %d, and %d are ready", n, ready)
				}
			}
		})
	}
}

// TestPollNothing polls where there is no publisher at all.
func TestPollNothing(t *testing.T) {
	sub := newSubscriberAt(t, freeEndpoint(t), SubscriberConfig{})
	items := []PollItem{{Sub: sub}, {}}
	before := sub.Stats().Receiver.IO.Reads
	start := time.Now()
	n, err := Poll(items, 50*time.Millisecond)
	if took := time.Since(start); n != 0 || err != nil || took < 50*time.Millisecond || took > time.Second {
		t.Errorf("Poll: %d, %v after %v", n, err, took)
	}
	if reads := sub.Stats().Receiver.IO.Reads - before; reads > 10 {
		t.Errorf("%d reads while nothing came", reads)
	}
	if ev, err := sub.TryRecv(); ev != nil || err != nil {
		t.Errorf("TryRecv: %v, %v", ev, err)
	}
	sub.Close()
	if n, err := Poll(items, -1); n != 1 || err != nil || !errors.Is(items[0].Err, net.ErrClosed) {
		t.Errorf("Poll of what is closed: %d, %v; %v", n, err, items[0].Err)
	}
}

// TestPollPublisher fills a Publisher up, and waits for room.
func TestPollPublisher(t *testing.T) {
	pub := newPublisherAt(t, freeEndpoint(t), PublisherConfig{
		Source: pgm.SourceConfig{Rate: 1 << 20},
		High:   Mark{Bytes: 16 << 10},
		Linger: -1,
	})
	items := []PollItem{{Pub: pub}}
	body := make([]byte, 1000)
	refused := 0
	for range 400 {
		switch _, err := pub.TrySend([]byte("a"), body); {
		case err == nil:
		case err != ErrWouldBlock:
			t.Fatal(err)
		default:
			refused++
			if n, err := Poll(items, 0); n != 0 || err != nil {
				t.Fatalf("Poll of a full one: %d, %v", n, err)
			}
			if n, err := Poll(items, 5*time.Second); n != 1 || err != nil {
				t.Fatalf("Poll: %d, %v", n, err)
			}
			if _, err := pub.TrySend([]byte("a"), body); err != nil {
				t.Fatalf("ready, but TrySend: %v", err)
			}
		}
	}
	if refused == 0 {
		t.Error("it was never full")
	}
}

// TestPollServeOnly has Poll take in for a Subscriber that is not asked for
// events, which then come all.
func TestPollServeOnly(t *testing.T) {
	endpoint := freeEndpoint(t)
	sub := newSubscriberAt(t, endpoint, SubscriberConfig{Net: lossy(1, 10)})
	pub := newPublisherAt(t, endpoint, PublisherConfig{})
	const count = 1000
	items := []PollItem{{Pub: pub, ServeOnly: true}, {Sub: sub, ServeOnly: true}}
	var c counter
	for n := range uint32(count) {
		if _, err := pub.Send([]byte("a"), number(n)); err != nil {
			t.Fatal(err)
		}
		if n == count/2 { // with part of a packet at hand
			for c.next == 0 {
				ev, err := sub.Recv()
				if err != nil {
					t.Fatal(err)
				}
				c.take(t, ev)
			}
			if ready, err := sub.look(); !ready || err != nil {
				t.Fatal(ready, err)
			}
		}
		if ready, err := Poll(items, 0); ready != 0 || err != nil || items[1].Err != nil {
			t.Fatalf("Poll: %d, %v, %v", ready, err, items[1].Err)
		}
	}
	if _, err := Poll(items, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if st := sub.Stats().Receiver; st.Outstanding != 0 || st.Repairs == 0 {
		t.Errorf("not repaired by Poll: %+v", st)
	}
	items[1].ServeOnly = false
	for c.next < count {
		if n, err := Poll(items, 5*time.Second); n != 1 || err != nil {
			t.Fatalf("Poll after %d messages: %d, %v", c.next, n, err)
		}
		ev, err := sub.Recv()
		if err != nil {
			t.Fatal(err)
		}
		c.take(t, ev)
	}
}

func TestPollAllocs(t *testing.T) {
	endpoint := freeEndpoint(t)
	pub := newPublisherAt(t, endpoint, PublisherConfig{})
	items := []PollItem{{Pub: pub, ServeOnly: true}}
	for range 5 {
		items = append(items, PollItem{Sub: newSubscriberAt(t, endpoint, SubscriberConfig{})})
	}
	topic, body := []byte("a"), make([]byte, 100)
	step := func() {
		if _, err := pub.TrySend(topic, body); err != nil {
			t.Fatal(err)
		}
		for missing := 5; missing > 0; {
			if _, err := Poll(items, 5*time.Second); err != nil {
				t.Fatal(err)
			}
			for i := range items {
				if items[i].Ready {
					ev, err := items[i].Sub.Recv()
					if err != nil {
						t.Fatal(err)
					}
					if ev.Kind == EventMessage {
						missing--
					}
				}
			}
		}
	}
	for range 2000 {
		step()
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestPollFlushAfter has Poll send a packet that is not full when its time has
// come.
func TestPollFlushAfter(t *testing.T) {
	endpoint := freeEndpoint(t)
	sub := newSubscriberAt(t, endpoint, SubscriberConfig{})
	pub := newPublisherAt(t, endpoint, PublisherConfig{Flush: FlushFull, FlushAfter: 20 * time.Millisecond})
	items := []PollItem{{Pub: pub, ServeOnly: true}, {Sub: sub}}
	start := time.Now()
	if _, err := pub.Send([]byte("a"), []byte("b")); err != nil {
		t.Fatal(err)
	}
	for {
		if n, err := Poll(items, 5*time.Second); n != 1 || err != nil {
			t.Fatalf("Poll: %d, %v", n, err)
		}
		ev, err := sub.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == EventMessage {
			break
		}
	}
	if d := time.Since(start); d < 20*time.Millisecond || d > time.Second {
		t.Errorf("it came after %v", d)
	}
}

func ExamplePoll() {
	open := func(topic string) *Subscriber {
		sub, err := NewSubscriber(SubscriberConfig{Endpoint: "epgm://127.0.0.1;239.192.66.9:5603"})
		if err != nil {
			panic(err)
		}
		sub.Subscribe(topic)
		return sub
	}
	prices, orders := open("price"), open("order")
	defer prices.Close()
	defer orders.Close()
	pub, err := NewPublisher(PublisherConfig{Endpoint: "epgm://127.0.0.1;239.192.66.9:5603", Repair: -1})
	if err != nil {
		panic(err)
	}
	defer pub.Close()
	pub.Send([]byte("price"), []byte("1.0831"))

	items := []PollItem{{Pub: pub, ServeOnly: true}, {Sub: prices}, {Sub: orders}}
	for {
		n, err := Poll(items, 5*time.Second)
		if n == 0 || err != nil {
			fmt.Println("nothing came:", err)
			return
		}
		for _, it := range items {
			if !it.Ready {
				continue
			}
			ev, err := it.Sub.Recv()
			if err != nil {
				panic(err)
			}
			if ev.Kind == EventMessage {
				fmt.Printf("%s: %s\n", ev.Topic(), ev.Body())
				return
			}
		}
	}
	// Output: price: 1.0831
}
