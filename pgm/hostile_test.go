package pgm

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

var hostilePackets = flag.Int("pgm.hostile", 10_000_000, "`packets` TestHostile throws at live machines")

// mutator makes packets that are nearly right.
type mutator struct {
	rng   *rand.Rand
	seeds [][]byte
	buf   []byte
}

func newMutator(seed uint64) *mutator {
	m := &mutator{rng: rand.New(rand.NewPCG(seed, 7))}
	down := wire.Header{SrcPort: 1000, DstPort: 7500, GSI: testTSI.GSI}
	up := wire.Header{SrcPort: 7500, DstPort: 1000, GSI: testTSI.GSI}
	var all wire.Options
	all.Set(wire.OptJoin, wire.OptNAKBackoffIvl, wire.OptNAKBackoffRng, wire.OptFin)
	all.NAKBackoffIvl.Interval = 300
	var list, part, syn, rst, unreach wire.Options
	for n := range seq.Num(20) {
		list.NAKList = wire.AppendNum(list.NAKList, 3*n+1)
	}
	list.Set(wire.OptNAKList)
	part.Set(wire.OptFragment)
	part.Fragment = wire.Fragment{First: 5, Offset: 100, Length: 300}
	syn.Set(wire.OptSyn)
	rst.Set(wire.OptRst)
	unreach.Set(wire.OptNbrUnreach, wire.OptPathNLA)
	unreach.PathNLA = sourceAddr
	var prm, short, coded wire.Options
	prm.Set(wire.OptParityPrm)
	prm.ParityPrm = wire.ParityPrm{Proactive: true, OnDemand: true, TGSize: 8}
	short = prm
	short.Set(wire.OptCurrTGSize)
	short.CurrTGSize = 5
	coded.Set(wire.OptFragment, wire.OptParityGrp, wire.OptCurrTGSize)
	coded.ParityGrp, coded.CurrTGSize = 1, 6
	parity := func(t wire.Type, n seq.Num, f wire.Flags, o wire.Options) []byte {
		h := down
		h.Type, h.Flags = t, wire.FlagParity|f
		return wire.AppendData(nil, &wire.Data{Header: h, SQN: n, Options: o, Payload: make([]byte, 102)})
	}
	parityUp, parityDown := up, down
	parityUp.Flags, parityDown.Flags = wire.FlagParity, wire.FlagParity
	data := func(t wire.Type, n seq.Num, o wire.Options) []byte {
		h := down
		h.Type = t
		return wire.AppendData(nil, &wire.Data{Header: h, SQN: n, Options: o, Payload: make([]byte, 100)})
	}
	nak := func(t wire.Type, h wire.Header, o wire.Options) []byte {
		h.Type = t
		return wire.AppendNAK(nil, &wire.NAK{Header: h, SQN: 4, Source: sourceAddr, Group: groupAddr, Options: o})
	}
	spm := func(o wire.Options) []byte {
		return wire.AppendSPM(nil, &wire.SPM{Header: down, SQN: 9, Lead: 20, Path: sourceAddr, Options: o})
	}
	m.seeds = [][]byte{
		data(wire.TypeODATA, 5, wire.Options{}), data(wire.TypeRDATA, 6, wire.Options{}), data(wire.TypeODATA, 6, part), data(wire.TypeODATA, 7, syn),
		spm(wire.Options{}), spm(all), spm(rst), spm(unreach),
		nak(wire.TypeNAK, up, wire.Options{}), nak(wire.TypeNAK, up, list), nak(wire.TypeNCF, down, list), nak(wire.TypeNCF, down, unreach), nak(wire.TypeNNAK, up, list),
		wire.AppendSPMR(nil, &wire.SPMR{Header: up}), wire.AppendACK(nil, &wire.ACK{Header: up}),
		wire.AppendPOLL(nil, &wire.POLL{Header: down, Path: sourceAddr}), wire.AppendPOLR(nil, &wire.POLR{Header: up}),
		spm(prm), spm(short), data(wire.TypeODATA, 4, short),
		parity(wire.TypeODATA, 8, 0, wire.Options{}), parity(wire.TypeRDATA, 9, wire.FlagVarPktLen, wire.Options{}), parity(wire.TypeRDATA, 10, 0, coded),
		nak(wire.TypeNAK, parityUp, wire.Options{}), nak(wire.TypeNCF, parityDown, list),
	}
	return m
}

