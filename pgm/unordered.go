package pgm

import (
	"github.com/gopgm/gopgm/rxwindow"
	"github.com/gopgm/gopgm/seq"
)

// wholes are the messages in the window that are whole and need not wait for
// those before them, by their first numbers, in the order in which they became
// whole. Each is there once, so the window bounds them.
type wholes struct {
	ring  []seq.Num // of a size that is a power of two
	first int
	n     int
}

func (w *wholes) push(n seq.Num) {
	if w.n == len(w.ring) {
		ring := make([]seq.Num, max(64, 2*len(w.ring)))
		k := copy(ring, w.ring[w.first:])
		copy(ring[k:], w.ring[:w.first])
		w.ring, w.first = ring, 0
	}
	w.ring[(w.first+w.n)&(len(w.ring)-1)] = n
	w.n++
}

func (w *wholes) pop() seq.Num {
	n := w.ring[w.first]
	w.first = (w.first + 1) & (len(w.ring) - 1)
	w.n--
	return n
}

// gather takes in that packet n was stored, for unordered delivery.
func (s *session) gather(n seq.Num, p *rxwindow.Packet) {
	if !p.Fragment {
		s.wholes.push(n)
		s.r.enqueue(s)
		return
	}
	// One that is too large is reported when its turn comes.
	if first, whole := s.win.Whole(n); whole && int64(p.Length) <= int64(s.r.cfg.MaxMessage) {
		s.wholes.push(first)
		s.r.enqueue(s)
	}
}

// nextWhole fills in a message that is whole, though others before it may not
// be; false means there is none. Messages that are in order anyway it leaves to
// next, unless they were kept.
func (s *session) nextWhole(ev *Event) bool {
	ahead := s.haveDirect && s.directAt != s.win.Next()
	for s.wholes.n > 0 || ahead {
		if s.joining {
			return s.reportJoin(ev)
		}
		if s.wholes.n == 0 {
			n := s.directAt
			s.haveDirect = false
			s.deliver(n)
			s.messageEvent(ev, n, n, s.direct.Data, &s.direct)
			return true
		}
		n := s.wholes.pop()
		p := s.win.Packet(n)
		switch {
		case p == nil:
		case !p.Fragment:
			s.messageEvent(ev, n, n, p.Data, p)
			s.deliver(n)
			return true
		case s.assemble(ev, n, p):
			return true
		}
	}
	return false
}

// assemble fills in the message whose first packet is p, number n. It reports
// false if its fragments contradict each other: they are reported when their
// turn comes.
func (s *session) assemble(ev *Event, n seq.Num, p *rxwindow.Packet) bool {
	buf, length, last := s.whole[:0], int(p.Length), n
	for at := n; len(buf) < length; at++ {
		q := s.win.Packet(at)
		if q == nil {
			if s.win.State(at) == rxwindow.Void {
				continue
			}
			return false
		}
		if !q.Fragment || q.First != n || int(q.Length) != length || int(q.Offset) != len(buf) {
			return false
		}
		buf = append(buf, q.Data...)
		last, p = at, q
	}
	s.whole = buf
	s.messageEvent(ev, n, last, buf, p)
	for at := n; !at.After(last); at++ {
		if s.win.State(at) != rxwindow.Void {
			s.deliver(at)
		}
	}
	return true
}
