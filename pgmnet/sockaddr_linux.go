package pgmnet

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sockaddr is a socket address as the kernel writes it, of either family.
type sockaddr struct {
	raw unix.RawSockaddrInet6 // a RawSockaddrInet4 is smaller and begins alike
	len uint32
}

func (s *sockaddr) v4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
}

// set makes s an address and port, on the interface with the given index where
// the address alone does not tell.
func (s *sockaddr) set(addr netip.Addr, port uint16, index int) {
	*s = sockaddr{}
	if addr.Is4() {
		s.raw.Family, s.len = unix.AF_INET, unix.SizeofSockaddrInet4
		s.v4().Addr = addr.As4()
	} else {
		s.raw.Family, s.len = unix.AF_INET6, unix.SizeofSockaddrInet6
		s.raw.Addr = addr.As16()
		if addr.IsLinkLocalUnicast() || addr.IsMulticast() {
			s.raw.Scope_id = uint32(index)
		}
	}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.raw.Port))[:], port)
}

// pointer returns where the address is, or nil if it is empty.
func (s *sockaddr) pointer() *byte {
	if s.len == 0 {
		return nil
	}
	return (*byte)(unsafe.Pointer(&s.raw))
}

// addr returns the address, without a zone.
func (s *sockaddr) addr() netip.Addr {
	if s.raw.Family == unix.AF_INET {
		return netip.AddrFrom4(s.v4().Addr)
	}
	return netip.AddrFrom16(s.raw.Addr)
}
