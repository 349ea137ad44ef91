package pgmnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// localHost returns one more address of this host.
func localHost(t testing.TB, i byte) netip.Addr {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the loopback interface has one address here")
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, i})
}

// at returns cfg for another address of this host.
func (c Config) at(a netip.Addr) Config {
	c.Addr = a
	return c
}

// A cast is sources and receivers that one goroutine drives.
type cast struct {
	t         *testing.T
	sources   []*Source
	receivers []*Receiver
	got       []map[string][]string // of each receiver: by source, the messages and other events
}

func (c *cast) source(cfg Config, pc pgm.SourceConfig) *Source {
	s := newTestSource(c.t, cfg, pc)
	c.sources = append(c.sources, s)
	return s
}

func (c *cast) receiver(cfg Config) *Receiver {
	r := newTestReceiver(c.t, cfg, pgm.ReceiverConfig{})
	c.receivers = append(c.receivers, r)
	c.got = append(c.got, map[string][]string{})
	return r
}

// step drives all once.
func (c *cast) step() {
	c.t.Helper()
	for _, s := range c.sources {
		if err := s.Poll(0); err != nil && err != pgm.ErrClosed {
			c.t.Fatal(err)
		}
	}
	for i, r := range c.receivers {
		for {
			ev, ok, err := r.TryRecv()
			if err == net.ErrClosed {
				break
			}
			if err != nil {
				c.t.Fatal(err)
			}
			if !ok {
				break
			}
			text := string(ev.Data)
			switch ev.Kind {
			case pgm.EventMessage:
			case pgm.EventLoss:
				text = fmt.Sprintf("loss of %d", ev.Last.Sub(ev.First)+1)
			default:
				text = ev.Kind.String()
			}
			from := ev.Source.Addr.String() + " " + ev.Group.String()
			c.got[i][from] = append(c.got[i][from], text)
		}
	}
}

// wait drives all until a condition holds.
func (c *cast) wait(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(5 * time.Second); !done(); c.step() {
		if time.Now().After(end) {
			c.t.Fatalf("no %s; got %q", what, c.got)
		}
	}
}

// settle drives all for a moment.
func (c *cast) settle(d time.Duration) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); c.step() {
	}
}

// want waits until receiver i has had just these messages and events of a source.
func (c *cast) want(i int, source netip.Addr, group netip.Addr, want ...string) {
	c.t.Helper()
	from := source.String() + " " + group.String()
	done := func() bool { return len(c.got[i][from]) >= len(want) }
	c.wait(fmt.Sprintf("%q of %s", want, from), done)
	if got := c.got[i][from]; strings.Join(got, "|") != strings.Join(want, "|") {
		c.t.Fatalf("receiver %d got %q of %s, want %q", i, got, from, want)
	}
}

func (c *cast) send(s *Source, text string) {
	c.t.Helper()
	if err := s.Send([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// TestSources has two sources of one group, and receivers that take one of them,
// by either list, or both in turn.
func TestSources(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			a, b := cfg.Addr, localHost(t, 2)
			group := cfg.Send
			c := cast{t: t}
			only, block := cfg, cfg
			only.Sources, block.Block = []netip.Addr{a}, []netip.Addr{b, localHost(t, 3)}
			both := []*Receiver{c.receiver(only), c.receiver(block)}
			sa, sb := c.source(cfg, pgm.SourceConfig{}), c.source(cfg.at(b), pgm.SourceConfig{})
			c.send(sa, "a1")
			c.send(sb, "b1")
			for i := range both {
				c.want(i, a, group, "join", "a1")
			}
			c.settle(20 * time.Millisecond)

			// Then the other one, as well and alone.
			for _, r := range both {
				if err := errors.Join(r.Allow(b), r.Allow(b)); err != nil {
					t.Fatal(err)
				}
			}
			c.send(sb, "b2")
			for i, r := range both {
				c.want(i, b, group, "join", "b2")
				if err := errors.Join(r.Block(a), r.Block(a)); err != nil {
					t.Fatal(err)
				}
			}
			c.send(sa, "a2")
			c.send(sb, "b3")
			for i, r := range both {
				c.want(i, a, group, "join", "a1", "left")
				c.want(i, b, group, "join", "b2", "b3")
				if err := r.Allow(a); err != nil {
					t.Fatal(err)
				}
			}
			c.send(sa, "a3")
			for i, r := range both {
				c.want(i, a, group, "join", "a1", "left", "join", "a3")
				if st := r.Stats(); st.IO.Blocked != 0 || st.Lost != 0 {
					t.Errorf("%d packets blocked by this process and %d lost, want none", st.IO.Blocked, st.Lost)
				}
			}
		})
	}
}

