package sim

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// audit checks what one receiver reports about one source.
type audit struct {
	ledger *ledger
	cfg    *pgm.ReceiverConfig

	open     bool
	final    bool // ended for good: no later join
	joined   bool // ever
	complete bool // a loss is a failure
	began    seq.Num
	next     seq.Num          // everything before it was told of,
	told     map[seq.Num]bool // and, if delivery is unordered, these

	edges    []edge   // when the receiver learned of numbers, oldest first
	vanished []uint64 // bit set of the numbers of which a first packet was lost on the way

	// What the first packet that the receiver took in lets it begin with.
	heard  bool
	latest seq.Num

	got []uint64 // bit set of the numbers whose data the receiver took in

	messages, bytes, lost uint64
	causes                [pgm.CauseSkip + 1]uint64
	end                   mono.Time // of the last message
}

// edge says that the receiver knew from at on that all numbers before end exist.
type edge struct {
	end seq.Num
	at  mono.Time
}

// mark puts number n in a bit set of numbers.
func (a *audit) mark(set *[]uint64, n seq.Num) {
	i := n.Sub(a.ledger.first)
	for len(*set) <= i/64 {
		*set = append(*set, 0)
	}
	(*set)[i/64] |= 1 << (i % 64)
}

// marked reports whether n is in a bit set of numbers.
func (a *audit) marked(set []uint64, n seq.Num) bool {
	i := n.Sub(a.ledger.first)
	return i >= 0 && i/64 < len(set) && set[i/64]&(1<<(i%64)) != 0
}

// learn notes what the receiver learned, from a packet that it took in or for
// which it had no room, of the numbers that the source has sent.
func (a *audit) learn(now mono.Time, p *packet) {
	var end seq.Num
	switch p.kind() {
	case wire.TypeODATA, wire.TypeRDATA:
		if end = p.sqn() + 1; p.parity() {
			end = end.Add(maxGroup) // it tells of all its group
		}
	case wire.TypeSPM:
		end = p.lead() + 1
	default:
		return
	}
	if n := len(a.edges); n == 0 || end.After(a.edges[n-1].end) {
		a.edges = append(a.edges, edge{end, now})
	}
}

// age returns how long the receiver has known that number n exists.
func (a *audit) age(now mono.Time, n seq.Num) time.Duration {
	i, _ := slices.BinarySearchFunc(a.edges, n, func(e edge, n seq.Num) int {
		if e.end.After(n) {
			return 1
		}
		return -1
	})
	if i == len(a.edges) {
		return -1
	}
	return now.Sub(a.edges[i].at)
}

// hear notes a packet of the source that the receiver took in.
func (a *audit) hear(p *packet) {
	if k := p.kind(); (k == wire.TypeODATA || k == wire.TypeRDATA) && !p.parity() {
		a.mark(&a.got, p.sqn())
	}
	if a.heard {
		return
	}
	switch p.kind() {
	case wire.TypeODATA:
		if p.parity() {
			return
		}
		a.heard, a.latest = true, p.sqn()
	case wire.TypeSPM:
		a.heard, a.latest = true, p.lead()+1
	}
}

// event checks one event. An error says what is wrong with it.
func (a *audit) event(now mono.Time, ev *pgm.Event) error {
	if ev.Kind == pgm.EventJoin {
		return a.join(ev)
	}
	if !a.open {
		return fmt.Errorf("%v without a join", ev.Kind)
	}
	switch ev.Kind {
	case pgm.EventMessage:
		return a.message(now, ev)
	case pgm.EventLoss:
		return a.loss(now, ev)
	}
	for n := a.floor(); a.next != n; a.next++ {
		delete(a.told, a.next)
	}
	if len(a.told) > 0 {
		return fmt.Errorf("%v, but %#x was not told of", ev.Kind, uint32(a.next))
	}
	switch ev.Kind {
	case pgm.EventFin:
		a.open, a.final = false, true
		if !a.ledger.closed {
			return fmt.Errorf("fin of a source that was not closed")
		}
		if a.next.Before(a.ledger.next) || a.next.After(a.ledger.open(a.ledger.next)) {
			return fmt.Errorf("fin at %#x, but the source sent up to %#x", uint32(a.next), uint32(a.ledger.next-1))
		}
	case pgm.EventReset:
		a.open, a.final = false, true
		if !a.ledger.aborted || ev.Code != a.ledger.code {
			return fmt.Errorf("reset with code %d, but aborted = %v with %d", ev.Code, a.ledger.aborted, a.ledger.code)
		}
	case pgm.EventExpired:
		a.open, a.heard, a.got, a.edges = false, false, nil, nil
	default:
		return fmt.Errorf("unknown event %v", ev.Kind)
	}
	return nil
}

