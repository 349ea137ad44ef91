package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/gopgm/gopgm/seq"
)

// NAK is a NAK, NNAK or NCF; they share one layout (RFC 3208 §8.3).
type NAK struct {
	Header
	SQN     seq.Num    // NAK_SQN
	Source  netip.Addr // NAK_SRC, the source's address
	Group   netip.Addr // NAK_GRP
	Options Options
}

const nakTypes = 1<<TypeNAK | 1<<TypeNNAK | 1<<TypeNCF

// AppendNAK appends p, whose Type says whether it is a NAK, an NNAK or an NCF.
// It panics when it is neither.
func AppendNAK(b []byte, p *NAK) []byte {
	if !p.Type.in(nakTypes) {
		panic("wire: AppendNAK: type is " + p.Type.String())
	}
	start := len(b)
	b = appendHeader(b, &p.Header, p.Type, &p.Options, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(p.SQN))
	b = appendNLA(b, p.Source, 0)
	b = appendNLA(b, p.Group, 0)
	b = appendOptions(b, &p.Options, p.Flags)
	SetChecksum(b[start:])
	return b
}

// ParseNAK reads a NAK, an NNAK or an NCF. Its options alias b.
func ParseNAK(b []byte) (p NAK, err error) {
	if b, err = parsePacket(b, &p.Header, nakTypes, 4); err != nil {
		return p, err
	}
	p.SQN = seq.Num(binary.BigEndian.Uint32(b))
	if p.Source, _, b, err = parseNLA(b[4:]); err != nil {
		return p, err
	}
	if p.Group, _, b, err = parseNLA(b); err != nil {
		return p, err
	}
	return p, parseLastOptions(b, &p.Header, &p.Options)
}
