package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// repairParity queues what a parity NAK asks for: of the group it names as many
// parity packets as it counts (RFC 3208 §11.3.1, §11.4).
func (s *Source) repairParity(now mono.Time, num seq.Num) {
	s.stats.NAKNumbers++
	p := s.parity
	first, want := p.start(num), p.index(num)+1
	if !s.win.Repairable(first) {
		s.outside(first)
		return
	}
	if first == p.first && p.n > 0 {
		s.endGroup(now) // if no more is to come: else the parity waits for the rest
	}
	g := p.group(first)
	if g.size > 0 {
		// "The source MUST take this into account and compute the number of packets
		// effectively needed as the difference between NAK_PKT_CNT and an offset
		// computed as the difference between the max TG size and the effective TG
		// size." RFC 3208 §11.4. One is sent in any case: it tells that size.
		want = max(1, want-(p.cfg.K-int(g.size)))
	}
	s.demand(now, first, want)
}

// demand has parity packets of a group made, so many as were not lately. It
// consolidates requests as RFC 3208 §11.4 says.
func (s *Source) demand(now mono.Time, first seq.Num, want int) {
	p := s.parity
	g, sl := p.group(first), s.win.Slot(first)
	again := sl.Asked != 0
	s.asked(now, sl)
	recent := 0
	if sl.Repaired != 0 && now.Sub(sl.Repaired) < eliminate || sl.Queued {
		recent = int(g.given)
	}
	if want -= recent + int(g.wanted); want <= 0 {
		s.repeated(now, sl)
		return
	}
	if used := int(g.next) + int(g.wanted); used+want > p.code.Parity() {
		// There are no such parity packets: FEC.N is too small for what is lost. The
		// originals repair everything, but do not tell that the group is short.
		for n := first; n.Sub(first) < p.cfg.K; n++ {
			if s.win.Repairable(n) {
				s.resend(now, n)
			}
		}
		if g.size == 0 || int(g.size) == p.cfg.K || g.wanted > 0 {
			return
		}
		want = 1
		g.next = uint8(min(int(g.next), p.code.Parity()-1))
	}
	if recent == 0 && g.wanted == 0 {
		if sl.Repaired != 0 {
			s.reask.add(now, now.Sub(sl.Repaired))
		}
		g.given, sl.Repeats = 0, 0
	}
	if g.wanted == 0 {
		p.demands.push(first)
	}
	g.wanted += uint8(want)
	sl.Queued = true
	p.hasten(s.win.Unsent())
	for range want {
		s.adapt.asked(now, max(sl.Sent, sl.Repaired), again)
	}
}

// makeDemanded makes parity packets that were asked for, of groups all of whose
// data was sent, as far as there is room.
//
// "The source MUST complete the transmission of the k original data packets and the
// proactive parity packets, possibly scheduled, before starting the transmission of
// on-demand parity packets." RFC 3208 §11.4
func (s *Source) makeDemanded() {
	p := s.parity
	for range p.demands.n {
		first := p.demands.at(0)
		g := p.group(first)
		switch {
		case p.demanded.full():
			return
		case !s.win.Repairable(first):
			p.demands.pop(1)
			g.wanted = 0
			continue
		case g.size == 0:
			p.demands.pop(1)
			p.demands.push(first)
			continue
		}
		s.gather(first, int(g.size))
		for ; g.wanted > 0 && !p.demanded.full(); g.wanted-- {
			s.makeParity(first, g)
		}
		if g.wanted > 0 {
			return
		}
		p.demands.pop(1)
	}
}

// gather finds out what else than data is coded of a group.
func (s *Source) gather(first seq.Num, size int) {
	for i := range size {
		tsdu, f := wire.CodedParts(s.win.Packet(first.Add(i)))
		s.parity.again.set(i, tsdu, f)
	}
}

// makeParity computes another parity packet of the group that gather looked at.
//
// "Previously transmitted pro-active parity packets cannot be reused as on-demand
// parity packets, these MUST be computed with new, previously unused, indexes."
// RFC 3208 §11.4. One that comes twice, see demand, is for the size that it tells.
func (s *Source) makeParity(first seq.Num, g *parityGroup) {
	p := s.parity
	j := int(g.next)
	g.next++
	sum := p.sum[:p.again.size]
	clear(sum)
	for i := range p.again.n {
		tsdu, _ := wire.CodedParts(s.win.Packet(first.Add(i)))
		p.code.Add(j, i, tsdu, sum)
	}
	pkt := p.packet(p.demanded.room(), &s.head.Header, first, j, sum, &p.again, wire.TypeRDATA, s.win.Trail())
	p.demanded.push(pkt, s.win.Unsent(), first)
	g.given = uint8(min(int(g.given)+1, 255))
}

// sentDemanded takes the first n parity packets that were asked for off the queue.
func (s *Source) sentDemanded(now mono.Time, n int) {
	p := s.parity
	for i := range n {
		first := p.demanded.at(i).group
		if !s.win.Repairable(first) {
			continue
		}
		sl := s.win.Slot(first)
		sl.Repaired = now
		last := i == p.demanded.n-1 || p.demanded.at(i+1).group != first
		if last && p.group(first).wanted == 0 {
			sl.Queued = false
		}
	}
	p.demanded.pop(n)
}

// endGroup ends the group that is being sent before it is full, if all packets
// there are were sent: RFC 3208 §11.2, "Variable Transmission Group Size". The
// numbers that remain of it are left out. It does nothing if the window has no
// room for these.
//
// "If the last data packet has already been transmitted and there is no provision
// for sending proactive parity packets, an SPM with OPT_CURR_TGSIZE SHOULD be sent."
// RFC 3208 §11.4
func (s *Source) endGroup(now mono.Time) {
	p := s.parity
	left, trail := p.cfg.K-p.n, s.win.Trail() // which what is left out may move
	if n, _ := s.win.Backlog(); n > 0 || p.n == 0 || p.cfg.Flush < 0 || s.rst || !s.win.Skip(left) {
		return
	}
	p.short = left
	p.end(now, &s.head.Header, trail, s.win.Next())
	if p.encoder == nil {
		s.spms = max(s.spms, 1)
	}
	s.sendAt = 0
}

// flushAt returns when the group that is being sent has to end though it is not
// full, and parity that waits for data to go between has to leave.
func (s *Source) flushAt() mono.Time {
	p := s.parity
	if p == nil || p.cfg.Flush < 0 || p.n == 0 && (p.proactive.n == 0 || p.due(s.win.Unsent())) {
		return mono.Never
	}
	if n, _ := s.win.Backlog(); n > 0 {
		return mono.Never // there is more to send
	}
	return max(p.began.Add(p.cfg.Flush), p.retry)
}

// flushParity does what flushAt said is due.
func (s *Source) flushParity(now mono.Time) {
	p := s.parity
	if p == nil {
		return
	}
	// The window may have no room for numbers that are left out, for seconds.
	p.retry = now.Add(max(p.cfg.Flush, time.Millisecond))
	s.endGroup(now)
	p.hasten(s.win.Unsent())
	s.sendAt = 0
}
