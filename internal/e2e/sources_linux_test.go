package e2e

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// modesOf returns those of the I/O modes that a way to travel has.
func modesOf(way *carriage, modes ...pgmnet.IO) []pgmnet.IO {
	return slices.DeleteFunc(modes, func(m pgmnet.IO) bool {
		return way.native && (m == pgmnet.Portable || m == pgmnet.GSO)
	})
}

// addrOf returns the host's address of the family of a network.
func addrOf(h *lab.Host, way *carriage) netip.Addr {
	if strings.Contains(way.network, ":") {
		return h.Addr6
	}
	return h.Addr4
}

// enter opens something on a host.
func enter[T any](t *testing.T, h *lab.Host, way *carriage, change func(*pgmnet.Config), open func(pgmnet.Config) (T, error)) (v T) {
	t.Helper()
	err := h.Enter(func() error {
		n, err := pgmnet.ParseNetwork(way.network)
		if err != nil {
			return err
		}
		cfg := pgmnet.Config{Network: n, Native: way.native, Loop: true}
		if change != nil {
			change(&cfg)
		}
		v, err = open(cfg)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// openSourceWith and openReceiverWith open one with the sockets' configuration
// changed.
func openSourceWith(t *testing.T, h *lab.Host, way *carriage, change func(*pgmnet.Config)) *pgmnet.Source {
	t.Helper()
	s := enter(t, h, way, change, func(c pgmnet.Config) (*pgmnet.Source, error) {
		return pgmnet.NewSource(c, pgm.SourceConfig{Join: true})
	})
	t.Cleanup(func() { s.Abort(0) })
	return s
}

func openReceiverWith(t *testing.T, h *lab.Host, way *carriage, change func(*pgmnet.Config)) *pgmnet.Receiver {
	t.Helper()
	r := enter(t, h, way, change, func(c pgmnet.Config) (*pgmnet.Receiver, error) {
		return pgmnet.NewReceiver(c, pgm.ReceiverConfig{Join: true})
	})
	t.Cleanup(func() { r.Close() })
	return r
}

// A feed is a source and what it sends: numbers, each with padding.
type feed struct {
	*pgmnet.Source
	sent uint32
}

func (f *feed) send(t *testing.T, n int) {
	t.Helper()
	var msg [200]byte
	for range n {
		binary.BigEndian.PutUint32(msg[:], f.sent)
		if err := f.Send(msg[:]); err != nil {
			t.Fatal(err)
		}
		f.sent++
	}
}

// An ear is a receiver and what has come, by group and source.
type ear struct {
	*pgmnet.Receiver
	next map[netip.AddrPort]uint32 // of each source, by its port too; the next number
	ends []pgm.EventKind
}

func newEar(r *pgmnet.Receiver) *ear { return &ear{Receiver: r, next: map[netip.AddrPort]uint32{}} }

// take takes what has come. It fails for what is lost or out of order, except that a
// session may begin anywhere.
func (e *ear) take(t *testing.T) {
	t.Helper()
	for {
		ev, ok, err := e.TryRecv()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		key := netip.AddrPortFrom(ev.Source.Addr, ev.Source.TSI.Port)
		switch ev.Kind {
		case pgm.EventMessage:
			n := binary.BigEndian.Uint32(ev.Data)
			if next, ok := e.next[key]; ok && n != next {
				t.Fatalf("message %d of %v, want %d", n, ev.Source, next)
			}
			e.next[key] = n + 1
		case pgm.EventLoss:
			t.Fatalf("lost %d to %d of %v: %v", ev.First, ev.Last, ev.Source, ev.Cause)
		case pgm.EventJoin:
			delete(e.next, key)
		default:
			e.ends = append(e.ends, ev.Kind)
		}
	}
}

// got returns how far the messages of a feed have come.
func (e *ear) got(f *feed) uint32 {
	return e.next[netip.AddrPortFrom(f.Addr(), f.TSI().Port)]
}

// play drives all ends until done.
func play(t *testing.T, feeds []*feed, ears []*ear, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !done(); {
		for _, f := range feeds {
			if err := f.Poll(0); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range ears {
			e.take(t)
		}
		if time.Now().After(end) {
			for _, e := range ears {
				t.Logf("%v; %+v", e.next, e.Stats())
			}
			t.Fatalf("not %s", what)
		}
	}
}

// allOf reports whether each ear has all of each feed.
func allOf(ears []*ear, feeds ...*feed) func() bool {
	return func() bool {
		for _, e := range ears {
			for _, f := range feeds {
				if e.got(f) != f.sent {
					return false
				}
			}
		}
		return true
	}
}

// TestSourceSpecific has two sources of one group, and receivers that want one of
// them while packets get lost: they get all of it, and nothing of the other.
func TestSourceSpecific(t *testing.T) {
	l := lab.Require(t, 4)
	hurt(t, l.Hosts[2], 5)
	hurt(t, l.Hosts[3], 5)
	ways := slices.Clone(carriages)
	for _, c := range carriages {
		group := ";232.1.2.3"
		if c.network == network6 {
			group = ";ff35::8000:1"
		}
		c.name, c.network = c.name+"/SSM", lab.Interface+group
		ways = append(ways, c)
	}
	for i := range ways {
		way := &ways[i]
		for _, mode := range modesOf(way, pgmnet.Auto, pgmnet.Portable) {
			t.Run(fmt.Sprintf("%s/%v", way.name, mode), func(t *testing.T) {
				wanted, other := addrOf(l.Hosts[0], way), addrOf(l.Hosts[1], way)
				ears := []*ear{newEar(openReceiverWith(t, l.Hosts[2], way, func(c *pgmnet.Config) {
					c.IO, c.Sources = mode, []netip.Addr{wanted}
				}))}
				if i < len(carriages) {
					ears = append(ears, newEar(openReceiverWith(t, l.Hosts[3], way, func(c *pgmnet.Config) {
						c.IO, c.Block = mode, []netip.Addr{other}
					})))
				}
				a := &feed{Source: openSourceWith(t, l.Hosts[0], way, nil)}
				b := &feed{Source: openSourceWith(t, l.Hosts[1], way, nil)}
				for range 200 {
					a.send(t, 5)
					b.send(t, 5)
					for _, e := range ears {
						e.take(t)
					}
				}
				play(t, []*feed{a, b}, ears, "complete", allOf(ears, a))
				for _, e := range ears {
					st := e.Stats()
					if len(e.next) != 1 || st.Sources != 1 || st.Repairs == 0 || st.Lost != 0 || st.IO.Blocked != 0 {
						t.Errorf("%v; %d sources, %d repairs, %d lost, %d packets blocked by the process",
							e.next, st.Sources, st.Repairs, st.Lost, st.IO.Blocked)
					}
				}
			})
		}
	}
}

// TestBlockedCostsNothing has a source that is not wanted send as fast as it can: no
// socket of the receiver has anything to read. Then it is wanted.
func TestBlockedCostsNothing(t *testing.T) {
	l := lab.Require(t, 2)
	for i := range carriages {
		way := &carriages[i]
		for _, mode := range modesOf(way, pgmnet.Auto, pgmnet.Portable) {
			t.Run(fmt.Sprintf("%s/%v", way.name, mode), func(t *testing.T) {
				source := addrOf(l.Hosts[0], way)
				e := newEar(openReceiverWith(t, l.Hosts[1], way, func(c *pgmnet.Config) {
					c.IO, c.Block = mode, []netip.Addr{source}
				}))
				f := &feed{Source: openSourceWith(t, l.Hosts[0], way, nil)}
				f.send(t, 5000)
				start := e.Stats()
				if ready, err := e.Poll(100 * time.Millisecond); ready || err != nil {
					t.Errorf("Poll = %v, %v", ready, err)
				}
				st := e.Stats()
				if st.IO.Batches != 0 || st.IO.Overflow != 0 || st.IO.Blocked != 0 || st.Drops.Total() != 0 || st.Sources != 0 {
					t.Errorf("it has cost something: %+v", st)
				}
				// A look at the socket before and after it sleeps, and those of timers.
				if n := st.IO.Reads - start.IO.Reads; n > 10 {
					t.Errorf("%d reads in 100 ms, want a few", n)
				}
				if err := e.Allow(source); err != nil {
					t.Fatal(err)
				}
				f.send(t, 100)
				play(t, []*feed{f}, []*ear{e}, "received once it is wanted", allOf([]*ear{e}, f))
			})
		}
	}
}

// TestJoinWhileRunning has two feeds, A and B, of which a receiver joins and leaves
// the second one time and again while both send and packets get lost. Nothing of A is
// lost, and what is received of B has no gaps.
func TestJoinWhileRunning(t *testing.T) {
	l := lab.Require(t, 3)
	hurt(t, l.Hosts[2], 3)
	for i := range carriages {
		way := &carriages[i]
		for _, mode := range modesOf(way, pgmnet.Auto, pgmnet.Portable) {
			t.Run(fmt.Sprintf("%s/%v", way.name, mode), func(t *testing.T) {
				second := netip.MustParseAddr("239.192.0.2")
				if strings.Contains(way.network, ":") {
					second = netip.MustParseAddr("ff15::78")
				}
				r := enter(t, l.Hosts[2], way, func(c *pgmnet.Config) { c.IO = mode },
					func(c pgmnet.Config) (*pgmnet.Receiver, error) { return pgmnet.NewReceiver(c, pgm.ReceiverConfig{}) })
				t.Cleanup(func() { r.Close() })
				e := newEar(r)
				a := &feed{Source: openSourceWith(t, l.Hosts[0], way, nil)}
				b := &feed{Source: openSourceWith(t, l.Hosts[1], way, func(c *pgmnet.Config) { c.Send = second })}
				feeds, ears := []*feed{a, b}, []*ear{e}
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("A: %+v\nB: %+v\nreceiver: %+v", a.Stats(), b.Stats(), e.Stats())
					}
				})
				a.send(t, 1)
				play(t, feeds, ears, "begun", func() bool { return e.got(a) > 0 })
				const rounds = 5
				lostB := uint64(0)
				for n := range rounds {
					join := func() error { return e.Join(second) } // its socket is to be the host's
					if err := l.Hosts[2].Enter(join); err != nil {
						t.Fatal(err)
					}
					for range 50 {
						a.send(t, 4)
						b.send(t, 4)
						e.take(t)
					}
					play(t, feeds, ears, "complete", allOf(ears, a, b))
					for range 10 { // with something under way and something missing
						a.send(t, 4)
						b.send(t, 4)
					}
					if err := e.Leave(second); err != nil {
						t.Fatal(err)
					}
					lostB += takeLeft(t, e, a)
					b.send(t, 50)
					a.send(t, 50)
					play(t, feeds, ears, "complete without B", allOf(ears, a))
					if len(e.ends) != n+1 || e.ends[n] != pgm.EventLeft {
						t.Fatalf("sessions ended by %v, want %d left", e.ends, n+1)
					}
				}
				st := e.Stats()
				t.Logf("%d repairs; %d packets of B given up when it was left", st.Repairs, lostB)
				if st.Repairs == 0 || st.Lost != lostB {
					t.Errorf("%d repairs, %d lost, want some and %d", st.Repairs, st.Lost, lostB)
				}
			})
		}
	}
}

// takeLeft takes what has come up to EventLeft. Only what is not of a may be lost.
func takeLeft(t *testing.T, e *ear, a *feed) (lost uint64) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		ev, ok, err := e.TryRecv()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		key := netip.AddrPortFrom(ev.Source.Addr, ev.Source.TSI.Port)
		mine := ev.Source.Addr == a.Addr()
		switch {
		case ev.Kind == pgm.EventLoss && mine:
			t.Fatalf("lost %d to %d of A: %v", ev.First, ev.Last, ev.Cause)
		case ev.Kind == pgm.EventLoss:
			lost += uint64(ev.Last.Sub(ev.First) + 1)
		case ev.Kind == pgm.EventMessage:
			n := binary.BigEndian.Uint32(ev.Data)
			if mine && n != e.next[key] {
				t.Fatalf("message %d of A, want %d", n, e.next[key])
			}
			e.next[key] = n + 1
		case ev.Kind == pgm.EventLeft:
			e.ends = append(e.ends, ev.Kind)
			return lost
		}
	}
	t.Fatal("no EventLeft")
	return 0
}