func (a *audit) join(ev *pgm.Event) error {
	switch l := a.ledger; {
	case a.open:
		return fmt.Errorf("joined twice")
	case a.final:
		return fmt.Errorf("joined after the end")
	case ev.First.Before(l.first) || ev.First.After(l.end()):
		return fmt.Errorf("joined at %#x, but the source has sent %#x up to %#x", uint32(ev.First), uint32(l.first), uint32(l.sent-1))
	case ev.Syn && ev.First != l.first:
		return fmt.Errorf("joined at the beginning, %#x, but that is %#x", uint32(ev.First), uint32(l.first))
	case a.heard && ev.First.After(a.ledger.open(a.latest)) && !l.midway(a.latest, ev.First):
		return fmt.Errorf("joined at %#x, but had the means to begin at %#x", uint32(ev.First), uint32(a.latest))
	}
	a.open, a.joined = true, true
	a.began, a.next, a.told = ev.First, ev.First, nil
	return nil
}

// span checks that an event is about the numbers that come next, or, if delivery
// is unordered, about such as were not told of before.
func (a *audit) span(ev *pgm.Event) error {
	if a.cfg.Delivery == pgm.Unordered && (ev.First != a.next || len(a.told) > 0) {
		return a.ahead(ev)
	}
	if ev.First.After(a.next) && !ev.First.After(a.ledger.skip(a.next)) {
		a.next = ev.First // what lies between was left out; a window may reach a part of it only
	}
	if ev.First != a.next || ev.Last.Before(ev.First) {
		return fmt.Errorf("%v of %#x..%#x, want it to begin with %#x", ev.Kind, uint32(ev.First), uint32(ev.Last), uint32(a.next))
	}
	if !ev.Last.Before(a.ledger.sent) {
		return fmt.Errorf("%v of %#x..%#x, but %#x was never sent", ev.Kind, uint32(ev.First), uint32(ev.Last), uint32(a.ledger.sent))
	}
	a.next = ev.Last + 1
	return nil
}

// ahead is span for unordered delivery.
func (a *audit) ahead(ev *pgm.Event) error {
	if ev.First.Before(a.next) || ev.Last.Before(ev.First) || !ev.Last.Before(a.ledger.sent) {
		return fmt.Errorf("%v of %#x..%#x, but everything before %#x was told of, and %#x was never sent",
			ev.Kind, uint32(ev.First), uint32(ev.Last), uint32(a.next), uint32(a.ledger.sent))
	}
	if a.told == nil {
		a.told = map[seq.Num]bool{}
	}
	for n := ev.First; !n.After(ev.Last); n++ {
		if a.told[n] {
			return fmt.Errorf("%v of %#x..%#x, but %#x was told of before", ev.Kind, uint32(ev.First), uint32(ev.Last), uint32(n))
		}
		a.told[n] = true
	}
	for ; a.told[a.next]; a.next++ {
		delete(a.told, a.next)
	}
	return nil
}

// floor returns the first number from next on that was not told of and not left
// out. The receiver may not know yet of those left out, so next may not pass them:
// it may still report them lost.
func (a *audit) floor() seq.Num {
	n := a.next
	for m := a.ledger.at(n); a.told[n] || m != nil && m.void; m = a.ledger.at(n) {
		n++
	}
	return n
}

// clean reports whether all packets of m came on the first attempt.
func (a *audit) clean(m *message) bool {
	for n := m.first; !n.After(m.last); n++ {
		if a.marked(a.vanished, n) {
			return false
		}
	}
	return true
}

