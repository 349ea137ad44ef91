package cli

import (
	"fmt"
	"net/netip"
	"strings"
)

// Addrs is a flag value: addresses of hosts, with commas between them. The flag may
// be repeated.
type Addrs []netip.Addr

// Set parses s and adds its addresses. Names are never looked up in the DNS.
func (a *Addrs) Set(s string) error {
	for _, part := range strings.Split(s, ",") {
		text := strings.TrimSpace(part)
		if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
			text = text[1 : len(text)-1]
		}
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" || addr.IsMulticast() || addr.IsUnspecified() {
			return fmt.Errorf("want addresses of hosts such as 10.0.0.1,10.0.0.2")
		}
		*a = append(*a, addr.Unmap())
	}
	return nil
}

// String returns what Set takes.
func (a Addrs) String() string {
	var list []string
	for _, addr := range a {
		list = append(list, addr.String())
	}
	return strings.Join(list, ",")
}

// Type is how help calls the value.
func (Addrs) Type() string { return "addr" }

// SameFamily refuses addresses of a flag that are not of the network's family.
func (f *Flags) SameFamily(flag string, list Addrs) error {
	for _, a := range list {
		if own := f.Config.Addr; a.Is6() != own.Is6() {
			return Usagef("--%s has %v, and the network has %v: want addresses of one family", flag, a, own)
		}
	}
	return nil
}
