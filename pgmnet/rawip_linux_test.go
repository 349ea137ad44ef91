package pgmnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// rawModes are the ways to read and write raw sockets.
var rawModes = []IO{Auto, Mmsg, Single}

// rawNetworks enters a namespace, since raw sockets have no port that keeps other
// tests away, and returns one network of each family. The namespace needs root, as
// raw sockets do.
func rawNetworks(t *testing.T) (networks []Network) {
	t.Helper()
	enterNamespace(t)
	for _, s := range []string{"v0;239.192.77.1", "v0;ff08::77:1"} {
		n, err := ParseNetwork(s)
		if err != nil {
			t.Fatal(err)
		}
		networks = append(networks, n)
	}
	return networks
}

// rawConfig is of a session in raw IP. Its packets are heard on this host.
func rawConfig(n Network, mode IO) Config {
	return Config{Network: n, Native: true, Loop: true, Hops: 1, DSCP: 46, IO: mode}
}

// TestRaw sends runs and runs sessions in raw IP, of both families and in every
// I/O mode, on one host.
func TestRaw(t *testing.T) {
	for _, n := range append(rawNetworks(t), Loopback()) {
		s := sockets{
			iface:      n.Interface,
			local:      netip.AddrPortFrom(n.Addr, 0),
			raw:        true,
			hops:       1,
			loop:       true,
			readBuffer: 4 << 20,
		}
		for _, from := range rawModes {
			for _, to := range rawModes {
				t.Logf("%v: %v to %v", n, from, to)
				testCarrier(t, s, from, to, n.Send)
			}
		}
		for _, mode := range rawModes {
			t.Logf("%v: session, %v", n, mode)
			testSession(t, rawConfig(n, mode))
			testLateJoin(t, rawConfig(n, mode))
			testSessionAllocs(t, rawConfig(n, mode))
		}
	}
}

// TestRawMethods checks that the stats tell what is used, and what a packet is
// allowed to be.
func TestRawMethods(t *testing.T) {
	for _, n := range rawNetworks(t) {
		for mode, want := range map[IO]IOStats{
			Auto:   {SendMethod: "sendmmsg", ReceiveMethod: "recvmmsg"},
			Single: {SendMethod: "sendmsg", ReceiveMethod: "recvmsg"},
		} {
			cfg := rawConfig(n, mode)
			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
			s := newTestSource(t, cfg, pgm.SourceConfig{Rate: 20e6})
			if got := s.Stats().IO; got.SendMethod != want.SendMethod || got.WriteBuffer == 0 || got.Sent == 0 {
				t.Errorf("%v: source's stats %+v", mode, got)
			}
			if got := r.Stats().IO; got.ReceiveMethod != want.ReceiveMethod || got.ReadBuffer == 0 {
				t.Errorf("%v: receiver's stats %+v", mode, got)
			}
			r.Close()
			s.Close(0)
		}
	}
}

// TestRawGroups has a host's receivers get their groups' packets and no others,
// and its sources none of those.
func TestRawGroups(t *testing.T) {
	for _, n := range rawNetworks(t) {
		other := n
		other.Send = n.Send.Next()
		other.Receive = []netip.Addr{other.Send}
		both := n
		both.Receive = []netip.Addr{n.Send, other.Send}
		r := newTestReceiver(t, rawConfig(n, Auto), pgm.ReceiverConfig{})
		rBoth := newTestReceiver(t, rawConfig(both, Auto), pgm.ReceiverConfig{})
		s := newTestSource(t, rawConfig(n, Auto), pgm.SourceConfig{})
		sOther := newTestSource(t, rawConfig(other, Auto), pgm.SourceConfig{})
		for i := range byte(10) {
			for _, src := range []*Source{s, sOther} {
				if err := src.Send([]byte{i}); err != nil {
					t.Fatal(err)
				}
			}
			ev := pump(t, s, r, pgm.EventMessage)
			if ev.Group != n.Send || ev.Data[0] != i {
				t.Fatalf("message %v for %v", ev.Data, ev.Group)
			}
			for range 2 {
				pump(t, sOther, rBoth, pgm.EventMessage)
			}
		}
		if st := r.Stats(); st.Drops.Total() != 0 || st.Sources != 1 {
			t.Errorf("receiver of one group: %+v", st)
		}
		if st := rBoth.Stats(); st.Drops.Total() != 0 || st.Sources != 2 {
			t.Errorf("receiver of both groups: %+v", st)
		}
		for _, src := range []*Source{s, sOther} {
			if st := src.Stats(); st.Drops.Total() != 0 {
				t.Errorf("source heard: %+v", st.Drops)
			}
		}
	}
}

