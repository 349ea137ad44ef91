// Package rxwindow keeps what a receiver has of one session, what it misses,
// and what may be delivered: the receive window of RFC 3208 §3.4.
//
// Numbers before next were delivered or given up; numbers from lead on were
// never heard of. Those in between are each missing, received or lost, or done
// with out of order, in a ring of slots indexed by number. A packet that is next
// in order does not touch the ring: its user takes it as it is and calls
// [Window.Advance]. Only what comes early is copied, to buffers of a [Pool].
package rxwindow

import (
	"fmt"

	"github.com/gopgm/gopgm/seq"
)

// State is the state of one number.
type State uint8

// The states.
const (
	Unknown   State = iota // outside the window
	Missing                // may yet come
	Received               // buffered
	Lost                   // given up
	Delivered              // handed out though numbers before it are missing
	Void                   // the source left the number out
)

// String returns the state in a word.
func (s State) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Missing:
		return "missing"
	case Received:
		return "received"
	case Lost:
		return "lost"
	case Delivered:
		return "delivered"
	case Void:
		return "void"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Packet is what a packet brings for its message.
type Packet struct {
	Data []byte

	// Of a fragment (RFC 3208 §9.2): the number of the message's first packet,
	// the place of Data in the message, and the size of the message.
	Fragment       bool
	First          seq.Num
	Offset, Length uint32

	// Whole tells that it is no fragment but bears OPT_FRAGMENT all the same: First,
	// Offset and Length are then those of the option.
	Whole bool

	// When it arrived, as the window's user counts time, and whether the network
	// card said so.
	Hardware bool
	Arrived  int64
}

// Window is the receive window of one session. It is not safe for concurrent
// use.
type Window struct {
	pool  *Pool
	limit int // numbers from next on that the window may hold, a power of two
	slots []slot

	next, lead seq.Num
	held       []byte // the buffer of the packet delivered last
}

type slot struct {
	packet Packet
	state  State
	cause  uint8
	whole  uint32 // bytes of the message that begins here, as far as Whole has counted them
}

// New returns an empty window that starts at number next and holds at most
// limit numbers, a power of two. Its memory grows with what is out of order.
func New(pool *Pool, limit int, next seq.Num) Window {
	return Window{pool: pool, limit: limit, next: next, lead: next}
}

// Next returns the number to deliver next.
func (w *Window) Next() seq.Num { return w.next }

// Lead returns the number after the newest one heard of.
func (w *Window) Lead() seq.Num { return w.lead }

// Room returns how many packets of the given size the pool can take.
func (w *Window) Room(size int) int { return w.pool.Room(size) }

// Reach returns the number after the last one the window can take now.
func (w *Window) Reach() seq.Num { return w.next.Add(w.limit) }

// State returns the state of number n.
func (w *Window) State(n seq.Num) State {
	if n.Before(w.next) || !n.Before(w.lead) {
		return Unknown
	}
	return w.slot(n).state
}

func (w *Window) slot(n seq.Num) *slot { return &w.slots[uint32(n)&uint32(len(w.slots)-1)] }

// Extend makes all numbers from Lead up to, but not including, end missing, as
// far as they are in reach. It returns the first and how many they are.
func (w *Window) Extend(end seq.Num) (first seq.Num, n int) {
	first = w.lead
	n = seq.Min(end, w.Reach()).Sub(first)
	if n <= 0 {
		return first, 0
	}
	w.grow(first.Add(n).Sub(w.next))
	for w.lead = first; w.lead != first.Add(n); w.lead++ {
		w.slot(w.lead).state = Missing
	}
	return first, n
}

func (w *Window) grow(span int) {
	if span <= len(w.slots) {
		return
	}
	size := max(64, 2*len(w.slots))
	for size < span {
		size *= 2
	}
	old := *w
	w.slots = make([]slot, size)
	for n := old.next; n != old.lead; n++ {
		*w.slot(n) = *old.slot(n)
	}
}