// next returns the next packet. Numbers near n are more likely than others.
func (m *mutator) next(n seq.Num) []byte {
	rng := m.rng
	p := append(m.buf[:0], m.seeds[rng.IntN(len(m.seeds))]...)
	m.buf = p
	if len(p) >= 28 && rng.IntN(8) != 0 {
		for _, at := range []int{16, 20, 24}[:1+rng.IntN(3)] {
			v := uint32(n.Add(rng.IntN(200) - 100))
			if rng.IntN(50) == 0 {
				v = rng.Uint32()
			}
			p[at], p[at+1], p[at+2], p[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
		}
	}
	switch rng.IntN(6) {
	case 0: // some octets changed
		for range 1 + rng.IntN(4) {
			p[rng.IntN(len(p))] = byte(rng.Uint32())
		}
	case 1: // one bit flipped
		p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
	case 2: // cut
		p = p[:rng.IntN(len(p)+1)]
	case 3: // another session
		if rng.IntN(4) == 0 {
			p[13] = byte(rng.Uint32())
		}
	}
	if len(p) >= wire.HeaderLen && rng.IntN(10) != 0 {
		wire.SetChecksum(p)
	}
	return p
}

// TestHostile throws mutated packets at a live source and a live receiver. There
// must be no panic; memory must stay bounded; every packet that was not used
// must be counted with a reason; time must go on. No number may be told of
// twice.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Run("ordered", func(t *testing.T) { hostile(t, *hostilePackets, ReceiverConfig{}) })
	for _, mode := range deliveryModes[1:] {
		t.Run(mode.name, func(t *testing.T) { hostile(t, *hostilePackets/8, mode.cfg) })
	}
}

