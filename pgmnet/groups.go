package pgmnet

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/gopgm/gopgm/pgm"
)

// The methods in this file change what a Receiver receives while it runs. What
// FDs returns has changed after each of them.

// begin sets what r receives at first, and returns the groups to join.
func (r *Receiver) begin() (joined []netip.Addr, err error) {
	r.filter = sourceFilter{only: len(r.cfg.Sources) > 0, list: append(slices.Clone(r.cfg.Sources), r.cfg.Block...)}
	if r.cfg.Unicast {
		r.groups = slices.Clone(r.cfg.Receive[:1])
		return nil, nil
	}
	for _, g := range r.cfg.Receive {
		g = g.Unmap().WithZone("")
		if slices.Contains(r.groups, g) {
			continue
		}
		if err := r.cfg.checkJoin(g); err != nil {
			return nil, err
		}
		r.groups = append(r.groups, g)
	}
	return r.groups, nil
}

// local returns the address to send from, and with Unicast to receive at.
func (r *Receiver) local() netip.AddrPort {
	if r.cfg.Unicast {
		return netip.AddrPortFrom(r.cfg.Addr, r.cfg.Port)
	}
	return netip.AddrPortFrom(r.cfg.Addr, 0)
}

// Groups returns the groups that r has joined, none if it receives by unicast.
func (r *Receiver) Groups() []netip.Addr {
	if r.cfg.Unicast {
		return nil
	}
	return slices.Clone(r.groups)
}

// Join joins another group, up to MaxGroups, from the sources that r takes. The
// sessions sent to it begin with EventJoin. With Config.Native it takes the privilege
// again that opening sockets does.
func (r *Receiver) Join(group netip.Addr) error {
	group = group.Unmap().WithZone("")
	switch {
	case r.net == nil:
		return net.ErrClosed
	case r.cfg.Unicast:
		return fmt.Errorf("%w: cannot join %v: this Receiver receives by unicast", pgm.ErrConfig, group)
	case slices.Contains(r.groups, group):
		return fmt.Errorf("%w: cannot join %v: it is joined already", pgm.ErrConfig, group)
	case len(r.groups) >= MaxGroups:
		return fmt.Errorf("%w: cannot join %v: %d groups are joined, which is the most", pgm.ErrConfig, group, MaxGroups)
	}
	if err := r.cfg.checkJoin(group); err != nil {
		return err
	}
	if err := r.net.join(group); err != nil {
		return err
	}
	r.groups = append(r.groups, group)
	r.sizeBacklog()
	return nil
}

// Leave leaves a group. Its sessions end: what has come is delivered, what is
// missing is reported lost, and EventLeft is the last event of each. No group need
// be left.
func (r *Receiver) Leave(group netip.Addr) error {
	group = group.Unmap().WithZone("")
	i := slices.Index(r.groups, group)
	switch {
	case r.net == nil:
		return net.ErrClosed
	case r.cfg.Unicast || i < 0:
		return fmt.Errorf("%w: cannot leave %v: it is not joined", pgm.ErrConfig, group)
	}
	err := r.net.leave(group)
	r.groups = slices.Delete(r.groups, i, i+1)
	r.sizeBacklog()
	r.forget(group, netip.Addr{})
	return err
}

// Block takes no more packets from a source: it adds it to Config.Block, or takes
// it off Config.Sources. Its sessions end as those of a group that is left.
func (r *Receiver) Block(source netip.Addr) error {
	source, err := r.admit(source, false)
	if err != nil {
		return err
	}
	r.forget(netip.Addr{}, source)
	return nil
}

// Allow takes packets from a source: it takes it off Config.Block, or adds it to
// Config.Sources. Its sessions begin with EventJoin.
func (r *Receiver) Allow(source netip.Addr) error {
	_, err := r.admit(source, true)
	return err
}

// admit changes the filter. It is no error if that admits the source, or not,
// already.
func (r *Receiver) admit(source netip.Addr, on bool) (netip.Addr, error) {
	if r.net == nil {
		return source, net.ErrClosed
	}
	source, err := r.cfg.host("the list", source)
	if err != nil || !r.filter.set(source, on) {
		return source, err
	}
	if err := r.net.admit(source, on); err != nil {
		r.filter.set(source, !on)
		return source, err
	}
	return source, nil
}

// forget ends sessions and drops what was read of them. Not valid stands for any
// group or source.
func (r *Receiver) forget(group, from netip.Addr) {
	for i := range r.batch[r.at:] {
		d := &r.batch[r.at+i]
		if (!group.IsValid() || d.group == group) && (!from.IsValid() || d.from == from) {
			d.data = nil
		}
	}
	r.engine.Leave(group, from)
	r.kept = true // there may be events
}

// screen takes out of the batch what the filter does not admit, for where the
// system has not, and says what group came by unicast.
func (r *Receiver) screen() {
	for i := range r.batch {
		d := &r.batch[i]
		r.bytes += len(d.data)
		if r.cfg.Unicast {
			d.group = r.groups[0]
		}
		switch {
		case !r.filter.admits(d.from):
			r.blocked += uint64(max(1, (len(d.data)+d.segment-1)/max(d.segment, 1)))
			d.data = nil
		case len(d.data) == 0:
			r.engine.HandlePacket(r.now, d.from, d.group, nil) // it is none, which is counted
		}
	}
}

// mute reports whether tx is not to be sent: a packet for other receivers of the
// group. With unicast there are none, and those that joined from certain sources
// alone do not get it.
func (r *Receiver) mute(tx *pgm.Transmit) bool {
	return !tx.To.IsValid() && (r.cfg.Unicast || r.filter.only)
}

// sizeBacklog sets how much all sockets can hold.
func (r *Receiver) sizeBacklog() {
	r.unread.size = max(len(r.groups), 1) * 2 * max(r.buffer, r.cfg.ReadBuffer, maxDatagram)
}
