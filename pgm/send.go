package pgm

import "github.com/gopgm/gopgm/mono"

// shareOfTurn bounds how long ODATA takes its turn while repairs wait: a
// thousandth of a second, or one packet.
const shareOfTurn = 1000

// controlReserve is how many bytes of the token bucket data leaves for NCFs and
// SPMs, so that they need not wait.
const controlReserve = 1024

// NextTransmit returns the next run of packets to send; false means there is
// none now. Until Sent takes it, it is offered again.
//
// "[...] a source MUST strictly prioritize sending of pending NCFs first,
// pending SPMs second, and only send ODATA or RDATA when no NCFs or SPMs are
// pending." RFC 3208 §5.1.3. RDATA and ODATA take turns.
func (s *Source) NextTransmit(now mono.Time) (*Transmit, bool) {
	now = s.clock(now)
	s.kind = runNone
	s.sendAt = mono.Never
	if s.cfg.Rate == 0 && s.adapt.tick(now, s.repairs.n) {
		s.setRate(now)
	}
	reserve := 0
	switch {
	case s.ncfs.n > 0:
		s.ncfRun()
		s.kind = runNCF
	case s.spms > 0:
		s.spmRun()
		s.kind = runSPM
	default:
		reserve = controlReserve
		s.kind = s.dataRun()
		if s.kind == runNone {
			return nil, false
		}
	}
	if at := s.pacer.ready(now, s.cost()+reserve); at > now {
		s.sendAt = at
		return nil, false
	}
	s.sendAt = 0
	s.tx.Group = s.cfg.Group
	return &s.tx, true
}

// cost returns what the run in s.tx takes from the token bucket.
func (s *Source) cost() int { return s.tx.Bytes + s.tx.Packets*s.cfg.Overhead }

// dataRun builds the next run of RDATA or ODATA, no larger than the token
// bucket can pay at once.
func (s *Source) dataRun() runKind {
	bytes := min(int(s.pacer.burst)-controlReserve-MaxRunPackets*s.cfg.Overhead, MaxRunBytes)
	unsent, _ := s.win.Backlog()
	first := s.win.Unsent()
	size, follow := 0, 0 // of the next packet, and how many of parity go with data
	if unsent > 0 {
		size = len(s.win.Packet(first))
		follow = s.parity.joins(first, size)
	}
	if turn := unsent == 0 || !s.repairLast; turn && s.repairs.n > 0 && s.repairRun(bytes) {
		return runRDATA
	} else if s.parity != nil {
		if kind := s.parityRun(turn, follow > 0, bytes); kind != runNone {
			return kind
		}
	}
	if unsent == 0 {
		return runNone
	}
	if s.repairs.n > 0 {
		// A run takes long at a low rate, and repairs go out a few at a time: they
		// would have a small part of the rate, and fall behind.
		bytes = min(bytes, int(s.pacer.rate/shareOfTurn))
	}
	data, segment, n := s.win.Run(first, s.parity.runEnd(first, s.win.Next()), MaxRunPackets-follow, bytes-follow*size)
	s.iov[0] = data
	s.tx = Transmit{Data: s.iov[:1], Segment: segment, Packets: n, Bytes: len(data), Original: n, First: first}
	if follow > 0 && len(data) == n*segment { // not after a smaller packet, which ends a run
		s.parity.proactive.run(&s.tx, first, bytes)
	}
	return runODATA
}

// parityRun builds the next run of parity packets: of those that follow data already
// sent, unless they are joined with the next data, or else of those asked for if it is
// the turn of repairs.
func (s *Source) parityRun(turn, joined bool, bytes int) runKind {
	p, next := s.parity, s.win.Unsent()
	if turn && p.demands.n > 0 {
		s.makeDemanded()
	}
	s.tx = Transmit{Data: s.iov[:0]}
	if p.due(next) && !joined && p.proactive.run(&s.tx, next, bytes) {
		return runParity
	}
	s.tx.RouterAlert = true
	if turn && p.demanded.run(&s.tx, next, bytes) {
		return runDemanded
	}
	return runNone
}

// encode takes the first n packets of the run in s.tx, data which was sent, into the
// parity of their groups.
func (s *Source) encode(now mono.Time, n int) {
	p, num, data, size := s.parity, s.tx.First, s.tx.Data[0], s.tx.Segment
	for n > 0 {
		of := min(n, p.cfg.K-p.index(num)) // the same group
		part := data[:min(of*size, len(data))]
		if p.sent(now, num, part, size) {
			p.end(now, &s.head.Header, s.win.Trail(), num.Add(of))
		}
		num, n, data = num.Add(of), n-of, data[len(part):]
	}
}

// Sent tells that the network took the first n packets of the run NextTransmit
// returned last. With n = 0 it does nothing.
func (s *Source) Sent(now mono.Time, n int) {
	if n == 0 || s.kind == runNone {
		return
	}
	now = s.clock(now)
	bytes := s.tx.Bytes
	if n < s.tx.Packets {
		bytes = n * s.tx.Segment
	}
	s.pacer.take(bytes + n*s.cfg.Overhead)
	switch s.kind {
	case runNCF:
		s.ncfs.pop()
		s.stats.NCFs++
	case runSPM:
		s.sentSPM(now)
		s.stats.SPMs++
	case runRDATA:
		s.sentRepairs(now, n)
		s.adapt.count(n, bytes+n*s.cfg.Overhead)
		s.repairLast = true
		s.heart.sentData(now)
		s.stats.RDATAPackets += uint64(n)
		s.stats.RDATABytes += uint64(bytes)
	case runDemanded:
		s.sentDemanded(now, n)
		s.adapt.count(n, bytes+n*s.cfg.Overhead)
		s.repairLast = true
		s.stats.RDATAPackets += uint64(n)
		s.stats.RDATABytes += uint64(bytes)
		s.stats.ParityRepairs += uint64(n)
		s.stats.ParityRepairBytes += uint64(bytes)
	case runParity:
		s.parity.proactive.pop(n)
		s.parity.waited = false
		s.adapt.count(n, bytes+n*s.cfg.Overhead)
		s.repairLast = false
		s.stats.ParityPackets += uint64(n)
		s.stats.ParityBytes += uint64(bytes)
	case runODATA:
		s.adapt.count(n, bytes+n*s.cfg.Overhead)
		if follow := n - s.tx.Original; follow > 0 {
			s.parity.proactive.pop(follow)
			n, bytes = n-follow, bytes-follow*s.tx.Segment
			s.stats.ParityPackets += uint64(follow)
			s.stats.ParityBytes += uint64(follow * s.tx.Segment)
		}
		if s.parity != nil {
			s.parity.waited = s.parity.due(s.win.Unsent())
			s.encode(now, n)
		}
		s.win.MarkSent(n, now)
		s.repairLast = false
		s.heart.sentData(now)
		s.stats.ODATAPackets += uint64(n)
		s.stats.ODATABytes += uint64(bytes)
		s.finish(now)
	}
	s.kind = runNone
}

// setRate makes the adapter's rate the pacer's.
func (s *Source) setRate(now mono.Time) {
	s.pacer.set(now, s.adapt.rate, max(float64(s.cfg.Burst), s.adapt.rate/2000))
}
