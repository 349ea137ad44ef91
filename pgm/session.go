package pgm

import (
	"net/netip"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/nak"
	"github.com/gopgm/gopgm/rxwindow"
	"github.com/gopgm/gopgm/seq"
)

// session is what a Receiver knows of one source. A number is missing in its
// window just when there is a machine for it in naks.
type session struct {
	r     *Receiver
	id    SourceID
	group netip.Addr
	win   rxwindow.Window
	naks  nak.Table

	groups *groups // nil unless the source provides parity

	path    netip.Addr // SPM_PATH, where NAKs go; not valid before the first SPM
	spmSQN  seq.Num    // of the latest SPM
	heardAt mono.Time  // when the source was heard last
	muted   bool       // OPT_NBR_UNREACH: no NAKs until a regular SPM
	waiting bool       // for an SPM that says where to begin (OPT_JOIN)

	spmrAt    mono.Time // when to send an SPMR, or Never
	spmrDue   bool      // it is to be sent
	spmrSent  mono.Time // when the last one was, if it was not answered; or 0
	spmrTries int

	// A packet that is next to deliver and not in the window: still the memory of
	// the caller of HandlePacket, so no later call of it finds one here. If it is
	// not next in order, its number is not in naks but missing in the window.
	direct     rxwindow.Packet
	haveDirect bool
	directAt   seq.Num

	trail    seq.Num // the source's trailing edge
	heardEnd seq.Num // the number after the newest the source is known to have sent
	unit     int     // bytes of the largest packet so far, to estimate what fits

	apdu assembly
	loss loss

	// Of unordered delivery.
	wholes     wholes
	whole      []byte // the message delivered last, if it was put together out of order
	fragmented bool   // a fragment has come

	joining bool    // EventJoin was not reported yet
	syn     bool    // the first number bore OPT_SYN
	first   seq.Num // where the user's numbers begin

	strange    int     // SPMs in a row that cannot be of this session
	strangeSQN seq.Num // of the latest of them

	phase phase
	end   seq.Num // in phaseEnding: the number after the session's last
	anew  bool    // in phaseExpired: not by silence, but because the source began anew
	left  bool    // in phaseExpired: not by silence, but because the user wants no more
	reset bool    // it ends by OPT_RST
	code  uint8   // of OPT_RST

	queued    bool // in the Receiver's list of sessions with events
	nextReady *session
}

// phase is where a session is in its life.
type phase uint8

const (
	phaseOpen    phase = iota
	phaseEnding        // the source announced the end
	phaseEnded         // that was reported; remembered, so that stragglers do not begin it anew
	phaseExpired       // silent for too long, or not wanted, which is to be reported
	phaseGone          // to be removed
)

// over reports that the session takes no more packets.
func (s *session) over() bool { return s.phase >= phaseEnded }

// timeout returns when expire must next be called.
func (s *session) timeout() mono.Time {
	if s.phase >= phaseExpired {
		return mono.Never
	}
	return min(s.naks.NextTimeout(), s.gapTimeout(), s.spmrAt, s.heardAt.Add(s.r.cfg.PeerExpiry))
}

// expire runs every timer due at or before now; those that wait for a packet,
// if they are due at or before heard.
func (s *session) expire(now, heard mono.Time) {
	if heard >= s.heardAt.Add(s.r.cfg.PeerExpiry) {
		s.expirePeer()
		return
	}
	if now >= s.spmrAt {
		s.spmrAt, s.spmrDue = mono.Never, true
		s.r.sending = true
	}
	s.expireGaps(heard)
	s.naks.Expire(now, heard)
	if s.naks.Asking() {
		s.r.sending = true
	}
	for _, l := range s.naks.TakeLost() {
		s.win.Lose(l.Num, uint8(nakCause[l.Cause]))
		s.r.enqueue(s)
	}
}

var nakCause = [...]Cause{nak.NoNCF: CauseNCF, nak.NoData: CauseData, nak.Never: CausePassive}

// far reports whether the source, had it gone on, could neither send number n
// for the first time nor again.
func (s *session) far(n seq.Num) bool {
	const window = 1 << 20 // no source has a larger one, in all likelihood
	reach := max(4*s.r.cfg.WindowPackets, window)
	return n.Before(s.trail.Add(-reach)) || n.After(s.heardEnd.Add(reach))
}

// strangeSPM takes in an SPM, and reports whether several have shown that the
// source began anew with other numbers: they came one after the other, and were
// all behind this session.
func (s *session) strangeSPM(sqn, lead seq.Num) bool {
	const proof = 3
	behind := s.path.IsValid() && !sqn.After(s.spmSQN) || lead.Before(s.trail)
	switch {
	case !behind || !s.far(lead):
		s.strange = 0
		return false
	case s.strange == 0 || sqn.After(s.strangeSQN):
		s.strange++
		s.strangeSQN = sqn
	}
	return s.strange >= proof
}