// TestBlockedCostsNothing has a source send that is not wanted: the system drops
// its packets before they cost the receiver a read.
func TestBlockedCostsNothing(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			c := cast{t: t}
			b := localHost(t, 2)
			only, block := cfg, cfg
			only.Sources, block.Block = []netip.Addr{localHost(t, 9)}, []netip.Addr{b}
			both := []*Receiver{c.receiver(only), c.receiver(block)}
			sb := c.source(cfg.at(b), pgm.SourceConfig{})
			for i := range 200 {
				c.send(sb, fmt.Sprint(i))
			}
			c.settle(20 * time.Millisecond)
			for _, r := range both {
				start := time.Now()
				if ready, err := r.Poll(50 * time.Millisecond); ready || err != nil || time.Since(start) < 45*time.Millisecond {
					t.Errorf("Poll = %v, %v after %v", ready, err, time.Since(start))
				}
				if st := r.Stats(); st.IO.Batches != 0 || st.IO.Blocked != 0 || st.IO.Overflow != 0 || st.Drops.Total() != 0 {
					t.Errorf("it has cost something: %+v", st)
				}
				if err := r.Allow(b); err != nil {
					t.Fatal(err)
				}
			}
			c.send(sb, "now")
			for i := range both {
				c.want(i, b, cfg.Send, "join", "now")
			}
		})
	}
}

// TestScreen drops by itself what the system lets through, and counts it.
func TestScreen(t *testing.T) {
	cfg := testConfig(t, Auto)
	b := localHost(t, 2)
	c := cast{t: t}
	r := c.receiver(cfg)
	sa, sb := c.source(cfg, pgm.SourceConfig{}), c.source(cfg.at(b), pgm.SourceConfig{})
	r.filter.set(b, false) // behind the system's back
	c.send(sb, "b1")
	c.send(sa, "a1")
	c.want(0, cfg.Addr, cfg.Send, "join", "a1")
	if got := c.got[0][b.String()+" "+cfg.Send.String()]; got != nil {
		t.Errorf("got %q of the source that is blocked", got)
	}
	if n := r.Stats().IO.Blocked; n == 0 {
		t.Error("no packet counts as blocked")
	}
}

// TestManyBlocked blocks more sources than the system keeps a list of.
func TestManyBlocked(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			for i := range byte(100) {
				cfg.Block = append(cfg.Block, localHost(t, 100+i))
			}
			c := cast{t: t}
			c.receiver(cfg)
			sa, sb := c.source(cfg, pgm.SourceConfig{}), c.source(cfg.at(localHost(t, 199)), pgm.SourceConfig{})
			c.send(sb, "b1")
			c.send(sa, "a1")
			c.want(0, cfg.Addr, cfg.Send, "join", "a1")
			if len(c.got[0]) != 1 {
				t.Errorf("got %q", c.got)
			}
			cfg.Sources, cfg.Block = cfg.Block, nil
			if _, err := NewReceiver(cfg, pgm.ReceiverConfig{}); err == nil || !strings.Contains(err.Error(), "igmp_max_msf") {
				t.Errorf("NewReceiver with 100 sources: %v, want one that names igmp_max_msf", err)
			}
		})
	}
}

// TestSSMGroup joins a group that is for source-specific multicast alone.
func TestSSMGroup(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			cfg.Send = netip.MustParseAddr("232.1.2.3")
			cfg.Receive = []netip.Addr{cfg.Send}
			cfg.Sources = []netip.Addr{cfg.Addr}
			rng := rand.New(rand.NewPCG(1, 1))
			cfg.Drop = func([]byte) bool { return rng.IntN(10) == 0 }
			c := cast{t: t}
			r := c.receiver(cfg)
			s := c.source(cfg, pgm.SourceConfig{})
			c.send(s, "first")
			c.wait("join", func() bool { return len(c.got[0]) > 0 })
			var want []string
			for i := range 200 {
				want = append(want, fmt.Sprint(i))
				c.send(s, want[i])
				c.step()
			}
			from := cfg.Addr.String() + " " + cfg.Send.String()
			c.wait("last message", func() bool { return strings.HasSuffix(strings.Join(c.got[0][from], "|"), strings.Join(want, "|")) })
			if st := r.Stats(); st.Repairs == 0 || st.Lost != 0 {
				t.Errorf("%d repairs, %d lost", st.Repairs, st.Lost)
			}
		})
	}
}