func (a *audit) message(now mono.Time, ev *pgm.Event) error {
	told := a.floor()
	if err := a.span(ev); err != nil {
		return err
	}
	if ev.Floor.After(told) {
		return fmt.Errorf("message of %#x..%#x has floor %#x, but %#x was not told of", uint32(ev.First), uint32(ev.Last), uint32(ev.Floor), uint32(told))
	}
	m := a.ledger.at(ev.First)
	if m.void {
		return fmt.Errorf("message of %#x..%#x, a number that was left out", uint32(ev.First), uint32(ev.Last))
	}
	if m.first != ev.First || m.last != ev.Last {
		return fmt.Errorf("message of %#x..%#x, but it was sent as %#x..%#x", uint32(ev.First), uint32(ev.Last), uint32(m.first), uint32(m.last))
	}
	if !bytes.Equal(m.data, ev.Data) {
		return fmt.Errorf("message %#x..%#x of %d bytes differs from the %d bytes sent: %s", uint32(ev.First), uint32(ev.Last), len(ev.Data), len(m.data), difference(ev.Data, m.data))
	}
	a.messages++
	a.bytes += uint64(len(m.data))
	a.end = now
	return nil
}

// difference says where two slices first differ.
func difference(got, want []byte) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("at %d % x, want % x", i, got[i:min(i+8, len(got))], want[i:min(i+8, len(want))])
		}
	}
	return "one begins with the other"
}

func (a *audit) loss(now mono.Time, ev *pgm.Event) error {
	if err := a.span(ev); err != nil {
		return err
	}
	if ev.Cause == pgm.CauseNone || ev.Cause > pgm.CauseSkip {
		return fmt.Errorf("loss of %#x..%#x with cause %v", uint32(ev.First), uint32(ev.Last), ev.Cause)
	}
	n := uint64(ev.Last.Sub(ev.First) + 1)
	for n := ev.First; !n.After(ev.Last) && ev.Cause != pgm.CauseEnd && ev.Cause != pgm.CauseSize; n++ {
		if m := a.ledger.at(n); m.first == m.last && a.marked(a.got, n) {
			return fmt.Errorf("loss of %#x..%#x, %v, but it took in %#x", uint32(ev.First), uint32(ev.Last), ev.Cause, uint32(n))
		}
	}
	a.lost += n
	a.causes[ev.Cause] += n
	if err := a.cause(now, ev); err != nil {
		return fmt.Errorf("loss of %#x..%#x: cause is %q, but %w", uint32(ev.First), uint32(ev.Last), ev.Cause, err)
	}
	midway := ev.Cause == pgm.CauseFragment && a.ledger.at(ev.Last).first.Before(a.began)
	skipped := a.cfg.MaxGap != 0 && (ev.Cause == pgm.CauseSkip || ev.Cause == pgm.CauseFragment)
	if a.complete && !midway && !skipped {
		return fmt.Errorf("loss of %#x..%#x, %v, without an excuse", uint32(ev.First), uint32(ev.Last), ev.Cause)
	}
	return nil
}

// cause checks that the cause of a loss can be true.
func (a *audit) cause(now mono.Time, ev *pgm.Event) error {
	l := a.ledger
	switch ev.Cause {
	case pgm.CauseTrail:
		if !ev.Last.Before(l.trail) {
			return fmt.Errorf("the window begins at %#x", uint32(l.trail))
		}
	case pgm.CauseFragment:
		for n := ev.First; !n.After(ev.Last); n++ {
			if m := l.at(n); m.first == m.last && !m.void {
				return fmt.Errorf("%#x is a message of one packet", uint32(n))
			}
		}
	case pgm.CauseSize:
		for n := ev.First; !n.After(ev.Last); n++ {
			if m := l.at(n); !m.void && a.cfg.MaxMessage <= 0 || len(m.data) <= a.cfg.MaxMessage {
				return fmt.Errorf("%#x is of a message of %d bytes", uint32(n), len(m.data))
			}
		}
	case pgm.CauseEnd:
		if !l.closed && !l.aborted && now < l.gone && a.cfg.PeerExpiry <= 0 {
			return fmt.Errorf("it did not end")
		}
	case pgm.CauseSkip:
		if a.cfg.MaxGap == 0 {
			return fmt.Errorf("it may not skip")
		}
		// The event is about what came of their messages, too.
		for n := ev.First; !n.After(ev.Last); n++ {
			if m := l.at(n); m == nil || m.void {
				continue
			}
			if age := a.age(now, n); !a.marked(a.got, n) && age < a.cfg.MaxGap {
				return fmt.Errorf("%#x was missing for %v", uint32(n), age)
			}
		}
	case pgm.CausePassive:
		if !a.cfg.Passive {
			return fmt.Errorf("it is not passive")
		}
	}
	return nil
}
