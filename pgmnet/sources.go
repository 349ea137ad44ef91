package pgmnet

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/gopgm/gopgm/pgm"
)

// A sourceFilter says which sources a Receiver takes packets from: only those
// listed, or all but those listed.
type sourceFilter struct {
	only bool
	list []netip.Addr
}

// admits reports whether packets from an address are taken.
func (f *sourceFilter) admits(from netip.Addr) bool {
	if len(f.list) == 0 {
		return !f.only
	}
	return slices.Contains(f.list, from) == f.only
}

// set makes f admit an address, or not. It reports whether that is a change.
func (f *sourceFilter) set(source netip.Addr, admit bool) bool {
	i := slices.Index(f.list, source)
	if (i >= 0) == (admit == f.only) {
		return false
	}
	if i >= 0 {
		f.list = slices.Delete(f.list, i, i+1)
	} else {
		f.list = append(f.list, source)
	}
	return true
}

// SourceSpecific reports whether a group is for source-specific multicast alone: 232/8 or
// ff3x::/32 (RFC 4607 §1). Such a group is joined only from Config.Sources.
func SourceSpecific(group netip.Addr) bool {
	if group.Is4() {
		return group.As4()[0] == 232
	}
	b := group.As16()
	return b[0] == 0xff && b[1]>>4 == 3 && b[2] == 0 && b[3] == 0
}

// fillHosts checks Sources, Block and To, and takes from their addresses what is
// no part of a host's name here.
func (c *Config) fillHosts() (err error) {
	if len(c.Sources) > 0 && len(c.Block) > 0 {
		return fmt.Errorf("%w: both Sources and Block are set: want one of them", pgm.ErrConfig)
	}
	for _, l := range []struct {
		name string
		list *[]netip.Addr
	}{{"Sources", &c.Sources}, {"Block", &c.Block}, {"To", &c.To}} {
		if *l.list, err = c.hosts(l.name, *l.list); err != nil {
			return err
		}
	}
	return nil
}

// checkTo reports what stands against a source that sends to To. Each raw socket
// gets its own copy of a packet, so that with Native nothing does.
func (c *Config) checkTo() error {
	if !c.Native && slices.Contains(c.To, c.Addr) {
		return fmt.Errorf("%w: To has this source's own address %v, where NAKs come: give the receiver another one of this host",
			pgm.ErrConfig, c.Addr)
	}
	return nil
}

// hosts returns a copy of a list of addresses, each once.
func (c *Config) hosts(name string, list []netip.Addr) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, a := range list {
		a, err := c.host(name, a)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out, nil
}

// host checks the address of a host.
func (c *Config) host(name string, a netip.Addr) (netip.Addr, error) {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid() || a.IsUnspecified() || a.IsMulticast():
		return a, fmt.Errorf("%w: %s has %v, want the address of a host", pgm.ErrConfig, name, a)
	case a.Is6() != c.Addr.Is6():
		return a, fmt.Errorf("%w: %s has %v, want an %s address as %v is", pgm.ErrConfig, name, a, familyName(c.Addr.Is6()), c.Addr)
	}
	return a, nil
}

// checkJoin reports what stands against joining a group.
func (c *Config) checkJoin(group netip.Addr) error {
	switch {
	case !group.IsMulticast():
		return fmt.Errorf("%w: %v is not a multicast group: want one in 224.0.0.0/4 or ff00::/8", pgm.ErrConfig, group)
	case group.Is6() != c.Addr.Is6():
		return fmt.Errorf("%w: group %v, want an %s one as %v is", pgm.ErrConfig, group, familyName(c.Addr.Is6()), c.Addr)
	case SourceSpecific(group) && len(c.Sources) == 0:
		// A host SHOULD return an error to a request for such a group that names no
		// source. RFC 4604, RFC 4607
		return fmt.Errorf("%w: group %v is for source-specific multicast alone: name its sources in Sources", pgm.ErrConfig, group)
	}
	return nil
}
