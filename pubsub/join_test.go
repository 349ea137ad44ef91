package pubsub

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// secondGroup is another one on the port of an endpoint.
var secondGroup = netip.MustParseAddr("239.192.66.7")

func secondEndpoint(endpoint string) string {
	return strings.Replace(endpoint, "239.192.66.6", secondGroup.String(), 1)
}

// describeEvent is an event in a few words.
func describeEvent(ev *Event) string {
	switch ev.Kind {
	case EventMessage:
		return fmt.Sprintf("%s %v", ev.Body(), ev.Group)
	case EventLeave:
		return fmt.Sprintf("leave: %v %v", ev.Why, ev.Group)
	}
	return fmt.Sprintf("%v %v", ev.Kind, ev.Group)
}

// TestJoinLeave joins and leaves a group while others wait in Recv and Serve, each
// in a goroutine of its own: they watch what is new, and get what has ended.
func TestJoinLeave(t *testing.T) {
	for _, serving := range []bool{false, true} {
		t.Run(fmt.Sprintf("serve=%v", serving), func(t *testing.T) { testJoinLeave(t, serving) })
	}
}

func testJoinLeave(t *testing.T, serving bool) {
	endpoint := freeEndpoint(t)
	subs := share(t, endpoint, SubscriberConfig{Concurrent: true}, 2)
	stop := func() {}
	if serving {
		stop = serve(t, subs[0])
	}
	first := newPublisherAt(t, endpoint, PublisherConfig{})
	second := newPublisherAt(t, secondEndpoint(endpoint), PublisherConfig{})
	group := first.cfg.Net.Send

	events := [2]chan string{make(chan string, 100), make(chan string, 100)}
	for i, s := range subs {
		s.Subscribe("")
		go func() {
			defer close(events[i])
			for {
				ev, err := s.Recv()
				if err != nil {
					return
				}
				events[i] <- describeEvent(ev)
			}
		}()
	}
	publish := func(body string, pubs ...*Publisher) {
		t.Helper()
		for _, p := range pubs {
			if _, err := p.Send([]byte("x"), []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(list ...string) {
		t.Helper()
		for i := range subs {
			left := map[string]bool{}
			for _, w := range list {
				left[w] = true
			}
			for len(left) > 0 {
				start := time.Now()
				select {
				case ev := <-events[i]:
					if !left[ev] {
						t.Fatalf("subscriber %d got %q, want %v", i, ev, left)
					}
					delete(left, ev)
				case <-time.After(5 * time.Second):
					t.Fatalf("subscriber %d does not get %v", i, left)
				}
				if d := time.Since(start); d > 2*time.Second {
					t.Errorf("it took %v", d)
				}
			}
		}
	}
	on := func(what string, g netip.Addr) string { return what + " " + g.String() }
	change := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	publish("1", first, second)
	want(on("join", group), on("1", group))
	for range 3 {
		time.Sleep(5 * time.Millisecond) // until they wait
		change(subs[1].Join(secondGroup))
		publish("2", second)
		want(on("join", secondGroup), on("2", secondGroup))
		time.Sleep(5 * time.Millisecond)
		change(subs[0].Leave(secondGroup))
		publish("3", second, first)
		want(on("leave: left", secondGroup), on("3", group))
	}
	if g := subs[1].Groups(); len(g) != 1 || g[0] != group {
		t.Errorf("Groups = %v, want %v", g, group)
	}

	// By source, of which there is one here.
	source := first.cfg.Net.Addr
	change(subs[0].Block(source))
	publish("4", first)
	want(on("leave: left", group))
	change(subs[1].Allow(source))
	publish("5", first)
	want(on("join", group), on("5", group))
	stop()
	for _, s := range subs {
		change(s.Close())
	}
}

// TestLeavePoll leaves a group in one goroutine with Poll, in the middle of a
// packet: what has come is delivered.
func TestLeavePoll(t *testing.T) {
	endpoint := freeEndpoint(t)
	sub := newSubscriberAt(t, endpoint, SubscriberConfig{})
	pub := newPublisherAt(t, endpoint, PublisherConfig{Flush: FlushFull})
	group := pub.cfg.Net.Send
	for i := range 5 {
		if _, err := pub.Send([]byte("x"), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := pub.Flush(); err != nil {
		t.Fatal(err)
	}
	var got []string
	items := []PollItem{{Sub: sub}, {Pub: pub, ServeOnly: true}}
	for len(got) < 8 {
		if n, err := Poll(items, 5*time.Second); n == 0 || err != nil {
			t.Fatalf("Poll = %d, %v; got %q", n, err, got)
		}
		if len(got) == 3 { // join and two messages; Poll has found the next one
			if err := sub.Leave(group); err != nil {
				t.Fatal(err)
			}
		}
		ev, err := sub.TryRecv()
		if err != nil || ev == nil {
			t.Fatalf("TryRecv = %v, %v; got %q", ev, err, got)
		}
		got = append(got, describeEvent(ev))
		if ev.Kind == EventLeave {
			if ev.Why != pgm.EventLeft {
				t.Errorf("left for %v", ev.Why)
			}
			if len(sub.streams) != 0 {
				t.Errorf("%d streams are kept", len(sub.streams))
			}
			if err := sub.Join(group); err != nil {
				t.Fatal(err)
			}
			if _, err := pub.Send([]byte("x"), []byte("again")); err != nil {
				t.Fatal(err)
			}
			if err := pub.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	g := " " + group.String()
	want := []string{"join" + g, "0" + g, "1" + g, "2" + g, "3" + g, "4" + g, "leave: left" + g, "join" + g}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// TestJoinUnsupported asks a receiver to join that knows no groups.
func TestJoinUnsupported(t *testing.T) {
	sub := newSubscriber(SubscriberConfig{}, &script{})
	for _, err := range []error{sub.Join(secondGroup), sub.Leave(secondGroup), sub.Block(secondGroup), sub.Allow(secondGroup)} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, want %v", err, errors.ErrUnsupported)
		}
	}
	if g := sub.Groups(); g != nil {
		t.Errorf("Groups = %v, want none", g)
	}
}

// TestUnicast publishes to hosts one by one, of which one loses packets, and has the
// completions of all messages.
func TestUnicast(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the loopback interface has one address here")
	}
	endpoint := freeEndpoint(t)
	var subs []*Subscriber
	var to []netip.Addr
	for i, a := range []string{"127.0.0.2", "127.0.0.3"} {
		net := lossy(uint64(i), 10*i)
		net.Unicast = true
		subs = append(subs, newSubscriberAt(t, strings.Replace(endpoint, "127.0.0.1", a, 1), SubscriberConfig{Net: net}))
		to = append(to, netip.MustParseAddr(a))
	}
	pub := newPublisherAt(t, endpoint, PublisherConfig{Net: pgmnet.Config{To: to}, Completions: StageWire})
	const count = 300
	items := []PollItem{{Sub: subs[0]}, {Sub: subs[1]}, {Pub: pub, ServeOnly: true}}
	next, told := make([]int, len(subs)), 0
	for sent := 0; min(next[0], next[1]) < count; {
		wait := 5 * time.Second
		if sent < count {
			if _, err := pub.Send([]byte("x"), fmt.Append(nil, sent)); err != nil {
				t.Fatal(err)
			}
			sent++
			wait = 0
		}
		if n, err := Poll(items, wait); n == 0 && wait > 0 || err != nil {
			t.Fatalf("Poll = %d, %v; %v messages", n, err, next)
		}
		for i, s := range subs {
			for {
				ev, err := s.TryRecv()
				if err != nil {
					t.Fatal(err)
				}
				if ev == nil {
					break
				}
				switch ev.Kind {
				case EventMessage:
					if string(ev.Body()) != fmt.Sprint(next[i]) {
						t.Fatalf("message %s, want %d", ev.Body(), next[i])
					}
					next[i]++
				case EventGap:
					t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
				}
			}
		}
	}
	var c Completion
	for pub.NextCompletion(&c) {
		if c.Stage != StageWire || c.Clock == ClockNone {
			t.Fatalf("completion %+v, want one with the kernel's time", c)
		}
		told = int(c.Last)
	}
	if told < count-1 {
		t.Errorf("the last message told to have left is %d, want %d", told, count)
	}
}
