package pgmnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// join opens a socket for another group.
func (c *portable) join(group netip.Addr) error {
	conn, err := openPortableGroup(c.sockets, group)
	if err != nil {
		return err
	}
	c.in, c.groups = append(c.in, conn), append(c.groups, group)
	return c.watch()
}

// leave closes the socket of a group.
func (c *portable) leave(group netip.Addr) error {
	i := slices.Index(c.groups, group)
	if i < 0 {
		return nil
	}
	err := c.in[i].Close()
	c.in, c.groups = slices.Delete(c.in, i, i+1), slices.Delete(c.groups, i, i+1)
	return errors.Join(err, c.watch())
}

// watch makes the poller watch in. What can be read is to be found out again.
func (c *portable) watch() error {
	c.poller = poller{}
	for _, conn := range c.in {
		if err := c.poller.add(conn); err != nil {
			return err
		}
	}
	c.ready, c.backlog = make([]bool, len(c.in)), true
	return nil
}

// admit has the system take packets from a source, or not, for every group.
func (c *portable) admit(source netip.Addr, on bool) error {
	f := c.sockets.filter
	for i, group := range c.groups {
		if !group.IsValid() {
			continue
		}
		m := newMembership(c.in[i], c.sockets.iface, group)
		err := m.source(source, f.only, on)
		if f.only && on && !noFilter(err) && err != nil {
			for i, group := range c.groups {
				newMembership(c.in[i], c.sockets.iface, group).source(source, true, false)
			}
			return sourceError(group, source, err)
		}
	}
	return nil
}

// openPortableGroup opens a socket that receives what is sent to a group.
func openPortableGroup(s *sockets, group netip.Addr) (*net.UDPConn, error) {
	conn, err := listen(s, netip.AddrPortFrom(group, s.port))
	if err != nil {
		return nil, err
	}
	if err := newMembership(conn, s.iface, group).join(group, s.filter); err != nil {
		conn.Close()
		return nil, err
	}
	askBuffer(conn.SetReadBuffer, s.readBuffer)
	return conn, nil
}

// A membership is that of a socket in a group.
type membership struct {
	iface *net.Interface
	group *net.UDPAddr
	conn  interface { // of package ipv4 or ipv6
		JoinGroup(iface *net.Interface, group net.Addr) error
		JoinSourceSpecificGroup(iface *net.Interface, group, source net.Addr) error
		LeaveSourceSpecificGroup(iface *net.Interface, group, source net.Addr) error
		ExcludeSourceSpecificGroup(iface *net.Interface, group, source net.Addr) error
		IncludeSourceSpecificGroup(iface *net.Interface, group, source net.Addr) error
	}
}

func newMembership(conn *net.UDPConn, iface *net.Interface, group netip.Addr) *membership {
	m := &membership{iface: iface, group: &net.UDPAddr{IP: group.AsSlice()}}
	if group.Is4() {
		m.conn = ipv4.NewPacketConn(conn)
	} else {
		m.conn = ipv6.NewPacketConn(conn)
	}
	return m
}

// join joins the group, from the sources that f admits. What the system cannot
// keep away is screened.
func (m *membership) join(group netip.Addr, f *sourceFilter) error {
	if f == nil || !f.only {
		if err := m.joinAny(); err != nil || f == nil {
			return err
		}
		for _, source := range f.list {
			m.source(source, false, false)
		}
		return nil
	}
	for _, source := range f.list {
		err := m.source(source, true, true)
		if noFilter(err) {
			return m.joinAny()
		}
		if err != nil {
			return sourceError(group, source, err)
		}
	}
	return nil
}

func (m *membership) joinAny() error {
	if err := m.conn.JoinGroup(m.iface, m.group); err != nil {
		return fmt.Errorf("pgmnet: join %v on %s: %w", m.group.IP, m.iface.Name, err)
	}
	return nil
}

// source admits a source, or not. With only, one that is not named is not admitted.
func (m *membership) source(source netip.Addr, only, on bool) error {
	addr := &net.UDPAddr{IP: source.AsSlice()}
	switch {
	case only && on:
		return m.conn.JoinSourceSpecificGroup(m.iface, m.group, addr)
	case only:
		return m.conn.LeaveSourceSpecificGroup(m.iface, m.group, addr)
	case on:
		return m.conn.IncludeSourceSpecificGroup(m.iface, m.group, addr)
	}
	return m.conn.ExcludeSourceSpecificGroup(m.iface, m.group, addr)
}

// noFilter reports whether the system has no filters by source: an error that is
// not the system's own is of package net, which then knows none.
func noFilter(err error) bool {
	var errno syscall.Errno
	if err == nil {
		return false
	}
	return !errors.As(err, &errno) || lacks(errno)
}

// sourceError says what to change when a group cannot be joined from a source.
func sourceError(group, source netip.Addr, err error) error {
	if errors.Is(err, syscall.ENOBUFS) {
		return fmt.Errorf("pgmnet: join %v from %v: more sources than the system allows (net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf): %w",
			group, source, err)
	}
	return fmt.Errorf("pgmnet: join %v from %v: %w", group, source, err)
}
