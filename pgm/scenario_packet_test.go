package pgm

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// packet builds the packet that a command describes, and says who sends it. What
// the command leaves out is as the source of package pgm's tests has it.
func (w *world) packet(a *args) (wire.Type, []byte, netip.Addr) {
	if len(a.words) == 0 {
		w.fatalf("a packet of what type?")
	}
	var typ wire.Type
	for typ = range wire.Type(16) {
		if typ.String() == a.words[0] {
			break
		}
	}
	if typ.String() != a.words[0] {
		w.fatalf("no packet type %s", a.words[0])
	}
	a.words = a.words[1:]

	h := wire.Header{SrcPort: testTSI.Port, DstPort: 7500, Type: typ, GSI: testTSI.GSI}
	from := sourceAddr
	if port, ok := a.number("tsiport"); ok {
		h.SrcPort = uint16(port)
	}
	if port, ok := a.number("dport"); ok {
		h.DstPort = uint16(port)
	}
	if typ.Upstream() {
		h.SrcPort, h.DstPort = h.DstPort, h.SrcPort
		from = receiverAddr
	}
	from = a.addr("from", from)
	if _, ok := a.take("parity"); ok {
		h.Flags |= wire.FlagParity
	}
	if _, ok := a.take("varpktlen"); ok {
		h.Flags |= wire.FlagVarPktLen
	}
	var o wire.Options
	a.options(&o)
	sqn, numbered := a.number("sqn")
	trail, _ := a.number("trail")
	switch typ {
	case wire.TypeSPM:
		if numbered {
			w.spmSQN = seq.Num(sqn)
		}
		lead, _ := a.number("lead")
		p := wire.SPM{Header: h, SQN: w.spmSQN, Trail: seq.Num(trail), Lead: seq.Num(lead), Path: a.addr("path", sourceAddr), Options: o}
		w.spmSQN++
		return typ, wire.AppendSPM(nil, &p), from
	case wire.TypeODATA, wire.TypeRDATA:
		data, ok := a.take("data")
		if !ok {
			data = fmt.Sprintf("#%d", sqn)
		}
		if size, ok := a.number("size"); ok {
			data = strings.Repeat("x", int(size))
		}
		p := wire.Data{Header: h, SQN: seq.Num(sqn), Trail: seq.Num(trail), Options: o, Payload: []byte(data)}
		return typ, wire.AppendData(nil, &p), from
	case wire.TypeNAK, wire.TypeNNAK, wire.TypeNCF:
		p := wire.NAK{Header: h, SQN: seq.Num(sqn), Source: a.addr("src", sourceAddr), Group: a.addr("grp", groupAddr), Options: o}
		return typ, wire.AppendNAK(nil, &p), from
	case wire.TypeSPMR:
		return typ, wire.AppendSPMR(nil, &wire.SPMR{Header: h, Options: o}), from
	}
	w.fatalf("cannot build a packet of type %v", typ)
	return 0, nil, from
}

