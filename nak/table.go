// Package nak keeps one small machine for each missing number: back-off, wait
// for the NCF, wait for the data (RFC 3208 §6.3, "Generating NAKs").
//
//	         ┌────────── NCF ──────────┐
//	         │                         ▼
//	miss → BackOff → Ask → WaitNCF → WaitData → repaired
//	         ▲               │          │
//	         └── no NCF ─────┴ no data ─┘ → lost, when the retries are used up
//
// A [Table] holds the machines of one session. It sends nothing: it says which
// numbers to ask for, and which were given up. A [Timing] draws the intervals.
package nak

import (
	"fmt"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

// State is what a number's machine does.
type State uint8

// The states.
const (
	None     State = iota // the number is not missing
	BackOff               // BACK-OFF_STATE: holding the NAK back
	Ask                   // the back-off is over, the NAK is to be sent
	WaitNCF               // WAIT_NCF_STATE: a NAK was sent
	WaitData              // WAIT_DATA_STATE: the NAK was confirmed
	Held                  // parity may repair it: not yet to be asked for
)

// String returns the RFC's name of the state.
func (s State) String() string {
	switch s {
	case None:
		return "NONE"
	case BackOff:
		return "BACK_OFF"
	case Ask:
		return "ASK"
	case WaitNCF:
		return "WAIT_NCF"
	case WaitData:
		return "WAIT_DATA"
	case Held:
		return "HELD"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Cause says why a number was given up.
type Cause uint8

// The causes.
const (
	NoNCF  Cause = iota + 1 // NAK_NCF_RETRIES exceeded
	NoData                  // NAK_DATA_RETRIES exceeded
	Never                   // the table does not ask
)

// Table holds the machines of the missing numbers of one session, in order. Its
// memory grows with the distance between the oldest and the newest of them. It
// is not safe for concurrent use.
type Table struct {
	Timing Timing

	slots       []slot  // by number, modulo their count, a power of two
	first, last seq.Num // the oldest and the newest missing number, if n > 0
	n           int
	ask         int       // numbers in state Ask
	open        int       // numbers in state WaitNCF or WaitData
	held        int       // numbers in state Held
	heldFrom    seq.Num   // the oldest of them, if there are any
	askFrom     seq.Num   // none in state Ask is older
	due         mono.Time // no machine has anything to do sooner
	arrived     uint32    // how many missing numbers arrived
	again       mono.Time // end of the back-offs that begin in one call of Expire; 0 before
	lost        []Lost    // given up, to be fetched with NextLost
}

type slot struct {
	due        mono.Time
	since      mono.Time // when the number was found missing
	asked      mono.Time // when our first NAK for the number left; 0 if none did
	prev, next seq.Num   // missing numbers before and after
	arrived    uint32    // Table.arrived at the last retry
	state      State
	ncfTries   uint8
	dataTries  uint8
	heard      uint8 // NCFs
	asks       uint8 // NAKs of ours
	nudge      nudge
}

// nudge says whether a number was asked for again soon.
type nudge uint8

const (
	nudgeNone nudge = iota
	nudgeDue        // it will be, when the wait for data ends
	nudgeDone
)

const (
	// maxOpen is how many numbers are waited for at a time. The rest is asked
	// for as these arrive, the oldest first: a source that has much to repair
	// must not be asked for the same over and over. While it repairs the older
	// ones its trailing edge cannot pass the others.
	maxOpen = 32768

	// walkPause is how long a walk over the missing numbers has to wait after
	// the last one, for each of them: several times what it takes.
	walkPause = 20 * time.Nanosecond
)

// Lost is a number that was given up.
type Lost struct {
	Num   seq.Num
	Cause Cause
}

// NewTable returns an empty table.
func NewTable(timing Timing) Table { return Table{Timing: timing, due: mono.Never} }

// Len returns how many numbers are missing.
func (t *Table) Len() int { return t.n }

// State returns the state of number n.
func (t *Table) State(n seq.Num) State {
	if t.n == 0 || n.Before(t.first) || n.After(t.last) {
		return None
	}
	return t.slot(n).state
}

func (t *Table) slot(n seq.Num) *slot { return &t.slots[uint32(n)&uint32(len(t.slots)-1)] }

// Miss starts the machines of count numbers from first on, found missing at
// now. They must be newer than all that are missing already. They share one
// back-off: what was lost together is asked for together.
func (t *Table) Miss(now mono.Time, first seq.Num, count int) {
	if count == 0 {
		return
	}
	due := t.backoff(now)
	t.add(first, count, slot{state: BackOff, due: due, since: now})
	t.due = min(t.due, due)
}

// add adds machines like s.
func (t *Table) add(first seq.Num, count int, like slot) {
	oldest := first
	if t.n > 0 {
		oldest = t.first
	}
	t.grow(first.Add(count).Sub(oldest))
	like.arrived = t.arrived
	for i := range count {
		n := first.Add(i)
		s := t.slot(n)
		*s = like
		s.prev = t.last
		if t.n == 0 {
			t.first = n
		} else {
			t.slot(t.last).next = n
		}
		t.last = n
		t.n++
	}
}

// grow makes room for numbers that span so many.
func (t *Table) grow(span int) {
	if span <= len(t.slots) {
		return
	}
	size := max(64, 2*len(t.slots))
	for size < span {
		size *= 2
	}
	old := *t
	t.slots = make([]slot, size)
	for n, i := old.first, 0; i < old.n; i++ {
		*t.slot(n) = *old.slot(n)
		n = old.slot(n).next
	}
}

// backoff draws the end of a back-off that starts at now.
func (t *Table) backoff(now mono.Time) mono.Time {
	return t.round(now.Add(t.Timing.Backoff()))
}

func (t *Table) round(due mono.Time) mono.Time {
	tick := mono.Time(t.Timing.Tick())
	return (due/tick + 1) * tick
}

// Arrived ends the machine of n, whose data came at now. It reports whether n
// was missing.
func (t *Table) Arrived(now mono.Time, n seq.Num) bool {
	if t.State(n) == None {
		return false
	}
	s := t.slot(n)
	if s.asks == 1 || s.asks == 2 && s.nudge == nudgeDone {
		t.Timing.MeasureData(now.Sub(s.asked))
	}
	if s.asks <= 1 {
		t.Timing.MeasureGroup(now, int(s.heard)) // with more, some answer our own
	}
	t.arrived++
	t.remove(n)
	return true
}

// Cancel ends the machine of n: it will not be repaired.
func (t *Table) Cancel(n seq.Num) {
	if t.State(n) != None {
		t.remove(n)
	}
}

func (t *Table) remove(n seq.Num) {
	s := t.slot(n)
	if n == t.first {
		t.first = s.next
	} else {
		t.slot(s.prev).next = s.next
	}
	if n == t.heldFrom {
		t.heldFrom = s.next
	}
	if n == t.last {
		t.last = s.prev
	} else {
		t.slot(s.next).prev = s.prev
	}
	t.set(s, None)
	if t.n--; t.n == 0 {
		t.due = mono.Never
	}
}

// Oldest returns the oldest missing number; false if none is missing.
func (t *Table) Oldest() (seq.Num, bool) { return t.first, t.n > 0 }

// Since returns when number n, which must be missing, was found missing. That is
// never later for an older number than for a newer one.
func (t *Table) Since(n seq.Num) mono.Time { return t.slot(n).since }

// Confirm takes in an NCF for n. It reports whether that held back a NAK of
// ours.
//
// "A receiver MUST suppress NAK generation and wait at least NAK_RDATA_IVL
// before recommencing NAK generation if it hears a matching NCF or NAK during
// NAK_RB_IVL." RFC 3208 §6.3, "NAK suppression"
func (t *Table) Confirm(now mono.Time, n seq.Num) (suppressed bool) {
	state := t.State(n)
	if state == None {
		return false
	}
	s := t.slot(n)
	s.heard = min(s.heard+1, 254)
	switch state {
	case WaitNCF:
		if s.asks == 1 {
			t.Timing.MeasureRTT(now.Sub(s.asked))
		}
	case Ask, BackOff, Held:
		suppressed = true
	}
	s.ncfTries = 0
	t.set(s, WaitData)
	wait := t.Timing.Data(int(s.dataTries))
	if nudge := t.Timing.cfg.Nudge; nudge > 0 && s.nudge == nudgeNone && s.asks == 1 {
		s.nudge = nudgeDue
		wait = min(wait, nudge)
	}
	t.wait(s, now.Add(wait))
	return suppressed
}

// PeerAsked takes in another receiver's NAK for n. It reports whether that held
// back a NAK of ours.
func (t *Table) PeerAsked(now mono.Time, n seq.Num) (suppressed bool) {
	state := t.State(n)
	if state == None {
		return false
	}
	s := t.slot(n)
	switch state {
	case WaitData: // "matching NCFs and NAKs restart NAK_RDATA_IVL"
		t.wait(s, now.Add(t.Timing.Data(int(s.dataTries))))
		return false
	case Ask, BackOff, Held:
		suppressed = true
	}
	t.set(s, WaitNCF)
	t.wait(s, now.Add(t.Timing.Repeat(int(s.ncfTries))))
	return suppressed
}

func (t *Table) wait(s *slot, due mono.Time) {
	s.due = due
	t.due = min(t.due, due)
}

// NextTimeout returns when Expire must next be called, or mono.Never.
func (t *Table) NextTimeout() mono.Time { return t.due }

// Expire runs every machine that is due at or before now; those that wait for
// an NCF or for data, if they are due at or before heard: what arrived later may
// not have been looked at.
func (t *Table) Expire(now, heard mono.Time) {
	if now < t.due {
		return
	}
	t.due, t.again = mono.Never, 0
	for n, left := t.first, t.n; left > 0; left-- {
		s := t.slot(n)
		next := s.next
		if s.state != Ask && s.state != Held {
			if s.due <= heard || s.due <= now && s.state == BackOff {
				t.expire(now, n, s)
			}
			if s.state != None && s.state != Ask {
				t.due = min(t.due, s.due)
			}
		}
		n = next
	}
	if t.n == 0 {
		t.due = mono.Never
		return
	}
	// Not to spend all time on walking when very many are missing.
	t.due = max(t.due, now.Add(time.Duration(t.n)*walkPause))
}

func (t *Table) expire(now mono.Time, n seq.Num, s *slot) {
	cfg := t.Timing.cfg
	switch s.state {
	case BackOff:
		if cfg.Passive {
			t.giveUp(n, Never)
			return
		}
		t.askNow(n, s)
	case WaitNCF:
		t.Timing.rtt.missed(now, t.Timing.Repeat(0))
		t.progress(s)
		if s.ncfTries++; int(s.ncfTries) > cfg.NCFRetries {
			t.giveUp(n, NoNCF)
			return
		}
		t.retry(now, s)
	case WaitData:
		if s.nudge == nudgeDue {
			s.nudge = nudgeDone
			t.askNow(n, s)
			return
		}
		t.Timing.data.missed(now, t.Timing.Data(0))
		t.progress(s)
		if s.dataTries++; int(s.dataTries) > cfg.DataRetries {
			t.giveUp(n, NoData)
			return
		}
		t.retry(now, s)
	}
}

// askNow makes n one of the numbers to ask for.
func (t *Table) askNow(n seq.Num, s *slot) {
	t.set(s, Ask)
	if t.ask == 1 || n.Before(t.askFrom) {
		t.askFrom = n
	}
}

// progress begins to count the retries of s anew if other numbers were repaired
// since the last one: the source is at work, and slow.
func (t *Table) progress(s *slot) {
	if s.arrived != t.arrived {
		s.arrived = t.arrived
		s.ncfTries, s.dataTries = 0, 0
	}
}

// retry begins another back-off: one for all that are due together, so that
// they stay together in NAK lists.
func (t *Table) retry(now mono.Time, s *slot) {
	if t.again == 0 {
		t.again = t.backoff(now)
	}
	t.set(s, BackOff)
	s.due = t.again
}

func (t *Table) giveUp(n seq.Num, why Cause) {
	t.remove(n)
	t.lost = append(t.lost, Lost{n, why})
}

// TakeLost returns the numbers given up since it was last called. They are
// valid until the next call of Expire.
func (t *Table) TakeLost() []Lost {
	l := t.lost
	t.lost = t.lost[:0]
	return l
}

// Asking reports whether a NAK is to be sent.
func (t *Table) Asking() bool { return t.ask > 0 && t.open < maxOpen }

// set moves s to another state.
func (t *Table) set(s *slot, state State) {
	switch s.state {
	case Ask:
		t.ask--
	case WaitNCF, WaitData:
		t.open--
	case Held:
		t.held--
	}
	switch state {
	case Ask:
		t.ask++
	case WaitNCF, WaitData:
		t.open++
	}
	s.state = state
}

// NextNAK fills list with the numbers of the next NAK, the oldest first, and
// counts them as asked for at now. Beside those whose back-off is over it takes
// those that would follow shortly, so that one packet serves. With pick, it takes
// only numbers that pick reports true for. Numbers of the same group, of so many
// numbers, are listed once, by the first of them.
//
// "When a receiver has to transmit a sequence of NAKs, it SHOULD transmit the
// NAKs in order from oldest to most recent." RFC 3208 §6.3
func (t *Table) NextNAK(now mono.Time, list []seq.Num, group int, pick func(seq.Num) bool) int {
	if !t.Asking() {
		return 0
	}
	soon := now.Add(4 * t.Timing.Tick())
	if t.Timing.group < 2 {
		soon = mono.Never - 1 // there is nobody to hold back for
	}
	count := 0
	n := t.askFrom
	if t.State(n) == None {
		n = t.first
	}
	from, passed := n, false // the first that was passed over
	for {
		s := t.slot(n)
		if s.state == Ask || s.state == BackOff && s.due <= soon {
			listed := count > 0 && n&^seq.Num(group-1) == list[count-1]&^seq.Num(group-1)
			if !listed && count == len(list) {
				break
			}
			if pick == nil || pick(n) {
				if s.asks == 0 {
					s.asked = now
				}
				s.asks = min(s.asks+1, 254)
				t.set(s, WaitNCF)
				t.wait(s, now.Add(t.Timing.Repeat(int(s.ncfTries))))
				if !listed {
					list[count] = n
					count++
				}
			} else if !passed {
				from, passed = n, true
			}
		}
		if n == t.last || group == 1 && count == len(list) {
			break
		}
		n = s.next
	}
	if !passed {
		from = n
	}
	t.askFrom = from
	return count
}