// TestJoinLeave joins and leaves a group while another goes on, to the last.
func TestJoinLeave(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			ga, gb := testGroup(1), testGroup(2)
			cfg.Receive = []netip.Addr{ga}
			c := cast{t: t}
			r := c.receiver(cfg)
			ca, cb := cfg, cfg
			ca.Send, cb.Send = ga, gb
			sa, sb := c.source(ca, pgm.SourceConfig{}), c.source(cb, pgm.SourceConfig{})
			round := func(n int) {
				c.send(sa, fmt.Sprint(n))
				c.send(sb, fmt.Sprint(n))
			}
			fds := len(r.FDs(nil))
			round(1)
			c.want(0, cfg.Addr, ga, "join", "1")
			if err := r.Join(gb); err != nil {
				t.Fatal(err)
			}
			if n := len(r.FDs(nil)); n != fds+1 {
				t.Errorf("%d descriptors to watch, want %d", n, fds+1)
			}
			round(2)
			c.want(0, cfg.Addr, gb, "join", "2")
			c.want(0, cfg.Addr, ga, "join", "1", "2")
			if err := r.Leave(gb); err != nil {
				t.Fatal(err)
			}
			if r.Due() != 0 {
				t.Error("Due is not 0 with an event at hand")
			}
			round(3)
			c.want(0, cfg.Addr, ga, "join", "1", "2", "3")
			c.want(0, cfg.Addr, gb, "join", "2", "left")
			if err := errors.Join(r.Leave(ga), r.Join(gb)); err != nil {
				t.Fatal(err)
			}
			round(4)
			c.want(0, cfg.Addr, gb, "join", "2", "left", "join", "4")
			c.want(0, cfg.Addr, ga, "join", "1", "2", "3", "left")
			if got := r.Groups(); len(got) != 1 || got[0] != gb {
				t.Errorf("Groups = %v, want %v", got, gb)
			}

			// With no group left it waits for its time.
			if err := r.Leave(gb); err != nil {
				t.Fatal(err)
			}
			c.want(0, cfg.Addr, gb, "join", "2", "left", "join", "4", "left")
			start := time.Now()
			r.SetDeadline(start.Add(20 * time.Millisecond))
			if _, err := r.Recv(); err != os.ErrDeadlineExceeded || time.Since(start) < 20*time.Millisecond {
				t.Errorf("Recv without a group: %v after %v", err, time.Since(start))
			}
			if err := r.Join(ga); err != nil {
				t.Fatal(err)
			}
			round(5)
			c.want(0, cfg.Addr, ga, "join", "1", "2", "3", "left", "join", "5")
			if n := len(r.FDs(nil)); n != fds {
				t.Errorf("%d descriptors to watch, want %d", n, fds)
			}
		})
	}
}

// TestLeaveUnread leaves a group of which packets were read and not yet handled:
// they do not begin a session anew.
func TestLeaveUnread(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
			s := newTestSource(t, cfg, pgm.SourceConfig{})
			for i := range 50 {
				if err := s.Send([]byte{byte(i)}); err != nil {
					t.Fatal(err)
				}
			}
			var kinds []pgm.EventKind
			take := func(ev pgm.Event, err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				kinds = append(kinds, ev.Kind)
			}
			for range 5 {
				take(r.Recv())
			}
			if ready, err := r.Poll(time.Second); !ready || err != nil {
				t.Fatal(ready, err)
			}
			if err := r.Leave(cfg.Send); err != nil {
				t.Fatal(err)
			}
			take(r.Recv()) // that Poll has found
			if err := r.Join(cfg.Send); err != nil {
				t.Fatal(err)
			}
			for kinds[len(kinds)-1] != pgm.EventLeft {
				take(r.Recv())
			}
			if err := s.Send([]byte("new")); err != nil {
				t.Fatal(err)
			}
			ev := pump(t, s, r, pgm.EventMessage)
			if string(ev.Data) != "new" {
				t.Errorf("message %q, want the one sent after the join", ev.Data)
			}
		})
	}
}

