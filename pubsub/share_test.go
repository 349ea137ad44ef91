package pubsub

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gopgm/gopgm/seq"
)

// share opens so many Subscribers that share a receive, each with the topic of its
// number.
func share(t *testing.T, endpoint string, cfg SubscriberConfig, n int) []*Subscriber {
	t.Helper()
	cfg.Endpoint = endpoint
	first, err := NewSubscriber(cfg)
	if err != nil {
		t.Fatal(err)
	}
	subs := []*Subscriber{first}
	for len(subs) < n {
		s, err := subs[len(subs)-1].Share()
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, s)
	}
	for i, s := range subs {
		t.Cleanup(func() { s.Close() })
		s.Subscribe(fmt.Sprint(i))
		s.SetDeadline(time.Now().Add(20 * time.Second))
	}
	return subs
}

// TestShare has Subscribers that share a receive in one goroutine, with Poll, and
// loses packets.
func TestShare(t *testing.T) {
	endpoint := freeEndpoint(t)
	subs := share(t, endpoint, SubscriberConfig{Net: lossy(3, 5)}, 5)
	subs[4].Subscribe("0") // and its own
	pub := newPublisherAt(t, endpoint, PublisherConfig{})
	items := []PollItem{{Pub: pub, ServeOnly: true}}
	for _, s := range subs {
		items = append(items, PollItem{Sub: s})
	}
	const count = 300
	sent := uint32(0)
	counters := make([]counter, len(subs))
	joined := 0
	total := len(subs)*count + count
	for received := 0; received < total; {
		wait := 10 * time.Second
		if sent < count {
			for i := range 4 {
				if _, err := pub.Send([]byte(fmt.Sprint(i)), number(sent)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := pub.Send([]byte("4"), number(2*sent+1)); err != nil {
				t.Fatal(err)
			}
			sent++
			wait = 0
		}
		if n, err := Poll(items, wait); err != nil || n == 0 && wait > 0 {
			t.Fatalf("after %d messages: %v", received, err)
		}
		for i := range items {
			if !items[i].Ready {
				continue
			}
			ev, err := items[i].Sub.Recv()
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case ev.Kind == EventJoin:
				joined++
			case ev.Kind == EventMessage && i == 5: // 0 of topic 0, 1 of topic 4, 1 of 0, 3 of 4
				c := &counters[4]
				want := c.next
				if c.next%2 == 0 {
					want /= 2
				}
				if got := ev.Body(); string(got) != string(number(want)) {
					t.Fatalf("message %x, want %d", got, want)
				}
				c.next++
				received++
			default:
				counters[i-1].take(t, ev)
				received++
			}
		}
	}
	if joined != len(subs) {
		t.Errorf("%d of %d heard of the source", joined, len(subs))
	}
	if a, b := subs[0].Stats(), subs[4].Stats(); a.Receiver.DataPackets != b.Receiver.DataPackets || a.Messages != count || b.Messages != 2*count || a.Filtered == 0 {
		t.Errorf("stats %+v and %+v", a, b)
	}
	late, err := subs[2].Share()
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := late.TryRecv(); err != nil || ev == nil || ev.Kind != EventJoin || !ev.Group.IsValid() {
		t.Errorf("one who comes late: %+v, %v", ev, err)
	}
	late.Close()
}

// TestShareClose closes them one by one.
func TestShareClose(t *testing.T) {
	endpoint := freeEndpoint(t)
	subs := share(t, endpoint, SubscriberConfig{}, 3)
	for i, s := range subs { // while there is no publisher
		s.SetDeadline(time.Now().Add(time.Duration(10*(i+1)) * time.Millisecond))
		if ev, err := s.Recv(); err != os.ErrDeadlineExceeded {
			t.Fatalf("Recv: %v, %v", ev, err)
		}
		s.SetDeadline(time.Now().Add(20 * time.Second))
		s.Subscribe("")
	}
	pub := newPublisherAt(t, endpoint, PublisherConfig{})
	for i, s := range subs {
		if _, err := pub.Send([]byte("a"), number(uint32(i))); err != nil {
			t.Fatal(err)
		}
		for {
			ev, err := subs[2].Recv()
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == EventMessage {
				if string(ev.Body()) != string(number(uint32(i))) {
					t.Fatalf("message %x, want %d", ev.Body(), i)
				}
				break
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Recv after Close: %v", err)
		}
		if _, err := s.TryRecv(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("TryRecv after Close: %v", err)
		}
		if _, err := s.Share(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Share after Close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if fds := subs[2].FDs(nil); len(fds) != 0 {
		t.Errorf("descriptors after the last Close: %v", fds)
	}
}

// TestShareOverflow has one of two not receive until its queue has overflowed: it
// is told of all that it lost.
func TestShareOverflow(t *testing.T) {
	endpoint := freeEndpoint(t)
	const limit = 20000
	subs := share(t, endpoint, SubscriberConfig{QueueBytes: limit}, 2)
	subs[0].Subscribe("")
	subs[1].Subscribe("")
	pub := newPublisherAt(t, endpoint, PublisherConfig{})
	next := uint32(0)
	send := func(n int) {
		for range n {
			if _, err := pub.Send([]byte("a"), append(number(next), make([]byte, 500)...)); err != nil {
				t.Fatal(err)
			}
			next++
			for {
				ev, err := subs[0].Recv()
				if err != nil {
					t.Fatal(err)
				}
				if ev.Kind == EventMessage {
					break
				}
			}
		}
	}
	messages, gaps := 0, 0
	var lost, last seq.Num
	drain := func() {
		for {
			ev, err := subs[1].TryRecv()
			if err != nil {
				t.Fatal(err)
			}
			if ev == nil {
				return
			}
			switch ev.Kind {
			case EventMessage:
				messages++
				last = ev.Last
			case EventGap:
				gaps++
				if ev.Cause != CauseQueue || ev.First != last+1 {
					t.Errorf("gap %d to %d, cause %d, after packet %d", ev.First, ev.Last, ev.Cause, last)
				}
				lost += ev.Last - ev.First + 1
			}
		}
	}
	send(200)
	if st := subs[1].Stats(); st.Overflow == 0 || st.Queued > limit+slotCost || st.Gaps != 1 {
		t.Errorf("stats %+v", st)
	}
	drain()
	send(10) // it goes on
	drain()
	send(100) // and once more
	drain()
	st := subs[1].Stats()
	if gaps != 2 || st.Gaps != 2 || uint64(lost) != st.Overflow || messages+int(lost) != 310 || st.Queued != 0 {
		t.Errorf("%d messages, %d gaps, %d packets lost; %+v", messages, gaps, lost, st)
	}
	if q := &subs[1].queue; q.memory > limit+2000 {
		t.Errorf("%d bytes kept", q.memory)
	}
}

// TestShareConcurrent gives each its own goroutine, and lets Serve run.
func TestShareConcurrent(t *testing.T) {
	for _, withServe := range []bool{false, true} {
		t.Run(fmt.Sprintf("serve=%v", withServe), func(t *testing.T) {
			endpoint := freeEndpoint(t)
			subs := share(t, endpoint, SubscriberConfig{Net: lossy(4, 5), Concurrent: true}, 4)
			pub := newPublisherAt(t, endpoint, PublisherConfig{Concurrent: true, High: Mark{Bytes: 32 << 10}})
			defer serve(t, pub)()
			if withServe {
				defer serve(t, subs[1])()
			}
			const count = 500
			var group sync.WaitGroup
			for i, s := range subs {
				group.Go(func() {
					var c counter
					for c.next < count {
						ev, err := s.Recv()
						if err != nil {
							t.Errorf("%d after %d messages: %v", i, c.next, err)
							return
						}
						if ev.Kind == EventGap {
							t.Errorf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
							return
						}
						c.take(t, ev)
					}
				})
			}
			start := time.Now()
			for n := range uint32(count) {
				for i := range subs {
					if _, err := pub.Send([]byte(fmt.Sprint(i)), number(n)); err != nil {
						t.Fatal(err)
					}
				}
			}
			group.Wait()
			t.Logf("%v", time.Since(start))
		})
	}
}

// TestQueue pushes and pops against a slice.
func TestQueue(t *testing.T) {
	var q queue
	var ev Event
	next, first := uint32(0), uint32(0)
	for round := range 50 {
		for range round {
			if !q.push(&Event{Kind: EventMessage, Frames: [][]byte{[]byte("t"), number(next)}}, 1<<20) {
				t.Fatal("no room")
			}
			next++
		}
		for range round / 2 {
			if !q.pop(&ev, 1<<20) || string(ev.Body()) != string(number(first)) {
				t.Fatalf("message %x, want %d", ev.Body(), first)
			}
			first++
		}
	}
	for q.pop(&ev, 1<<20) {
		first++
	}
	if first != next || q.bytes != 0 {
		t.Errorf("%d of %d, %d bytes left", first, next, q.bytes)
	}
	frames := [][]byte{make([]byte, 100)}
	step := func() {
		q.push(&Event{Kind: EventMessage, Frames: frames}, 1<<20)
		q.pop(&ev, 1<<20)
	}
	for range 2000 { // until each slot has been in use
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
