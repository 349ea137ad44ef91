package wire

import (
	"encoding/binary"

	"github.com/gopgm/gopgm/seq"
)

// CodedFragment is what parity is computed over of an OPT_FRAGMENT: all of it but
// the first three octets (RFC 3208 §11.2, "Payload-specific options").
type CodedFragment [13]byte

// NoFragment stands for the option in a packet that has none, beside others of
// its transmission group that do: zeros with OP_ENCODED_NULL.
var NoFragment = CodedFragment{0: FragmentNull}

// Code returns the coded part of f.
func (f *Fragment) Code() (c CodedFragment) {
	c[0] = f.Coded
	binary.BigEndian.PutUint32(c[1:], uint32(f.First))
	binary.BigEndian.PutUint32(c[5:], f.Offset)
	binary.BigEndian.PutUint32(c[9:], f.Length)
	return c
}

// Fragment returns the option whose coded part is c.
func (c *CodedFragment) Fragment() Fragment {
	return Fragment{
		Coded:  c[0],
		First:  seq.Num(binary.BigEndian.Uint32(c[1:])),
		Offset: binary.BigEndian.Uint32(c[5:]),
		Length: binary.BigEndian.Uint32(c[9:]),
	}
}

// CodedParts returns of the encoded data packet pkt what parity is computed over:
// its TSDU and its OPT_FRAGMENT, nil if it has none. Both alias pkt, which must be one
// that AppendData or its like has made.
func CodedParts(pkt []byte) (tsdu []byte, f *CodedFragment) {
	tsdu = pkt[len(pkt)-int(binary.BigEndian.Uint16(pkt[14:])):]
	if Flags(pkt[5])&FlagOptions == 0 {
		return tsdu, nil
	}
	for i := DataHeaderLen + optionHeaderLen; ; i += int(pkt[i+1]) {
		if OptionType(pkt[i]&^optEnd) == OptFragment {
			return tsdu, (*CodedFragment)(pkt[i+3:])
		}
		if pkt[i]&optEnd != 0 {
			return tsdu, nil
		}
	}
}