// Store keeps a copy of p as number n, which must be missing. It reports false,
// and leaves n missing, if the pool has no room, unless it must.
func (w *Window) Store(n seq.Num, p *Packet, must bool) bool {
	b := w.pool.Get(len(p.Data), must)
	if b == nil {
		return false
	}
	copy(b, p.Data)
	s := w.slot(n)
	s.packet = *p
	s.packet.Data = b
	s.state = Received
	return true
}

// Put makes p, whose data lies in a buffer of the pool, packet n, which must be
// missing. The buffer is the window's from then on.
func (w *Window) Put(n seq.Num, p *Packet) {
	s := w.slot(n)
	s.packet, s.state = *p, Received
}

// Lose gives up number n, which must be missing, for a reason that Head will
// return.
func (w *Window) Lose(n seq.Num, cause uint8) {
	s := w.slot(n)
	s.state, s.cause = Lost, cause
}

// Void takes in that the source left number n out: it is neither delivered nor
// lost. It must be missing, or be Lead, which then moves on by one. Void reports
// false if it is not in reach.
func (w *Window) Void(n seq.Num) bool {
	if n == w.lead {
		if n == w.Reach() {
			return false
		}
		w.grow(n.Sub(w.next) + 1)
		w.lead++
	}
	*w.slot(n) = slot{state: Void}
	return true
}

// Packet returns packet n, or nil if it is not buffered. It is valid until n is
// delivered.
func (w *Window) Packet(n seq.Num) *Packet {
	if w.State(n) != Received {
		return nil
	}
	return &w.slot(n).packet
}

// Deliver ends the business of number n, which must be missing or received,
// whatever comes before it. The data of its packet, if it was buffered, stays
// valid until the next call of Release.
func (w *Window) Deliver(n seq.Num) {
	w.Release()
	s := w.slot(n)
	if s.state == Received {
		w.held = s.packet.Data
	}
	*s = slot{state: Delivered}
}

// Whole counts packet n, a fragment that was stored, for its message, and
// returns the message's first number. It reports whether all bytes of the
// message are buffered now, which is so at most once for a message. Fragments
// that contradict each other may be counted as a whole: who puts them together
// has to look.
//
// The count is kept with the first number, so that a fragment costs the same
// however many there are. A message that begins before the window is not
// counted: its fragments are delivered in order.
func (w *Window) Whole(n seq.Num) (first seq.Num, whole bool) {
	p := &w.slot(n).packet
	if p.First.Before(w.next) {
		return p.First, false
	}
	s := w.slot(p.First)
	s.whole += uint32(len(p.Data))
	return p.First, s.state == Received && s.packet.Fragment && s.packet.First == p.First && s.whole == s.packet.Length
}

// Head returns the state of the number to deliver next: Unknown if there is
// none. The packet is nil unless it was received, and is valid until the next
// call of Advance.
func (w *Window) Head() (state State, p *Packet, cause uint8) {
	if w.next == w.lead {
		return Unknown, nil, 0
	}
	s := w.slot(w.next)
	if s.state == Received {
		p = &s.packet
	}
	return s.state, p, s.cause
}

// Advance ends the business of the number to deliver next. The data of its
// packet, if it was buffered, stays valid until the next call of Release.
func (w *Window) Advance() {
	w.Release()
	if w.next != w.lead {
		s := w.slot(w.next)
		if s.state == Received {
			w.held = s.packet.Data
		}
		*s = slot{}
	} else {
		w.lead++
	}
	w.next++
}

// Release gives the buffer of the packet delivered last back to the pool.
func (w *Window) Release() {
	if w.held != nil {
		w.pool.Put(w.held)
		w.held = nil
	}
}

// Keep leaves the buffer of the packet delivered last to the caller, who gives it
// back to the pool: Release no longer does.
func (w *Window) Keep() { w.held = nil }

// Skip moves an empty window on to number n.
func (w *Window) Skip(n seq.Num) { w.next, w.lead = n, n }

// Close gives all buffers back to the pool.
func (w *Window) Close() {
	w.Release()
	for ; w.next != w.lead; w.next++ {
		if s := w.slot(w.next); s.state == Received {
			w.pool.Put(s.packet.Data)
		}
	}
	w.slots = nil
}