// options sets the options that the words name.
func (a *args) options(o *wire.Options) {
	flag := func(key string, t wire.OptionType) {
		if _, ok := a.take(key); ok {
			o.Set(t)
		}
	}
	flag("syn", wire.OptSyn)
	flag("fin", wire.OptFin)
	flag("nbr_unreach", wire.OptNbrUnreach)
	if n, ok := a.numbers("list", 0); ok {
		for _, n := range n {
			o.NAKList = wire.AppendNum(o.NAKList, seq.Num(n))
		}
		o.Set(wire.OptNAKList)
	}
	if n, ok := a.number("join"); ok {
		o.Join = seq.Num(n)
		o.Set(wire.OptJoin)
	}
	if s, ok := a.take("rst"); ok {
		s, o.Rst.NoNAKs = strings.CutSuffix(s, ",n")
		o.Rst.Code = uint8(a.parse(s))
		o.Set(wire.OptRst)
	}
	if n, ok := a.numbers("fragment", 3); ok { // first, offset, length
		o.Fragment = wire.Fragment{First: seq.Num(n[0]), Offset: n[1], Length: n[2]}
		o.Set(wire.OptFragment)
	}
	if d, ok := a.duration("bo_ivl"); ok {
		sqn, _ := a.number("bo_ivl_sqn")
		o.NAKBackoffIvl = wire.NAKBackoffIvl{Interval: uint32(d / time.Microsecond), SQN: seq.Num(sqn)}
		o.Set(wire.OptNAKBackoffIvl)
	}
	if d, ok := a.duration("bo_min"); ok {
		longest, _ := a.duration("bo_max")
		o.NAKBackoffRng = wire.NAKBackoffRng{Min: uint32(d / time.Microsecond), Max: uint32(longest / time.Microsecond)}
		o.Set(wire.OptNAKBackoffRng)
	}
	if nla := a.addr("path_nla", netip.Addr{}); nla.IsValid() {
		o.PathNLA = nla
		o.Set(wire.OptPathNLA)
	}
	if s, ok := a.take("parity_prm"); ok { // pro, ond or both, and the size of a group
		for _, v := range strings.Split(s, ",") {
			switch v {
			case "pro":
				o.ParityPrm.Proactive = true
			case "ond":
				o.ParityPrm.OnDemand = true
			default:
				o.ParityPrm.TGSize = a.parse(v)
			}
		}
		o.Set(wire.OptParityPrm)
	}
	if n, ok := a.number("parity_grp"); ok {
		o.ParityGrp = n
		o.Set(wire.OptParityGrp)
	}
	if n, ok := a.number("curr_tgsize"); ok {
		o.CurrTGSize = n
		o.Set(wire.OptCurrTGSize)
	}
}

// packetString prints a packet as describe does, with its addresses and options.
func packetString(pkt []byte) string {
	text := strings.Replace(describe(pkt), " []", "", 1)
	h, err := wire.ParseHeader(pkt)
	if err != nil {
		return text
	}
	var o wire.Options
	switch h.Type {
	case wire.TypeSPM:
		p, _ := wire.ParseSPM(pkt)
		text += fmt.Sprintf(", path %v", p.Path)
		o = p.Options
	case wire.TypeODATA, wire.TypeRDATA:
		p, _ := wire.ParseData(pkt)
		o = p.Options
	case wire.TypeNAK, wire.TypeNNAK, wire.TypeNCF:
		p, _ := wire.ParseNAK(pkt)
		text += fmt.Sprintf(", src %v grp %v", p.Source, p.Group)
		o = p.Options
	case wire.TypeSPMR:
		p, _ := wire.ParseSPMR(pkt)
		o = p.Options
	}
	return text + optionsString(h.Flags, &o)
}

// optionsString prints the options that are set, a comma before each, but for
// those that describe prints.
func optionsString(flags wire.Flags, o *wire.Options) string {
	var b strings.Builder
	for t := range wire.OptionType(32) {
		switch {
		case !o.Has(t), t == wire.OptNAKList, t == wire.OptParityGrp, t == wire.OptCurrTGSize,
			t == wire.OptFragment && flags&wire.FlagParity != 0:
			continue
		}
		fmt.Fprintf(&b, ", %s", strings.TrimPrefix(t.String(), "OPT_"))
		switch t {
		case wire.OptFragment:
			fmt.Fprintf(&b, " first %d offset %d of %d", o.Fragment.First, o.Fragment.Offset, o.Fragment.Length)
		case wire.OptJoin:
			fmt.Fprintf(&b, " %d", o.Join)
		case wire.OptNAKBackoffIvl:
			fmt.Fprintf(&b, " %v", time.Duration(o.NAKBackoffIvl.Interval)*time.Microsecond)
		case wire.OptRst:
			fmt.Fprintf(&b, " code %d", o.Rst.Code)
			if o.Rst.NoNAKs {
				b.WriteString(" N")
			}
		case wire.OptParityPrm:
			if o.ParityPrm.Proactive {
				b.WriteString(" P")
			}
			if o.ParityPrm.OnDemand {
				b.WriteString(" O")
			}
			fmt.Fprintf(&b, " size %d", o.ParityPrm.TGSize)
		}
	}
	return b.String()
}
