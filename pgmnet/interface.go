package pgmnet

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// An Interface is a network interface of this machine and its addresses.
type Interface struct {
	net.Interface
	Prefixes []netip.Prefix
}

// Interfaces lists the network interfaces of this machine.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("pgmnet: list the interfaces: %w", err)
	}
	list := make([]Interface, 0, len(all))
	for _, ifi := range all {
		addrs, err := ifi.Addrs()
		if err != nil {
			continue // gone since the list was made
		}
		entry := Interface{Interface: ifi}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				entry.Prefixes = append(entry.Prefixes, p)
			}
		}
		list = append(list, entry)
	}
	return list, nil
}

// String describes i in one line: index, name, addresses, flags and MTU.
func (i Interface) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d: %s", i.Index, i.Name)
	for _, p := range i.Prefixes {
		fmt.Fprintf(&b, " %v", p)
	}
	for _, f := range []net.Flags{net.FlagUp, net.FlagMulticast, net.FlagLoopback} {
		if i.has(f) {
			fmt.Fprintf(&b, " %v", f)
		}
	}
	fmt.Fprintf(&b, " mtu %d", i.MTU)
	return b.String()
}

func (i *Interface) has(f net.Flags) bool { return i.Flags&f == f }

// addr returns the address of the family to send from, if there is one: the
// first, but a link-local one only when there is no other.
func (i *Interface) addr(v6 bool) (addr netip.Addr, ok bool) {
	for _, p := range i.Prefixes {
		a := p.Addr().Unmap().WithZone("")
		if a.Is6() != v6 {
			continue
		}
		if !a.IsLinkLocalUnicast() {
			return a, true
		}
		if !ok {
			addr, ok = a, true
		}
	}
	return addr, ok
}

// covers reports whether an address is in a network that i is in.
func (i *Interface) covers(a netip.Addr) bool {
	for _, own := range i.Prefixes {
		if own.Contains(a) {
			return true
		}
	}
	return false
}

// within returns the first address of i that is in p.
func (i *Interface) within(p netip.Prefix) (netip.Addr, bool) {
	for _, own := range i.Prefixes {
		if a := own.Addr().Unmap().WithZone(""); p.Contains(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}
