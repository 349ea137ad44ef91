package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/gopgm/gopgm/seq"
)

// POLL is a poll request (RFC 3208 §14.7.1).
type POLL struct {
	Header
	SQN     seq.Num    // POLL_SQN
	Round   uint16     // POLL_ROUND
	SubType uint16     // POLL_S_TYPE
	Path    netip.Addr // POLL_PATH
	Backoff uint32     // POLL_BO_IVL, in microseconds
	Rand    uint32     // POLL_RAND
	Mask    uint32     // POLL_MASK
	Options Options
}

// AppendPOLL appends p, whatever its Type says, as a POLL.
func AppendPOLL(b []byte, p *POLL) []byte {
	start := len(b)
	b = appendHeader(b, &p.Header, TypePOLL, &p.Options, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(p.SQN))
	b = binary.BigEndian.AppendUint16(b, p.Round)
	b = binary.BigEndian.AppendUint16(b, p.SubType)
	b = appendNLA(b, p.Path, 0)
	b = binary.BigEndian.AppendUint32(b, p.Backoff)
	b = binary.BigEndian.AppendUint32(b, p.Rand)
	b = binary.BigEndian.AppendUint32(b, p.Mask)
	b = appendOptions(b, &p.Options, p.Flags)
	SetChecksum(b[start:])
	return b
}

// ParsePOLL reads a POLL. Its options alias b.
func ParsePOLL(b []byte) (p POLL, err error) {
	if b, err = parsePacket(b, &p.Header, 1<<TypePOLL, 8); err != nil {
		return p, err
	}
	p.SQN = seq.Num(binary.BigEndian.Uint32(b))
	p.Round = binary.BigEndian.Uint16(b[4:])
	p.SubType = binary.BigEndian.Uint16(b[6:])
	if p.Path, _, b, err = parseNLA(b[8:]); err != nil {
		return p, err
	}
	if len(b) < 12 {
		return p, ErrTruncated
	}
	p.Backoff = binary.BigEndian.Uint32(b)
	p.Rand = binary.BigEndian.Uint32(b[4:])
	p.Mask = binary.BigEndian.Uint32(b[8:])
	return p, parseLastOptions(b[12:], &p.Header, &p.Options)
}

// POLR is the response to a POLL (RFC 3208 §14.7.2).
type POLR struct {
	Header
	SQN     seq.Num // POLR_SQN
	Round   uint16  // POLR_ROUND
	Options Options
}

// AppendPOLR appends p, whatever its Type says, as a POLR.
func AppendPOLR(b []byte, p *POLR) []byte {
	start := len(b)
	b = appendHeader(b, &p.Header, TypePOLR, &p.Options, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(p.SQN))
	b = binary.BigEndian.AppendUint16(b, p.Round)
	b = append(b, 0, 0) // reserved
	b = appendOptions(b, &p.Options, p.Flags)
	SetChecksum(b[start:])
	return b
}

// ParsePOLR reads a POLR. Its options alias b.
func ParsePOLR(b []byte) (p POLR, err error) {
	if b, err = parsePacket(b, &p.Header, 1<<TypePOLR, 8); err != nil {
		return p, err
	}
	p.SQN = seq.Num(binary.BigEndian.Uint32(b))
	p.Round = binary.BigEndian.Uint16(b[4:])
	return p, parseLastOptions(b[8:], &p.Header, &p.Options)
}
