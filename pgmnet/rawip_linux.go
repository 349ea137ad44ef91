package pgmnet

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// newSocket opens a socket and binds it: of UDP, or a raw one.
func (s *sockets) newSocket(addr netip.Addr, port uint16) (int, error) {
	if s.raw {
		return newRawSocket(addr, s.iface.Index)
	}
	return newSocket(addr.Is6(), addr, port, s.iface.Index, s.alone)
}

// newRawSocket opens a socket for PGM in IP and binds it. Every raw socket of a
// host gets its own copy of a packet, so nothing is shared, and nothing is passed
// on; but one of IPv6 would also get what is sent to groups that other sockets
// joined, whatever address it is bound to.
func newRawSocket(addr netip.Addr, index int) (int, error) {
	family := unix.AF_INET
	if addr.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocolPGM)
	if err != nil {
		return -1, explainRaw(err)
	}
	if addr.Is6() && addr.IsMulticast() && bindAside(fd) {
		return fd, nil
	}
	set := setter{fd: fd}
	var name unix.Sockaddr
	if addr.Is6() {
		name = &unix.SockaddrInet6{Addr: addr.As16(), ZoneId: uint32(index)}
	} else {
		name = &unix.SockaddrInet4{Addr: addr.As4()}
	}
	set.do("IP_MULTICAST_ALL", onlyJoined(uintptr(fd), addr.Is6()))
	set.do("bind to "+addr.String(), unix.Bind(fd, name))
	if set.err != nil {
		unix.Close(fd)
		return -1, set.err
	}
	return fd, nil
}

// bindAside binds a raw socket of IPv6 for a group to an address that nothing is
// sent to, and reports whether it could. Bound to the group, the socket would get
// what all sources send there, whatever its filter: only where the address does not
// match does the kernel look at what the socket has joined.
func bindAside(fd int) bool {
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0) == nil &&
		unix.Bind(fd, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()}) == nil
}

// openDeaf opens a raw socket that sends and receives nothing: of what comes for
// its address nothing fills its buffer. That is better than one that is connected,
// which ICMP messages would disturb, and no slower.
func openDeaf(s *sockets) (fd int, err error) {
	if fd, err = openUnicast(s, 0); err != nil {
		return -1, err
	}
	if err := refuseReads(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// refuseReads has the kernel keep everything from a socket.
func refuseReads(fd int) error {
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(nothing)), Filter: &nothing[0]}); err != nil {
		return fmt.Errorf("pgmnet: filter: %w", err)
	}
	return nil
}

// openAlert opens the socket for packets with the IP Router Alert option. It is
// one of its own because with IPv6 an option of a single packet takes a privilege
// each time, which a program may have given up by then.
func (c *native) openAlert(s *sockets) error {
	fd, err := openDeaf(s)
	if err != nil {
		return err
	}
	if s.local.Addr().Is6() {
		err = unix.SetsockoptString(fd, unix.IPPROTO_IPV6, unix.IPV6_HOPOPTS, string(alert6))
	} else {
		err = unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_OPTIONS, string(alert4))
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("pgmnet: IP Router Alert: %w", err)
	}
	c.alert = &writer{}
	c.alert.init(fd, s)
	return nil
}

// unwrap takes the IP header off a datagram from a raw IPv4 socket. What is
// malformed is counted, and nothing is left of it.
func (r *reader) unwrap(d *datagram) {
	data, ok := stripIPv4(d.data)
	if !ok {
		r.malformed++
	}
	d.data, d.segment = data, len(data)
}
