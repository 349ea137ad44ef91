package wire

import "encoding/binary"

// ParseHeader reads the header of a packet of any type. It does not check the
// checksum, nor anything that follows the header.
func ParseHeader(b []byte) (h Header, err error) {
	err = h.parse(b)
	return h, err
}

func (h *Header) parse(b []byte) error {
	if len(b) < HeaderLen {
		return ErrTruncated
	}
	h.Type = Type(b[4])
	// "The high-order two bits of the Type field encode a version number, 0x0
	// in this instance. [...] The intervening two bits [...] are reserved and
	// MUST be zero." RFC 3208 §8, "Type"
	if h.Type&0xf0 != 0 {
		return ErrVersion
	}
	if !h.Type.in(allTypes) {
		return ErrType
	}
	h.SrcPort = binary.BigEndian.Uint16(b)
	h.DstPort = binary.BigEndian.Uint16(b[2:])
	h.Flags = Flags(b[5])
	h.GSI = GSI(b[8:14])
	h.TSDULen = binary.BigEndian.Uint16(b[14:])
	return nil
}

// parsePacket reads into h the header of a packet that must be of one of the
// types in the set, and checks its checksum. It returns what follows the header,
// at least n bytes.
func parsePacket(b []byte, h *Header, types typeSet, n int) (body []byte, err error) {
	if err := h.parse(b); err != nil {
		return nil, err
	}
	if !h.Type.in(types) {
		return nil, ErrType
	}
	if err := verifyChecksum(b, h.Type); err != nil {
		return nil, err
	}
	if len(b) < HeaderLen+n {
		return nil, ErrTruncated
	}
	return b[HeaderLen:], nil
}

// parseLastOptions reads the options of a packet that ends with them.
//
// "Only data packet headers (ODATA and RDATA) may be followed in the packet by
// application data." RFC 3208 §8
func parseLastOptions(b []byte, h *Header, o *Options) error {
	rest, err := parseOptions(b, h.Flags, o)
	switch {
	case err != nil:
		return err
	case len(rest) < int(h.TSDULen):
		return ErrTruncated
	case len(rest) > 0:
		return ErrLength
	}
	return nil
}
