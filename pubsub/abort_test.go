package pubsub

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// TestAbort ends a session with a backlog: what has left arrives, the end and the
// reason are told, and every message has one completion that is its last.
func TestAbort(t *testing.T) {
	for _, flush := range []Flush{FlushEach, FlushFull} {
		pub, sub := newPair(t, PublisherConfig{Flush: flush, Source: pgm.SourceConfig{Rate: 100_000, Burst: 4 << 10}, Completions: AllStages}, SubscriberConfig{})
		sub.Subscribe("")
		const count = 100
		for n := range count {
			if _, err := pub.Send([]byte("t"), numbered(n, 500)); err != nil {
				t.Fatal(err)
			}
		}
		if err := pub.Poll(20 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if pub.Backlog() == 0 {
			t.Fatal("no backlog: the test tests nothing")
		}
		start := time.Now()
		if err := pub.Abort(7); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("Abort took %v", d)
		}
		received := 0
		var leave Event
		for leave.Kind == 0 {
			ev, err := sub.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if ev.Source != pub.Source() {
				t.Errorf("%v of %v, want %v", ev.Kind, ev.Source, pub.Source())
			}
			switch ev.Kind {
			case EventMessage:
				if n := int(binary.BigEndian.Uint64(ev.Body())); n != received {
					t.Fatalf("message %d, want %d", n, received)
				}
				received++
			case EventLeave:
				leave = *ev
			}
		}
		if leave.Why != pgm.EventReset || leave.Code != 7 {
			t.Errorf("ended by %v %d, want %v 7", leave.Why, leave.Code, pgm.EventReset)
		}
		if received == 0 || received >= count {
			t.Errorf("%d messages came, want some of %d", received, count)
		}
		told := map[Stage]int{}
		var known int
		for c := range pub.Completions() {
			if int(c.First) != told[c.Stage]+1 {
				t.Fatalf("%+v after %d", c, told[c.Stage])
			}
			told[c.Stage] = int(c.Last)
			if c.Stage == StageRetired && c.Clock != ClockNone {
				known = int(c.Last)
			}
		}
		if told[StageTaken] != count || told[StageKernel] != received || told[StageWire] != received || told[StageRetired] != count || known != received {
			t.Errorf("flush=%d: %d came, completions up to %v, of those that left up to %d", flush, received, told, known)
		}
		if _, err := pub.Send(nil, nil); err != pgm.ErrClosed {
			t.Errorf("Send after Abort: %v", err)
		}
		if err := pub.Abort(8); err != nil {
			t.Errorf("the second Abort: %v", err)
		}
		if err := pub.Close(); err != nil {
			t.Errorf("Close after Abort: %v", err)
		}
	}
}

// TestAbortConcurrent has others block in Send, Close and Serve.
func TestAbortConcurrent(t *testing.T) {
	cfg := PublisherConfig{Source: pgm.SourceConfig{Rate: 20_000, Burst: 3000}, High: Mark{Bytes: 8 << 10}, Concurrent: true}
	for _, other := range []string{"Send", "Close"} {
		t.Run(other, func(t *testing.T) {
			pub, sub := newPair(t, cfg, SubscriberConfig{})
			errs := make(chan error)
			go func() { errs <- pub.Serve(t.Context()) }()
			go func() {
				for n := range 100 {
					if _, err := pub.Send([]byte("t"), numbered(n, 1000)); err != nil {
						errs <- err
						return
					}
					if other == "Close" && n == 6 {
						errs <- pub.Close()
						return
					}
				}
			}()
			time.Sleep(50 * time.Millisecond)
			if err := pub.Abort(3); err != nil {
				t.Error(err)
			}
			for range 2 {
				select {
				case err := <-errs:
					if err != pgm.ErrClosed {
						t.Errorf("%v, want %v", err, pgm.ErrClosed)
					}
				case <-time.After(2 * time.Second):
					t.Fatal("somebody goes on")
				}
			}
			var kinds []Kind
			for !slices.Contains(kinds, EventLeave) {
				ev, err := sub.Recv()
				if err != nil {
					t.Fatal(err)
				}
				if kinds = append(kinds, ev.Kind); ev.Kind == EventLeave && (ev.Why != pgm.EventReset || ev.Code != 3) {
					t.Errorf("ended by %v %d", ev.Why, ev.Code)
				}
			}
		})
	}
}