// TestJoinErrors checks what cannot be joined or left.
func TestJoinErrors(t *testing.T) {
	cfg := testConfig(t, Auto)
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	uc := cfg.at(localHost(t, 2))
	uc.Unicast = true
	u := newTestReceiver(t, uc, pgm.ReceiverConfig{})
	for i := byte(100); len(r.Groups()) < MaxGroups; i++ {
		if err := r.Join(testGroup(i)); err != nil {
			t.Fatal(err)
		}
	}
	few := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	for _, tt := range []struct {
		err  error
		want string
	}{
		{r.Join(testGroup(99)), "cannot join 239.192.77.99: 20 groups are joined, which is the most"},
		{r.Join(testGroup(100)), "cannot join 239.192.77.100: it is joined already"},
		{few.Join(netip.MustParseAddr("10.0.0.1")), "10.0.0.1 is not a multicast group"},
		{few.Join(netip.MustParseAddr("ff15::1")), "want an IPv4 one"},
		{few.Join(netip.MustParseAddr("232.0.0.1")), "name its sources in Sources"},
		{few.Leave(testGroup(99)), "cannot leave 239.192.77.99: it is not joined"},
		{few.Block(testGroup(1)), "want the address of a host"},
		{few.Allow(netip.MustParseAddr("::1")), "want an IPv4 address"},
		{u.Join(testGroup(1)), "this Receiver receives by unicast"},
		{u.Leave(cfg.Send), "it is not joined"},
	} {
		if !errors.Is(tt.err, pgm.ErrConfig) || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%v, want %s", tt.err, tt.want)
		}
	}
	r.Close()
	for _, err := range []error{r.Join(testGroup(1)), r.Leave(testGroup(100)), r.Block(cfg.Addr), r.Allow(cfg.Addr)} {
		if err != net.ErrClosed {
			t.Errorf("after Close: %v, want %v", err, net.ErrClosed)
		}
	}
}

// TestUnicast sends a session to hosts one by one: to one that loses packets, one
// that does not, and one where nobody listens.
func TestUnicast(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			cfg.To = []netip.Addr{localHost(t, 9), localHost(t, 2), localHost(t, 3)}
			c := cast{t: t}
			rng := rand.New(rand.NewPCG(1, uint64(mode)))
			for i, to := range cfg.To[1:] {
				rc := cfg.at(to)
				rc.Unicast = true
				if i == 0 {
					rc.Drop = func([]byte) bool { return rng.IntN(10) == 0 }
				}
				c.receiver(rc)
			}
			s := c.source(cfg, pgm.SourceConfig{})
			c.send(s, "first")
			c.wait("join", func() bool { return len(c.got[0]) > 0 && len(c.got[1]) > 0 })
			var want []string
			for i := range 300 {
				want = append(want, fmt.Sprint(i))
				if err := s.Queue([]byte(want[i])); err != nil {
					t.Fatal(err)
				}
				if i%50 == 0 {
					c.step()
				}
			}
			from := cfg.Addr.String() + " " + cfg.Send.String()
			for i := range c.receivers {
				c.wait("last message", func() bool {
					return strings.HasSuffix(strings.Join(c.got[i][from], "|"), strings.Join(want, "|"))
				})
			}
			if st := c.receivers[0].Stats(); st.Repairs == 0 || st.Lost != 0 {
				t.Errorf("%d repairs, %d lost", st.Repairs, st.Lost)
			}
			st := s.Stats()
			if mode == GSO && st.IO.Writes > st.IO.Sent/3 {
				t.Errorf("%d system calls to send %d packets", st.IO.Writes, st.IO.Sent)
			}
			if err := s.Close(0); err != nil {
				t.Fatal(err)
			}
			for i := range c.receivers {
				c.wait("fin", func() bool { return strings.HasSuffix(strings.Join(c.got[i][from], "|"), "|fin") })
			}
		})
	}
}

// TestUnicastSources has a receiver by unicast block a source.
func TestUnicastSources(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) { testUnicastSources(t, testConfig(t, mode)) })
	}
}

