package wire

import (
	"encoding/binary"
	"fmt"
)

// GSI is the Global Source ID (RFC 3208 §8).
type GSI [6]byte

// String prints g as OpenPGM does: six decimal octets with dots.
func (g GSI) String() string {
	return fmt.Sprintf("%d.%d.%d.%d.%d.%d", g[0], g[1], g[2], g[3], g[4], g[5])
}

// TSI is the Transport Session Identifier: the Global Source ID and the
// data-source port (RFC 3208 §3.1).
type TSI struct {
	GSI  GSI
	Port uint16
}

// String prints t as its GSI, a dot and the port.
func (t TSI) String() string { return fmt.Sprintf("%v.%d", t.GSI, t.Port) }

// Type is the packet type, with the version in its two high bits
// (RFC 3208 §8).
type Type uint8

// The packet types.
const (
	TypeSPM   Type = 0x00 // source path message, §8.1
	TypePOLL  Type = 0x01 // poll request, §14.7.1
	TypePOLR  Type = 0x02 // poll response, §14.7.2
	TypeODATA Type = 0x04 // original data, §8.2
	TypeRDATA Type = 0x05 // repair data, §8.2
	TypeNAK   Type = 0x08 // negative acknowledgment, §8.3
	TypeNNAK  Type = 0x09 // null negative acknowledgment, §8.3
	TypeNCF   Type = 0x0a // NAK confirmation, §8.3
	TypeSPMR  Type = 0x0c // SPM request, §13.6
	TypeACK   Type = 0x0d // PGMCC acknowledgment, draft-ietf-rmt-bb-pgmcc; layout as OpenPGM's
)

// String returns the name the RFC gives the type.
func (t Type) String() string {
	switch t {
	case TypeSPM:
		return "SPM"
	case TypePOLL:
		return "POLL"
	case TypePOLR:
		return "POLR"
	case TypeODATA:
		return "ODATA"
	case TypeRDATA:
		return "RDATA"
	case TypeNAK:
		return "NAK"
	case TypeNNAK:
		return "NNAK"
	case TypeNCF:
		return "NCF"
	case TypeSPMR:
		return "SPMR"
	case TypeACK:
		return "ACK"
	}
	return fmt.Sprintf("Type(%#x)", uint8(t))
}

// A typeSet is a set of types: bit t is type t.
type typeSet uint16

const allTypes typeSet = 1<<TypeSPM | 1<<TypePOLL | 1<<TypePOLR | dataTypes | nakTypes |
	1<<TypeSPMR | 1<<TypeACK

func (t Type) in(s typeSet) bool { return s>>t&1 != 0 }

// Upstream reports whether packets of type t travel from receivers to the
// source: their source port is then the data-destination port and their
// destination port the data-source port (RFC 3208 §8.3).
func (t Type) Upstream() bool {
	switch t {
	case TypePOLR, TypeNAK, TypeNNAK, TypeSPMR, TypeACK:
		return true
	}
	return false
}

// Flags is the Options octet of the header (RFC 3208 §8).
type Flags uint8

// The bits of Flags.
//
// Deviation: §8 numbers these bits from the left, which would make "bit 0"
// 0x80. OpenPGM and Wireshark both use the values below.
const (
	FlagOptions   Flags = 0x01 // option extensions are present
	FlagNetwork   Flags = 0x02 // an option is network-significant
	FlagVarPktLen Flags = 0x40 // OPT_VAR_PKTLEN: parity over packets of varying size
	FlagParity    Flags = 0x80 // OPT_PARITY: a parity packet
)

// HeaderLen is the length of the header all packets share, in bytes.
const HeaderLen = 16

// Header is what every packet begins with (RFC 3208 §8).
type Header struct {
	SrcPort uint16 // data-source port; data-destination port in upstream packets
	DstPort uint16 // data-destination port; data-source port in upstream packets
	Type    Type
	Flags   Flags // Append keeps only FlagVarPktLen and FlagParity; options tell the others
	GSI     GSI
	TSDULen uint16 // bytes of data after the options; Append sets it
}

// TSI returns the session the packet belongs to, whichever way it travels.
func (h *Header) TSI() TSI {
	if h.Type.Upstream() {
		return TSI{h.GSI, h.DstPort}
	}
	return TSI{h.GSI, h.SrcPort}
}

// DataDestPort returns the data-destination port, whichever way the packet
// travels.
func (h *Header) DataDestPort() uint16 {
	if h.Type.Upstream() {
		return h.SrcPort
	}
	return h.DstPort
}

// appendHeader appends h as a packet of type t with options o, n bytes of data
// and a checksum of zero. Of the flags it keeps those the options do not tell.
func appendHeader(b []byte, h *Header, t Type, o *Options, n int) []byte {
	flags := h.Flags&(FlagParity|FlagVarPktLen) | o.flags(t)
	b = binary.BigEndian.AppendUint16(b, h.SrcPort)
	b = binary.BigEndian.AppendUint16(b, h.DstPort)
	b = append(b, byte(t), byte(flags), 0, 0)
	b = append(b, h.GSI[:]...)
	return binary.BigEndian.AppendUint16(b, uint16(n))
}
