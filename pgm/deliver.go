package pgm

import (
	"github.com/gopgm/gopgm/rxwindow"
	"github.com/gopgm/gopgm/seq"
)

// loss is a run of numbers given up, up to the one before the next to deliver,
// that is not reported yet.
type loss struct {
	open  bool
	first seq.Num
	cause Cause
	more  bool // it ends amid a message whose other packets will follow
}

// assembly is a message of which some fragments, in order, have come
// (RFC 3208 §9.2.3).
type assembly struct {
	open   bool
	first  seq.Num
	length int
	buf    []byte

	refused bool // the message that begins with number first is too large
}

// next fills in the session's next event; false means there is none now.
func (s *session) next(ev *Event) bool {
	s.win.Release()
	if s.r.cfg.Delivery == Unordered && s.nextWhole(ev) {
		return true
	}
	for {
		n := s.win.Next()
		state, p, why := s.head()
		switch state {
		case rxwindow.Received:
			if done, ok := s.take(ev, n, p); done {
				return ok
			}
		case rxwindow.Lost:
			if !s.beginLoss(n, Cause(why)) {
				return s.reportLoss(ev)
			}
			s.advance()
		case rxwindow.Delivered, rxwindow.Void:
			if !s.pass(state) {
				return s.reportLoss(ev)
			}
		default:
			if s.loss.open && !s.loss.more {
				return s.reportLoss(ev)
			}
			return s.nextEnd(ev, n)
		}
	}
}

// head returns what is next in order.
func (s *session) head() (rxwindow.State, *rxwindow.Packet, uint8) {
	if s.haveDirect { // not ahead: nextWhole was asked first
		return rxwindow.Received, &s.direct, 0
	}
	return s.win.Head()
}

func (s *session) advance() {
	n := s.win.Next()
	kept := !s.haveDirect && s.retain(n)
	s.haveDirect = false
	s.win.Advance()
	if kept {
		s.win.Keep()
	}
	if s.groups != nil {
		s.groups.passed(n + 1)
	}
}

// deliver ends the business of number n, whatever comes before it.
func (s *session) deliver(n seq.Num) {
	kept := s.retain(n)
	s.win.Deliver(n)
	if kept {
		s.win.Keep()
	}
}

// pass skips the number to deliver next, which was delivered already or does not
// exist. It reports false if a loss must be reported first.
func (s *session) pass(state rxwindow.State) bool {
	if s.apdu.open && state == rxwindow.Delivered { // it cannot be of that message
		s.beginLoss(s.win.Next(), CauseFragment)
	}
	if s.loss.open {
		return false
	}
	s.advance()
	if s.joining {
		s.first = s.win.Next()
	}
	return true
}

// take uses packet n, which is next in order. It reports done when the event is
// filled in.
func (s *session) take(ev *Event, n seq.Num, p *rxwindow.Packet) (done, ok bool) {
	a := &s.apdu
	if p.Fragment && p.First != n {
		if a.open && p.First == a.first && int(p.Offset) == len(a.buf) && int(p.Length) == a.length {
			a.buf = append(a.buf, p.Data...)
			if len(a.buf) < a.length {
				s.advance()
				return false, false
			}
			a.open = false
			s.reportMessage(ev, a.first, n, a.buf, p)
			return true, true
		}
		return s.orphan(ev, n, p)
	}
	// A message begins: what came before it ends.
	if a.open {
		s.beginLoss(n, CauseFragment)
	}
	if s.loss.open {
		return true, s.reportLoss(ev)
	}
	if s.joining {
		return true, s.reportJoin(ev)
	}
	if !p.Fragment {
		s.reportMessage(ev, n, n, p.Data, p)
		return true, true
	}
	a.first = n
	if int64(p.Length) > int64(s.r.cfg.MaxMessage) {
		a.refused = true
		s.beginLoss(n, CauseSize)
		s.loss.more = true
		s.advance()
		return false, false
	}
	a.open, a.refused, a.length = true, false, int(p.Length)
	a.buf = append(a.buf[:0], p.Data...)
	s.advance()
	return false, false
}

