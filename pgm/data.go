package pgm

import (
	"net/netip"

	"github.com/gopgm/gopgm/rxwindow"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// handleData takes in ODATA and RDATA (RFC 3208 §6.1).
func (r *Receiver) handleData(from, group netip.Addr, pkt []byte) error {
	if len(pkt) > r.cfg.MaxTPDU {
		return r.stats.Drops.drop(DropMalformed)
	}
	d := &r.data
	if err := d.Parse(pkt); err != nil {
		return r.stats.Drops.drop(dropOf(err))
	}
	id := SourceID{d.TSI(), from}
	if d.Flags&wire.FlagParity != 0 {
		return r.handleParity(id, d)
	}
	p := rxwindow.Packet{Data: d.Payload, Arrived: r.arrived, Hardware: r.hardware}
	if d.Trail.After(d.SQN) || d.Options.Has(wire.OptFragment) && !fragment(&p, d.SQN, &d.Options.Fragment) {
		return r.stats.Drops.drop(DropMalformed)
	}
	s := r.session(id)
	syn := d.Options.Has(wire.OptSyn)
	if s != nil && syn && s.far(d.SQN) {
		s.restart()
		s = nil
	}
	if s == nil {
		// "A receiver SHOULD initiate data reception beginning with the first
		// data packet it receives." RFC 3208 §6.1
		if s = r.open(id, group, d.SQN); s == nil {
			return r.stats.Drops.drop(DropSources)
		}
		s.waiting = r.cfg.Join && !syn && !r.cfg.Passive
	}
	s.heardAt = r.now
	if s.over() {
		return r.stats.Drops.drop(DropEnded)
	}
	if !s.path.IsValid() {
		s.wantSPM()
	}
	if s.waiting {
		return r.stats.Drops.drop(DropWaiting)
	}
	if syn && s.joining && d.SQN == s.first {
		s.syn = true // also when SPMs were heard before, or it comes as a repair
	}
	s.unit = max(s.unit, len(d.Payload))
	s.advanceTrail(d.Trail)
	if err := s.accept(d.SQN, &p, d.Type); err != nil {
		return err
	}
	if s.groups != nil {
		s.cameData(d)
	}
	r.stats.DataPackets++
	r.stats.DataBytes += uint64(len(pkt))
	return nil
}

// fragment copies the OPT_FRAGMENT of packet n to p. It reports false if the option
// contradicts itself or the packet.
func fragment(p *rxwindow.Packet, n seq.Num, f *wire.Fragment) bool {
	if uint64(f.Offset)+uint64(len(p.Data)) > uint64(f.Length) {
		return false
	}
	p.First, p.Offset, p.Length = f.First, f.Offset, f.Length
	if f.Offset == 0 && int(f.Length) == len(p.Data) {
		p.Whole = true // a message that bears the option all the same
		return f.First == n
	}
	p.Fragment = true
	return len(p.Data) > 0 && (f.Offset == 0) == (f.First == n) && !f.First.After(n)
}

// accept takes in the packet with number n.
func (s *session) accept(n seq.Num, p *rxwindow.Packet, t wire.Type) error {
	r := s.r
	off := n.Sub(s.win.Next())
	if off < 0 {
		return r.stats.Drops.drop(DropDuplicate)
	}
	if off >= r.cfg.WindowPackets {
		return r.stats.Drops.drop(DropWindow)
	}
	unordered := r.cfg.Delivery == Unordered
	s.fragmented = s.fragmented || p.Fragment
	// It can be delivered from where it is, and next: nothing waits to be taken
	// out, or packets that are not taken out would be kept without bound.
	direct := off == 0 || unordered && !p.Fragment && !s.queued
	borrow := false
	if direct && s.groups.wants(n) { // parity may need it later
		switch {
		case r.lent:
			borrow = true
		case !s.roomFor(p):
			s.spoil(n)
		default:
			direct = false
		}
	}
	switch state := s.win.State(n); state {
	default:
		return r.stats.Drops.drop(DropDuplicate)
	case rxwindow.Missing:
		if !direct && !s.win.Store(n, p, false) {
			return r.stats.Drops.drop(DropBuffer)
		}
		s.arrived(n, t)
	case rxwindow.Unknown:
		if off == 0 && direct {
			break // it need not touch the window
		}
		s.extend(n)
		if n == s.win.Next() && off > 0 { // all before it was given up
			direct = true
			s.spoil(n)
			break
		}
		if s.win.Lead() != n || !direct && !s.roomFor(p) {
			s.extend(n + 1)
			return r.stats.Drops.drop(DropBuffer)
		}
		s.win.Extend(n.Add(1))
		s.heardEnd = seq.Max(s.heardEnd, n.Add(1))
		if !direct {
			s.win.Store(n, p, false)
		}
	}
	if borrow {
		s.borrow(n, p)
	}
	switch {
	case direct:
		s.direct, s.haveDirect, s.directAt = *p, true, n
		r.enqueue(s)
	case unordered:
		s.gather(n, p)
	case off == 0:
		r.enqueue(s)
	}
	return nil // when it waits in order, what may be delivered has not changed
}

// roomFor reports whether p can be buffered without taking the room of what is missing.
func (s *session) roomFor(p *rxwindow.Packet) bool { return s.win.Room(len(p.Data)) > s.naks.Len() }

// arrived ends the search for number n.
func (s *session) arrived(n seq.Num, t wire.Type) {
	s.naks.Arrived(s.r.now, n)
	s.r.sending = s.r.sending || s.naks.Asking() // more may be asked for now
	if t == wire.TypeRDATA {
		s.r.stats.Repairs++
	} else {
		s.r.stats.Reordered++
	}
}
