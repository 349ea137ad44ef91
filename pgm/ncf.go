package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// ncfQueue holds the confirmations to send. They go out at once, so there is
// rarely more than one. In a flood of NAKs that the network cannot take the
// answers to, the oldest are forgotten: their receivers ask again.
type ncfQueue struct {
	ring  [32]ncf
	first int
	n     int
}

// ncf is what one NAK asked for.
type ncf struct {
	parity bool
	count  int
	nums   [1 + wire.MaxNAKList]seq.Num
}

func (q *ncfQueue) push(p *wire.NAK) {
	if q.n == len(q.ring) {
		q.pop()
	}
	e := &q.ring[(q.first+q.n)%len(q.ring)]
	e.parity = p.Flags&wire.FlagParity != 0
	e.nums[0] = p.SQN
	e.count = 1 + p.Options.NAKList.Len()
	for i := 1; i < e.count; i++ {
		e.nums[i] = p.Options.NAKList.At(i - 1)
	}
	q.n++
}

func (q *ncfQueue) pop() {
	q.first = (q.first + 1) % len(q.ring)
	q.n--
}

// ncfShare is the part of the rate that NCFs for the same numbers may take.
const ncfShare = 1.0 / 20

// confirm queues the NCF that answers a NAK of size bytes.
//
// "A source MUST immediately multicast an NCF in response to any NAK it
// receives. [...] A possible countermeasure [to a NAK storm] is to send the
// first NCF immediately in response to a NAK and then delay the generation of
// further NCFs (for identical NAKs) by a small interval." RFC 3208 §5.2. Here
// those further ones are left out when the rate leaves no room for them: NAKs
// from receivers that lost patience with a slow source would else slow it down
// to nothing.
func (s *Source) confirm(now mono.Time, p *wire.NAK, size int) {
	calm := time.Duration(float64(size+s.cfg.Overhead) / (ncfShare * s.pacer.rate) * 1e9)
	confirm := s.confirmNumber
	if p.Flags&wire.FlagParity != 0 {
		confirm = s.confirmParity
	}
	fresh := confirm(now, p.SQN, calm)
	for i := range p.Options.NAKList.Len() {
		fresh = confirm(now, p.Options.NAKList.At(i), calm) || fresh
	}
	if fresh {
		s.ncfs.push(p)
	}
}

// confirmNumber reports whether number n was not confirmed for as long as calm.
func (s *Source) confirmNumber(now mono.Time, n seq.Num, calm time.Duration) bool {
	at := &s.vain
	if s.win.Repairable(n) {
		at = &s.win.Slot(n).Confirmed
	}
	if *at != 0 && now.Sub(*at) < calm {
		return false
	}
	*at = now
	return true
}

// confirmParity is confirmNumber for what a parity NAK asks for: one that asks for
// more than was confirmed is never left out.
func (s *Source) confirmParity(now mono.Time, num seq.Num, calm time.Duration) bool {
	first, count := s.parity.start(num), uint8(s.parity.index(num)+1)
	fresh := s.confirmNumber(now, first, calm)
	if !s.win.Repairable(first) {
		return fresh
	}
	g := s.parity.group(first)
	fresh = fresh || count > g.confirmed
	g.confirmed = max(g.confirmed, count)
	return fresh
}

// ncfRun builds the next NCF, with the same list as its NAK (RFC 3208 §9.3.4).
func (s *Source) ncfRun() {
	e := &s.ncfs.ring[s.ncfs.first]
	var list [4 * wire.MaxNAKList]byte
	p := wire.NAK{Header: s.head.Header, SQN: e.nums[0], Source: s.cfg.Addr, Group: s.cfg.Group}
	p.Type = wire.TypeNCF
	if e.parity {
		p.Flags |= wire.FlagParity
	}
	if e.count > 1 {
		l := wire.NumList(list[:0])
		for _, n := range e.nums[1:e.count] {
			l = wire.AppendNum(l, n)
		}
		p.Options.NAKList = l
		p.Options.Set(wire.OptNAKList)
	}
	s.announceBackoff(&p.Options)
	s.controlRun(wire.AppendNAK(s.control[:0], &p))
}

// controlRun makes pkt, one packet, the next run.
func (s *Source) controlRun(pkt []byte) {
	s.control = pkt
	s.iov[0] = pkt
	s.tx = Transmit{Data: s.iov[:1], Segment: len(pkt), Packets: 1, Bytes: len(pkt), RouterAlert: true}
}
