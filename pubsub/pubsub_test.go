package pubsub

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// freeEndpoint returns an endpoint on the loopback interface that nobody uses.
func freeEndpoint(tb testing.TB) string {
	tb.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	return fmt.Sprintf("epgm://127.0.0.1;239.192.66.6:%d", conn.LocalAddr().(*net.UDPAddr).Port)
}

// newPair opens a Publisher and a Subscriber that has joined it.
func newPair(tb testing.TB, pc PublisherConfig, sc SubscriberConfig) (*Publisher, *Subscriber) {
	tb.Helper()
	pc.Endpoint = freeEndpoint(tb)
	sc.Endpoint = pc.Endpoint
	sub, err := NewSubscriber(sc)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { sub.Close() })
	sub.SetDeadline(time.Now().Add(20 * time.Second))
	pub, err := NewPublisher(pc)
	if err != nil {
		tb.Fatal(err)
	}
	return pub, sub
}

// TestSession sends messages of many shapes, with and without loss.
func TestSession(t *testing.T) {
	for _, flush := range []Flush{FlushEach, FlushFull} {
		for _, percent := range []int{0, 5} {
			t.Run(fmt.Sprintf("flush=%d/loss=%d", flush, percent), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				pub, sub := newPair(t, PublisherConfig{Flush: flush, Repair: 300 * time.Millisecond},
					SubscriberConfig{Net: pgmnet.Config{Drop: func([]byte) bool { return rng.IntN(100) < percent }}})
				sub.Subscribe("")
				var want [][][]byte
				done := make(chan error)
				go func() {
					sizes := rand.New(rand.NewPCG(3, 4))
					for n := range 2000 {
						frames := make([][]byte, 1+sizes.IntN(3))
						for i := range frames {
							size := sizes.IntN(300)
							if sizes.IntN(50) == 0 {
								size = sizes.IntN(20000)
							}
							frames[i] = bytes.Repeat([]byte{byte(n), byte(i)}, size)[:size]
						}
						want = append(want, frames)
						if id, err := pub.SendFrames(frames...); err != nil || id != uint64(n+1) {
							done <- fmt.Errorf("message %d: id %d, %v", n, id, err)
							return
						}
					}
					done <- pub.Close()
				}()
				var got [][][]byte
				for {
					ev, err := sub.Recv()
					if err != nil {
						t.Fatalf("after %d messages: %v; %+v", len(got), err, sub.Stats())
					}
					switch ev.Kind {
					case EventMessage:
						frames := make([][]byte, len(ev.Frames))
						for i, f := range ev.Frames {
							frames[i] = bytes.Clone(f)
						}
						got = append(got, frames)
						continue
					case EventGap:
						t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
					case EventJoin:
						continue
					}
					if ev.Why != pgm.EventFin {
						t.Errorf("ended by %v", ev.Why)
					}
					break
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				compare(t, got, want)
			})
		}
	}
}

func compare(t *testing.T, got, want [][][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("message %d: %d frames, want %d", i, len(got[i]), len(want[i]))
		}
		for j := range want[i] {
			if !bytes.Equal(got[i][j], want[i][j]) {
				t.Fatalf("message %d, frame %d: %.40x, want %.40x", i, j, got[i][j], want[i][j])
			}
		}
	}
}
