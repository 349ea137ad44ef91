package pgm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

var (
	sourceAddr   = netip.MustParseAddr("10.0.0.1")
	receiverAddr = netip.MustParseAddr("10.0.0.2")
	groupAddr    = netip.MustParseAddr("239.192.0.1")
	testTSI      = wire.TSI{GSI: wire.GSI{1, 2, 3, 4, 5, 6}, Port: 1000}
)

// pair is a source and a receiver on a link that takes no time, unless the test
// lets some pass.
type pair struct {
	t   testing.TB
	now mono.Time
	src *Source
	rcv *Receiver

	lose   func(pkt []byte) bool // packets of the source that do not arrive
	lend   int                   // how many packets are lent to the receiver until it has to keep them
	lent   [][]byte
	events []Event
	log    []string // what crossed the link
}

func newPair(t testing.TB, sc SourceConfig, rc ReceiverConfig) *pair {
	t.Helper()
	if sc.TSI == (wire.TSI{}) {
		sc.TSI = testTSI
	}
	sc.Addr, sc.Group = sourceAddr, groupAddr
	rc.Rand = rand.NewPCG(2, 2)
	p := &pair{t: t, now: mono.Time(time.Second), lose: func([]byte) bool { return false }}
	var err error
	if p.src, err = NewSource(p.now, sc); err != nil {
		t.Fatal(err)
	}
	if p.rcv, err = NewReceiver(rc); err != nil {
		t.Fatal(err)
	}
	p.flush()
	return p
}

// flush moves packets both ways until there are none.
func (p *pair) flush() {
	steps := 0
	for moved := true; moved; {
		moved = false
		if steps++; steps > 1000 {
			p.t.Fatalf("no end of packets; the last are %q", p.log[len(p.log)-10:])
		}
		for {
			tx, ok := p.src.NextTransmit(p.now)
			if !ok {
				break
			}
			moved = true
			run := bytes.Join(tx.Data, nil)
			seg, n := tx.Segment, tx.Packets
			p.src.Sent(p.now, n)
			for ; n > 0; n-- {
				pkt := run[:min(seg, len(run))]
				run = run[len(pkt):]
				p.log = append(p.log, describe(pkt))
				if p.lose(pkt) {
					continue
				}
				p.arrive(pkt)
			}
			if len(run) != 0 {
				p.t.Fatalf("run of %d packets of %d bytes has %d bytes too many", tx.Packets, seg, len(run))
			}
		}
		for {
			tx, ok := p.rcv.NextTransmit(p.now)
			if !ok {
				break
			}
			moved = true
			pkt := bytes.Join(tx.Data, nil)
			p.log = append(p.log, describe(pkt))
			if tx.To.IsValid() {
				p.src.HandlePacket(p.now, receiverAddr, pkt)
			}
		}
	}
}

// arrive has the receiver handle a packet, the memory of which is then used again.
func (p *pair) arrive(pkt []byte) {
	if p.lend == 0 {
		p.rcv.HandlePacket(p.now, sourceAddr, groupAddr, pkt)
		p.drain()
		clear(pkt)
		return
	}
	p.rcv.Lend(p.now, sourceAddr, groupAddr, pkt)
	p.drain()
	if p.lent = append(p.lent, pkt); len(p.lent) == p.lend {
		p.rcv.Keep()
		for _, pkt := range p.lent {
			clear(pkt)
		}
		p.lent = p.lent[:0]
	}
}

func (p *pair) drain() {
	var ev Event
	for p.rcv.NextEvent(&ev) {
		ev.Data = bytes.Clone(ev.Data)
		p.events = append(p.events, ev)
	}
}

// advance lets time pass, running every timer on its way.
func (p *pair) advance(d time.Duration) {
	p.t.Helper()
	end := p.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 1e6 {
			p.t.Fatal("a machine spins")
		}
		next := min(p.src.NextTimeout(p.now), p.rcv.NextTimeout())
		if next > end {
			break
		}
		p.now = max(p.now, next)
		p.src.HandleTimeout(p.now)
		p.rcv.HandleTimeout(p.now)
		p.drain()
		p.flush()
	}
	p.now = end
}

func (p *pair) send(msg string) {
	p.t.Helper()
	if _, _, err := p.src.Send(p.now, []byte(msg)); err != nil {
		p.t.Fatal(err)
	}
	p.flush()
}

// want checks the events since the last call.
func (p *pair) want(want ...string) {
	p.t.Helper()
	var got []string
	for _, ev := range p.events {
		got = append(got, eventString(ev))
	}
	p.events = nil
	if fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("events %q, want %q", got, want)
	}
}

func eventString(ev Event) string {
	switch ev.Kind {
	case EventMessage:
		return fmt.Sprintf("message %d-%d %.20q", ev.First, ev.Last, ev.Data)
	case EventLoss:
		return fmt.Sprintf("loss %d-%d %v", ev.First, ev.Last, ev.Cause)
	}
	return fmt.Sprintf("%v %d", ev.Kind, ev.First)
}

// describe prints a packet in a few words.
func describe(pkt []byte) string {
	h, err := wire.ParseHeader(pkt)
	if err != nil {
		return err.Error()
	}
	switch h.Type {
	case wire.TypeODATA, wire.TypeRDATA:
		d, err := wire.ParseData(pkt)
		return fmt.Sprintf("%v %d trail %d, %d bytes%s%s", h.Type, d.SQN, d.Trail, len(d.Payload), parityText(h.Flags, &d.Options), errText(err))
	case wire.TypeSPM:
		s, err := wire.ParseSPM(pkt)
		return fmt.Sprintf("SPM %d trail %d lead %d%s%s", s.SQN, s.Trail, s.Lead, parityText(h.Flags, &s.Options), errText(err))
	case wire.TypeNAK, wire.TypeNCF:
		k, err := wire.ParseNAK(pkt)
		var list []seq.Num
		for i := range k.Options.NAKList.Len() {
			list = append(list, k.Options.NAKList.At(i))
		}
		return fmt.Sprintf("%v %d %d%s%s", h.Type, k.SQN, list, parityText(h.Flags, &k.Options), errText(err))
	}
	return h.Type.String()
}

// parityText tells what a packet says of parity.
func parityText(f wire.Flags, o *wire.Options) (s string) {
	if f&wire.FlagParity != 0 {
		s += " parity"
	}
	if f&wire.FlagVarPktLen != 0 {
		s += " varied"
	}
	if f&wire.FlagParity != 0 && o.Has(wire.OptFragment) {
		s += " fragments"
	}
	if o.Has(wire.OptParityGrp) {
		s += fmt.Sprintf(" grp %d", o.ParityGrp)
	}
	if o.Has(wire.OptCurrTGSize) {
		s += fmt.Sprintf(" tgsize %d", o.CurrTGSize)
	}
	return s
}

func errText(err error) string {
	if err != nil {
		return ": " + err.Error()
	}
	return ""
}
