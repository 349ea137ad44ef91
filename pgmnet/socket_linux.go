package pgmnet

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openUnicast opens a socket that sends, from the given port.
func openUnicast(s *sockets, port uint16) (fd int, err error) {
	v6 := s.local.Addr().Is6()
	if fd, err = s.newSocket(s.local.Addr(), port); err != nil {
		return -1, err
	}
	set := setter{fd: fd}
	if v6 {
		set.int("IPV6_MULTICAST_IF", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, s.iface.Index)
		set.int("IPV6_MULTICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, s.hops)
		set.int("IPV6_MULTICAST_LOOP", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, asInt(s.loop))
		set.int("IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, s.dscp<<2)
	} else {
		set.do("IP_MULTICAST_IF", unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF,
			&unix.IPMreqn{Ifindex: int32(s.iface.Index)}))
		set.int("IP_MULTICAST_TTL", unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, s.hops)
		set.int("IP_MULTICAST_LOOP", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, asInt(s.loop))
		set.int("IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, s.dscp<<2)
	}
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, s.writeBuffer)
	if len(s.groups) == 0 {
		setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, s.readBuffer)
	}
	if set.err != nil {
		unix.Close(fd)
		return -1, set.err
	}
	return fd, nil
}

// openOut opens the socket by which a source sends, beside that which is read.
func openOut(s *sockets) (fd int, err error) {
	switch {
	case s.raw:
		return openDeaf(s)
	case s.apart:
		return openUnicast(s, 0)
	}
	return openConnected(s)
}

// openConnected opens a socket that sends to s.peer only: its packets take a
// shorter way through the kernel, which does not look for a route each time.
func openConnected(s *sockets) (fd int, err error) {
	if fd, err = openUnicast(s, 0); err != nil {
		return -1, err
	}
	var name unix.Sockaddr
	if s.peer.Is6() {
		name = &unix.SockaddrInet6{Addr: s.peer.As16(), Port: int(s.port), ZoneId: uint32(s.iface.Index)}
	} else {
		name = &unix.SockaddrInet4{Addr: s.peer.As4(), Port: int(s.port)}
	}
	if err := unix.Connect(fd, name); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("pgmnet: connect to %v: %w", s.peer, err)
	}
	return fd, nil
}

// openGroup opens a socket that receives what is sent to a group, and nothing
// else: bound to the wildcard address it would also get what other groups, and
// other programs, send to the port.
func openGroup(s *sockets, group netip.Addr) (fd int, err error) {
	v6 := group.Is6()
	if fd, err = s.newSocket(group, s.port); err != nil {
		return -1, err
	}
	set := setter{fd: fd}
	set.do("IP_MULTICAST_ALL", onlyJoined(uintptr(fd), v6))
	if set.err == nil {
		set.err = joinGroup(fd, s, group)
	}
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, s.readBuffer)
	if set.err != nil {
		unix.Close(fd)
		return -1, set.err
	}
	return fd, nil
}

// newSocket opens a UDP socket and binds it. Both SO_REUSEADDR and
// SO_REUSEPORT are needed to share a port with the programs of other stacks; alone
// it is not shared.
func newSocket(v6 bool, addr netip.Addr, port uint16, index int, alone bool) (int, error) {
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("pgmnet: open a socket: %w", err)
	}
	set := setter{fd: fd}
	if !alone {
		set.int("SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if !alone && !addr.IsMulticast() {
		set.int("SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	var name unix.Sockaddr
	if v6 {
		set.int("IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		name = &unix.SockaddrInet6{Addr: addr.As16(), Port: int(port), ZoneId: uint32(index)}
	} else {
		name = &unix.SockaddrInet4{Addr: addr.As4(), Port: int(port)}
	}
	err = unix.Bind(fd, name)
	if addr.IsMulticast() {
		// Bound with SO_REUSEPORT, the sockets of a group would be one set to the
		// kernel, which gives a packet that one of them alone is to have, by its
		// groups and sources, to any of the set (seen on Linux 6.18, in the early
		// demultiplexer). With SO_REUSEADDR each is by itself. The other option is
		// for sockets of other stacks: one may be there already, or come later.
		set.int("SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		if err == unix.EADDRINUSE {
			err = unix.Bind(fd, name)
		}
	}
	set.do("bind to "+netip.AddrPortFrom(addr, port).String(), err)
	if set.err != nil {
		unix.Close(fd)
		return -1, set.err
	}
	return fd, nil
}

// A setter sets options of a socket until one fails.
type setter struct {
	fd  int
	err error
}

func (s *setter) int(name string, level, option, value int) {
	if s.err == nil {
		s.do(name, unix.SetsockoptInt(s.fd, level, option, value))
	}
}

func (s *setter) do(what string, err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("pgmnet: %s: %w", what, err)
	}
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// onlyJoined keeps away packets of groups that other sockets joined.
func onlyJoined(fd uintptr, v6 bool) error {
	level, option := unix.IPPROTO_IP, unix.IP_MULTICAST_ALL
	if v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL
	}
	err := unix.SetsockoptInt(int(fd), level, option, 0)
	if v6 && err == unix.ENOPROTOOPT {
		return nil // Linux before 4.20
	}
	return err
}

// setBuffer asks for a buffer beyond the limit of the system, which takes a
// privilege, and else for as much as it gives.
func setBuffer(fd, force, option, size int) {
	if size > 0 && unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, size)
	}
}

// bufferUnit is what Linux multiplies the size of a socket buffer by, to
// account for its own use of it.
const bufferUnit = 2

// bufferSize returns the size of a buffer, in the terms it was asked in.
func bufferSize(fd, option int) int {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	if err != nil {
		return 0
	}
	return n / bufferUnit
}

// gro has the kernel join packets that arrive.
func (s *sockets) gro(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) }

// hasSegment reports whether the kernel knows UDP_SEGMENT. The option is left
// off: with it on, large packets fail instead of being fragmented.
func hasSegment(fd int) bool {
	return unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 1400) == nil &&
		unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 0) == nil
}

// dropped returns how many datagrams, or runs of them, the kernel dropped
// because the receive buffer was full.
func dropped(fd int) uint32 {
	var info [9]uint32 // SK_MEMINFO_VARS
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return info[8] // SK_MEMINFO_DROPS
}
