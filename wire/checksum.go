package wire

import (
	"encoding/binary"
	"math/bits"
)

// checksumOffset is where the checksum lies in the header (RFC 3208 §8).
const checksumOffset = 6

// Checksum returns the checksum of b as it is transmitted: the complement of
// the one's complement sum of its 16-bit words, and all ones when that is zero
// (RFC 3208 §8). There is no pseudo header. To compute the checksum of a packet,
// its checksum field must be zero; [SetChecksum] sees to that.
func Checksum(b []byte) uint16 {
	return complement(sum(b))
}

// SetChecksum computes the checksum of the complete packet pkt and stores it.
func SetChecksum(pkt []byte) {
	field := pkt[checksumOffset : checksumOffset+2]
	field[0], field[1] = 0, 0
	binary.BigEndian.PutUint16(field, Checksum(pkt))
}

// verifyChecksum checks the stored checksum of a packet of type t that is at
// least a header long.
//
// "A value of zero in this field means the transmitter generated no checksum.
// [...] The checksum is mandatory on data packets (ODATA and RDATA)."
// RFC 3208 §8, "Checksum"
func verifyChecksum(b []byte, t Type) error {
	if b[checksumOffset] == 0 && b[checksumOffset+1] == 0 {
		if t == TypeODATA || t == TypeRDATA {
			return ErrNoChecksum
		}
		return nil
	}
	if sum(b) != 0xffff {
		return ErrChecksum
	}
	return nil
}

// complement turns a sum into the checksum to transmit. Zero means that there
// is none, so all ones, its other representation, stands for it.
func complement(s uint16) uint16 {
	if s == 0xffff {
		return 0xffff
	}
	return ^s
}

// block is how many bytes sumBlocks adds at a time, and few are too few to begin with it.
const (
	block = 64
	few   = 2 * block
)

// sum returns the one's complement sum of the 16-bit words of b, an odd last
// byte padded with a zero.
//
// It adds 8 bytes at a time: 2¹⁶ ≡ 1 in one's complement, so a carry counts the
// same wherever it comes out, and the sum of byte-swapped words is the
// byte-swapped sum (RFC 1071 §2). The words are hence loaded little-endian,
// which is free on the processors that matter, and swapped once at the end. Most of a
// packet is added 64 bytes at a time where the processor can.
func sum(b []byte) uint16 {
	var s, c uint64
	if blocks && len(b) >= few {
		n := len(b) &^ (block - 1)
		s, b = sumBlocks(b[:n]), b[n:]
	}
	for len(b) >= 64 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[32:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[40:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[48:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[56:]), c)
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		b = b[8:]
	}
	if len(b) >= 4 {
		s, c = bits.Add64(s, uint64(binary.LittleEndian.Uint32(b)), c)
		b = b[4:]
	}
	if len(b) >= 2 {
		s, c = bits.Add64(s, uint64(binary.LittleEndian.Uint16(b)), c)
		b = b[2:]
	}
	if len(b) == 1 {
		s, c = bits.Add64(s, uint64(b[0]), c)
	}
	s, c = bits.Add64(s, 0, c)
	s += c // a carry here left s at zero, so this one cannot overflow
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return bits.ReverseBytes16(uint16(s))
}
