package pgm

import (
	"github.com/gopgm/gopgm/internal/fec"
	"github.com/gopgm/gopgm/rxwindow"
	"github.com/gopgm/gopgm/seq"
)

// groups is what a session has of the transmission groups of a source that provides
// parity (RFC 3208 §11.5). A nil groups is that of one that does not.
//
// To rebuild a packet takes all others of its group. So a packet that was delivered
// is kept as long as its group is not complete: where it lies if it was lent, and else in
// the buffer that it had in the receive window, which is why it is stored there even if
// it is next in order.
type groups struct {
	pool *rxwindow.Pool
	code *fec.Code
	k    int
	idle bool // no group is followed: only what is left out is of interest

	proactive, onDemand bool
	byParity            func(seq.Num) bool // session.byParity

	base   seq.Num // first number of the first group that is followed from its begin
	ring   []group // those from oldest on, by number modulo their count, a power of two
	limit  int     // how many there may be: those that the receive window touches
	oldest seq.Num // first number of the oldest that is not over
	newest seq.Num // first number of the group after the newest looked at

	due     seq.Num // what is missing before it is asked for; the rest waits for parity
	most    int     // proactive parity packets of a group, as far as was seen
	lag     int     // how many packets later the last of them comes, about
	lagging seq.Num // first number of the group that was last learned from

	lead seq.Num // of the last SPM

	borrowing []seq.Num // first numbers of the groups that have packets that were lent, perhaps more than once

	// Of rebuild.
	missing, index []int
	sums           [][]byte
	tail           [codedTail]byte
}

// group is what is there of one transmission group.
type group struct {
	have    int // data packets received or rebuilt
	size    int // of the group: k unless it is known to be less
	spoiled bool

	kept []keptPacket // data packets that were delivered; without Data those that were not kept

	parity []parityPacket
	parityShape
}

// keptPacket is a data packet that was delivered: in a buffer of the pool, or lent.
type keptPacket struct {
	rxwindow.Packet
	lent bool
}

// parityPacket is a parity packet not used yet: the data, as much as the longest
// packet of the group has, the coded length and the coded OPT_FRAGMENT, in a buffer
// of the pool.
type parityPacket struct {
	index int
	sum   []byte
}

// parityShape is what all parity packets of a group have in common.
type parityShape struct {
	length    int // bytes of the longest data packet
	varied    bool
	fragments bool
}

// newGroups follows the groups from the first that begins at lead or later, in a
// receive window of so many packets.
func newGroups(pool *rxwindow.Pool, code *fec.Code, lead seq.Num, window int) *groups {
	g := &groups{pool: pool, code: code, k: code.Data(), ring: make([]group, 4)}
	g.limit = window/g.k + 2
	g.base = g.start(lead.Add(g.k - 1))
	g.oldest, g.newest, g.due = g.base, g.base, g.base
	return g
}

// start returns the first number of the group that n is in.
func (g *groups) start(n seq.Num) seq.Num { return n &^ seq.Num(g.k-1) }

// place returns the place of n in its group.
func (g *groups) place(n seq.Num) int { return int(n & seq.Num(g.k-1)) }

// at returns the group that begins with number first, or nil if it is over, was not
// followed from its begin, or is beyond the receive window.
func (g *groups) at(first seq.Num) *group {
	if n := first.Sub(g.oldest); n < 0 || n/g.k >= g.limit {
		return nil
	}
	for !first.Before(g.newest) {
		if span := g.newest.Sub(g.oldest)/g.k + 1; span > len(g.ring) {
			g.grow()
		}
		x := g.slot(g.newest)
		*x = group{size: g.k, kept: x.kept[:0], parity: x.parity[:0]}
		g.newest = g.newest.Add(g.k)
	}
	return g.slot(first)
}

func (g *groups) slot(first seq.Num) *group {
	return &g.ring[int(uint32(first)/uint32(g.k))&(len(g.ring)-1)]
}

func (g *groups) grow() {
	old := *g
	g.ring = make([]group, 2*len(old.ring))
	for n := g.oldest; n != g.newest; n = n.Add(g.k) {
		*g.slot(n) = *old.slot(n)
	}
}

// of returns the group that number n is in, like at.
func (g *groups) of(n seq.Num) *group { return g.at(g.start(n)) }

