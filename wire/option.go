package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/gopgm/gopgm/seq"
)

// OptionType is the type of an option extension, without its OPT_END bit
// (RFC 3208 §3.6.5).
type OptionType uint8

// The option types.
const (
	OptLength        OptionType = 0x00 // §9.1
	OptFragment      OptionType = 0x01 // §9.2
	OptNAKList       OptionType = 0x02 // §9.3
	OptJoin          OptionType = 0x03 // §9.4
	OptNAKBackoffIvl OptionType = 0x04 // OPT_NAK_BO_IVL, §15.4.1
	OptNAKBackoffRng OptionType = 0x05 // OPT_NAK_BO_RNG, §15.4.2
	OptRedirect      OptionType = 0x07 // §9.5
	OptParityPrm     OptionType = 0x08 // §11.8.1
	OptParityGrp     OptionType = 0x09 // §11.8.2
	OptCurrTGSize    OptionType = 0x0a // §11.8.3
	OptNbrUnreach    OptionType = 0x0b // §15.4.3
	OptPathNLA       OptionType = 0x0c // §15.4.4
	OptSyn           OptionType = 0x0d // §9.6
	OptFin           OptionType = 0x0e // §9.7
	OptRst           OptionType = 0x0f // §9.8
	OptCR            OptionType = 0x10 // §12.7.1
	OptCRQST         OptionType = 0x11 // §12.7.2
	OptPGMCCData     OptionType = 0x12 // draft-ietf-rmt-bb-pgmcc; layout as OpenPGM's
	OptPGMCCFeedback OptionType = 0x13 // draft-ietf-rmt-bb-pgmcc; layout as OpenPGM's
)

// String returns the name the RFC gives the option.
func (t OptionType) String() string {
	if int(t) < len(optionNames) && optionNames[t] != "" {
		return optionNames[t]
	}
	return fmt.Sprintf("OptionType(%#x)", uint8(t))
}

var optionNames = [...]string{
	OptLength: "OPT_LENGTH", OptFragment: "OPT_FRAGMENT", OptNAKList: "OPT_NAK_LIST",
	OptJoin: "OPT_JOIN", OptNAKBackoffIvl: "OPT_NAK_BO_IVL", OptNAKBackoffRng: "OPT_NAK_BO_RNG",
	OptRedirect: "OPT_REDIRECT", OptParityPrm: "OPT_PARITY_PRM", OptParityGrp: "OPT_PARITY_GRP",
	OptCurrTGSize: "OPT_CURR_TGSIZE", OptNbrUnreach: "OPT_NBR_UNREACH", OptPathNLA: "OPT_PATH_NLA",
	OptSyn: "OPT_SYN", OptFin: "OPT_FIN", OptRst: "OPT_RST", OptCR: "OPT_CR", OptCRQST: "OPT_CRQST",
	OptPGMCCData: "OPT_PGMCC_DATA", OptPGMCCFeedback: "OPT_PGMCC_FEEDBACK",
}

// MaxOptions is how many options one packet may carry (RFC 3208 §9).
const MaxOptions = 16

// MaxNAKList is how many numbers OPT_NAK_LIST may carry beside the one in the
// NAK itself (RFC 3208 §9.3).
const MaxNAKList = 62

// Options are the option extensions of one packet. Only those in the set have
// a meaning; use [Options.Has] to ask and [Options.Set] when building one.
// OPT_LENGTH and OPT_END are implied. Options of unknown type are skipped.
type Options struct {
	set uint32 // bit t: option t is present

	Fragment      Fragment
	NAKList       NumList
	Join          seq.Num // OPT_JOIN_MIN
	NAKBackoffIvl NAKBackoffIvl
	NAKBackoffRng NAKBackoffRng
	Redirect      netip.Addr // the DLR's NLA
	ParityPrm     ParityPrm
	ParityGrp     uint32 // PRM_GROUP
	CurrTGSize    uint32 // PRM_ATGSIZE
	PathNLA       netip.Addr
	Rst           Rst
	CR            CR
	CRQST         CRReports
	PGMCCData     PGMCCData
	PGMCCFeedback PGMCCFeedback
}

