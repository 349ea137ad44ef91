package pgm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/fec"
	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// parityNAK asks for so many parity packets of a group.
func (s *sourceScript) parityNAK(first seq.Num, count int, more ...seq.Num) error {
	h := wire.Header{SrcPort: 7500, DstPort: testTSI.Port, Type: wire.TypeNAK, GSI: testTSI.GSI, Flags: wire.FlagParity}
	p := wire.NAK{Header: h, SQN: first.Add(count - 1), Source: sourceAddr, Group: groupAddr}
	for _, n := range more {
		p.Options.NAKList = wire.AppendNum(p.Options.NAKList, n)
		p.Options.Set(wire.OptNAKList)
	}
	return s.HandlePacket(s.now, receiverAddr, wire.AppendNAK(nil, &p))
}

// sendAll sends messages and returns what goes out.
func (s *sourceScript) sendAll(msgs ...string) (log []string) {
	s.t.Helper()
	for _, m := range msgs {
		if _, _, err := s.Send(s.now, []byte(m)); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.take()
}

// TestProactiveParity sends parity as ODATA after the k packets of each group, and
// numbers it in the group. RFC 3208 §11.2, §11.4.
func TestProactiveParity(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2}, FirstSQN: 0xfffffff8})
	s.want(s.sendAll("a", "b", "c"), "ODATA 4294967288 trail 4294967288, 1 bytes", "ODATA 4294967289 trail 4294967288, 1 bytes",
		"ODATA 4294967290 trail 4294967288, 1 bytes")
	s.want(s.sendAll("d", "e"), "ODATA 4294967291 trail 4294967288, 1 bytes",
		"ODATA 4294967292 trail 4294967288, 1 bytes",
		"ODATA 4294967288 trail 4294967288, 1 bytes parity", "ODATA 4294967289 trail 4294967288, 1 bytes parity")
	s.want(s.sendAll("f", "g", "h"), "ODATA 4294967293 trail 4294967288, 1 bytes", "ODATA 4294967294 trail 4294967288, 1 bytes",
		"ODATA 4294967295 trail 4294967288, 1 bytes",
		"ODATA 4294967292 trail 4294967288, 1 bytes parity", "ODATA 4294967293 trail 4294967288, 1 bytes parity")
	if st := s.Stats(); st.ParityPackets != 4 || st.ODATAPackets != 8 {
		t.Errorf("stats %+v, want 4 parity packets of 8", st)
	}
}

// TestMoreParityThanData sends more parity packets of a full group than it has data:
// those beyond k are of parity group 1. A short group has no more than data packets.
// RFC 3208 §11.2, "Data and parity packet numbering".
func TestMoreParityThanData(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 2, Proactive: 3}})
	s.want(s.sendAll("a", "b"), "ODATA 0 trail 0, 1 bytes", "ODATA 1 trail 0, 1 bytes",
		"ODATA 0 trail 0, 1 bytes parity", "ODATA 1 trail 0, 1 bytes parity", "ODATA 0 trail 0, 1 bytes parity grp 1")
	s.sendAll("c")
	s.want(s.advance(time.Millisecond), "ODATA 2 trail 0, 1 bytes parity tgsize 1")
}

// TestShortGroup ends a group early when nothing more comes: its parity tells the
// size, its other numbers remain unused, and SPMs end with its last packet.
// RFC 3208 §11.2, "Variable Transmission Group Size", §11.4.
func TestShortGroup(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 8, Proactive: 4}, FirstSQN: 8})
	s.sendAll("a", "b")
	s.want(s.advance(time.Millisecond), "ODATA 8 trail 8, 1 bytes parity tgsize 2", "ODATA 9 trail 8, 1 bytes parity tgsize 2")
	s.want(s.advance(4*time.Millisecond), "SPM 3 trail 8 lead 9 tgsize 2")
	if _, unsent, next := s.Progress(); unsent != 16 || next != 16 {
		t.Errorf("the next number is %d, want 16", next)
	}
	s.want(s.sendAll("c"), "ODATA 16 trail 8, 1 bytes")
	s.want(s.advance(time.Millisecond), "ODATA 16 trail 8, 1 bytes parity tgsize 1")
	// A NAK for a number that was left out: only parity can tell now.
	s.nak(12)
	s.want(s.take(), "NCF 12 []", "RDATA 12 trail 8, 1 bytes parity tgsize 2")
}

