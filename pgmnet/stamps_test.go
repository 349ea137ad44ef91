package pgmnet

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// TestStamps tells random stamps, some of them never or not in order, of writes
// whose numbers wrap, and compares with a map.
func TestStamps(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			s := newStamps(100)
			start := 0xffffffff - rng.Uint32N(500)
			s.told, s.seen, s.next = start, start, start
			first := seq.Num(0xffffffff - rng.Uint32N(500))
			want := map[seq.Num]int64{} // by first packet: the stamp told while the user could still be told
			told := first               // the packet after the last the user was told of
			known := func() (n seq.Num) { return s.at(s.seen).First }
			for step := range int64(2000) {
				switch op := rng.IntN(10); {
				case op < 4:
					n := 1 + rng.IntN(64)
					s.wrote(first, n)
					first = first.Add(n)
				case op < 8:
					if s.waiting() == 0 && s.told == s.next {
						continue
					}
					id := s.told + rng.Uint32N(s.next-s.told)
					want[s.at(id).First] = step + 1
					s.came(id, step+1, id%3 == 0)
				case op == 8: // stamps of nothing
					id := s.next + rng.Uint32N(1000)
					if rng.IntN(2) == 0 {
						id = s.told - 1 - rng.Uint32N(1000)
					}
					s.came(id, -1, true)
				default:
					st, ok := s.take()
					if !ok {
						if s.seen != s.told {
							t.Fatalf("step %d: nothing to take of %d", step, s.seen-s.told)
						}
						continue
					}
					if st.First.Before(told) || st.Last.Before(st.First) || s.waiting() > 0 && !st.Last.Before(known()) {
						t.Fatalf("step %d: packets %d to %d after %d", step, st.First, st.Last, told)
					}
					if st.At != want[st.First] {
						t.Fatalf("step %d: packets from %d stamped %d, want %d", step, st.First, st.At, want[st.First])
					}
					told = st.Last + 1
				}
				if len(s.ring) < int(s.next-s.told) {
					t.Fatalf("step %d: %d in a ring of %d", step, s.next-s.told, len(s.ring))
				}
			}
		})
	}
}

// testStamps sends messages and checks that each packet has a stamp, in order, of
// a time between the write and now; missing allows for some that have none.
func testStamps(t *testing.T, s *Source, missing bool) (unknown int) {
	t.Helper()
	_, next, _ := s.Progress()
	began := time.Now()
	msg := make([]byte, 3000)
	check := func() {
		for {
			st, ok := s.NextStamp()
			if !ok {
				return
			}
			if st.First != next && !missing || st.First.Before(next) {
				t.Fatalf("stamp for %d to %d, want from %d", st.First, st.Last, next)
			}
			unknown += st.First.Sub(next)
			next = st.Last + 1
			switch _, unsent, _ := s.Progress(); {
			case next.After(unsent):
				t.Fatalf("stamp for %d, and %d was not sent", st.Last, unsent)
			case st.At == 0:
				unknown += st.Last.Sub(st.First) + 1
			case st.Time().Before(began.Round(0)) || st.Time().After(time.Now().Round(0)) || st.Hardware:
				t.Fatalf("stamp %v, hardware %v, between %v and %v", st.Time(), st.Hardware, began, time.Now())
			}
		}
	}
	for i := range 300 {
		size := 1 + i*i%len(msg)
		var err error
		if i%3 == 0 {
			err = s.Queue(msg[:size])
		} else {
			err = s.Send(msg[:size])
		}
		if err != nil {
			t.Fatal(err)
		}
		check()
	}
	if err := s.Close(0); err != nil {
		t.Fatal(err)
	}
	check()
	_, unsent, _ := s.Progress()
	unknown += unsent.Sub(next)
	if unknown > 0 && !missing {
		t.Errorf("%d packets without a stamp", unknown)
	}
	return unknown
}

