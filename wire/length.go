package wire

import "encoding/binary"

// A shape is what a packet has between its header and its options: bytes, NLAs
// and more bytes.
type shape struct{ before, nlas, after int }

var shapes = [...]shape{
	TypeSPM:   {12, 1, 0},
	TypePOLL:  {8, 1, 12},
	TypePOLR:  {8, 0, 0},
	TypeODATA: {8, 0, 0},
	TypeRDATA: {8, 0, 0},
	TypeNAK:   {4, 2, 0},
	TypeNNAK:  {4, 2, 0},
	TypeNCF:   {4, 2, 0},
	TypeSPMR:  {0, 0, 0},
	TypeACK:   {8, 0, 0},
}

// PacketLen returns the length in bytes of the packet that b begins with, as the
// packet itself tells; false if it tells none, or more than b has. It serves to
// tell apart packets that were joined end to end, as by UDP_GRO; whether the
// packet is sound it does not check.
func PacketLen(b []byte) (n int, ok bool) {
	h, err := ParseHeader(b)
	if err != nil {
		return 0, false
	}
	s := shapes[h.Type]
	n = HeaderLen + s.before
	for range s.nlas {
		if len(b) < n {
			return 0, false
		}
		_, _, rest, err := parseNLA(b[n:])
		if err != nil {
			return 0, false
		}
		n = len(b) - len(rest)
	}
	n += s.after
	if h.Flags&FlagOptions != 0 {
		if len(b) < n+optionHeaderLen {
			return 0, false
		}
		n += int(binary.BigEndian.Uint16(b[n+2:])) // OPT_LENGTH
	}
	n += int(h.TSDULen)
	return n, n <= len(b)
}
