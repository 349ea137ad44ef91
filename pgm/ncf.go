package pgm

import (
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
	count int
	nums  [1 + wire.MaxNAKList]seq.Num
}

func (q *ncfQueue) push(p *wire.NAK) {
	if q.n == len(q.ring) {
		q.pop()
	}
	e := &q.ring[(q.first+q.n)%len(q.ring)]
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

// ncfRun builds the next NCF, with the same list as its NAK (RFC 3208 §9.3.4).
func (s *Source) ncfRun() {
	e := &s.ncfs.ring[s.ncfs.first]
	var list [4 * wire.MaxNAKList]byte
	p := wire.NAK{Header: s.head.Header, SQN: e.nums[0], Source: s.cfg.Addr, Group: s.cfg.Group}
	p.Type = wire.TypeNCF
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