// TestSourcesOneHost has receivers of one host that want different sources of one
// group: each gets all of its own.
func TestSourcesOneHost(t *testing.T) {
	l := lab.Require(t, 3)
	for i := range carriages {
		way := &carriages[i]
		for _, mode := range modesOf(way, pgmnet.Auto, pgmnet.Portable) {
			t.Run(fmt.Sprintf("%s/%v", way.name, mode), func(t *testing.T) {
				var ears []*ear
				var feeds []*feed
				for _, h := range l.Hosts[:2] {
					ears = append(ears, newEar(openReceiverWith(t, l.Hosts[2], way, func(c *pgmnet.Config) {
						c.IO, c.Sources = mode, []netip.Addr{addrOf(h, way)}
					})))
				}
				for _, h := range l.Hosts[:2] {
					feeds = append(feeds, &feed{Source: openSourceWith(t, h, way, nil)})
				}
				for range 100 {
					for _, f := range feeds {
						f.send(t, 2)
					}
				}
				play(t, feeds, ears, "complete", func() bool {
					return ears[0].got(feeds[0]) == feeds[0].sent && ears[1].got(feeds[1]) == feeds[1].sent
				})
				for _, e := range ears {
					if st := e.Stats(); st.Sources != 1 || st.Missing != 0 || st.IO.Blocked != 0 {
						t.Errorf("%d sources, %d packets missing, %d blocked by the process", st.Sources, st.Missing, st.IO.Blocked)
					}
				}
			})
		}
	}
}