// restart ends s because its source began anew. It goes on to deliver what it has;
// the next packet begins another session.
func (s *session) restart() {
	s.detach()
	if s.phase == phaseEnded {
		s.phase = phaseGone
		if !s.queued {
			s.r.remove(s)
		}
		return
	}
	s.loseMissing(s.win.Lead(), CauseEnd)
	s.phase, s.anew = phaseExpired, true
	s.r.enqueue(s)
}

// expirePeer ends a session whose source was silent for too long.
func (s *session) expirePeer() {
	switch {
	case s.phase == phaseEnded:
		s.phase = phaseGone
		return
	case s.over():
		return
	}
	s.loseMissing(s.win.Lead(), CauseEnd)
	s.phase = phaseExpired
	s.r.enqueue(s)
}

// loseMissing gives up all missing numbers before end.
func (s *session) loseMissing(end seq.Num, why Cause) {
	for {
		n, ok := s.naks.Oldest()
		if !ok || !n.Before(end) {
			return
		}
		s.naks.Cancel(n)
		s.win.Lose(n, uint8(why))
		s.r.enqueue(s)
	}
}

// extend takes in that the source has sent all numbers before end: those not
// heard of so far are missing.
//
// "Receivers MUST detect gaps in the expected data sequence [...] by comparing
// SPM_LEAD of the most recently received SPM with the leading edge of
// contiguous data." RFC 3208 §6.3
//
// Only as many as the receive buffer can hold when they come are looked for: the
// rest when there is room. Asking for more would bring in what must be thrown
// away, in place of what is wanted first.
func (s *session) extend(end seq.Num) {
	s.heardEnd = seq.Max(s.heardEnd, end)
	if s.r.cfg.MaxGap < 0 {
		s.skipTo(s.heardEnd)
		return
	}
	room := s.win.Room(s.unit) - s.naks.Len()
	switch {
	case s.r.cfg.Delivery == Unordered && !s.fragmented:
		room = s.r.cfg.WindowPackets // nothing need wait in the buffer
	case s.win.Next() == s.win.Lead():
		room = max(room, 1) // the next in order needs none
	}
	if room <= 0 {
		return
	}
	if first, n := s.win.Extend(seq.Min(s.heardEnd, s.win.Lead().Add(min(room, s.r.cfg.WindowPackets)))); n > 0 {
		s.miss(first, n)
	}
}

// miss starts the machines of n numbers that the window has just found missing.
func (s *session) miss(first seq.Num, n int) {
	s.r.stats.Missing += uint64(n)
	held := s.groups.hold(first, n)
	s.naks.Miss(s.r.now, first, n-held)
	s.naks.Hold(s.r.now, first.Add(n-held), held)
	s.r.due = min(s.r.due, s.naks.NextTimeout(), s.gapTimeout())
}

// advanceTrail takes in that the source no longer has the numbers before trail
// (RFC 3208 §6.3, "Cancellation of NAK generation"). A packet that was overtaken
// may tell an older trail.
//
// "If the SPM packet values are less, they SHOULD be ignored." RFC 3208 §6.2
func (s *session) advanceTrail(trail seq.Num) {
	s.trail = seq.Max(s.trail, trail)
	if !trail.After(s.win.Next()) {
		return
	}
	s.loseMissing(trail, CauseTrail)
	if !trail.After(s.win.Lead()) {
		return
	}
	// What lies between was never heard of.
	if s.win.Next() == s.win.Lead() && s.beginLoss(s.win.Next(), CauseTrail) {
		s.skipWindow(trail)
		s.r.enqueue(s)
		return
	}
	first, n := s.win.Extend(trail)
	for i := range n {
		s.win.Lose(first.Add(i), uint8(CauseTrail))
	}
	s.r.enqueue(s)
}

// skipWindow moves the window, which is empty, on to number n.
func (s *session) skipWindow(n seq.Num) {
	s.win.Skip(n)
	if s.groups != nil {
		s.groups.passed(n)
	}
}

// resume looks again at what was out of reach: at the trailing edge, and at what
// the source has sent. It reports whether that led to something to deliver.
func (s *session) resume() bool {
	if s.over() {
		return false
	}
	next, lead := s.win.Next(), s.win.Lead()
	s.advanceTrail(s.trail)
	moved := s.win.Next() != next || s.win.Lead() != lead
	s.extend(s.heardEnd)
	if s.r.cfg.MaxGap < 0 { // it may have given up more
		moved = s.win.Next() != next || s.win.Lead() != lead
	}
	return moved
}

// keep moves the packet that is next to deliver from its caller's memory to the
// window.
func (s *session) keep() {
	if !s.haveDirect {
		return
	}
	s.haveDirect = false
	s.win.Extend(s.directAt.Add(1))
	s.win.Store(s.directAt, &s.direct, true)
	if s.r.cfg.Delivery == Unordered && !s.direct.Fragment {
		s.wholes.push(s.directAt)
	}
}
