package pubsub

import (
	"fmt"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// A cable is a source and the receiver of it: what is pushed is there to be
// received, packet by packet, with no network between.
type cable struct {
	Source                            // for the methods that no test here calls
	buf                 [1 << 20]byte // of packets that lie one after the other
	at                  int
	packets             [][]byte
	unsent, next, taken seq.Num
}

func (w *cable) Room(int) error  { return nil }
func (w *cable) MaxData() int    { return 1428 }
func (w *cable) Reserve() []byte { return w.buf[w.at : w.at+1448] }
func (w *cable) Commit(n int) seq.Num {
	w.packets = append(w.packets, w.buf[w.at:w.at+n])
	w.at += n
	w.next++
	return w.next - 1
}
func (w *cable) Push(runs bool) error {
	if !runs || len(w.packets) >= pgm.MaxRunPackets {
		w.unsent = w.next
	}
	return nil
}
func (w *cable) Await() error                            { return nil }
func (w *cable) Poll(time.Duration) error                { return nil }
func (w *cable) Unsent() (packets, bytes int)            { return w.next.Sub(w.unsent), 0 }
func (w *cable) Progress() (trail, unsent, next seq.Num) { return w.unsent, w.unsent, w.next }
func (w *cable) SetDeadline(time.Time)                   {}
func (w *cable) Close(time.Duration) error               { return nil }
func (w *cable) Stats() pgmnet.SourceStats               { return pgmnet.SourceStats{} }

// A cableEnd is the receiving end of a cable.
type cableEnd struct {
	Receiver // for the methods that no test here calls
	c        *cable
}

func (w cableEnd) Recv() (pgm.Event, error) {
	ev, ok, _ := w.TryRecv()
	if !ok {
		panic("nothing to receive")
	}
	return ev, nil
}

func (w cableEnd) TryRecv() (ev pgm.Event, ok bool, err error) {
	i := w.c.taken.Sub(w.c.next) + len(w.c.packets)
	if i == len(w.c.packets) {
		w.c.packets, w.c.at = w.c.packets[:0], 0
		return ev, false, nil
	}
	ev = pgm.Event{Kind: pgm.EventMessage, First: w.c.taken, Last: w.c.taken, Data: w.c.packets[i]}
	w.c.taken++
	return ev, true, nil
}

func (w cableEnd) Close() error                { return nil }
func (w cableEnd) Stats() pgmnet.ReceiverStats { return pgmnet.ReceiverStats{} }

// newCable returns a Publisher and a Subscriber at the ends of a cable.
func newCable(tb testing.TB, flush Flush) (*Publisher, *Subscriber) {
	tb.Helper()
	pc := PublisherConfig{Net: pgmnet.Config{Network: pgmnet.Loopback()}, Flush: flush}
	if err := pc.fill(); err != nil {
		tb.Fatal(err)
	}
	var sc SubscriberConfig
	if err := sc.fill(); err != nil {
		tb.Fatal(err)
	}
	w := new(cable)
	return newPublisher(pc, w), newSubscriber(sc, cableEnd{c: w})
}

// takeAll takes all messages there are.
func takeAll(tb testing.TB, s *Subscriber) (n int) {
	for {
		ev, err := s.TryRecv()
		if err != nil {
			tb.Fatal(err)
		}
		if ev == nil {
			return n
		}
		n++
	}
}

// TestAllocs asserts that a message there and back allocates nothing, whether it
// lies in one packet or across several, batched or not.
func TestAllocs(t *testing.T) {
	for _, flush := range []Flush{FlushEach, FlushFull} {
		for _, size := range []int{0, 100, 1000, 20000} {
			p, s := newCable(t, flush)
			s.Subscribe("to")
			topic, body := []byte("topic"), make([]byte, size)
			step := func() {
				for range 20 {
					if _, err := p.Send(topic, body); err != nil {
						t.Fatal(err)
					}
				}
				if b, err := p.Reserve(topic, 100); err != nil || len(b) != 100 {
					t.Fatal(err)
				}
				if _, err := p.Commit(100); err != nil {
					t.Fatal(err)
				}
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
				if n := takeAll(t, s); n != 21 {
					t.Fatalf("%d of 21 messages", n)
				}
			}
			step()
			if n := testing.AllocsPerRun(100, step); n != 0 {
				t.Errorf("flush %d, %d bytes: %v allocs for 21 messages, want 0", flush, size, n)
			}
		}
	}
}

// BenchmarkMessage is a corked message, put in its packet and taken out again.
func BenchmarkMessage(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			p, s := newCable(b, FlushFull)
			s.Subscribe("topic")
			topic, body := []byte("topic"), make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				p.Send(topic, body)
				if n++; n%1000 == 0 {
					p.Flush()
					takeAll(b, s)
				}
			}
		})
	}
}

// BenchmarkFilter matches a topic against many subscriptions.
func BenchmarkFilter(b *testing.B) {
	for _, count := range []int{1, 100, 100_000} {
		b.Run(fmt.Sprintf("%d", count), func(b *testing.B) {
			var f filter
			for i := range count {
				f.add(fmt.Sprintf("topic.%08d", i))
			}
			topic := []byte(fmt.Sprintf("topic.%08d", count))
			b.ReportAllocs()
			for b.Loop() {
				if f.matches(topic) {
					b.Fatal("matches")
				}
			}
		})
	}
}