// TestSourceStamps sends by each method. The numbers of packets wrap.
func TestSourceStamps(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			cfg.Stamps = true
			s := newTestSource(t, cfg, pgm.SourceConfig{FirstSQN: 0xffffffff - 100})
			_, from, _ := s.Progress()
			n := testStamps(t, s, mode == Portable)
			_, to, _ := s.Progress()
			if mode == Portable && n != to.Sub(from) {
				t.Errorf("%d of %d packets without a stamp, and there are none", n, to.Sub(from))
			}
			t.Logf("%d packets, %d without a stamp", to.Sub(from), n)
		})
	}
}

// TestReceiverStamps receives messages of one and several packets, of which some
// are lost and repaired, and checks when they came.
func TestReceiverStamps(t *testing.T) {
	keepStamping(t)
	for _, mode := range modes() {
		for _, percent := range []int{0, 10} {
			t.Run(fmt.Sprintf("%v/loss=%d", mode, percent), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				cfg := testConfig(t, mode)
				cfg.Stamps = true
				lossy := cfg
				lossy.Drop = func([]byte) bool { return rng.IntN(100) < percent }
				r := newTestReceiver(t, lossy, pgm.ReceiverConfig{})
				s := newTestSource(t, cfg, pgm.SourceConfig{})
				done := make(chan error)
				go func() {
					msg := make([]byte, 20000)
					for i := range 300 {
						now := time.Now().UnixNano()
						for k := range 8 {
							msg[k] = byte(now >> (8 * k))
						}
						if err := s.Send(msg[:8+i*i%(len(msg)-8)]); err != nil {
							done <- err
							return
						}
					}
					done <- s.Close(300 * time.Millisecond)
				}()
				messages := 0
				for {
					ev, err := r.Recv()
					if err != nil {
						t.Fatal(err)
					}
					if ev.Kind == pgm.EventFin {
						break
					}
					if ev.Kind != pgm.EventMessage {
						continue
					}
					messages++
					if mode == Portable {
						if ev.Arrived != 0 {
							t.Fatalf("arrived at %d: the system does not tell", ev.Arrived)
						}
						continue
					}
					var sent int64
					for k := range 8 {
						sent |= int64(ev.Data[k]) << (8 * k)
					}
					if now := time.Now().UnixNano(); ev.Arrived < sent || ev.Arrived > now || ev.Hardware {
						t.Fatalf("message %d sent at %d, arrived at %d, hardware %v, and it is %d", messages, sent, ev.Arrived, ev.Hardware, now)
					}
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if st := r.Stats(); messages != 300 || percent > 0 && st.Repairs == 0 {
					t.Errorf("%d messages, want 300; %d repairs", messages, st.Repairs)
				}
			})
		}
	}
}

// keepStamping returns when the system stamps what arrives, which it goes on doing
// until the test is over. It begins a moment after the first socket asked for it.
func keepStamping(t *testing.T) {
	t.Helper()
	cfg := testConfig(t, modes()[0])
	if cfg.IO == Portable {
		return
	}
	cfg.Stamps = true
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	cfg.Stamps = false
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err := s.Send(nil); err != nil {
			t.Fatal(err)
		}
		if pump(t, s, r, pgm.EventMessage).Arrived != 0 {
			return
		}
	}
	t.Fatal("no time stamps")
}

// BenchmarkStamps shows what stamps take of a source's throughput.
func BenchmarkStamps(b *testing.B) {
	for _, mode := range modes() {
		for _, on := range []bool{false, true} {
			b.Run(fmt.Sprintf("%v/stamps=%v", mode, on), func(b *testing.B) {
				cfg := testConfig(b, mode)
				cfg.Stamps = on
				s := newTestSource(b, cfg, pgm.SourceConfig{MaxRate: 100e9, MinRate: 100e9})
				s.SetDeadline(time.Time{})
				msg := make([]byte, 100)
				b.ReportAllocs()
				for b.Loop() {
					if err := s.Send(msg); err != nil {
						b.Fatal(err)
					}
					for {
						if _, ok := s.NextStamp(); !ok {
							break
						}
					}
				}
			})
		}
	}
}
