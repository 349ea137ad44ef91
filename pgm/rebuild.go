package pgm

import (
	"encoding/binary"

	"github.com/gopgm/gopgm/internal/fec"
	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/nak"
	"github.com/gopgm/gopgm/rxwindow"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// codedTail is how many bytes of a parity packet's buffer follow the data.
const codedTail = tsduLen + len(wire.CodedFragment{})

// learnParity takes in what an SPM says of parity (RFC 3208 §11.5).
//
// "The transmission group size advertised in the OPT_PARITY_PRM option on SPMs MUST
// be a power of 2 and constant for the duration of the session." RFC 3208 §11.2.
// What is otherwise is not looked at.
//
// A receiver that makes no use of parity, or has too small a window to, learns the
// size all the same: to know which numbers are left out.
func (s *session) learnParity(p *wire.SPM) {
	r, prm := s.r, &p.Options.ParityPrm
	k := int(prm.TGSize)
	if !p.Options.Has(wire.OptParityPrm) || prm.TGSize > fec.MaxData || k < 2 || k&(k-1) != 0 {
		return
	}
	if s.groups == nil {
		code := r.rows[k]
		if code == nil {
			var err error
			if code, err = fec.New(k, fec.MaxShards); err != nil {
				return
			}
			if r.rows == nil {
				r.rows = map[int]*fec.Code{}
			}
			r.rows[k] = code
		}
		s.groups = newGroups(r.pool, code, s.win.Lead(), r.cfg.WindowPackets)
		s.groups.lead = p.Lead - 1
		s.groups.byParity = s.byParity
		if r.cfg.NoFEC || k > r.cfg.WindowPackets/4 {
			s.groups.idle, s.groups.limit = true, 0
		}
	}
	if s.groups.k == k && !s.groups.idle {
		s.groups.proactive, s.groups.onDemand = prm.Proactive, prm.OnDemand
	}
}

// heardLead takes in the leading edge an SPM tells, and the size of its last group.
//
// "In the absence of data (detected from SPMs bearing SPM_LEAD equal to RXW_LEAD) on
// non-transmission-group boundaries, receivers MAY resort to selective NAKs for any
// missing packets in that partial transmission group." RFC 3208 §11.5. One such SPM
// comes amid the data now and then; a second with the same edge shows that none does.
func (s *session) heardLead(p *wire.SPM) {
	g := s.groups
	if p.Options.Has(wire.OptCurrTGSize) && p.Options.CurrTGSize == uint32(g.place(p.Lead)+1) {
		s.shorten(g.start(p.Lead), int(p.Options.CurrTGSize))
		s.askBefore(g.start(p.Lead).Add(g.k))
	}
	if p.Lead == g.lead {
		s.askBefore(s.heardEnd)
	}
	g.lead = p.Lead
	s.judge()
}

// cameData takes in that packet d was accepted.
func (s *session) cameData(d *wire.Data) {
	g := s.groups
	s.heardEnd = seq.Max(s.heardEnd, d.SQN+1)
	if d.Options.Has(wire.OptCurrTGSize) && d.Options.CurrTGSize == uint32(g.place(d.SQN)+1) {
		s.keep() // what follows goes behind it in the window
		s.shorten(g.start(d.SQN), int(d.Options.CurrTGSize))
	}
	if x := g.of(d.SQN); x != nil {
		x.have++
		s.settle(g.start(d.SQN), x)
	}
	s.judge()
}

// settle looks whether a group is complete, or can be.
func (s *session) settle(first seq.Num, x *group) {
	switch {
	case x.have >= x.size:
		s.groups.release(x)
	case !x.spoiled && x.have+len(x.parity) >= x.size:
		s.rebuild(first, x)
	}
}

// judge has that asked for which parity can no longer be hoped to repair.
//
// "For the purposes of soliciting on-demand parity, loss detection occurs at
// transmission group boundaries". RFC 3208 §11.5. Where proactive parity follows the
// groups, it occurs when packets have come that are behind that as well.
func (s *session) judge() {
	g := s.groups
	if g.proactive {
		s.askBefore(g.start(s.heardEnd.Add(-1 - g.lag)))
	} else {
		s.askBefore(g.start(s.heardEnd))
	}
}

// askBefore has that asked for which is missing before number end.
func (s *session) askBefore(end seq.Num) {
	if !end.After(s.groups.due) {
		return
	}
	s.groups.due = end
	s.naks.Begin(s.r.now, end, s.groups.k)
	s.r.due = min(s.r.due, s.naks.NextTimeout())
}

// shorten takes in that a group has only so many packets: its other numbers were
// left out.
func (s *session) shorten(first seq.Num, size int) {
	g := s.groups
	if size < 1 || size >= g.k {
		return
	}
	s.extend(first.Add(size))
	for n := first.Add(size); n != first.Add(g.k); n++ {
		switch state := s.win.State(n); {
		case n.Before(s.win.Next()), state == rxwindow.Void:
			continue
		case state == rxwindow.Missing && !(s.haveDirect && s.directAt == n):
			s.naks.Cancel(n)
		case n == s.win.Lead():
		default:
			return // out of reach, or a contradiction
		}
		if !s.win.Void(n) {
			return
		}
		s.heardEnd = seq.Max(s.heardEnd, n+1)
		s.r.enqueue(s)
	}
	if x := g.at(first); x != nil && x.have <= size {
		x.size = size
		s.settle(first, x)
	}
}

// handleParity takes in a parity packet (RFC 3208 §11.5).
//
// "Receivers order parity packets and eliminate duplicates within a transmission
// group based on ODATA/RDATA_PKT_SQN and on OPT_PARITY_GRP if present."
func (r *Receiver) handleParity(id SourceID, d *wire.Data) error {
	s := r.session(id)
	if s == nil || s.groups == nil {
		return r.stats.Drops.drop(DropParity)
	}
	g := s.groups
	first, index, size := g.start(d.SQN), g.place(d.SQN), g.k
	if d.Options.Has(wire.OptParityGrp) {
		if d.Options.ParityGrp > fec.MaxShards {
			return r.stats.Drops.drop(DropMalformed)
		}
		index += g.k * int(d.Options.ParityGrp)
	}
	if d.Options.Has(wire.OptCurrTGSize) {
		size = int(min(d.Options.CurrTGSize, uint32(g.k)))
	}
	shape := parityShape{
		length:    len(d.Payload),
		varied:    d.Flags&wire.FlagVarPktLen != 0,
		fragments: d.Options.Has(wire.OptFragment),
	}
	if shape.varied {
		shape.length -= tsduLen
	}
	if size < 1 || index >= g.code.Parity() || shape.length < 0 || d.Trail.After(first.Add(g.k)) {
		return r.stats.Drops.drop(DropMalformed)
	}
	s.heardAt = r.now
	if s.over() {
		return r.stats.Drops.drop(DropEnded)
	}
	if first.Add(size-1).Sub(s.win.Next()) >= r.cfg.WindowPackets {
		return r.stats.Drops.drop(DropWindow)
	}
	s.advanceTrail(d.Trail)
	s.extend(first.Add(size))
	s.shorten(first, size)
	if s.groups.idle {
		return r.stats.Drops.drop(DropParity)
	}
	if d.Type == wire.TypeODATA {
		s.followed(first, index, size)
	}
	err := s.keepParity(first, index, size, shape, d)
	if s.groups.most > 0 && index == min(s.groups.most, size)-1 {
		s.askBefore(first.Add(g.k)) // that was the last: no more can be hoped for
	}
	s.judge()
	return err
}

// followed learns from a proactive parity packet how many of them follow a group,
// and how far behind it they are.
func (s *session) followed(first seq.Num, index, size int) {
	g := s.groups
	g.most = max(g.most, index+1)
	if size < g.k {
		return
	}
	if first != g.lagging { // it fades from group to group
		g.lag -= (g.lag + 15) / 16
		g.lagging = first
	}
	g.lag = max(g.lag, s.heardEnd.Sub(first.Add(size)))
}

// keepParity keeps a parity packet, and rebuilds its group if that is possible now.
func (s *session) keepParity(first seq.Num, index, size int, shape parityShape, d *wire.Data) error {
	g, drops := s.groups, &s.r.stats.Drops
	x := g.at(first)
	if x == nil || x.spoiled || x.have >= x.size {
		return drops.drop(DropDuplicate)
	}
	if x.size != size {
		// The numbers left out of a short group are out of reach: its data is asked for.
		s.spoil(first)
		return drops.drop(DropWindow)
	}
	for i := range x.parity {
		if x.parity[i].index == index {
			return drops.drop(DropDuplicate)
		}
	}
	if len(x.parity) == 0 {
		x.parityShape = shape
	} else if x.parityShape != shape {
		return drops.drop(DropMalformed)
	}
	sum := g.pool.Get(shape.length+codedTail, false)
	if sum == nil {
		s.spoil(first) // parity does not help who has no room for it
		return drops.drop(DropBuffer)
	}
	tail := sum[copy(sum, d.Payload[:shape.length]):]
	clear(tail)
	if shape.varied {
		copy(tail, d.Payload[shape.length:])
	}
	if shape.fragments {
		f := d.Options.Fragment.Code()
		copy(tail[tsduLen:], f[:])
	}
	x.parity = append(x.parity, parityPacket{index, sum})
	s.r.stats.Parity++
	s.settle(first, x)
	return nil
}

// rebuild rebuilds what is missing of a group that has enough parity packets:
// RFC 3208 §11.2.
func (s *session) rebuild(first seq.Num, x *group) {
	g := s.groups
	g.missing, g.index, g.sums = g.missing[:0], g.index[:0], g.sums[:0]
	useful := false
	for i := range x.size {
		if s.packetOf(first, x, i) != nil {
			continue
		}
		g.missing = append(g.missing, i)
		state := s.win.State(first.Add(i))
		useful = useful || state == rxwindow.Missing || state == rxwindow.Unknown && !first.Add(i).Before(s.win.Next())
	}
	if len(g.missing) > len(x.parity) {
		return
	}
	if !useful { // what is missing was given up
		g.release(x)
		x.spoiled = true
		return
	}
	for i := range g.missing {
		g.index, g.sums = append(g.index, x.parity[i].index), append(g.sums, x.parity[i].sum)
	}
	if !s.subtract(first, x) {
		s.spoil(first)
		return
	}
	g.code.Solve(g.index, g.missing, g.sums)
	for i := range g.missing {
		x.parity[i].sum = nil // the buffer goes to the window
	}
	x.have = x.size
	for j, i := range g.missing {
		if !s.restore(first.Add(i), &x.parityShape, g.sums[j]) {
			// It makes no sense, and is asked for.
			s.r.stats.Refused++
			g.pool.Put(g.sums[j])
			x.spoiled = true
		}
	}
	g.release(x)
}

// packetOf returns data packet i of a group, or nil if it is not there.
func (s *session) packetOf(first seq.Num, x *group, i int) *rxwindow.Packet {
	if i < len(x.kept) && x.kept[i].Data != nil {
		return &x.kept[i].Packet
	}
	return s.win.Packet(first.Add(i))
}

// subtract takes the parts of the data packets that are there out of the parity. It
// reports false if they contradict that.
func (s *session) subtract(first seq.Num, x *group) bool {
	g := s.groups
	for i := range x.size {
		p := s.packetOf(first, x, i)
		if p == nil {
			continue
		}
		if len(p.Data) > x.length || !x.varied && len(p.Data) != x.length || !x.fragments && (p.Fragment || p.Whole) {
			return false
		}
		tail := &g.tail
		setCodedTail(tail, p)
		for j, sum := range g.sums {
			g.code.Add(g.index[j], i, p.Data, sum)
			if x.varied {
				g.code.Add(g.index[j], i, tail[:tsduLen], sum[x.length:])
			}
			if x.fragments {
				g.code.Add(g.index[j], i, tail[tsduLen:], sum[x.length+tsduLen:])
			}
		}
	}
	return true
}

// setCodedTail sets tail to what is coded of a packet beside its data.
func setCodedTail(tail *[codedTail]byte, p *rxwindow.Packet) {
	binary.BigEndian.PutUint16(tail[:], uint16(len(p.Data)))
	c := wire.NoFragment
	if p.Fragment || p.Whole {
		f := wire.Fragment{First: p.First, Offset: p.Offset, Length: p.Length}
		c = f.Code()
	}
	copy(tail[tsduLen:], c[:])
}

// restore puts packet n, which was rebuilt in sum, in the window. The buffer is the
// window's then, or goes back to the pool. It reports false, and leaves the buffer
// alone, if that is no packet.
func (s *session) restore(n seq.Num, shape *parityShape, sum []byte) bool {
	p := rxwindow.Packet{Data: sum[:shape.length], Arrived: s.r.arrived, Hardware: s.r.hardware}
	tail := sum[shape.length:]
	if shape.varied {
		size := int(binary.BigEndian.Uint16(tail))
		if size > shape.length {
			return false
		}
		p.Data = sum[:size]
	}
	if shape.fragments {
		c := wire.CodedFragment(tail[tsduLen:])
		if f := c.Fragment(); f.Coded&wire.FragmentNull == 0 && !fragment(&p, n, &f) {
			return false
		}
	}
	if s.win.State(n) == rxwindow.Unknown {
		s.extend(n + 1)
	}
	if s.win.State(n) != rxwindow.Missing || s.haveDirect && s.directAt == n {
		s.groups.pool.Put(sum)
		return true
	}
	s.naks.Arrived(s.r.now, n)
	s.r.sending = s.r.sending || s.naks.Asking()
	s.fragmented = s.fragmented || p.Fragment
	s.win.Put(n, &p)
	s.r.stats.Rebuilt++
	if s.r.cfg.Delivery == Unordered {
		s.gather(n, &p)
	}
	s.r.enqueue(s)
	return true
}

// byParity reports whether number n, which is missing, is asked for by a parity NAK.
//
// "If PARITY_PRM_OND is set, a receiver MUST NOT send selective NAKs, except in
// partial transmission groups". RFC 3208 §11.5. So are those which this receiver
// cannot rebuild, or the source not make parity of: what was sent before the session
// began here, and where the trailing edge is.
func (s *session) byParity(n seq.Num) bool {
	g := s.groups
	first := g.start(n)
	x := g.at(first)
	return g.onDemand && x != nil && !x.spoiled && !first.Before(s.trail) && !s.heardEnd.Before(first.Add(x.size))
}

// confirmed takes in with confirm, a method of nak.Table, that number num was asked
// for, by us or by somebody else; or if it is of a parity NAK or NCF, as much parity
// of a group as num counts. If that is not enough for us, it does not confirm our own.
//
// "A confirming NCF for a parity NAK is a parity NCF with NCF_PKT_CNT equal to or
// greater than that specified by the parity NAK." RFC 3208 §11.5
func (s *session) confirmed(confirm func(*nak.Table, mono.Time, seq.Num) bool, num seq.Num, parity bool) {
	now, g := s.r.now, s.groups
	if !parity {
		s.r.suppress(confirm(&s.naks, now, num))
		return
	}
	if g == nil {
		return
	}
	first := g.start(num)
	x := g.at(first)
	if x == nil || g.place(num)+1 < g.need(x) {
		return
	}
	for i := range g.k {
		s.r.suppress(confirm(&s.naks, now, first.Add(i)))
	}
}
