package pgmnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// MaxGroups is how many groups a Receiver can join.
const MaxGroups = 20

// A Network says where packets go and come from: an interface of this machine
// and multicast groups, all of one address family.
type Network struct {
	Interface *net.Interface // default: the first that is up and capable of multicast, or else the loopback
	Addr      netip.Addr     // this machine's address there; default the interface's first
	Receive   []netip.Addr   // the groups a Receiver joins, 1 to MaxGroups; default 239.192.0.1 or ff08::1
	Send      netip.Addr     // the group a Source sends to; default the first of Receive
}

// ParseNetwork makes a Network of a line of the form
//
//	IFACE;GROUP,GROUP,...;SENDGROUP
//
// of which any part may be empty or, from the right, missing; its default is
// then that of the Network's field. IFACE is the name of an interface, an
// address it has, or a CIDR prefix that holds one. Groups are addresses, IPv6
// ones in brackets or without. Names are never looked up in the DNS.
//
// An error says what to change, in one line.
func ParseNetwork(s string) (Network, error) {
	list, err := Interfaces()
	if err != nil {
		return Network{}, err
	}
	n, err := parseNetwork(s, list)
	if err != nil {
		return Network{}, fmt.Errorf("pgmnet: network %q: %w", s, err)
	}
	return n, nil
}

// Loopback returns the Network that never leaves this machine: its loopback
// interface, 127.0.0.1 and group 239.192.0.1. Its Interface is nil if the
// machine has no loopback interface.
func Loopback() Network {
	n := Network{
		Addr:    netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		Receive: []netip.Addr{defaultGroup(false)},
		Send:    defaultGroup(false),
	}
	list, _ := Interfaces()
	for _, i := range list {
		if i.has(net.FlagLoopback) {
			n.Interface = &i.Interface
			break
		}
	}
	return n
}

// String returns n in the form ParseNetwork takes.
func (n Network) String() string {
	var b strings.Builder
	if n.Interface != nil {
		b.WriteString(n.Interface.Name)
	}
	for i, g := range n.Receive {
		b.WriteByte(";,"[min(i, 1)])
		b.WriteString(g.String())
	}
	if n.Send.IsValid() && (len(n.Receive) == 0 || n.Send != n.Receive[0]) {
		if len(n.Receive) == 0 {
			b.WriteByte(';')
		}
		b.WriteString(";" + n.Send.String())
	}
	return b.String()
}

// loopback reports whether packets stay on this machine.
func (n *Network) loopback() bool { return n.Interface.Flags&net.FlagLoopback != 0 }

func defaultGroup(v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x08, 15: 0x01})
	}
	return netip.AddrFrom4([4]byte{239, 192, 0, 1})
}

func familyName(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}

// fill checks n and puts the defaults in place of what is zero.
func (n *Network) fill() error {
	list, err := Interfaces()
	if err != nil {
		return err
	}
	if err := n.complete(list); err != nil {
		return fmt.Errorf("pgmnet: %w", err)
	}
	return nil
}

func parseNetwork(s string, list []Interface) (n Network, err error) {
	parts := strings.Split(s, ";")
	if len(parts) > 3 {
		return n, errors.New(`more than 3 parts: want "IFACE;GROUP,GROUP;SENDGROUP"`)
	}
	parts = append(parts, "", "")
	if receive := strings.TrimSpace(parts[1]); receive != "" {
		for _, g := range strings.Split(receive, ",") {
			group, err := parseGroup(g)
			if err != nil {
				return n, err
			}
			n.Receive = append(n.Receive, group)
		}
	}
	if send := strings.TrimSpace(parts[2]); send != "" {
		if strings.Contains(send, ",") {
			return n, errors.New("more than one group to send to: want one")
		}
		if n.Send, err = parseGroup(send); err != nil {
			return n, err
		}
	}
	if err := n.parseInterface(strings.TrimSpace(parts[0]), list); err != nil {
		return n, err
	}
	return n, n.complete(list)
}

func parseGroup(s string) (netip.Addr, error) {
	s = strings.TrimSpace(s)
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	a, err := netip.ParseAddr(bare)
	if err != nil {
		return a, fmt.Errorf("group %q is not an IP address", s)
	}
	if a.Zone() != "" {
		return a, fmt.Errorf("group %q has a zone: name the interface in the first part instead", s)
	}
	return a.Unmap(), nil
}

