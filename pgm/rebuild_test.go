package pgm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// sent is what a packet of the source is, for tests that choose which to lose.
type sent struct {
	typ    wire.Type
	num    seq.Num
	parity bool
}

func sentOf(pkt []byte) sent {
	h, _ := wire.ParseHeader(pkt)
	s := sent{typ: h.Type, parity: h.Flags&wire.FlagParity != 0}
	if h.Type == wire.TypeODATA || h.Type == wire.TypeRDATA {
		d, _ := wire.ParseData(pkt)
		s.num = d.SQN
	}
	return s
}

// count returns how many lines of the log begin so.
func (p *pair) count(prefix string) (n int) {
	for _, l := range p.log {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// TestRebuild loses data packets of which parity follows: they are delivered when it
// comes, and nobody asks for anything. RFC 3208 §11.5.
func TestRebuild(t *testing.T) {
	p := newPair(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2}}, ReceiverConfig{})
	p.lose = func(pkt []byte) bool { s := sentOf(pkt); return !s.parity && (s.num == 1 || s.num == 2) }
	for _, m := range []string{"first", "second", "third, which is longer", "fourth"} {
		p.send(m)
	}
	p.want("join 0", `message 0-0 "first"`, `message 1-1 "second"`, `message 2-2 "third, which is long"`, `message 3-3 "fourth"`)
	p.advance(100 * time.Millisecond)
	if n := p.count("NAK"); n > 0 {
		t.Errorf("%d NAKs, want none: %q", n, p.log)
	}
	if st := p.rcv.Stats(); st.Rebuilt != 2 || st.Parity != 2 || st.Buffered != 0 {
		t.Errorf("stats %+v, want 2 packets rebuilt of 2, and nothing buffered", st)
	}
}

// TestRebuildShort loses the end of a burst: parity follows though the group is not
// full, and the numbers left out are not missed. RFC 3208 §11.2.
func TestRebuildShort(t *testing.T) {
	p := newPair(t, SourceConfig{FEC: FEC{K: 8, Proactive: 2}}, ReceiverConfig{})
	p.lose = func(pkt []byte) bool { s := sentOf(pkt); return !s.parity && (s.num == 2 || s.num == 8) }
	p.send("a")
	p.send("b")
	p.send("c")
	p.want("join 0", `message 0-0 "a"`, `message 1-1 "b"`)
	p.advance(time.Millisecond)
	p.want(`message 2-2 "c"`)
	p.send("d")
	p.advance(time.Millisecond)
	p.want(`message 8-8 "d"`)
	p.src.Close(p.now)
	p.flush()
	p.want("fin 16")
	if n := p.count("NAK"); n > 0 {
		t.Errorf("%d NAKs, want none: %q", n, p.log)
	}
}

// TestAskForParity loses more than the parity that follows repairs: the receiver
// asks for as many parity packets as it lacks, once, and they repair it. The group is
// known to be over by the data of the next. RFC 3208 §11.3.1, §11.5.
func TestAskForParity(t *testing.T) {
	for _, tt := range []struct {
		proactive int
		nak       string
	}{
		{0, "NAK 2 [] parity"}, // three packets of group 0
		{1, "NAK 1 [] parity"}, // two, beside the one that came
	} {
		p := newPair(t, SourceConfig{FEC: FEC{K: 4, Proactive: tt.proactive, OnDemand: true}}, ReceiverConfig{})
		p.send("-") // 0
		p.advance(time.Millisecond)
		p.want("join 0", `message 0-0 "-"`)
		p.log = nil
		p.lose = func(pkt []byte) bool { s := sentOf(pkt); return !s.parity && s.num > 4 && s.num < 8 }
		for i := range 5 {
			p.send(fmt.Sprint(i))
		}
		p.advance(20 * time.Millisecond)
		p.want(`message 4-4 "0"`, `message 5-5 "1"`, `message 6-6 "2"`, `message 7-7 "3"`, `message 8-8 "4"`)
		want := strings.Replace(tt.nak, "NAK ", "", 1)
		var n int
		fmt.Sscan(want, &n)
		want = fmt.Sprintf("NAK %d [] parity", 4+n)
		if !slices.Contains(p.log, want) || p.count("NAK") != 1 || p.count("RDATA") != n+1 {
			t.Errorf("proactive %d: %q, want one NAK, %s, and %d repairs", tt.proactive, p.log, want, n+1)
		}
	}
}