// TestShortGroupOnDemand has no proactive parity to tell the size: an SPM does.
// RFC 3208 §11.4.
func TestShortGroupOnDemand(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 8, OnDemand: true}})
	s.sendAll("a", "b")
	s.want(s.advance(time.Millisecond), "SPM 3 trail 0 lead 1 tgsize 2")
	s.want(s.sendAll("c"), "ODATA 8 trail 0, 1 bytes")
	s.Close(s.now)
	s.want(s.take(), "SPM 4 trail 0 lead 8 tgsize 1", "SPM 5 trail 0 lead 8 tgsize 1", "SPM 6 trail 0 lead 8 tgsize 1")
}

// TestShortGroupWindow ends a group early in an empty window, and in one that has no
// room for the numbers.
func TestShortGroupWindow(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 4, Proactive: 1}, WindowTime: 2 * time.Millisecond, MinRepair: -1})
	s.sendAll("a")
	s.want(s.advance(4*time.Millisecond), "ODATA 0 trail 0, 1 bytes parity tgsize 1")
	if n := s.Stats().Window; n != 0 {
		t.Fatalf("the window holds %d", n)
	}
	s.want(s.advance(2*time.Millisecond), "SPM 3 trail 1 lead 0 tgsize 1")
	s.want(s.sendAll("b"), "ODATA 4 trail 4, 1 bytes")

	// All of the group has left the window when it ends: the trailing edge is no further.
	s = newSourceScript(t, SourceConfig{FEC: FEC{K: 4, Proactive: 1, Flush: 3 * time.Millisecond}, WindowTime: time.Millisecond, MinRepair: -1})
	s.sendAll("a")
	s.want(s.advance(3*time.Millisecond), "ODATA 0 trail 1, 1 bytes parity tgsize 1")

	s = newSourceScript(t, SourceConfig{FEC: FEC{K: 4, Proactive: 1}, WindowPackets: 16, Rate: 1e9})
	s.sendAll(strings.Split("aaaabbbbccccddd", "")...)
	s.want(s.advance(time.Millisecond), "ODATA 12 trail 0, 1 bytes parity tgsize 3")
	s.want(s.sendAll("e"), "ODATA 16 trail 1, 1 bytes")
	s.want(s.advance(2 * time.Millisecond)) // 19 cannot be left out yet
	s.want(s.sendAll("f", "g", "h"), "ODATA 17 trail 2, 1 bytes", "ODATA 18 trail 3, 1 bytes", "ODATA 19 trail 4, 1 bytes",
		"ODATA 16 trail 4, 1 bytes parity")
}

// TestDemandedParity answers parity NAKs: confirmed with the same count, and repaired
// by as many parity packets of new numbers. RFC 3208 §11.2, §11.4.
func TestDemandedParity(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 4, N: 12, Proactive: 1, OnDemand: true}})
	s.sendAll("a", "b", "c", "d", "e")
	if err := s.parityNAK(0, 2); err != nil {
		t.Fatal(err)
	}
	s.want(s.take(), "NCF 1 [] parity", "RDATA 1 trail 0, 1 bytes parity", "RDATA 2 trail 0, 1 bytes parity")
	// Another that asks for no more crossed them on the way; one that does gets the rest.
	s.now += 50_000
	s.parityNAK(0, 1)
	s.want(s.take(), "NCF 0 [] parity")
	s.parityNAK(0, 3)
	s.want(s.take(), "NCF 2 [] parity", "RDATA 3 trail 0, 1 bytes parity")
	// Later it gets new ones: they go on in the next group of k parity packets.
	s.now += mono.Time(eliminate)
	s.parityNAK(0, 4)
	s.want(s.take(), "NCF 3 [] parity", "RDATA 0 trail 0, 1 bytes parity grp 1", "RDATA 1 trail 0, 1 bytes parity grp 1",
		"RDATA 2 trail 0, 1 bytes parity grp 1", "RDATA 3 trail 0, 1 bytes parity grp 1")
	// A selective NAK gets what it asks for, in a full group and in the last.
	s.nak(1, 4)
	s.want(s.take(), "NCF 1 [4]", "RDATA 1 trail 0, 1 bytes", "RDATA 4 trail 0, 1 bytes")
	// A parity NAK for the last group ends that: k-1 of the packets asked for are none.
	s.parityNAK(4, 4)
	s.want(s.take(), "NCF 7 [] parity", "ODATA 4 trail 0, 1 bytes parity tgsize 1", "RDATA 5 trail 0, 1 bytes parity tgsize 1")
	if st := s.Stats(); st.ParityRepairs != 8 || st.RDATAPackets != 10 {
		t.Errorf("stats %+v, want 8 of 10 repairs to be parity", st)
	}
}

