package pgmnet

import (
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/wire"
)

// Sources of one host may share an address and a port. The kernel gives each NAK
// that comes there to one of their sockets, by a hash of the addresses: to the
// wrong one, as a rule. So each source also has a socket of the Unix domain, with
// a name made of the port and its TSI, where others put what is for it. The names
// are those of the network namespace, as UDP's ports are; nothing is in the file
// system.

// A sibling sends packets to the sources of this host that they are for.
type sibling struct {
	fd     int // of the Unix domain; -1 if there is none
	passed uint64
	turn   uint32
	name   unix.RawSockaddrUnix
}

// siblingName sets name to that of the source tsi, and returns its length.
func siblingName(name *unix.RawSockaddrUnix, tsi wire.TSI, port uint16) uint32 {
	*name = unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	var text [64]byte
	b := siblingText(text[:0], tsi, port)
	for i, c := range b {
		name.Path[1+i] = int8(c) // after a zero: it is not in the file system
	}
	return uint32(unsafe.Offsetof(name.Path)) + 1 + uint32(len(b))
}

// siblingText appends the name of the source tsi as text.
func siblingText(b []byte, tsi wire.TSI, port uint16) []byte {
	const digits = "0123456789abcdef"
	b = append(b, "gopgm/"...)
	b = strconv.AppendUint(b, uint64(port), 10)
	b = append(b, '/')
	for _, c := range tsi.GSI {
		b = append(b, digits[c>>4], digits[c&15])
	}
	b = append(b, '.')
	return strconv.AppendUint(b, uint64(tsi.Port), 10)
}

// open opens the socket of the source tsi. It reports false where it cannot be,
// as when another source has that TSI: NAKs then come as the kernel gives them.
func (s *sibling) open(tsi wire.TSI, port uint16) bool {
	s.fd = -1
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	name := append([]byte{'@'}, siblingText(make([]byte, 0, 64), tsi, port)...)
	if unix.Bind(fd, &unix.SockaddrUnix{Name: string(name)}) != nil {
		unix.Close(fd)
		return false
	}
	s.fd = fd
	return true
}

// pass passes on a packet for another source that has come to the port of udp. A
// source that has no such name may be of another stack, such as ZeroMQ: those are
// bound to the port at all addresses, so one of this host that nobody uses
// reaches them. It changes each time, for the kernel to choose another of their
// sockets. That is not done from a loopback address, so that a packet is never
// passed on for ever.
func (s *sibling) pass(pkt []byte, udp int, local netip.Addr, port uint16) {
	h, err := wire.ParseHeader(pkt)
	if err != nil || s.fd < 0 {
		return
	}
	n := siblingName(&s.name, h.TSI(), port)
	switch errno := sendTo(s.fd, pkt, unsafe.Pointer(&s.name), n); {
	case errno == 0:
		s.passed++
		return
	case errno != unix.ECONNREFUSED || local.IsLoopback():
		return // it has no room for more, or there is nobody
	}
	to := netip.IPv6Loopback()
	if local.Is4() {
		s.turn++
		to = netip.AddrFrom4([4]byte{127, 101, byte(s.turn >> 8), byte(s.turn)})
	}
	var name sockaddr
	name.set(to, port, 0)
	if sendTo(udp, pkt, unsafe.Pointer(&name.raw), name.len) == 0 {
		s.passed++
	}
}

func sendTo(fd int, b []byte, name unsafe.Pointer, size uint32) syscall.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(name), uintptr(size))
	return errno
}