// TestRawNAKs has two sources of a host share address and protocol: each gets
// every NAK, uses its own, and drops and counts the others.
func TestRawNAKs(t *testing.T) {
	for _, n := range rawNetworks(t) {
		rng := rand.New(rand.NewPCG(1, 2))
		cfg := rawConfig(n, Auto)
		a, b := newTestSource(t, cfg, pgm.SourceConfig{}), newTestSource(t, cfg, pgm.SourceConfig{})
		cfg.Drop = func([]byte) bool { return rng.IntN(10) == 0 }
		r := newTestReceiver(t, cfg, pgm.ReceiverConfig{Join: true})
		want := map[wire.TSI]byte{}
		for i := range byte(200) {
			for _, s := range []*Source{a, b} {
				if err := s.Send([]byte{i}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 400 {
			if err := b.Poll(0); err != nil {
				t.Fatal(err)
			}
			ev := pump2(t, a, b, r)
			if ev.Data[0] != want[ev.Source.TSI] {
				t.Fatalf("message %d, want %d", ev.Data[0], want[ev.Source.TSI])
			}
			want[ev.Source.TSI]++
		}
		for _, s := range []*Source{a, b} {
			if err := s.Poll(10 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			st := s.Stats()
			if out := s.net.(*native); hears(t, out.out.fd) || hears(t, out.alert.fd) {
				t.Error("a socket for sending has received something")
			}
			if st.NAKs == 0 || st.Drops[pgm.DropSession] == 0 || st.IO.Passed != 0 {
				t.Errorf("%d NAKs, %d for others, %d passed on", st.NAKs, st.Drops[pgm.DropSession], st.IO.Passed)
			}
		}
		if hears(t, r.net.(*native).out.fd) {
			t.Error("the receiver's socket for sending has received something")
		}
	}
}

// hears reports whether there is something to read at a socket, or an error.
func hears(t *testing.T, fd int) bool {
	t.Helper()
	polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(polls, 0); err != nil {
		t.Fatal(err)
	}
	return polls[0].Revents != 0
}

// countsWrites reports whether this kernel numbers the writes of UDP itself.
func countsWrites(t *testing.T) bool {
	t.Helper()
	cfg := testConfig(t, Auto)
	cfg.Stamps = true
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	return s.net.(*native).out.stamper.counts
}

// pump2 drives two sources and a receiver until that has a message.
func pump2(t *testing.T, a, b *Source, r *Receiver) pgm.Event {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if err := errors.Join(a.Poll(0), b.Poll(0)); err != nil {
			t.Fatal(err)
		}
		ev, ok, err := r.TryRecv()
		if err != nil {
			t.Fatal(err)
		}
		if ok && ev.Kind == pgm.EventMessage {
			return ev
		}
	}
	t.Fatal("no message")
	return pgm.Event{}
}

// TestRouterAlert looks at the packets of a session on the wire: SPMs, NCFs and
// RDATA bear IP Router Alert, and nothing else does (RFC 3208 §4). All fit the
// interface.
func TestRouterAlert(t *testing.T) {
	for _, n := range rawNetworks(t) {
		for _, mode := range rawModes {
			testRouterAlert(t, rawConfig(n, mode))
		}
	}
}

func testRouterAlert(t *testing.T, cfg Config) {
	v6 := cfg.Addr.Is6()
	tap := openTap(t, cfg)
	rng := rand.New(rand.NewPCG(7, 7))
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	cfg.Drop = func([]byte) bool { return rng.IntN(10) == 0 }
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{Join: true, MulticastNAK: true})
	msg := random(20_000)
	for range 20 {
		if err := s.Send(msg); err != nil {
			t.Fatal(err)
		}
		if ev := pump(t, s, r, pgm.EventMessage); !bytes.Equal(ev.Data, msg) {
			t.Fatal("another message than was sent")
		}
	}
	types := map[wire.Type]int{}
	largest := map[wire.Type]int{}
	for {
		packet, alert, ok := tap.next()
		if !ok {
			break
		}
		h, err := wire.ParseHeader(packet)
		if err != nil {
			t.Fatal(err)
		}
		types[h.Type]++
		size := len(packet) + 20 + len(alert)
		if v6 {
			size = len(packet) + 40 + len(alert)
		}
		largest[h.Type] = max(largest[h.Type], size)
		var want []byte
		switch h.Type {
		case wire.TypeSPM, wire.TypeNCF, wire.TypeRDATA:
			want = []byte{0x94, 4, 0, 0}
			if v6 {
				want = []byte{protocolPGM, 0, 5, 2, 0xff, 0xdf, 1, 0}
			}
		}
		if !bytes.Equal(alert, want) {
			t.Fatalf("%v with options % x, want % x", h.Type, alert, want)
		}
	}
	for _, typ := range []wire.Type{wire.TypeSPM, wire.TypeNCF, wire.TypeRDATA, wire.TypeODATA, wire.TypeNAK} {
		if types[typ] == 0 {
			t.Errorf("no %v of %v", typ, types)
		}
	}
	if mtu := cfg.Interface.MTU; largest[wire.TypeRDATA] != mtu || largest[wire.TypeODATA] > mtu {
		t.Errorf("largest packets: %v, want RDATA of %d", largest, mtu)
	}
	r.Close()
	s.Close(0)
}

// A tap reads what is sent to a group, and the IP options.
type tap struct {
	t  *testing.T
	fd int
	v6 bool
}

func openTap(t *testing.T, cfg Config) *tap {
	t.Helper()
	fd, err := openGroup(&sockets{iface: cfg.Interface, raw: true, readBuffer: 8 << 20}, cfg.Send)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	v6 := cfg.Send.Is6()
	if v6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPOPTS, 1); err != nil {
			t.Fatal(err)
		}
	}
	return &tap{t, fd, v6}
}