// TestDemandedParityWaits keeps a parity NAK for a group that is not complete until
// it is.
func TestDemandedParityWaits(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 4, OnDemand: true, Flush: -1}})
	s.sendAll("a", "b", "c")
	s.parityNAK(0, 2, 5)
	s.want(s.take(), "NCF 1 [5] parity")
	s.want(s.sendAll("d"), "ODATA 3 trail 0, 1 bytes", "RDATA 0 trail 0, 1 bytes parity", "RDATA 1 trail 0, 1 bytes parity")
	if err := (&sourceScript{Source: newSourceScript(t, SourceConfig{}).Source, t: t, now: s.now}).parityNAK(0, 1); !errors.Is(err, DropParity) {
		t.Errorf("a parity NAK to a source without FEC: %v, want %v", err, DropParity)
	}
}

// TestDelayedParity spreads the parity of a group over the next.
func TestDelayedParity(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2, Delay: 1}})
	var order []string
	for _, l := range s.sendAll(strings.Split("aaaabbbbcccc", "")...) {
		f := strings.Fields(l)
		if strings.HasSuffix(l, "parity") {
			f[1] += "p"
		}
		order = append(order, f[1])
	}
	if got, want := strings.Join(order, " "), "0 1 2 3 4 5 0p 6 7 1p 8 9 4p 10 11 5p"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	// What follows nothing does not wait for it.
	s.want(s.advance(time.Millisecond), "ODATA 8 trail 0, 1 bytes parity", "ODATA 9 trail 0, 1 bytes parity")
}

