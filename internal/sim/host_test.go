package sim

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// log is a machine that keeps what it was handed and when.
type log struct {
	host   *host
	got    []seq.Num
	at     []time.Duration
	wakeAt mono.Time
	woken  []time.Duration
}

func (l *log) start(mono.Time) {}
func (l *log) handle(now mono.Time, p *packet) {
	l.got = append(l.got, p.sqn())
	l.at = append(l.at, now.Sub(l.host.local(0)))
}
func (l *log) timeout(now mono.Time) {
	l.woken = append(l.woken, now.Sub(l.host.local(0)))
	l.wakeAt = mono.Never
}
func (l *log) wake(mono.Time) mono.Time { return l.wakeAt }

// bench is a few hosts with logs, all in one group.
type bench struct {
	*sim
	t    *testing.T
	logs []*log
}

var testGroup = SourceAddr(9)

func newBench(t *testing.T, specs ...HostSpec) *bench {
	b := &bench{sim: newSim(&Scenario{Seed: 1}), t: t}
	for i, spec := range specs {
		h := b.addHost(spec, ReceiverAddr(i))
		l := &log{host: h, wakeAt: mono.Never}
		h.machine = l
		b.groups[testGroup] = append(b.groups[testGroup], h)
		b.logs = append(b.logs, l)
	}
	b.run(0)
	return b
}

func (b *bench) run(until time.Duration) {
	var h *host
	b.until(&h, mono.Time(until), nil)
	b.now = mono.Time(until)
}

// multicast sends packet n, of 1,000 bytes, from host 0 to the group.
func (b *bench) multicast(n seq.Num) {
	h := b.hosts[0]
	b.send(h, newPacket(h, netip.Addr{}, testGroup, odata(n, 0, make([]byte, 1000-wire.DataHeaderLen))))
}

func (b *bench) want(i int, got ...seq.Num) {
	b.t.Helper()
	if !slices.Equal(b.logs[i].got, got) {
		b.t.Errorf("host %d got %v, want %v", i, b.logs[i].got, got)
	}
}

func (b *bench) wantAt(i int, at ...time.Duration) {
	b.t.Helper()
	if !slices.Equal(b.logs[i].at, at) {
		b.t.Errorf("host %d got packets at %v, want %v", i, b.logs[i].at, at)
	}
}

func TestMulticast(t *testing.T) {
	b := newBench(t, HostSpec{}, HostSpec{}, HostSpec{Start: time.Second}, HostSpec{Stop: time.Second})
	b.multicast(1)
	b.run(2 * time.Second)
	b.multicast(2)
	b.run(3 * time.Second)
	b.want(0) // not to the sender
	b.want(1, 1, 2)
	b.want(2, 2)
	b.want(3, 1)
}

func TestUnicast(t *testing.T) {
	b := newBench(t, HostSpec{}, HostSpec{}, HostSpec{})
	h := b.hosts[0]
	b.send(h, newPacket(h, ReceiverAddr(2), testGroup, odata(1, 0, nil)))
	b.run(time.Second)
	b.want(1)
	b.want(2, 1)
}

func TestPartition(t *testing.T) {
	down := []Span{{time.Second, 2 * time.Second}}
	b := newBench(t, HostSpec{}, HostSpec{Down: LinkSpec{Down: down}}, HostSpec{})
	for n := range seq.Num(4) {
		b.run(time.Duration(n) * 700 * time.Millisecond) // 0, 0.7, 1.4, 2.1 s
		b.multicast(n)
	}
	b.run(5 * time.Second)
	b.want(1, 0, 1, 3)
	b.want(2, 0, 1, 2, 3)
	if n := b.result.Vanished[actDown]; n != 1 {
		t.Errorf("%d packets vanished, want 1", n)
	}
}

// A stalled host finds what fits its socket buffer, and late timers.
func TestStall(t *testing.T) {
	b := newBench(t, HostSpec{}, HostSpec{
		Stalls: []Span{{time.Second, 2 * time.Second}}, SocketBuffer: 2500, Clock: time.Hour,
	})
	b.logs[1].wakeAt = mono.Time(time.Hour + 1500*time.Millisecond)
	b.hosts[1].arm(0)
	b.multicast(0)
	b.run(1100 * time.Millisecond)
	for n := range seq.Num(4) {
		b.multicast(n + 1)
	}
	b.run(3 * time.Second)
	b.want(1, 0, 1, 2)
	b.wantAt(1, 0, 2*time.Second, 2*time.Second)
	if got := b.logs[1].woken; !slices.Equal(got, []time.Duration{2 * time.Second}) {
		t.Errorf("woken at %v, want [2s]", got)
	}
	if n := b.result.Vanished[actSockFull]; n != 2 {
		t.Errorf("%d packets vanished, want 2", n)
	}
}

func TestSlowHost(t *testing.T) {
	b := newBench(t, HostSpec{}, HostSpec{PerPacket: time.Millisecond})
	for n := range seq.Num(3) {
		b.multicast(n)
	}
	b.run(time.Second)
	b.wantAt(1, 0, time.Millisecond, 2*time.Millisecond)
}

// An earlier deadline overtakes a later one; each fires once.
func TestWake(t *testing.T) {
	b := newBench(t, HostSpec{})
	l := b.logs[0]
	for _, at := range []mono.Time{100, 50, 70} {
		l.wakeAt = at
		b.hosts[0].arm(b.now)
	}
	b.run(time.Second)
	if !slices.Equal(l.woken, []time.Duration{70}) {
		t.Errorf("woken at %v, want [70ns]", l.woken)
	}
}

// What the machines say to damaged and undamaged packets is checked.
func TestHandled(t *testing.T) {
	for _, tt := range []struct {
		desc string
		bad  bool
		err  error
		want string
	}{
		{"taken in", false, nil, ""},
		{"duplicate", false, pgm.DropDuplicate, ""},
		{"damage noticed", true, pgm.DropChecksum, ""},
		{"damage not noticed", true, nil, "damaged"},
		{"good packet called bad", false, pgm.DropChecksum, "undamaged"},
		{"another error", false, pgm.ErrClosed, "not a Drop"},
	} {
		b := newBench(t, HostSpec{}, HostSpec{})
		p := newPacket(b.hosts[0], testGroup, testGroup, odata(1, 0, nil))
		p.bad = tt.bad
		b.handled(b.hosts[1], p, tt.err)
		switch err := b.result.Err; {
		case err == nil && tt.want != "":
			t.Errorf("%s: no error, want %q", tt.desc, tt.want)
		case err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.desc, err, tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	b := newBench(t, HostSpec{})
	tx := &pgm.Transmit{Group: testGroup, Data: [][]byte{{1, 2, 3}, {4, 5, 6, 7}}, Segment: 3, Packets: 3, Bytes: 7}
	var got []string
	for _, p := range b.cut(b.hosts[0], tx) {
		got = append(got, string(p.data))
	}
	if want := []string{"\x01\x02\x03", "\x04\x05\x06", "\x07"}; !slices.Equal(got, want) {
		t.Errorf("cut = %q, want %q", got, want)
	}
	tx.Packets = 2
	if b.cut(b.hosts[0], tx); b.result.Err == nil {
		t.Error("a run of 7 bytes in 2 packets of 3 passed")
	}
}