// hostile is TestHostile with so many packets and the delivery of cfg.
func hostile(t *testing.T, packets int, cfg ReceiverConfig) {
	sc := SourceConfig{
		TSI: testTSI, Addr: sourceAddr, Group: groupAddr,
		WindowPackets: 256, WindowBytes: 1 << 18, RepairHold: 5 * time.Millisecond, MinRepair: -1, FirstSQN: 0xffffff00,
		FEC: FEC{K: 8, Proactive: 2, OnDemand: true},
	}
	src, err := NewSource(1, sc)
	if err != nil {
		t.Fatal(err)
	}
	rcv, err := NewReceiver(ReceiverConfig{
		Rand: rand.NewPCG(2, 2), WindowPackets: 256, BufferBytes: 1 << 17, MaxSources: 8, MaxMessage: 1 << 14,
		PeerExpiry: 50 * time.Millisecond, NCFRetries: 3, DataRetries: 3,
		Delivery: cfg.Delivery, MaxGap: cfg.MaxGap,
	})
	if err != nil {
		t.Fatal(err)
	}
	const chunk = 4096 // packets between looks at the memory
	m := newMutator(3)
	now, dropped := mono.Time(1), uint64(0)
	from := []netip.Addr{sourceAddr, receiverAddr}
	var kinds [EventLeft + 1]int
	var live, peak uint64
	msg := make([]byte, 200)
	told := map[SourceID]*cover{}
	for i := range packets {
		now += mono.Time(m.rng.IntN(20_000))
		if i%16 == 0 {
			src.Send(now, msg[:m.rng.IntN(len(msg))])
			src.HandleTimeout(now)
			rcv.HandleTimeout(now)
		}
		pkt := m.next(src.win.Next())
		if err := src.HandlePacket(now, receiverAddr, pkt); err != nil {
			dropped++
		}
		if err := rcv.HandlePacket(now, from[m.rng.IntN(2)], groupAddr, pkt); err != nil {
			dropped++
		}
		if m.rng.IntN(5000) == 0 {
			rcv.Leave(groupAddr, from[m.rng.IntN(2)])
		}
		var ev Event
		for n := 0; rcv.NextEvent(&ev); n++ {
			kinds[ev.Kind]++
			if c := told[ev.Source]; ev.Kind == EventJoin || c == nil {
				told[ev.Source] = &cover{voids: true}
			} else if ev.Kind > EventJoin {
				c.open = false // a source may lie about its end
			}
			if c := told[ev.Source]; c.open || ev.Kind == EventJoin {
				if err := c.take(&ev); err != nil {
					t.Fatalf("packet %d: %v", i, err)
				}
			}
			if n > 1000 {
				t.Fatalf("packet %d: more than 1000 events", i)
			}
		}
		for n := 0; ; n++ {
			tx, ok := src.NextTransmit(now)
			if !ok {
				break
			}
			src.Sent(now, tx.Packets)
			if n > 1000 {
				t.Fatalf("packet %d: the source sends more than 1000 runs", i)
			}
		}
		for n := 0; ; n++ {
			if _, ok := rcv.NextTransmit(now); !ok {
				break
			}
			if n > 1000 {
				t.Fatalf("packet %d: the receiver sends more than 1000 packets", i)
			}
		}
		if i%chunk == 0 {
			rs, ss := rcv.Stats(), src.Stats()
			if rs.Buffered > 1<<17+8*1536 || rs.Sources > 8 || rs.Outstanding > 8*256 || ss.Window > 256 || ss.WindowBytes > 1<<18 {
				t.Fatalf("packet %d: unbounded: %+v %+v", i, rs, ss)
			}
			if got := rs.Drops.Total() + ss.Drops.Total(); got != dropped {
				t.Fatalf("packet %d: %d drops counted of %d", i, got, dropped)
			}
		}
		if i%(1<<20) == 1<<19 {
			runtime.GC()
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			if live == 0 {
				live = ms.HeapAlloc
			}
			if peak = max(peak, ms.HeapAlloc); peak > live+16<<20 {
				t.Fatalf("packet %d: the heap grew from %d to %d bytes", i, live, peak)
			}
		}
	}
	rs, ss := rcv.Stats(), src.Stats()
	t.Logf("events by kind: %v", kinds[1:])
	for i := range numDrops {
		t.Logf("%9d %9d  %v", ss.Drops[i], rs.Drops[i], i)
	}
	for k := EventMessage; k <= EventLeft; k++ {
		if kinds[k] == 0 && packets > 100_000 {
			t.Errorf("no event of kind %v: the packets are too wild to test it", k)
		}
	}
}

// FuzzMachines hands arbitrary packets to a live source and a live receiver.
func FuzzMachines(f *testing.F) {
	for _, s := range newMutator(1).seeds {
		f.Add(s, uint16(1))
	}
	f.Fuzz(func(t *testing.T, pkt []byte, wait uint16) {
		for _, mode := range deliveryModes {
			fuzzMachines(t, bytes.Clone(pkt), wait, mode.cfg)
		}
	})
}

func fuzzMachines(t *testing.T, pkt []byte, wait uint16, cfg ReceiverConfig) {
	cfg.WindowPackets, cfg.BufferBytes, cfg.MaxMessage = 64, 1<<16, 1<<12
	p := newPair(t, SourceConfig{WindowPackets: 64, WindowBytes: 1 << 16, FEC: FEC{K: 8, Proactive: 1, OnDemand: true}}, cfg)
	p.send("before")
	for _, b := range [][]byte{pkt, pkt} {
		for range 2 {
			p.src.HandlePacket(p.now, receiverAddr, b)
			p.rcv.HandlePacket(p.now, sourceAddr, groupAddr, bytes.Clone(b))
			p.drain()
			p.flush()
			if len(b) >= wire.HeaderLen {
				wire.SetChecksum(b)
			}
		}
	}
	p.advance(time.Duration(wait) * time.Microsecond)
}