// TestParityJoinsData has parity leave in one run with the data that follows, which is
// of the same size, and for itself where that is not so, or where it waited once.
func TestParityJoinsData(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2}, Rate: 1e9})
	runs := func(sizes ...int) (got []string) {
		for _, n := range sizes {
			if _, _, err := s.Send(s.now, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		for {
			tx, ok := s.NextTransmit(s.now)
			if !ok {
				return got
			}
			got = append(got, fmt.Sprintf("%d of %d at %d", tx.Original, tx.Packets, tx.First))
			s.Sent(s.now, tx.Packets)
		}
	}
	s.want(runs(0), "1 of 1 at 0") // its options make it longer than others
	s.want(runs(slices.Repeat([]int{100}, 79)...), "63 of 63 at 1", "0 of 2 at 0", "16 of 46 at 64", "0 of 8 at 0")
	s.want(runs(slices.Repeat([]int{100}, 47)...), "47 of 47 at 80", "0 of 22 at 0")
	s.want(runs(100, 100, 100, 50, 100, 50), "4 of 4 at 127", "2 of 2 at 131", "0 of 2 at 0", "0 of 2 at 0") // a small packet ends a run
}

// parityModel checks parity packets against the data packets of their group, the
// slow way: each as one long string of data, TSDU length and OPT_FRAGMENT.
type parityModel struct {
	k      int
	code   *fec.Code
	groups map[seq.Num][]wire.Data
	parity int // packets checked

	seen map[seq.Num]map[int]bool
}

func newParityModel(t testing.TB, k, n int) *parityModel {
	code, err := fec.New(k, n)
	if err != nil {
		t.Fatal(err)
	}
	return &parityModel{k: k, code: code, groups: map[seq.Num][]wire.Data{}, seen: map[seq.Num]map[int]bool{}}
}

func (m *parityModel) take(pkt []byte) error {
	d, err := wire.ParseData(bytes.Clone(pkt))
	if err != nil {
		return err
	}
	first := d.SQN &^ seq.Num(m.k-1)
	if d.Flags&wire.FlagParity == 0 {
		if d.Type == wire.TypeODATA {
			m.groups[first] = append(m.groups[first], d)
		}
		return nil
	}
	m.parity++
	group := m.groups[first]
	j := int(d.SQN.Sub(first))
	if d.Options.Has(wire.OptParityGrp) {
		j += m.k * int(d.Options.ParityGrp)
	}
	seen := m.seen[first]
	if seen == nil {
		seen = map[int]bool{}
		m.seen[first] = seen
	}
	if seen[j] && (j != m.code.Parity()-1 || len(group) == m.k) { // the last may tell the size of a short group again
		return fmt.Errorf("parity %d of group %d came twice", j, first)
	}
	seen[j] = true
	size, varied, fragments := 0, false, false
	for _, x := range group {
		size = max(size, len(x.Payload))
		varied = varied || len(x.Payload) != len(group[0].Payload)
		fragments = fragments || x.Options.Has(wire.OptFragment)
	}
	want := make([]byte, size+2+13)
	for i, x := range group {
		b := make([]byte, size+2+13)
		copy(b, x.Payload)
		binary.BigEndian.PutUint16(b[size:], uint16(len(x.Payload)))
		f := wire.NoFragment
		if x.Options.Has(wire.OptFragment) {
			f = x.Options.Fragment.Code()
		}
		copy(b[size+2:], f[:])
		m.code.Add(j, i, b, want)
	}
	end := size
	if varied {
		end += 2
	}
	f := d.Options.Fragment.Code()
	switch {
	case d.Flags&wire.FlagVarPktLen != 0 != varied, d.Options.Has(wire.OptFragment) != fragments:
		return fmt.Errorf("%s: varied is %v, fragments %v", describe(pkt), varied, fragments)
	case !bytes.Equal(d.Payload, want[:end]):
		return fmt.Errorf("%s: data is % x, want % x", describe(pkt), d.Payload, want[:end])
	case fragments && !bytes.Equal(f[:], want[size+2:]):
		return fmt.Errorf("%s: OPT_FRAGMENT is % x, want % x", describe(pkt), f, want[size+2:])
	case len(group) != m.k && (!d.Options.Has(wire.OptCurrTGSize) || int(d.Options.CurrTGSize) != len(group)):
		return fmt.Errorf("%s: the group has %d packets", describe(pkt), len(group))
	case len(group) == m.k && d.Options.Has(wire.OptCurrTGSize):
		return fmt.Errorf("%s: the group is full", describe(pkt))
	}
	return nil
}

// drawFEC draws a configuration with groups of up to most packets.
func drawFEC(rng *rand.Rand, most int) FEC {
	f := FEC{K: 2 << rng.IntN(bits.Len(uint(most))-1)}
	f.N = f.K + 1 + rng.IntN(255-f.K)
	f.Proactive = min(rng.IntN(5), f.N-f.K)
	f.OnDemand = f.Proactive == 0 || rng.IntN(2) == 0
	if rng.IntN(3) == 0 {
		f.Delay = rng.IntN(4)
	}
	return f
}

// TestParityModel sends messages of all sizes, fragments among them, in full groups
// and short ones, asks for parity now and then, and checks each parity packet.
func TestParityModel(t *testing.T) {
	total := 0
	for seed := range uint64(40) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			f := drawFEC(rng, 128)
			cfg := SourceConfig{FEC: f, MaxTPDU: 200 + rng.IntN(1300), FirstSQN: seq.Num(-rng.IntN(500)), Rate: 1e9, Burst: 1 << 17}
			s := newSourceScript(t, cfg)
			m := newParityModel(t, f.K, f.N)
			most, least := rng.IntN(cfg.MaxTPDU), 0
			if rng.IntN(3) == 0 {
				least = most // all equal
			}
			if rng.IntN(3) == 0 {
				most = 3 * cfg.MaxTPDU // fragments
			}
			start := cfg.FirstSQN
			if i := int(start) & (f.K - 1); i != 0 { // the first group that is one
				start = start.Add(f.K - i)
			}
			for range 400 {
				_, last, err := s.Send(s.now, make([]byte, least+rng.IntN(most-least+1)))
				if err != nil {
					t.Fatal(err)
				}
				if rng.IntN(4) > 0 {
					continue
				}
				s.now = s.now.Add(time.Duration(rng.IntN(int(2 * time.Millisecond))))
				s.HandleTimeout(s.now)
				if first := last.Add(-2*f.K) &^ seq.Num(f.K-1); f.OnDemand && !first.Before(start) {
					s.parityNAK(first, 1+rng.IntN(f.K))
					s.now = s.now.Add(eliminate)
				}
				for {
					tx, ok := s.NextTransmit(s.now)
					if !ok {
						break
					}
					run := bytes.Join(tx.Data, nil)
					for i := 0; i < len(run); i += tx.Segment {
						pkt := run[i:min(i+tx.Segment, len(run))]
						if len(pkt) > cfg.MaxTPDU {
							t.Fatalf("%d bytes, more than MaxTPDU", len(pkt))
						}
						if h, _ := wire.ParseHeader(pkt); h.Type != wire.TypeODATA && h.Type != wire.TypeRDATA {
							continue
						}
						d, _ := wire.ParseData(pkt)
						if d.SQN.Before(start) {
							continue
						}
						if err := m.take(pkt); err != nil {
							t.Fatal(err)
						}
					}
					s.Sent(s.now, tx.Packets)
				}
			}
			total += m.parity
			if m.parity == 0 && f.Proactive > 0 {
				t.Error("there was no parity")
			}
		})
	}
	t.Logf("%d parity packets", total)
}

