package wire

import (
	"encoding/binary"
	"net/netip"
)

// The Address Family Indicators of an NLA (RFC 3208 §8, IANA's numbers).
const (
	afiIPv4 = 1
	afiIPv6 = 2
)

// appendNLA appends the AFI of a, the 16 bits that follow it, and a. Those bits
// are reserved everywhere but in OPT_PGMCC_FEEDBACK.
func appendNLA(b []byte, a netip.Addr, word uint16) []byte {
	afi := uint16(afiIPv4)
	if a = a.Unmap(); a.Is6() {
		afi = afiIPv6
	}
	b = binary.BigEndian.AppendUint16(b, afi)
	b = binary.BigEndian.AppendUint16(b, word)
	return appendAddr(b, a)
}

// appendAddr appends the bytes of a alone. An IPv4 address mapped to IPv6 goes
// as IPv4, and so does the zero Addr, as 0.0.0.0.
func appendAddr(b []byte, a netip.Addr) []byte {
	switch a = a.Unmap(); {
	case a.Is4():
		v4 := a.As4()
		return append(b, v4[:]...)
	case a.Is6():
		v6 := a.As16()
		return append(b, v6[:]...)
	}
	return append(b, 0, 0, 0, 0)
}

// parseNLA reads what appendNLA appends, and returns what follows it.
func parseNLA(b []byte) (a netip.Addr, word uint16, rest []byte, err error) {
	if len(b) < 4 {
		return a, 0, nil, ErrTruncated
	}
	n := 0
	switch binary.BigEndian.Uint16(b) {
	case afiIPv4:
		n = 4
	case afiIPv6:
		n = 16
	default:
		return a, 0, nil, ErrAddress
	}
	word = binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	if len(b) < n {
		return a, 0, nil, ErrTruncated
	}
	a, _ = netip.AddrFromSlice(b[:n])
	return a.Unmap(), word, b[n:], nil
}