func testUnicastSources(t *testing.T, cfg Config) {
	a, b := cfg.Addr, localHost(t, 2)
	cfg.To = []netip.Addr{localHost(t, 3)}
	rc := cfg.at(cfg.To[0])
	rc.Unicast, rc.Block = true, []netip.Addr{b}
	c := cast{t: t}
	r := c.receiver(rc)
	sa, sb := c.source(cfg, pgm.SourceConfig{}), c.source(cfg.at(b), pgm.SourceConfig{})
	c.send(sb, "b1")
	c.send(sa, "a1")
	c.want(0, a, cfg.Send, "join", "a1")
	if n := r.Stats().IO.Blocked; len(c.got[0]) != 1 || (n > 0) != (cfg.IO == Portable) {
		t.Errorf("got %q, %d packets blocked", c.got[0], n)
	}
	if err := r.Allow(b); err != nil {
		t.Fatal(err)
	}
	c.send(sb, "b2")
	c.want(0, b, cfg.Send, "join", "b2")
}

// TestUnicastInUse gives a receiver by unicast the address and port of a source, of
// another receiver, and the other way round: neither would work.
func TestUnicastInUse(t *testing.T) {
	for _, mode := range []IO{Auto, Portable} {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			uc := cfg.at(localHost(t, 2))
			uc.Unicast = true
			newTestReceiver(t, uc, pgm.ReceiverConfig{})
			if mode != Portable {
				newTestReceiver(t, cfg, pgm.ReceiverConfig{}) // by multicast it is no matter
			}
			newTestSource(t, cfg, pgm.SourceConfig{})
			_, err1 := NewReceiver(uc, pgm.ReceiverConfig{})
			_, err2 := NewSource(uc, pgm.SourceConfig{})
			uc.Addr = cfg.Addr
			_, err3 := NewReceiver(uc, pgm.ReceiverConfig{})
			for i, err := range []error{err1, err2, err3} {
				if err == nil || !strings.Contains(err.Error(), "give one of them another address") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%d: %v", i+1, err)
				}
			}
		})
	}
}

// TestUnicastStamps checks that a source that sends by unicast has stamps, one for
// each run and not for each host.
func TestUnicastStamps(t *testing.T) {
	cfg := testConfig(t, Auto)
	cfg.To = []netip.Addr{localHost(t, 2), localHost(t, 3)}
	cfg.Stamps = true
	s := newTestSource(t, cfg, pgm.SourceConfig{FirstSQN: 1})
	next := seq.Num(0)
	for range 20 {
		for range 10 {
			if err := s.Queue(bytes.Repeat([]byte("x"), 100)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(0); err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		st, ok := s.NextStamp()
		if !ok {
			break
		}
		if n > 0 && st.First != next {
			t.Fatalf("stamp of %d to %d after %d", st.First, st.Last, next-1)
		}
		if st.At == 0 {
			t.Errorf("stamp of %d to %d is not known", st.First, st.Last)
		}
		n += st.Last.Sub(st.First) + 1
		next = st.Last + 1
	}
	if n != 200 {
		t.Errorf("stamps of %d packets, want 200", n)
	}
}

// TestUnicastAllocs sends to two hosts without allocating.
func TestUnicastAllocs(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			cfg.To = []netip.Addr{localHost(t, 2), localHost(t, 3)}
			var rs []*Receiver
			for _, a := range cfg.To {
				rc := cfg.at(a)
				rc.Unicast = true
				rs = append(rs, newTestReceiver(t, rc, pgm.ReceiverConfig{WindowPackets: 1024}))
			}
			s := newTestSource(t, cfg, pgm.SourceConfig{WindowPackets: 1024, WindowBytes: 4 << 20})
			msg := random(100)
			step := func() {
				for i := range uint32(20) {
					binary.BigEndian.PutUint32(msg, i)
					if err := s.Queue(msg); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Send(msg); err != nil {
					t.Fatal(err)
				}
				for _, r := range rs {
					for n := 0; n < 21; {
						ev, err := r.Recv()
						if err != nil {
							t.Fatal(err)
						}
						if ev.Kind == pgm.EventMessage {
							n++
						}
					}
				}
			}
			for range 200 {
				step()
			}
			if n := testing.AllocsPerRun(100, step); n != 0 {
				t.Errorf("%v allocations for 21 messages, want 0", n)
			}
		})
	}
}
