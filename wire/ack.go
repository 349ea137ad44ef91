package wire

import (
	"encoding/binary"

	"github.com/gopgm/gopgm/seq"
)

// ACK is a PGMCC acknowledgment. The draft leaves its layout open; this is
// OpenPGM's.
type ACK struct {
	Header
	RxMax   seq.Num // highest number received
	Bitmap  uint32  // which of the 32 numbers up to RxMax were received; bit 0 is RxMax
	Options Options
}

// AppendACK appends p, whatever its Type says, as an ACK.
func AppendACK(b []byte, p *ACK) []byte {
	start := len(b)
	b = appendHeader(b, &p.Header, TypeACK, &p.Options, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(p.RxMax))
	b = binary.BigEndian.AppendUint32(b, p.Bitmap)
	b = appendOptions(b, &p.Options, p.Flags)
	SetChecksum(b[start:])
	return b
}

// ParseACK reads an ACK. Its options alias b.
func ParseACK(b []byte) (p ACK, err error) {
	if b, err = parsePacket(b, &p.Header, 1<<TypeACK, 8); err != nil {
		return p, err
	}
	p.RxMax = seq.Num(binary.BigEndian.Uint32(b))
	p.Bitmap = binary.BigEndian.Uint32(b[4:])
	return p, parseLastOptions(b[8:], &p.Header, &p.Options)
}