// orphan skips packet n, a fragment of a message that cannot be completed.
func (s *session) orphan(ev *Event, n seq.Num, p *rxwindow.Packet) (done, ok bool) {
	if s.joining && !s.loss.open {
		// The message began before the receiver joined.
		s.advance()
		s.first = s.win.Next()
		s.syn = false
		return false, false
	}
	why := CauseFragment
	if s.apdu.refused && p.First == s.apdu.first {
		why = CauseSize
	}
	if !s.beginLoss(n, why) {
		return true, s.reportLoss(ev)
	}
	s.loss.more = int(p.Offset)+len(p.Data) < int(p.Length)
	s.advance()
	return false, false
}

// beginLoss makes number n, the next to deliver, part of the loss to report,
// and with it the part of a message that came before. It reports false if
// another loss must be reported first.
func (s *session) beginLoss(n seq.Num, why Cause) bool {
	if s.loss.open {
		s.loss.more = false
		return s.loss.cause == why
	}
	s.loss = loss{open: true, first: n, cause: why}
	if s.apdu.open {
		s.apdu.open = false
		s.loss.first = s.apdu.first
	}
	return true
}

// nextEnd reports the end of the session, if everything up to it, number n, is
// accounted for.
func (s *session) nextEnd(ev *Event, n seq.Num) bool {
	switch {
	case s.phase == phaseExpired:
	case s.phase == phaseEnding && !n.Before(s.end):
	default:
		return false
	}
	if s.apdu.open {
		s.beginLoss(n, CauseEnd)
	}
	if s.loss.open {
		return s.reportLoss(ev)
	}
	if s.joining {
		return s.reportJoin(ev)
	}
	kind := EventFin
	switch {
	case s.phase == phaseExpired:
		kind = EventExpired
		switch {
		case s.anew:
			kind = EventRestart
		case s.left:
			kind = EventLeft
		}
		s.phase = phaseGone
	case s.reset:
		kind = EventReset
		s.phase = phaseEnded
	default:
		s.phase = phaseEnded
	}
	s.apdu.buf, s.whole, s.wholes = nil, nil, wholes{}
	s.groups.close()
	s.report(ev, kind, n, n, nil)
	ev.Code = s.code
	return true
}

func (s *session) report(ev *Event, kind EventKind, first, last seq.Num, data []byte) bool {
	*ev = Event{Kind: kind, Source: s.id, Group: s.group, First: first, Last: last, Data: data}
	return true
}

// reportMessage reports a message whose last packet is p, which is next in order.
func (s *session) reportMessage(ev *Event, first, last seq.Num, data []byte, p *rxwindow.Packet) {
	s.messageEvent(ev, first, last, data, p)
	s.advance()
}

// messageEvent fills in a message whose last packet is p.
func (s *session) messageEvent(ev *Event, first, last seq.Num, data []byte, p *rxwindow.Packet) {
	*ev = Event{Kind: EventMessage, Source: s.id, Group: s.group, First: first, Last: last, Floor: seq.Min(first, s.floor()), Data: data,
		Arrived: p.Arrived, Hardware: p.Hardware}
}

// floor returns the number before which all are told of.
func (s *session) floor() seq.Num {
	switch {
	case s.loss.open:
		return s.loss.first
	case s.apdu.open:
		return s.apdu.first
	}
	return s.win.Next()
}

func (s *session) reportJoin(ev *Event) bool {
	s.joining = false
	s.report(ev, EventJoin, s.first, s.first, nil)
	ev.Syn = s.syn
	return true
}

func (s *session) reportLoss(ev *Event) bool {
	if s.joining {
		return s.reportJoin(ev)
	}
	s.report(ev, EventLoss, s.loss.first, s.win.Next()-1, nil)
	ev.Cause = s.loss.cause
	s.loss.open = false
	return true
}
