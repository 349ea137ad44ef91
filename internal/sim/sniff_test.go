package sim

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// Each packet breaks one rule, or none.
func TestSniffSource(t *testing.T) {
	tsi := wire.TSI{GSI: wire.GSI{1}, Port: 1000}
	head := func(typ wire.Type) wire.Header {
		return wire.Header{SrcPort: tsi.Port, DstPort: 7500, Type: typ, GSI: tsi.GSI}
	}
	spm := func(change func(*wire.SPM)) []byte {
		p := wire.SPM{Header: head(wire.TypeSPM), SQN: 7, Trail: 0xfffffffe, Lead: 2, Path: SourceAddr(0)}
		change(&p)
		return wire.AppendSPM(nil, &p)
	}
	data := func(typ wire.Type, sqn, trail seq.Num, size int) []byte {
		return wire.AppendData(nil, &wire.Data{Header: head(typ), SQN: sqn, Trail: trail, Payload: make([]byte, size)})
	}
	for _, tt := range []struct {
		desc string
		pkt  []byte
		want string
	}{
		{"SPM", spm(func(*wire.SPM) {}), ""},
		{"SPM out of order", spm(func(p *wire.SPM) { p.SQN = 9 }), "SPM_SQN"},
		{"SPM with another path", spm(func(p *wire.SPM) { p.Path = SourceAddr(1) }), "SPM_PATH"},
		{"SPM with a lead never sent", spm(func(p *wire.SPM) { p.Lead = 3 }), "lead"},
		{"SPM with an old trail", spm(func(p *wire.SPM) { p.Trail = 0xfffffffd }), "trail"},
		{"SPM with OPT_RST", spm(func(p *wire.SPM) { p.Options.Set(wire.OptRst) }), "OPT_RST"},
		{"SPM with OPT_FIN too early", spm(func(p *wire.SPM) { p.Options.Set(wire.OptFin) }), "OPT_FIN"},
		{"SPM of another session", spm(func(p *wire.SPM) { p.SrcPort++ }), "TSI"},
		{"ODATA", data(wire.TypeODATA, 3, 0xfffffffe, 50), ""},
		{"ODATA twice", data(wire.TypeODATA, 2, 0xfffffffe, 50), "out of turn"},
		{"ODATA too large", data(wire.TypeODATA, 3, 0xfffffffe, 200), "MaxTPDU"},
		{"ODATA behind its trail", data(wire.TypeODATA, 3, 4, 50), "trail"},
		{"RDATA", data(wire.TypeRDATA, 0xffffffff, 0xfffffffe, 50), ""},
		{"RDATA not asked for", data(wire.TypeRDATA, 0xfffffffe, 0xfffffffe, 50), "nobody asked"},
		{"RDATA never sent", data(wire.TypeRDATA, 3, 0xfffffffe, 50), "outside"},
		{"RDATA retired", data(wire.TypeRDATA, 0xfffffffd, 0xfffffffd, 50), "outside"},
		{"damaged", append(data(wire.TypeODATA, 3, 0xfffffffe, 50), 0), "longer"},
		{"NCF for another", wire.AppendNAK(nil, &wire.NAK{Header: head(wire.TypeNCF), Source: SourceAddr(3), Group: groups[0]}), "NCF for"},
		{"SPMR", wire.AppendSPMR(nil, &wire.SPMR{Header: head(wire.TypeSPMR)}), "not a source's"},
	} {
		sc := lan(1, 0, Load{})
		sc.Sources[0].Config.MaxTPDU = 150
		s := newSim(sc).sources[0]
		s.spms, s.spmSQN = 1, 6
		s.asked = make([]int, 19) // 0xfffffff0 to 2
		s.asked[15] = 1
		*s.ledger = ledger{first: 0xfffffff0, trail: 0xfffffffe, sent: 3, next: 5}
		err := s.sniff(newPacket(s.host, netip.Addr{}, groups[0], tt.pkt))
		if err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.desc, err, tt.want)
		}
	}
}

func TestSniffRate(t *testing.T) {
	sc := lan(1, 0, Load{})
	sc.Sources[0].Config.Rate, sc.Sources[0].Config.Burst = 1e6, 10000
	sim := newSim(sc)
	s := sim.sources[0]
	s.tokens = 10000
	for i := range 12 {
		if err := s.withinRate(1000 - overhead); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
	if err := s.withinRate(1000 - overhead); err == nil {
		t.Error("3,000 bytes more than the bucket holds passed")
	}
	sim.now += 3e6 // 3 ms fill 3,000 bytes
	if err := s.withinRate(1000 - overhead); err != nil {
		t.Errorf("after a pause: %v", err)
	}
}

func TestSniffReceiver(t *testing.T) {
	tsi := wire.TSI{GSI: wire.GSI{1}, Port: 1000}
	nak := func(nums ...seq.Num) []byte {
		p := wire.NAK{
			Header: wire.Header{SrcPort: 7500, DstPort: tsi.Port, Type: wire.TypeNAK, GSI: tsi.GSI},
			SQN:    nums[0], Source: SourceAddr(0), Group: groups[0],
		}
		for _, n := range nums[1:] {
			p.Options.NAKList = wire.AppendNum(p.Options.NAKList, n)
			p.Options.Set(wire.OptNAKList)
		}
		return wire.AppendNAK(nil, &p)
	}
	for _, tt := range []struct {
		desc string
		to   netip.Addr
		pkt  []byte
		want string
	}{
		{"NAK", SourceAddr(0), nak(0xffffffff), ""},
		{"NAK with a list", SourceAddr(0), nak(0xffffffff, 1, 2), ""},
		{"to nowhere", SourceAddr(1), nak(0xffffffff), "no such source"},
		{"to the group", netip.Addr{}, nak(0xffffffff), "to the group"},
		{"for what was delivered", SourceAddr(0), nak(0xfffffffd), "delivered or lost"},
		{"for what it has", SourceAddr(0), nak(0xffffffff, 0), "which it has"},
		{"for what was never sent", SourceAddr(0), nak(0xffffffff, 3), "never sent"},
		{"for one number twice", SourceAddr(0), nak(0xffffffff, 0xffffffff), "twice"},
		{"ODATA", SourceAddr(0), odata(1, 0, nil), "not a receiver's"},
	} {
		r := newSim(lan(1, 1, Load{})).receivers[0]
		a := &r.audits[0]
		*a.ledger = ledger{first: 0xfffffff0, trail: 0xfffffff0, sent: 3, next: 5}
		a.hear(newPacket(r.host, tt.to, groups[0], odata(0, 0, nil)))
		a.open, a.next = true, 0xfffffffe
		p := newPacket(r.host, tt.to, groups[0], tt.pkt)
		p.local = !tt.to.IsValid()
		err := r.sniff(p)
		if err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.desc, err, tt.want)
		}
	}
}
