package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/gopgm/gopgm/seq"
)

// parseOptions reads the options at the start of b into o, when flags say there
// are any, and returns what follows them.
func parseOptions(b []byte, flags Flags, o *Options) (rest []byte, err error) {
	if flags&FlagOptions == 0 {
		return b, nil
	}
	return o.parse(b, flags)
}

// parse reads options, led by OPT_LENGTH and ended by the one with OPT_END.
func (o *Options) parse(b []byte, flags Flags) (rest []byte, err error) {
	if len(b) < optionHeaderLen {
		return nil, ErrTruncated
	}
	if b[0] != byte(OptLength) || b[1] != optionHeaderLen {
		return nil, ErrOption
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total > len(b) {
		return nil, ErrTruncated
	}
	if total < optionHeaderLen {
		return nil, ErrOption
	}
	rest = b[total:]
	b = b[optionHeaderLen:total]
	// "There is a limit of 16 options per packet." RFC 3208 §9. OPT_LENGTH is
	// not counted, as the text leaves open whether it is.
	for n := 0; ; n++ {
		if n == MaxOptions || len(b) < optionHeaderLen {
			return nil, ErrOption
		}
		size := int(b[1])
		if size < optionHeaderLen || size > len(b) {
			return nil, ErrOption
		}
		last := b[0]&optEnd != 0
		if err := o.parseOption(OptionType(b[0]&^optEnd), b[:size], flags); err != nil {
			return nil, err
		}
		b = b[size:]
		if last {
			break
		}
	}
	if len(b) != 0 {
		return nil, ErrOption
	}
	return rest, nil
}

// optionLens are the lengths in bytes an option may have, header included. Where
// there are two, they are with an IPv4 and an IPv6 NLA; OPT_NAK_LIST may have
// any from the first to the second, in steps of 4.
//
// The figure of §15.4.4 has no AFI in OPT_PATH_NLA: its length tells the family.
//
// Deviation: the text of §9.2.4 says 12 for OPT_FRAGMENT, and that of §9.5.5 "4
// + NLA length" for OPT_REDIRECT. Their figures show 4 more, and that is what
// OpenPGM, for the former, and Wireshark, for both, expect.
var optionLens = [...][2]uint8{
	OptFragment:      {16},
	OptNAKList:       {8, 4 + 4*MaxNAKList},
	OptJoin:          {8},
	OptNAKBackoffIvl: {12},
	OptNAKBackoffRng: {12},
	OptRedirect:      {12, 24},
	OptParityPrm:     {8},
	OptParityGrp:     {8},
	OptCurrTGSize:    {8},
	OptNbrUnreach:    {4},
	OptPathNLA:       {8, 20},
	OptSyn:           {4},
	OptFin:           {4},
	OptRst:           {4},
	OptCR:            {24, 36},
	OptCRQST:         {4},
	OptPGMCCData:     {16, 28},
	OptPGMCCFeedback: {16, 28},
}

// parseOption reads one option of type t, opt, header included. It ignores
// octet 2, as only network elements read the OPX bits, OP_ENCODED follows from
// FlagParity, and OpenPGM sends whatever its memory held there.
func (o *Options) parseOption(t OptionType, opt []byte, flags Flags) error {
	if t == OptLength || o.Has(t) {
		return ErrOption // it has its place; and no option makes sense twice
	}
	if t >= 32 || knownSet&(1<<t) == 0 {
		return nil // also OPT_INVALID, 0x7f
	}
	n, lens := uint8(len(opt)), optionLens[t]
	if n != lens[0] && n != lens[1] {
		if t != OptNAKList || n < lens[0] || n > lens[1] || n%4 != 0 {
			return ErrOption
		}
	}
	o.Set(t)
	octet, v := opt[3], opt[optionHeaderLen:]
	switch t {
	case OptFragment:
		o.Fragment.First = seq.Num(binary.BigEndian.Uint32(v))
		o.Fragment.Offset = binary.BigEndian.Uint32(v[4:])
		o.Fragment.Length = binary.BigEndian.Uint32(v[8:])
		o.Fragment.Coded = 0
		if flags&FlagParity != 0 {
			o.Fragment.Coded = octet
		}
	case OptNAKList:
		o.NAKList = v
	case OptJoin:
		o.Join = seq.Num(binary.BigEndian.Uint32(v))
	case OptNAKBackoffIvl:
		o.NAKBackoffIvl.Interval = binary.BigEndian.Uint32(v)
		o.NAKBackoffIvl.SQN = seq.Num(binary.BigEndian.Uint32(v[4:]))
	case OptNAKBackoffRng:
		o.NAKBackoffRng.Max = binary.BigEndian.Uint32(v)
		o.NAKBackoffRng.Min = binary.BigEndian.Uint32(v[4:])
	case OptRedirect:
		return parseOptionNLA(v, &o.Redirect, nil)
	case OptParityPrm:
		o.ParityPrm.OnDemand = octet&parityOnDemand != 0
		o.ParityPrm.Proactive = octet&parityProactive != 0
		o.ParityPrm.TGSize = binary.BigEndian.Uint32(v)
	case OptParityGrp:
		o.ParityGrp = binary.BigEndian.Uint32(v)
	case OptCurrTGSize:
		o.CurrTGSize = binary.BigEndian.Uint32(v)
	case OptPathNLA:
		a, _ := netip.AddrFromSlice(v)
		o.PathNLA = a.Unmap()
	case OptRst:
		o.Rst.NoNAKs = octet&rstNoNAKs != 0
		o.Rst.Code = octet & rstCodeMask
	case OptCR:
		o.CR.Reports = parseCRReports(octet)
		o.CR.Lead = seq.Num(binary.BigEndian.Uint32(v))
		o.CR.WorstLink = binary.BigEndian.Uint16(v[4:])
		o.CR.WorstPath = binary.BigEndian.Uint16(v[6:])
		o.CR.ReceiverWorst = binary.BigEndian.Uint16(v[8:])
		return parseOptionNLA(v[12:], &o.CR.Receiver, nil)
	case OptCRQST:
		o.CRQST = parseCRReports(octet)
	case OptPGMCCData:
		o.PGMCCData.Timestamp = binary.BigEndian.Uint32(v)
		return parseOptionNLA(v[4:], &o.PGMCCData.Acker, nil)
	case OptPGMCCFeedback:
		o.PGMCCFeedback.Timestamp = binary.BigEndian.Uint32(v)
		return parseOptionNLA(v[4:], &o.PGMCCFeedback.Receiver, &o.PGMCCFeedback.LossRate)
	}
	return nil
}

// parseOptionNLA reads the NLA that v is into a, and into word, unless nil, the
// 16 bits after its AFI.
func parseOptionNLA(v []byte, a *netip.Addr, word *uint16) error {
	nla, w, rest, err := parseNLA(v)
	if err == ErrAddress {
		return err
	}
	if err != nil || len(rest) != 0 {
		return ErrOption // the address is of another family than the option's length
	}
	*a = nla
	if word != nil {
		*word = w
	}
	return nil
}
