package pgm

import (
	"net/netip"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/nak"
	"github.com/gopgm/gopgm/wire"
)

// NextTransmit returns the next packet to send, a NAK or an SPMR; false means
// there is none. It counts as sent: a NAK that the network did not take is
// repeated like one that was lost.
func (r *Receiver) NextTransmit(now mono.Time) (*Transmit, bool) {
	r.now = max(r.now, now)
	if r.again {
		r.again = false
		r.tx.To, r.tx.LinkLocal = r.againTo, false
		return &r.tx, true
	}
	if !r.sending {
		return nil, false
	}
	for range r.order {
		if r.turn >= len(r.order) {
			r.turn = 0
		}
		s := r.order[r.turn]
		switch {
		case s.over():
		case s.spmrDue:
			r.sendSPMR(s)
			return &r.tx, true
		case s.naks.Asking() && s.path.IsValid() && !s.muted:
			r.sendNAK(s)
			return &r.tx, true
		}
		r.turn++
	}
	r.sending = false
	return nil, false
}

// sendSPMR sends an SPMR to the group, with a time-to-live of 1, and then to
// the source (RFC 3208 §13.5).
func (r *Receiver) sendSPMR(s *session) {
	r.out = wire.AppendSPMR(r.out[:0], &wire.SPMR{Header: r.upstream(s, wire.TypeSPMR)})
	r.multicast(s)
	r.again, r.againTo = true, s.id.Addr
	s.sentSPMR()
	r.stats.SPMRs++
}

// sendNAK sends a NAK to the source, for as many numbers as it can hold, or a parity
// NAK for as many groups.
func (r *Receiver) sendNAK(s *session) {
	h := r.upstream(s, wire.TypeNAK)
	n := 0
	if g := s.groups; g != nil && g.onDemand {
		n = s.naks.NextNAK(r.now, r.list[:], g.k, g.byParity)
		for i, num := range r.list[:n] {
			h.Flags |= wire.FlagParity
			r.list[i] = g.start(num).Add(g.need(g.of(num)) - 1) // NAK_TG_SQN and NAK_PKT_CNT
		}
	}
	if n == 0 {
		n = s.naks.NextNAK(r.now, r.list[:], 1, nil)
	}
	p := wire.NAK{Header: h, SQN: r.list[0], Source: s.id.Addr, Group: s.group}
	if n > 1 {
		var list [4 * wire.MaxNAKList]byte
		l := wire.NumList(list[:0])
		for _, num := range r.list[1:n] {
			l = wire.AppendNum(l, num)
		}
		p.Options.NAKList = l
		p.Options.Set(wire.OptNAKList)
	}
	r.out = wire.AppendNAK(r.out[:0], &p)
	r.multicast(s)
	if r.cfg.MulticastNAK {
		r.again, r.againTo = true, s.path
	} else {
		r.tx.To, r.tx.LinkLocal = s.path, false
	}
	r.due = min(r.due, s.naks.NextTimeout())
	r.stats.NAKs++
	r.stats.NAKNumbers += uint64(n)
}

// upstream returns the header of a packet to the source of s.
func (r *Receiver) upstream(s *session, t wire.Type) wire.Header {
	return wire.Header{SrcPort: r.cfg.Port, DstPort: s.id.TSI.Port, Type: t, GSI: s.id.TSI.GSI}
}

// multicast makes r.out the next transmit, to the group and no farther than the
// link.
func (r *Receiver) multicast(s *session) {
	r.iov[0] = r.out
	r.tx = Transmit{
		Group: s.group, Data: r.iov[:], Segment: len(r.out), Packets: 1, Bytes: len(r.out), LinkLocal: true,
	}
}

// handleNCF takes in a confirmation (RFC 3208 §6.3, "Receiving NCFs and
// multicast NAKs").
func (r *Receiver) handleNCF(from netip.Addr, pkt []byte) error {
	p, err := wire.ParseNAK(pkt)
	if err != nil {
		return r.stats.Drops.drop(dropOf(err))
	}
	s := r.session(SourceID{p.TSI(), from})
	if s == nil {
		return r.stats.Drops.drop(DropSession)
	}
	parity := p.Flags&wire.FlagParity != 0
	r.stats.NCFs++
	s.heardAt = r.now
	if p.Options.Has(wire.OptNbrUnreach) {
		// It must come from the parent we know (RFC 3208 §15.3.2).
		if !p.Options.Has(wire.OptPathNLA) || p.Options.PathNLA == s.path {
			s.muted = true
		}
		return nil
	}
	s.learnBackoff(&p.Options, true)
	// Numbers that were never heard of are not taken for missing. The RFC would
	// allow it, but then anybody's NAK for what does not exist yet, which a
	// source has to confirm, would set all receivers asking for it.
	s.confirmed((*nak.Table).Confirm, p.SQN, parity)
	for i := range p.Options.NAKList.Len() {
		s.confirmed((*nak.Table).Confirm, p.Options.NAKList.At(i), parity)
	}
	r.due = min(r.due, s.naks.NextTimeout())
	return nil
}

// handlePeerNAK takes in a NAK that another receiver sent to the group: it
// serves for us too.
func (r *Receiver) handlePeerNAK(pkt []byte) error {
	p, err := wire.ParseNAK(pkt)
	if err != nil {
		return r.stats.Drops.drop(dropOf(err))
	}
	s := r.session(SourceID{p.TSI(), p.Source})
	if s == nil {
		return r.stats.Drops.drop(DropSession)
	}
	parity := p.Flags&wire.FlagParity != 0
	s.confirmed((*nak.Table).PeerAsked, p.SQN, parity)
	for i := range p.Options.NAKList.Len() {
		s.confirmed((*nak.Table).PeerAsked, p.Options.NAKList.At(i), parity)
	}
	r.due = min(r.due, s.naks.NextTimeout())
	return nil
}

// suppress counts a number that was not asked for because somebody else did.
func (r *Receiver) suppress(held bool) {
	if held {
		r.stats.Suppressed++
	}
}
