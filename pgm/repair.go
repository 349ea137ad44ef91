package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/txwindow"
	"github.com/gopgm/gopgm/wire"
)

// eliminate is how long after a repair further NAKs for the same packet are
// taken to have crossed it on the way. Receivers wait at least as long before
// they ask again.
const eliminate = 200 * time.Microsecond

// repairQueue is a queue of the numbers to send as RDATA, in the order they
// were asked for. A number is in it at most once, so it never holds more than
// the window.
type repairQueue struct {
	ring  []seq.Num // its length is a power of two
	first int
	n     int
}

func (q *repairQueue) at(i int) seq.Num { return q.ring[(q.first+i)&(len(q.ring)-1)] }

func (q *repairQueue) push(n seq.Num) {
	if q.n == len(q.ring) {
		ring := make([]seq.Num, max(64, 2*q.n))
		for i := range q.n {
			ring[i] = q.at(i)
		}
		q.ring, q.first = ring, 0
	}
	q.ring[(q.first+q.n)&(len(q.ring)-1)] = n
	q.n++
}

func (q *repairQueue) pop(n int) {
	q.first += n
	q.n -= n
}

// handleNAK answers a NAK: with an NCF at once and with RDATA after it, for
// every number in it (RFC 3208 §5.2, §5.3, §9.3.4).
func (s *Source) handleNAK(now mono.Time, pkt []byte) error {
	p, err := wire.ParseNAK(pkt)
	if err != nil {
		return s.stats.Drops.drop(dropOf(err))
	}
	parity := p.Flags&wire.FlagParity != 0
	if parity && (s.parity == nil || !s.parity.cfg.OnDemand) {
		return s.stats.Drops.drop(DropParity)
	}
	if p.Group != s.cfg.Group {
		return s.stats.Drops.drop(DropSession)
	}
	s.stats.NAKs++
	s.confirm(now, &p, len(pkt))
	repair := s.repair
	if parity {
		repair = s.repairParity
	}
	repair(now, p.SQN)
	for i := range p.Options.NAKList.Len() {
		repair(now, p.Options.NAKList.At(i))
	}
	s.sendAt = 0
	return nil
}

// repair queues packet n to be sent again, unless its repair is on its way.
//
// Deviation: "For any group that is full, the source SHOULD provide FEC on demand in
// response to a selective NAK." RFC 3208 §11.4. A receiver that asks so may know
// nothing of parity, and OpenPGM's do not survive it: it gets what it asks for.
func (s *Source) repair(now mono.Time, n seq.Num) {
	s.stats.NAKNumbers++
	if s.win.Void(n) && s.win.Repairable(s.parity.start(n)) {
		// No packet has this number, which only a parity packet can tell now.
		s.demand(now, s.parity.start(n), 1)
		return
	}
	if !s.win.Repairable(n) {
		s.outside(n)
		return
	}
	s.resend(now, n)
}

// resend queues packet n, which can be repaired, unless its repair is on its way.
func (s *Source) resend(now mono.Time, n seq.Num) {
	sl := s.win.Slot(n)
	again := sl.Asked != 0
	s.asked(now, sl)
	if sl.Queued || sl.Repaired != 0 && now.Sub(sl.Repaired) < eliminate {
		s.repeated(now, sl)
		return
	}
	if sl.Repaired != 0 {
		s.reask.add(now, now.Sub(sl.Repaired))
	}
	sl.Queued, sl.Repeats = true, 0
	s.repairs.push(n)
	s.adapt.asked(now, max(sl.Sent, sl.Repaired), again)
}

// outside takes in that number n was asked for and is not in the window. An SPM
// tells the receiver where that begins, so that it does not go on asking for what is
// gone.
func (s *Source) outside(n seq.Num) {
	s.stats.NAKOutside++
	if n.Before(s.win.Trail()) {
		s.adapt.late()
	}
	s.heart.hasten(s.lastSPM.Add(s.cfg.HeartbeatMin))
}

// asked takes in that the packet in sl was asked for.
func (s *Source) asked(now mono.Time, sl *txwindow.Slot) {
	if sl.Asked != 0 {
		return
	}
	sl.Asked = now
	s.lag += (now.Sub(sl.Sent) - s.lag) / 16
	s.ask.add(now, s.lag)
	s.backoff.asked()
}

// repeated takes in that it was asked for again while its repair was on its way.
func (s *Source) repeated(now mono.Time, sl *txwindow.Slot) {
	s.stats.NAKDuplicate++
	sl.Repeats = min(sl.Repeats+1, 250)
	s.backoff.repeated(now, int(sl.Repeats))
}

// repairRun builds the next run of RDATA, of at most so many bytes or one packet.
func (s *Source) repairRun(bytes int) bool {
	for s.repairs.n > 0 && !s.win.Repairable(s.repairs.at(0)) {
		s.repairs.pop(1) // it left the window meanwhile
	}
	tx := Transmit{Data: s.iov[:0], RouterAlert: true}
	for i := 0; i < s.repairs.n && tx.Packets < MaxRunPackets; i++ {
		n := s.repairs.at(i)
		if !s.win.Repairable(n) {
			break
		}
		pkt := s.win.Packet(n)
		if i == 0 {
			tx.Segment = len(pkt)
		} else if len(pkt) > tx.Segment || tx.Bytes+len(pkt) > bytes {
			break
		}
		wire.PatchData(pkt, wire.TypeRDATA, s.win.Trail())
		tx.Data = append(tx.Data, pkt)
		tx.Bytes += len(pkt)
		tx.Packets++
		if len(pkt) < tx.Segment {
			break
		}
	}
	s.tx = tx
	return tx.Packets > 0
}

// sentRepairs takes the first n numbers off the queue.
func (s *Source) sentRepairs(now mono.Time, n int) {
	for i := range n {
		sl := s.win.Slot(s.repairs.at(i))
		sl.Queued = false
		sl.Repaired = now
	}
	s.repairs.pop(n)
}
