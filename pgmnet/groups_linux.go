package pgmnet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// join opens a socket for another group.
func (c *native) join(group netip.Addr) error {
	fd, err := openGroup(c.sockets, group)
	if err != nil {
		return err
	}
	c.in = append(c.in, input{fd: fd, group: group})
	if c.sockets.arrivals {
		setStamping(fd, stampReads)
	}
	if c.buf.gro && c.sockets.gro(fd) != nil {
		unix.Close(fd)
		c.in = c.in[:len(c.in)-1]
		return fmt.Errorf("pgmnet: join %v: no UDP_GRO, which the other groups have: %w", group, errors.ErrUnsupported)
	}
	c.watch()
	return nil
}

// leave closes the socket of a group.
func (c *native) leave(group netip.Addr) error {
	i := slices.IndexFunc(c.in, func(in input) bool { return in.group == group })
	if i < 0 {
		return nil
	}
	err := unix.Close(c.in[i].fd)
	c.in = slices.Delete(c.in, i, i+1)
	c.watch()
	return err
}

// watch makes polls those of in, and of out, which is the last as before. What can
// be read is to be found out again.
func (c *native) watch() {
	out := c.polls[len(c.polls)-1]
	c.polls = c.polls[:0]
	for _, in := range c.in {
		c.polls = append(c.polls, unix.PollFd{Fd: int32(in.fd), Events: unix.POLLIN})
	}
	c.polls = append(c.polls, out)
	c.ready, c.buf.backlog = 0, true
}

// admit has the kernel take packets from a source, or not, for every group.
func (c *native) admit(source netip.Addr, on bool) error {
	only := c.sockets.filter.only
	for _, in := range c.in {
		if c.sockets.filtered() {
			c.sockets.filter.attach(in.fd, source.Is6())
		}
		if !in.group.IsValid() {
			continue
		}
		err := setSource(in.fd, sourceOption(only, on), c.sockets.iface.Index, in.group, source)
		if !only || !on || noFilter(err) {
			continue // what the kernel lets through is screened
		}
		if err != nil {
			for _, in := range c.in {
				setSource(in.fd, unix.MCAST_LEAVE_SOURCE_GROUP, c.sockets.iface.Index, in.group, source)
			}
			return sourceError(in.group, source, err)
		}
	}
	return nil
}

// sourceOption returns the socket option to admit a source, or not. With only, a
// source that is not named is not admitted.
func sourceOption(only, on bool) int {
	switch {
	case only && on:
		return unix.MCAST_JOIN_SOURCE_GROUP
	case only:
		return unix.MCAST_LEAVE_SOURCE_GROUP
	case on:
		return unix.MCAST_UNBLOCK_SOURCE
	}
	return unix.MCAST_BLOCK_SOURCE
}

// filtered reports whether the filter is to be attached to sockets that are read.
func (s *sockets) filtered() bool {
	return s.filter != nil && (len(s.groups) == 0 || s.raw && s.local.Addr().Is6())
}

// joinGroup joins a group, with the filter of s. The kernel drops what that does
// not admit before it reaches the socket; what it cannot keep away is screened.
func joinGroup(fd int, s *sockets, group netip.Addr) error {
	if s.filtered() {
		s.filter.attach(fd, group.Is6())
	}
	if s.filter == nil || !s.filter.only {
		if err := joinAny(fd, s.iface.Index, group); err != nil || s.filter == nil {
			return err
		}
		for _, source := range s.filter.list {
			setSource(fd, unix.MCAST_BLOCK_SOURCE, s.iface.Index, group, source)
		}
		return nil
	}
	for _, source := range s.filter.list {
		err := setSource(fd, unix.MCAST_JOIN_SOURCE_GROUP, s.iface.Index, group, source)
		if noFilter(err) {
			return joinAny(fd, s.iface.Index, group)
		}
		if err != nil {
			return sourceError(group, source, err)
		}
	}
	return nil
}

func joinAny(fd, index int, group netip.Addr) (err error) {
	if group.Is6() {
		err = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(index)})
	} else {
		err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)})
	}
	if err != nil {
		return fmt.Errorf("pgmnet: join %v: %w", group, err)
	}
	return nil
}

// groupSource is struct group_source_req.
type groupSource struct {
	index         uint32
	group, source sockaddrStorage
}

// sockaddrStorage is struct sockaddr_storage.
type sockaddrStorage struct {
	_   [0]uintptr // it is aligned like one
	raw unix.RawSockaddrInet6
	_   [128 - unix.SizeofSockaddrInet6]byte
}

func (s *sockaddrStorage) set(a netip.Addr) {
	if a.Is6() {
		s.raw.Family, s.raw.Addr = unix.AF_INET6, a.As16()
		return
	}
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
	v4.Family, v4.Addr = unix.AF_INET, a.As4()
}

// setSource sets one of the options that take a group and a source.
func setSource(fd, option, index int, group, source netip.Addr) error {
	level := unix.IPPROTO_IP
	if group.Is6() {
		level = unix.IPPROTO_IPV6
	}
	var req groupSource
	req.index = uint32(index)
	req.group.set(group)
	req.source.set(source)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&req)), unsafe.Sizeof(req))
	return unix.SetsockoptString(fd, level, option, string(b))
}