// Has reports whether option t is present.
func (o *Options) Has(t OptionType) bool { return t < 32 && o.set&(1<<t) != 0 }

// Set marks the options in ts as present.
func (o *Options) Set(ts ...OptionType) {
	for _, t := range ts {
		o.set |= 1 << t
	}
}

// Clear marks all options as absent. Their values stay.
func (o *Options) Clear() { o.set = 0 }

// Fragment says where a packet's data lies in its message (RFC 3208 §9.2).
type Fragment struct {
	First  seq.Num // number of the packet with the first fragment
	Offset uint32  // OPT_FRAG_OFF, bytes
	Length uint32  // OPT_FRAG_LEN, bytes in the whole message

	// Coded is the last octet of the option header in a parity packet, where the
	// whole Fragment is FEC-coded from this octet on (RFC 3208 §11.2,
	// "Payload-specific options"). It is not sent, and reads 0, in other packets.
	Coded uint8
}

// FragmentNull is what Fragment.Coded is, before coding, for a packet that has
// no OPT_FRAGMENT (OP_ENCODED_NULL). For one that has, it is 0.
const FragmentNull uint8 = 0x80

// NumList is a list of sequence numbers as they are on the wire, 4 bytes each,
// big-endian. A parsed one aliases its packet.
type NumList []byte

// AppendNum appends n to the list.
func AppendNum(l NumList, n seq.Num) NumList {
	return binary.BigEndian.AppendUint32(l, uint32(n))
}

// Len returns how many numbers the list holds.
func (l NumList) Len() int { return len(l) / 4 }

// At returns number i.
func (l NumList) At(i int) seq.Num { return seq.Num(binary.BigEndian.Uint32(l[4*i:])) }

// NAKBackoffIvl is the back-off interval receivers are to use (RFC 3208 §15.4.1).
type NAKBackoffIvl struct {
	Interval uint32  // NAK_BO_IVL, microseconds
	SQN      seq.Num // NAK_BO_IVL_SQN; 0 means use it at once
}

// NAKBackoffRng bounds the back-off interval (RFC 3208 §15.4.2).
type NAKBackoffRng struct {
	Max uint32 // NAK_BO_IVL_MAX, microseconds
	Min uint32 // NAK_BO_IVL_MIN, microseconds
}

// ParityPrm says how a source provides parity (RFC 3208 §11.8.1).
type ParityPrm struct {
	Proactive bool   // P, PARITY_PRM_PRO
	OnDemand  bool   // O, PARITY_PRM_OND
	TGSize    uint32 // PARITY_PRM_TGS, packets
}

// Rst ends a session (RFC 3208 §9.8).
type Rst struct {
	NoNAKs bool  // N: NAKs will go unanswered
	Code   uint8 // 6 bits, the application's; 0 is unknown
}

// CRReports says which loads an OPT_CR reports or an OPT_CRQST asks for
// (RFC 3208 §12.7).
type CRReports struct {
	WorstLink     bool // L, OPT_CR_NEL
	WorstPath     bool // P, OPT_CR_NEP
	ReceiverWorst bool // R, OPT_CR_RXP
}

// CR is a congestion report (RFC 3208 §12.7.1).
type CR struct {
	Reports       CRReports
	Lead          seq.Num    // OPT_CR_LEAD
	WorstLink     uint16     // OPT_CR_NE_WL
	WorstPath     uint16     // OPT_CR_NE_WP
	ReceiverWorst uint16     // OPT_CR_RX_WP
	Receiver      netip.Addr // OPT_CR_RCVR
}

// PGMCCData is what PGMCC adds to ODATA.
type PGMCCData struct {
	Timestamp uint32     // milliseconds on the source's clock
	Acker     netip.Addr // unspecified: elect one
}

// PGMCCFeedback is what PGMCC adds to ACKs and NAKs.
type PGMCCFeedback struct {
	Timestamp uint32     // the source's, plus how long the receiver held it, milliseconds
	LossRate  uint16     // 0 is none, 0xffff is all
	Receiver  netip.Addr // who reports
}