// wants reports whether packet n must be kept once it has come: it does not complete
// its group.
func (g *groups) wants(n seq.Num) bool {
	if g == nil {
		return false
	}
	x := g.of(n)
	return x != nil && !x.spoiled && x.have+1 < x.size
}

// incomplete reports whether packet n, which has come, must be kept.
func (g *groups) incomplete(n seq.Num) bool {
	if g == nil {
		return false
	}
	x := g.of(n)
	return x != nil && !x.spoiled && x.have < x.size
}

// hold returns how many of the last of n numbers from first on, which are found
// missing, are not asked for yet, as parity may come.
func (g *groups) hold(first seq.Num, n int) int {
	if g == nil || g.idle {
		return 0
	}
	return min(max(first.Add(n).Sub(g.due), 0), n)
}

// need returns how many packets a group lacks to be complete, counted as if it were
// a full one.
//
// "[...] the receiver MUST NAK for the number of packets missing assuming that the
// size of the transmission group is the maximum effective transmission group."
// RFC 3208 §11.5
func (g *groups) need(x *group) int { return max(g.k-x.have-len(x.parity), 1) }

// passed ends the groups all of whose numbers are before next: they were delivered
// or lost.
func (g *groups) passed(next seq.Num) {
	for next.Sub(g.oldest) >= g.k {
		if g.oldest == g.newest { // no more was looked at
			g.oldest = g.start(next)
			g.newest = g.oldest
			break
		}
		g.release(g.slot(g.oldest))
		g.oldest = g.oldest.Add(g.k)
	}
}

// release gives the buffers of a group back.
func (g *groups) release(x *group) {
	for i := range x.kept {
		if !x.kept[i].lent {
			g.pool.Put(x.kept[i].Data)
		}
	}
	for i := range x.parity {
		g.pool.Put(x.parity[i].sum)
	}
	x.kept, x.parity = x.kept[:0], x.parity[:0]
}

// close gives all buffers back.
func (g *groups) close() {
	if g == nil {
		return
	}
	for ; g.oldest != g.newest; g.oldest = g.oldest.Add(g.k) {
		g.release(g.slot(g.oldest))
	}
}

// keep keeps packet number i of group x: its buffer becomes the group's, unless it is
// lent.
func (x *group) keep(i int, p *rxwindow.Packet, lent bool) {
	for len(x.kept) <= i {
		x.kept = append(x.kept, keptPacket{})
	}
	x.kept[i] = keptPacket{*p, lent}
}

// borrow keeps packet n, which was lent, for its group.
func (s *session) borrow(n seq.Num, p *rxwindow.Packet) {
	g := s.groups
	x := g.of(n)
	if x == nil || x.spoiled {
		return
	}
	x.keep(g.place(n), p, true)
	first, k := g.start(n), len(g.borrowing)
	if k == 0 {
		s.r.borrowers = append(s.r.borrowers, s)
	}
	if k == 0 || g.borrowing[k-1] != first {
		g.borrowing = append(g.borrowing, first)
	}
}

// keepGroups copies the packets that were lent, of groups that are not complete yet.
func (s *session) keepGroups() {
	g := s.groups
	for _, first := range g.borrowing {
		if x := g.at(first); x != nil {
			s.keepGroup(first, x)
		}
	}
	g.borrowing = g.borrowing[:0]
}

func (s *session) keepGroup(first seq.Num, x *group) {
	for i := range x.kept {
		p := &x.kept[i]
		if !p.lent {
			continue
		}
		if !s.roomFor(&p.Packet) {
			s.spoil(first)
			return
		}
		b := s.groups.pool.Get(len(p.Data), false)
		copy(b, p.Data)
		p.Data, p.lent = b, false
	}
}

// spoil gives up the parity of the group that packet n is in: that could not be
// kept.
func (s *session) spoil(n seq.Num) {
	if s.groups == nil {
		return
	}
	if x := s.groups.of(n); x != nil {
		s.groups.release(x)
		x.spoiled = true
	}
}

// retain has packet n, which is about to be delivered from the window, kept for its
// group. It reports false if that does not need it.
func (s *session) retain(n seq.Num) bool {
	if !s.groups.incomplete(n) {
		return false
	}
	p := s.win.Packet(n)
	if p == nil {
		return false
	}
	s.groups.of(n).keep(s.groups.place(n), p, false)
	return true
}
