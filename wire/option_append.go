package wire

import (
	"encoding/binary"
	"math/bits"
)

// Option types as sets: bit t is type t.
const (
	// Those a network element acts on. "All network-significant options MUST be
	// appended before any exclusively receiver-significant options." RFC 3208
	// §9.1. The PGMCC options are not among them in OpenPGM's packets.
	networkSet uint32 = 1<<OptNAKList | 1<<OptNAKBackoffIvl | 1<<OptNAKBackoffRng |
		1<<OptRedirect | 1<<OptParityPrm | 1<<OptCurrTGSize | 1<<OptNbrUnreach |
		1<<OptPathNLA | 1<<OptCR | 1<<OptCRQST

	receiverSet uint32 = 1<<OptFragment | 1<<OptJoin | 1<<OptParityGrp | 1<<OptSyn |
		1<<OptFin | 1<<OptRst | 1<<OptPGMCCData | 1<<OptPGMCCFeedback

	knownSet = networkSet | receiverSet
)

// networkOptions returns the options that are network-significant in a packet
// of type t: all of networkSet, but "OPT_CURR_TGSIZE is network-significant
// except when appended to ODATA." RFC 3208 §11.8.3
func networkOptions(t Type) uint32 {
	if t == TypeODATA {
		return networkSet &^ (1 << OptCurrTGSize)
	}
	return networkSet
}

// flags returns the bits of the Options octet that o causes in a packet of type t.
func (o *Options) flags(t Type) (f Flags) {
	if o.set&knownSet != 0 {
		f |= FlagOptions
	}
	if o.set&networkOptions(t) != 0 {
		f |= FlagNetwork
	}
	return f
}

// The bits of an option header that end points set.
//
// Deviation: OpenPGM has OP_ENCODED at 0x08. The figures of §9 put it here. As
// OpenPGM may also send it by chance, it is never read: see parseOption.
const (
	optEnd     = 0x80 // in octet 0: the last option
	optEncoded = 0x04 // in octet 2: OP_ENCODED
)

const optionHeaderLen = 4

// appendOptions appends o to a packet with the given flags, led by OPT_LENGTH.
//
// OPT_CURR_TGSIZE comes with the network-significant options even in ODATA,
// where it need not, so that an ODATA can become an RDATA as it stands.
func appendOptions(b []byte, o *Options, flags Flags) []byte {
	if o.set&knownSet == 0 {
		return b
	}
	start := len(b)
	b = append(b, byte(OptLength), optionHeaderLen, 0, 0)
	last := start
	for _, set := range [...]uint32{o.set & networkSet, o.set & receiverSet} {
		for ; set != 0; set &= set - 1 {
			last = len(b)
			b = appendOption(b, o, OptionType(bits.TrailingZeros32(set)), flags)
		}
	}
	b[last] |= optEnd
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// appendOption appends option t of o.
func appendOption(b []byte, o *Options, t OptionType, flags Flags) []byte {
	start := len(b)
	b = append(b, byte(t), 0, 0, 0)
	switch t {
	case OptFragment:
		if flags&FlagParity != 0 {
			b[start+2] = optEncoded
			b[start+3] = o.Fragment.Coded
		}
		b = binary.BigEndian.AppendUint32(b, uint32(o.Fragment.First))
		b = binary.BigEndian.AppendUint32(b, o.Fragment.Offset)
		b = binary.BigEndian.AppendUint32(b, o.Fragment.Length)
	case OptNAKList:
		if n := len(o.NAKList); n == 0 || n > 4*MaxNAKList || n%4 != 0 {
			panic("wire: a NAK list holds 1 to 62 numbers")
		}
		b = append(b, o.NAKList...)
	case OptJoin:
		b = binary.BigEndian.AppendUint32(b, uint32(o.Join))
	case OptNAKBackoffIvl:
		b = binary.BigEndian.AppendUint32(b, o.NAKBackoffIvl.Interval)
		b = binary.BigEndian.AppendUint32(b, uint32(o.NAKBackoffIvl.SQN))
	case OptNAKBackoffRng:
		b = binary.BigEndian.AppendUint32(b, o.NAKBackoffRng.Max)
		b = binary.BigEndian.AppendUint32(b, o.NAKBackoffRng.Min)
	case OptRedirect:
		b = appendNLA(b, o.Redirect, 0)
	case OptParityPrm:
		b[start+3] = o.ParityPrm.octet()
		b = binary.BigEndian.AppendUint32(b, o.ParityPrm.TGSize)
	case OptParityGrp:
		b = binary.BigEndian.AppendUint32(b, o.ParityGrp)
	case OptCurrTGSize:
		b = binary.BigEndian.AppendUint32(b, o.CurrTGSize)
	case OptPathNLA:
		b = appendAddr(b, o.PathNLA)
	case OptRst:
		b[start+3] = o.Rst.octet()
	case OptCR:
		b[start+3] = o.CR.Reports.octet()
		b = binary.BigEndian.AppendUint32(b, uint32(o.CR.Lead))
		b = binary.BigEndian.AppendUint16(b, o.CR.WorstLink)
		b = binary.BigEndian.AppendUint16(b, o.CR.WorstPath)
		b = binary.BigEndian.AppendUint16(b, o.CR.ReceiverWorst)
		b = append(b, 0, 0) // reserved
		b = appendNLA(b, o.CR.Receiver, 0)
	case OptCRQST:
		b[start+3] = o.CRQST.octet()
	case OptPGMCCData:
		b = binary.BigEndian.AppendUint32(b, o.PGMCCData.Timestamp)
		b = appendNLA(b, o.PGMCCData.Acker, 0)
	case OptPGMCCFeedback:
		b = binary.BigEndian.AppendUint32(b, o.PGMCCFeedback.Timestamp)
		b = appendNLA(b, o.PGMCCFeedback.Receiver, o.PGMCCFeedback.LossRate)
	}
	b[start+1] = byte(len(b) - start)
	return b
}