func (p *tap) next() (packet, options []byte, ok bool) {
	b, control := make([]byte, 65536), make([]byte, 256)
	n, oob, _, _, err := unix.Recvmsg(p.fd, b, control, 0)
	if err == unix.EAGAIN {
		return nil, nil, false
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if !p.v6 {
		packet, ok = stripIPv4(b[:n])
		if !ok {
			p.t.Fatalf("% x", b[:n])
		}
		return packet, b[20 : n-len(packet)], true
	}
	messages, err := unix.ParseSocketControlMessage(control[:oob])
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPOPTS {
			options = slices.Clone(m.Data)
		}
	}
	return b[:n], options, true
}

// TestRawPrivilege gives up CAP_NET_RAW. Sessions that are open go on, with Router
// Alert; others say what to do.
func TestRawPrivilege(t *testing.T) {
	networks := rawNetworks(t)
	var sources []*Source
	var receivers []*Receiver
	for _, n := range networks {
		receivers = append(receivers, newTestReceiver(t, rawConfig(n, Auto), pgm.ReceiverConfig{}))
		sources = append(sources, newTestSource(t, rawConfig(n, Auto), pgm.SourceConfig{}))
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		t.Fatal(err)
	}
	data[0].Effective &^= 1 << unix.CAP_NET_RAW
	if err := unix.Capset(&head, &data[0]); err != nil { // of this thread, which ends with the test
		t.Fatal(err)
	}
	for i, n := range networks {
		before := sources[i].Stats().IO
		if err := sources[i].Poll(20 * time.Millisecond); err != nil { // SPMs
			t.Fatal(err)
		}
		if err := sources[i].Send([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if ev := pump(t, sources[i], receivers[i], pgm.EventMessage); string(ev.Data) != "hello" {
			t.Errorf("message %q", ev.Data)
		}
		if st := sources[i].Stats(); st.IO.SendErrors != 0 || st.IO.Sent < before.Sent+2 {
			t.Errorf("%+v after %+v", st.IO, before)
		}
		_, errSource := NewSource(rawConfig(n, Auto), pgm.SourceConfig{})
		_, errReceiver := NewReceiver(rawConfig(n, Auto), pgm.ReceiverConfig{})
		for _, err := range []error{errSource, errReceiver} {
			if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "setcap cap_net_raw+ep") {
				t.Errorf("without the privilege: %v", err)
			}
		}
	}
}

// TestRawStamps asks for time stamps of raw packets, out and in.
func TestRawStamps(t *testing.T) {
	networks := rawNetworks(t)
	keepStamping(t)
	for _, n := range networks {
		for _, mode := range rawModes {
			cfg := rawConfig(n, mode)
			cfg.Stamps = true
			s := newTestSource(t, cfg, pgm.SourceConfig{FirstSQN: 0xffffffff - 100})
			if st := s.net.(*native).out.stamper; st == nil || st.counts != countsWrites(t) {
				t.Fatalf("%v: stamper %+v", mode, st)
			}
			testStamps(t, s, false)

			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
			s = newTestSource(t, cfg, pgm.SourceConfig{})
			for range 5 {
				before := time.Now()
				if err := s.Send([]byte("hello")); err != nil {
					t.Fatal(err)
				}
				ev := pump(t, s, r, pgm.EventMessage)
				if at := time.Unix(0, ev.Arrived); at.Before(before.Round(0)) || at.After(time.Now()) {
					t.Errorf("%v: arrived %v, sent after %v", mode, at, before)
				}
			}
			r.Close()
			s.Close(0)
		}
	}
}

// TestRawFull has the kernel say that a socket is full, which is ENOBUFS with raw
// ones: the packets are not lost for that, and what is waited for is the socket
// that was full.
func TestRawFull(t *testing.T) {
	for _, n := range rawNetworks(t) {
		for _, mode := range rawModes {
			c := openTest(t, &sockets{iface: n.Interface, local: netip.AddrPortFrom(n.Addr, 0), raw: true, hops: 1,
				peer: n.Send, source: newTSI()}, mode).(*native)
			for i, w := range []*writer{&c.out, c.alert} {
				w.sendmmsg = func(fd int, hs []unix.Mmsghdr) (int, syscall.Errno) { return 0, unix.ENOBUFS }
				w.sendmsg = func(fd int, h *unix.Msghdr) syscall.Errno { return unix.ENOBUFS }
				run := newRun(n.Send, 100, random(1000))
				run.RouterAlert = w == c.alert
				if n, err := c.send(&run); n != 0 || err != errFull {
					t.Fatalf("%v: send = %d, %v, want it full", mode, n, err)
				}
				if got := c.stats().Full; got != uint64(i+1) {
					t.Errorf("%v: full %d times, want %d", mode, got, i+1)
				}
				writes := 0
				for _, fd := range c.fds(nil, true) {
					if fd.Write {
						writes++
					}
					if fd.Write != (fd.FD == uintptr(w.fd)) {
						t.Errorf("%v: %+v, and %d is full", mode, fd, w.fd)
					}
				}
				if writes != 1 || c.polls[len(c.in)].Fd != int32(w.fd) {
					t.Errorf("%v: %d descriptors to wait for, %d in wait", mode, writes, c.polls[len(c.in)].Fd)
				}
				for _, fd := range c.fds(nil, false) {
					if fd.Write {
						t.Errorf("%v: %+v, and nothing is full", mode, fd)
					}
				}
			}
		}
	}
}

// TestRawBackpressure sends faster than the network takes it, with a small buffer:
// the socket is full now and then, and nothing is refused.
func TestRawBackpressure(t *testing.T) {
	for _, n := range rawNetworks(t) {
		if out, err := exec.Command("tc", "qdisc", "replace", "dev", "v0", "root", "tbf",
			"rate", "20mbit", "burst", "20kb", "latency", "1s").CombinedOutput(); err != nil {
			lab.Skip(t, fmt.Errorf("tc: %w: %s", err, out))
		}
		for _, mode := range rawModes {
			cfg := rawConfig(n, mode)
			cfg.WriteBuffer = 50_000
			s := newTestSource(t, cfg, pgm.SourceConfig{Rate: 1e9})
			msg := random(1000)
			for range 500 {
				if err := s.Queue(msg); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			if st := s.Stats(); st.IO.Full == 0 || st.IO.SendErrors != 0 || st.ODATAPackets != 500 {
				t.Errorf("%v, %v: full %d times, %d errors, %d packets", n, mode, st.IO.Full, st.IO.SendErrors, st.ODATAPackets)
			}
			s.Close(0)
		}
	}
}

// TestRawSources has two sources of one group and receivers that take one of them,
// by either list, beside one that takes both. The other one costs those nothing
// until it is wanted.
func TestRawSources(t *testing.T) {
	networks := rawNetworks(t)
	addAddresses(t)
	for _, n := range networks {
		for _, mode := range rawModes {
			cfg := rawConfig(n, mode)
			a, b := n.Addr, n.Addr.Next()
			c := cast{t: t}
			only, block := cfg, cfg
			only.Sources, block.Block = []netip.Addr{a}, []netip.Addr{b}
			both := []*Receiver{c.receiver(only), c.receiver(block)}
			c.receiver(cfg) // else the host would not take the packets in
			sa, sb := c.source(cfg, pgm.SourceConfig{}), c.source(cfg.at(b), pgm.SourceConfig{})
			c.send(sb, "b1")
			c.send(sa, "a1")
			c.want(2, b, n.Send, "join", "b1")
			for i, r := range both {
				c.want(i, a, n.Send, "join", "a1")
				if st := r.Stats(); st.IO.Blocked != 0 || st.Sources != 1 {
					t.Errorf("%v, %v: %d packets blocked by this process, %d sources", n, mode, st.IO.Blocked, st.Sources)
				}
				if err := errors.Join(r.Allow(b), r.Block(a)); err != nil {
					t.Fatal(err)
				}
			}
			c.send(sa, "a2")
			c.send(sb, "b2")
			for i, r := range both {
				c.want(i, b, n.Send, "join", "b2")
				c.want(i, a, n.Send, "join", "a1", "left")
				if st := r.Stats(); st.IO.Blocked != 0 {
					t.Errorf("%v, %v: %d packets blocked by this process", n, mode, st.IO.Blocked)
				}
			}
			c.close()
		}
	}
}

// TestRawJoinLeave joins and leaves a group while another goes on.
func TestRawJoinLeave(t *testing.T) {
	for _, n := range rawNetworks(t) {
		for _, mode := range rawModes {
			cfg := rawConfig(n, mode)
			ca, cb := cfg, cfg
			cb.Send = n.Send.Next()
			c := cast{t: t}
			r := c.receiver(cfg)
			sa, sb := c.source(ca, pgm.SourceConfig{}), c.source(cb, pgm.SourceConfig{})
			round := func(text string) {
				c.send(sa, text)
				c.send(sb, text)
			}
			round("1")
			c.want(0, n.Addr, ca.Send, "join", "1")
			if err := r.Join(cb.Send); err != nil {
				t.Fatal(err)
			}
			round("2")
			c.want(0, n.Addr, cb.Send, "join", "2")
			if err := r.Leave(cb.Send); err != nil {
				t.Fatal(err)
			}
			round("3")
			c.want(0, n.Addr, ca.Send, "join", "1", "2", "3")
			c.want(0, n.Addr, cb.Send, "join", "2", "left")
			c.close()
		}
	}
}

// TestRawUnicast sends a session to two hosts by unicast, and repairs what they
// lose, with time stamps.
func TestRawUnicast(t *testing.T) {
	networks := rawNetworks(t)
	addAddresses(t)
	keepStamping(t)
	for _, n := range networks {
		for _, mode := range rawModes {
			cfg := rawConfig(n, mode)
			hosts := []netip.Addr{n.Addr.Next(), n.Addr.Next().Next()}
			rng := rand.New(rand.NewPCG(3, 3))
			c := cast{t: t}
			for _, h := range hosts {
				rc := cfg.at(h)
				rc.Unicast = true
				rc.Drop = func([]byte) bool { return rng.IntN(10) == 0 }
				c.receiver(rc)
			}
			cfg.To, cfg.Stamps = hosts, true
			s := c.source(cfg, pgm.SourceConfig{})
			if st := s.net.(*fanout).carrier.(*native).out.stamper; st == nil || st.counts != countsWrites(t) {
				t.Fatalf("%v: stamper %+v", mode, st)
			}
			c.send(s, "first")
			for i := range hosts {
				c.wait("join", func() bool { return len(c.got[i]) > 0 })
			}
			for i := range 200 {
				c.send(s, strconv.Itoa(i))
			}
			from := n.Addr.String() + " " + n.Send.String()
			for i, r := range c.receivers {
				c.wait("last message", func() bool { got := c.got[i][from]; return got[len(got)-1] == "199" })
				if st := r.Stats(); st.Repairs == 0 || st.Lost != 0 {
					t.Errorf("%v, %v: %d repairs, %d lost", n, mode, st.Repairs, st.Lost)
				}
			}
			stamps := 0
			for {
				st, ok := s.NextStamp()
				if !ok {
					break
				}
				if st.At == 0 {
					t.Errorf("%v, %v: no stamp for %d to %d", n, mode, st.First, st.Last)
				}
				stamps += st.Last.Sub(st.First) + 1
			}
			if stamps < 190 {
				t.Errorf("%v, %v: stamps for %d packets", n, mode, stamps)
			}
			c.close()
		}
	}
}

// addAddresses gives v0 two more addresses of each family.
func addAddresses(t *testing.T) {
	t.Helper()
	for _, a := range []string{"198.51.100.2/24", "198.51.100.3/24", "2001:db8::2/64", "2001:db8::3/64"} {
		args := []string{"addr", "add", a, "dev", "v0"}
		if strings.Contains(a, ":") {
			args = append(args, "nodad")
		}
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			lab.Skip(t, fmt.Errorf("ip: %w: %s", err, out))
		}
	}
}

// close ends what c drives, for others to begin.
func (c *cast) close() {
	for _, s := range c.sources {
		s.Abort(0)
	}
	for _, r := range c.receivers {
		r.Close()
	}
}

// TestRawMalformed gives a reader datagrams that no kernel would: they are
// counted, and nothing is left of them.
func TestRawMalformed(t *testing.T) {
	r := &reader{header: true}
	for _, tt := range []struct {
		in   []byte
		want string
	}{{ip4(4, "payload"), "payload"}, {ip4(0, ""), ""}, {nil, ""}, {[]byte{0x4f, 1}, ""}, {ip4(0, "payload")[:22], ""}} {
		d := datagram{data: tt.in, segment: len(tt.in)}
		r.unwrap(&d)
		if string(d.data) != tt.want || d.segment != len(tt.want) {
			t.Errorf("unwrap(%x) = %q, segments of %d", tt.in, d.data, d.segment)
		}
	}
	if r.malformed != 3 {
		t.Errorf("%d counted, want 3", r.malformed)
	}
}

// TestForgedICMP has somebody tell a source, in an ICMP message for each of its
// sockets, that there is no such protocol or port, or that its packets are too
// large. It goes on.
func TestForgedICMP(t *testing.T) {
	networks := rawNetworks(t)
	for _, raw := range []bool{true, false} {
		n := networks[0]
		cfg := rawConfig(n, Auto)
		cfg.Native, cfg.Port = raw, 7000
		r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
		s := newTestSource(t, cfg, pgm.SourceConfig{})
		icmp, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(icmp)
		var port uint16
		name, err := unix.Getsockname(s.net.(*native).out.fd)
		if err != nil {
			t.Fatal(err)
		}
		if !raw {
			port = uint16(name.(*unix.SockaddrInet4).Port)
		}
		for _, code := range []byte{2, 3, 4, 5} { // protocol, port, too large, source route
			quoted := ip4(0, "12345678")
			if !raw {
				quoted[9] = unix.IPPROTO_UDP
				binary.BigEndian.PutUint16(quoted[20:], port)
				binary.BigEndian.PutUint16(quoted[22:], cfg.Port)
			}
			copy(quoted[12:], n.Addr.AsSlice())
			copy(quoted[16:], n.Send.AsSlice())
			msg := append([]byte{3, code, 0, 0, 0, 0, 5, 0}, quoted...)
			binary.BigEndian.PutUint16(msg[2:], ^onesSum(msg))
			if err := unix.Sendto(icmp, msg, 0, &unix.SockaddrInet4{Addr: n.Addr.As4()}); err != nil {
				t.Fatal(err)
			}
			if err := s.Send([]byte{code}); err != nil {
				t.Fatalf("raw %v: Send after ICMP of code %d: %v", raw, code, err)
			}
			if ev := pump(t, s, r, pgm.EventMessage); ev.Data[0] != code {
				t.Fatalf("message %v", ev.Data)
			}
			if err := s.Poll(10 * time.Millisecond); err != nil { // SPMs
				t.Fatalf("raw %v: Poll after ICMP of code %d: %v", raw, code, err)
			}
			for _, fd := range s.FDs(nil) {
				if hears(t, int(fd.FD)) {
					t.Errorf("raw %v: a socket is in error after ICMP of code %d", raw, code)
				}
			}
		}
	}
}

func onesSum(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