// parseInterface sets Interface, and Addr when s is an address or a prefix.
func (n *Network) parseInterface(s string, list []Interface) error {
	if s == "" {
		return nil
	}
	if strings.Contains(s, ",") {
		return fmt.Errorf("more than one interface (%s): want one", s)
	}
	spec, zone, _ := strings.Cut(strings.Trim(s, "[]"), "%")
	prefix, isPrefix := parsePrefix(spec)
	var found *Interface
	for k := range list {
		i := &list[k]
		if !isPrefix {
			if i.Name == s {
				found = i
			}
			continue
		}
		addr, ok := i.within(prefix)
		if !ok && i.has(net.FlagLoopback) && prefix.IsSingleIP() && i.covers(prefix.Addr()) {
			addr, ok = prefix.Addr(), true // each of 127.0.0.0/8 is this host's
		}
		if !ok || zone != "" && zone != i.Name {
			continue
		}
		if found != nil {
			return fmt.Errorf("more than one interface has an address in %s (%s, %s): give a name", s, found.Name, i.Name)
		}
		found, n.Addr = i, addr
	}
	if found == nil {
		what := "no interface is named"
		if isPrefix {
			what = "no interface has the address"
		}
		return fmt.Errorf("%s %s: there are %s", what, s, describe(list))
	}
	n.Interface = &found.Interface
	return nil
}

// parsePrefix reads an address or a CIDR prefix. Unlike netip's, a prefix may
// have bits set beyond its length, as in 192.0.2.7/24.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return netip.Prefix{}, false
}

// describe lists interfaces by name and address.
func describe(list []Interface) string {
	var entries []string
	for _, i := range list {
		entry := i.Name
		if len(i.Prefixes) > 0 {
			entry = fmt.Sprintf("%s %v", i.Name, i.Prefixes)
		}
		entries = append(entries, entry)
	}
	return strings.Join(entries, ", ")
}

// complete checks n and puts the defaults in place of what is zero.
func (n *Network) complete(list []Interface) error {
	if len(n.Receive) > MaxGroups {
		return fmt.Errorf("%d groups to receive: at most %d", len(n.Receive), MaxGroups)
	}
	groups := slices.Clone(n.Receive)
	if n.Send.IsValid() {
		groups = append(groups, n.Send)
	}
	v6 := n.Addr.Is6()
	if !n.Addr.IsValid() && len(groups) > 0 {
		v6 = groups[0].Is6()
	}
	for _, g := range groups {
		if !g.IsMulticast() {
			return fmt.Errorf("%v is not a multicast group: want one in 224.0.0.0/4 or ff00::/8", g)
		}
		if g.Is6() != v6 {
			other := groups[0]
			if n.Addr.IsValid() {
				other = n.Addr
			}
			return fmt.Errorf("IPv4 and IPv6 are mixed (%v, %v): use one", other, g)
		}
	}
	if len(n.Receive) == 0 {
		n.Receive = []netip.Addr{defaultGroup(v6)}
	}
	if !n.Send.IsValid() {
		n.Send = n.Receive[0]
	}
	return n.completeInterface(list, v6)
}

func (n *Network) completeInterface(list []Interface, v6 bool) error {
	for _, loopback := range []bool{false, true} {
		for k := range list {
			i := &list[k]
			addr, ok := i.addr(v6)
			if n.Interface != nil {
				if i.Index != n.Interface.Index {
					continue
				}
				if !ok {
					return fmt.Errorf("interface %s has no %s address: add one or use a group of the other family", i.Name, familyName(v6))
				}
			} else if !ok || !i.has(net.FlagUp) || i.has(net.FlagLoopback) != loopback ||
				!loopback && !i.has(net.FlagMulticast) {
				continue
			}
			n.Interface = &i.Interface
			if !n.Addr.IsValid() {
				n.Addr = addr
			}
			return nil
		}
	}
	if n.Interface != nil {
		return fmt.Errorf("interface %s (index %d) is gone: there are %s", n.Interface.Name, n.Interface.Index, describe(list))
	}
	return fmt.Errorf("no interface is up, can multicast and has an %s address: there are %s", familyName(v6), describe(list))
}
