package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
)

// TestServe has a publisher and a subscriber that lose packets between them do
// nothing but Serve for a while: NAKs go out and are answered, so that all is
// there when the subscriber's user comes back.
func TestServe(t *testing.T) {
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 2)
	const count, batch = 20_000, 100
	cfg := publisherConfig(20e6)
	cfg.Concurrent, cfg.Flush, cfg.FlushAfter = true, pubsub.FlushFull, time.Millisecond
	pub := openPublisherWith(t, l.Hosts[0], cfg)
	sub := openSubscriberWith(t, l.Hosts[1], pubsub.SubscriberConfig{Endpoint: zmqEndpoint, Concurrent: true})

	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 2)
	go func() { served <- pub.Serve(ctx) }()
	go func() { served <- sub.Serve(ctx) }()
	body := make([]byte, 1000)
	for n := range uint64(count) {
		binary.BigEndian.PutUint64(body, n)
		if _, err := pub.Send([]byte("topic"), body); err != nil {
			t.Fatal(err)
		}
		if n%batch == 0 {
			time.Sleep(time.Millisecond) // not a call of either
		}
	}
	// Nobody calls but for the counters.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		sent, st := pub.Stats(), sub.Stats().Receiver
		if st.Outstanding == 0 && pub.Backlog() == 0 && st.DataPackets == sent.Packets {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not all was taken in and repaired:\n%+v\n%+v", sent, st)
		}
	}
	if n := sub.Stats().Messages; n != 0 {
		t.Errorf("%d messages were delivered to nobody", n)
	}
	stop()
	for range 2 {
		if err := <-served; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v", err)
		}
	}
	sub.SetDeadline(time.Now().Add(10 * time.Second))
	for n := uint64(0); n < count; {
		ev, err := sub.Recv()
		if err != nil {
			t.Fatalf("after %d messages: %v", n, err)
		}
		switch ev.Kind {
		case pubsub.EventMessage:
			if got := binary.BigEndian.Uint64(ev.Body()); got != n {
				t.Fatalf("message %d, want %d", got, n)
			}
			n++
		case pubsub.EventGap:
			t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
		}
	}
	ps, ss := pub.Stats().Source, sub.Stats().Receiver
	t.Logf("%d packets, %d repairs, %d NAKs sent and %d received, %d asked for in vain", ps.ODATAPackets, ss.Repairs, ss.NAKs, ps.NAKs, ps.NAKOutside)
	if ss.Repairs < count/100 || ps.NAKs == 0 || ps.RDATAPackets == 0 || ps.NAKOutside != 0 || ss.Drops[pgm.DropBuffer] != 0 {
		t.Errorf("want repairs for 2 %%, and NAKs answered, all of them:\n%+v\n%+v", ps, ss)
	}
}
