package pgm

import "net/netip"

// Leave ends the sessions that are sent to a group from an address; one that is not
// valid stands for any. It is for when no more of their packets will come, because
// the receiver has left the group or does not want the source: what they miss is
// given up, what has come is delivered in order, and EventLeft ends each. A packet
// that comes nevertheless begins a session anew, with EventJoin.
func (r *Receiver) Leave(group, from netip.Addr) {
	for i := 0; i < len(r.order); i++ {
		s := r.order[i]
		if group.IsValid() && s.group != group || from.IsValid() && s.id.Addr != from {
			continue
		}
		if s.leave() {
			i-- // s was removed
		}
	}
}

// leave ends s, which goes on to deliver what it has. It reports whether there is
// nothing to deliver, and s is gone.
func (s *session) leave() (gone bool) {
	switch s.phase {
	case phaseExpired, phaseGone:
		return false // it ends already
	case phaseEnded:
		s.phase = phaseGone
		if s.queued {
			return false
		}
		s.r.remove(s)
		return true
	}
	s.detach()
	s.loseMissing(s.win.Lead(), CauseEnd)
	s.phase, s.left = phaseExpired, true
	s.r.enqueue(s)
	return false
}

// detach makes the next packet of the source begin another session.
func (s *session) detach() {
	if s.r.sessions[s.id] == s {
		delete(s.r.sessions, s.id)
	}
	if s.r.last == s {
		s.r.last = nil
	}
}