// TestParityAllocs asserts that parity, proactive and on demand, costs no memory.
func TestParityAllocs(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FEC: FEC{K: 4, Proactive: 2, OnDemand: true}, Rate: 1e9, WindowPackets: 64, RepairHold: -1})
	msg := make([]byte, 1000)
	nak := wire.AppendNAK(nil, &wire.NAK{
		Header: wire.Header{SrcPort: 7500, DstPort: testTSI.Port, Type: wire.TypeNAK, GSI: testTSI.GSI, Flags: wire.FlagParity},
		Source: sourceAddr, Group: groupAddr,
	})
	n := testing.AllocsPerRun(1000, func() {
		s.now = s.now.Add(10 * time.Millisecond)
		s.HandleTimeout(s.now)
		first, _, err := s.Send(s.now, msg)
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint32(nak[wire.HeaderLen:], uint32(first)&^3)
		wire.SetChecksum(nak)
		for range 2 {
			for {
				tx, ok := s.NextTransmit(s.now)
				if !ok {
					break
				}
				s.Sent(s.now, tx.Packets)
			}
			if err := s.HandlePacket(s.now, receiverAddr, nak); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a message, want 0", n)
	}
	if st := s.Stats(); st.ParityPackets == 0 || st.ParityRepairs == 0 {
		t.Errorf("stats %+v, want parity of both kinds", st)
	}
}

// BenchmarkParity sends full packets, without parity and with four parity packets for
// sixteen.
func BenchmarkParity(b *testing.B) {
	for _, f := range []FEC{{}, {K: 16, Proactive: 4}} {
		b.Run(fmt.Sprintf("proactive=%d", f.Proactive), func(b *testing.B) {
			cfg := SourceConfig{Rate: 1e12, Burst: 1 << 20, WindowPackets: 4096, WindowBytes: 8 << 20, FEC: f}
			cfg.TSI, cfg.Addr, cfg.Group = testTSI, sourceAddr, groupAddr
			now := mono.Time(time.Second)
			s, err := NewSource(now, cfg)
			if err != nil {
				b.Fatal(err)
			}
			msg := make([]byte, FEC{K: 16}.MaxData(1472))
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				now += 1000
				if _, _, err := s.Send(now, msg); err != nil {
					b.Fatal(err)
				}
				if n%45 != 0 {
					continue
				}
				for tx, ok := s.NextTransmit(now); ok; tx, ok = s.NextTransmit(now) {
					s.Sent(now, tx.Packets)
				}
			}
		})
	}
}