// TestEveryLoss loses, in a group of four and its parity, every set of packets: what
// can be rebuilt is, without a NAK, and the rest after one.
func TestEveryLoss(t *testing.T) {
	for set := range 1 << 6 {
		p := newPair(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2, OnDemand: true}}, ReceiverConfig{})
		for i := range 4 {
			p.send(fmt.Sprint(i))
		}
		p.lose = func(pkt []byte) bool {
			s := sentOf(pkt)
			i := int(s.num.Sub(4))
			if s.typ != wire.TypeODATA || i < 0 || i > 3 {
				return false
			}
			if s.parity {
				i += 4
			}
			return i < 6 && set>>i&1 != 0
		}
		for i := range 8 {
			p.send(fmt.Sprint(4 + i))
		}
		lost := 0
		for i := range 4 {
			lost += set >> i & 1
		}
		enough := lost <= 2-(set>>4&1)-(set>>5&1)
		if naks := p.count("NAK"); enough && naks > 0 {
			t.Errorf("lost %06b: %d NAKs, want none", set, naks)
		}
		p.advance(100 * time.Millisecond)
		if naks := p.count("NAK"); !enough && naks != 1 {
			t.Errorf("lost %06b: %d NAKs, want one", set, naks)
		}
		if len(p.events) != 13 {
			t.Errorf("lost %06b: %d events, want 13", set, len(p.events))
		}
		for i, ev := range p.events[1:] {
			if ev.Kind != EventMessage || string(ev.Data) != fmt.Sprint(i) {
				t.Errorf("lost %06b: event %d is %s", set, i, eventString(ev))
			}
		}
	}
}

// TestFECWithoutParity has a receiver that makes no use of parity: it is repaired one
// by one.
func TestFECWithoutParity(t *testing.T) {
	p := newPair(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2, OnDemand: true, Flush: -1}}, ReceiverConfig{NoFEC: true})
	p.lose = func(pkt []byte) bool { s := sentOf(pkt); return s.typ == wire.TypeODATA && !s.parity && s.num == 1 }
	for _, m := range []string{"a", "b", "c", "d", "e"} {
		p.send(m)
	}
	p.advance(20 * time.Millisecond)
	p.want("join 0", `message 0-0 "a"`, `message 1-1 "b"`, `message 2-2 "c"`, `message 3-3 "d"`, `message 4-4 "e"`)
	if st := p.rcv.Stats(); st.Drops[DropParity] != 2 || st.Repairs != 1 {
		t.Errorf("stats %+v, want 2 parity packets dropped and one repair", st)
	}
}

// TestLeftOutWithoutParity has receivers that make no use of parity, or could not:
// they know which numbers are left out nevertheless, and ask for none.
func TestLeftOutWithoutParity(t *testing.T) {
	for _, cfg := range []ReceiverConfig{{NoFEC: true}, {WindowPackets: 16}} {
		p := newPair(t, SourceConfig{FEC: FEC{K: 8, Proactive: 2, OnDemand: true}}, cfg)
		for _, m := range []string{"a", "b", "c", "d"} {
			p.send(m)
			p.advance(2 * time.Millisecond)
		}
		p.send("e")
		p.send("f")
		p.send("g")
		p.src.Close(p.now)
		p.flush()
		p.advance(time.Second)
		p.want("join 0", `message 0-0 "a"`, `message 8-8 "b"`, `message 16-16 "c"`, `message 24-24 "d"`, `message 32-32 "e"`, `message 33-33 "f"`,
			`message 34-34 "g"`, "fin 40")
		if n := p.count("NAK"); n > 0 {
			t.Errorf("%d NAKs, want none: %q", n, p.log)
		}
	}
}

// TestRebuildModel sends messages of all sizes, in full groups and short ones, and
// loses a fifth of everything, NAKs and repairs included. Every message is delivered,
// once, whatever the kinds of parity and of delivery.
func TestRebuildModel(t *testing.T) {
	var rebuilt, missing, naks uint64
	for seed := range uint64(100) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			f := drawFEC(rng, 64)
			if rng.IntN(4) == 0 {
				f.Flush = -1
			}
			sc := SourceConfig{FEC: f, MaxTPDU: 200 + rng.IntN(1300), FirstSQN: seq.Num(-rng.IntN(500)), Rate: 1e9, Burst: 1 << 17}
			rc := ReceiverConfig{Delivery: Delivery(rng.IntN(2))}
			p := newPair(t, sc, rc)
			p.lose = func(pkt []byte) bool { return rng.IntN(5) == 0 }
			p.lend = int(seed%4) * 10
			most, least := rng.IntN(sc.MaxTPDU), 0
			if rng.IntN(3) == 0 {
				least = most
			}
			if rng.IntN(3) == 0 {
				most = 3 * sc.MaxTPDU
			}
			var want [][]byte
			for i := range 300 {
				msg := make([]byte, least+rng.IntN(most-least+1))
				for j := range msg {
					msg[j] = byte(i + j*7)
				}
				want = append(want, msg)
				p.send(string(msg))
				if rng.IntN(4) == 0 {
					p.advance(time.Duration(rng.IntN(int(2 * time.Millisecond))))
				}
			}
			p.src.Close(p.now)
			p.flush()
			p.advance(10 * time.Second)
			st := p.rcv.Stats()
			rebuilt, missing, naks = rebuilt+st.Rebuilt, missing+st.Missing, naks+st.NAKs
			checkDelivered(t, p.events, want, rc.Delivery == Ordered)
			if st.Buffered != 0 {
				t.Errorf("%d bytes are left in buffers", st.Buffered)
			}
		})
	}
	t.Logf("%d missing, %d rebuilt, %d NAKs", missing, rebuilt, naks)
	if rebuilt < missing/2 {
		t.Errorf("%d of %d missing packets were rebuilt, want half at least", rebuilt, missing)
	}
}

// checkDelivered checks that the messages are those wanted, from the one on that the
// receiver joined with, each once, and that there are no others.
func checkDelivered(t *testing.T, events []Event, want [][]byte, ordered bool) {
	t.Helper()
	var got [][]byte
	for _, ev := range events {
		switch ev.Kind {
		case EventMessage:
			got = append(got, ev.Data)
		case EventLoss:
			t.Errorf("%s", eventString(ev))
		}
	}
	want = want[len(want)-min(len(got), len(want)):]
	if !ordered {
		slices.SortFunc(got, bytes.Compare)
		want = slices.Clone(want)
		slices.SortFunc(want, bytes.Compare)
	}
	for i := range want {
		if len(got) != len(want) || !bytes.Equal(got[i], want[i]) {
			t.Fatalf("%d messages, want %d; number %d has %d bytes, want %d", len(got), len(want), i, len(got[i]), len(want[i]))
		}
	}
	if last := events[len(events)-1]; last.Kind != EventFin {
		t.Errorf("the last event is %s, want fin", eventString(last))
	}
	if len(want) < 250 {
		t.Errorf("%d messages, want nearly all", len(want))
	}
}

// TestRebuildAllocs asserts that to receive and rebuild costs no memory once warm, with
// packets that are lent, too.
func TestRebuildAllocs(t *testing.T) {
	for _, lend := range []bool{false, true} {
		t.Run(fmt.Sprintf("lend=%v", lend), func(t *testing.T) { rebuildAllocs(t, lend) })
	}
}

func rebuildAllocs(t *testing.T, lend bool) {
	p := newPair(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2}, Rate: 1e9, Burst: 1 << 17, RepairHold: -1}, ReceiverConfig{})
	var packets [][]byte
	p.lose = func(pkt []byte) bool {
		packets = append(packets, bytes.Clone(pkt))
		return true
	}
	const runs = 500
	for range 4 * (runs + 101) {
		p.now = p.now.Add(time.Millisecond)
		p.send(strings.Repeat("x", 1000))
	}
	p.lose = func([]byte) bool { return false }
	handle := p.rcv.HandlePacket
	if lend {
		handle = p.rcv.Lend
	}
	var ev Event
	at := 0
	group := func() {
		for data := 0; data < 4; at++ {
			s := sentOf(packets[at])
			if s.typ == wire.TypeODATA && !s.parity {
				data++
				if s.num%4 == 1 || s.num%4 == 2 {
					continue
				}
			}
			handle(p.now, sourceAddr, groupAddr, packets[at])
			for p.rcv.NextEvent(&ev) {
			}
		}
		p.rcv.Keep()
	}
	for range 100 {
		group()
	}
	if n := testing.AllocsPerRun(runs-1, group); n != 0 {
		t.Errorf("%v allocations a group, want 0", n)
	}
	if st := p.rcv.Stats(); st.Rebuilt < 2*runs || st.Lost > 0 {
		t.Errorf("stats %+v, want %d packets rebuilt", st, 2*runs)
	}
}

// TestShortGroupOutOfReach has so little room that the numbers left out of a short
// group are out of reach when its parity comes, which must not be taken for that of a
// full group.
func TestShortGroupOutOfReach(t *testing.T) {
	p := newPair(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2, OnDemand: true}}, ReceiverConfig{BufferBytes: 300})
	p.lose = func(pkt []byte) bool { s := sentOf(pkt); return s.typ == wire.TypeODATA && s.num >= 4 && s.num < 8 }
	for _, m := range []string{"a", "b", "c", "d", "e", "f"} {
		p.send(m)
	}
	p.advance(time.Millisecond) // ends the group
	p.send("g")
	p.advance(time.Second)
	p.src.Close(p.now)
	p.flush()
	p.advance(10 * time.Second)
	p.want("join 0", `message 0-0 "a"`, `message 1-1 "b"`, `message 2-2 "c"`, `message 3-3 "d"`, `message 4-4 "e"`, `message 5-5 "f"`,
		`message 8-8 "g"`, "fin 12")
	if n := p.rcv.Stats().Drops[DropWindow]; n == 0 {
		t.Error("no parity was out of reach: the test tests nothing")
	}
}
