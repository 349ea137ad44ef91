package sim

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/seq"
)

// reader checks what one subscriber reports about one source.
type reader struct {
	book  *book  // nil if the source is no publisher
	audit *audit // of the receiver beneath
	spec  *SubSpec

	open   bool
	began  seq.Num
	next   int          // of the messages, the first that is not accounted for
	ahead  map[int]bool // those after it that came, if delivery is unordered
	gaps   []lossNote   // that may account for messages from there on
	losses []pgm.Event  // of the receiver beneath, not yet reported
	left   bool         // the session ended beneath: what is half there ends with it

	messages, bytes, filtered, reported uint64
}

// lossNote is what a gap says.
type lossNote struct{ first, last seq.Num }

func (g lossNote) meets(first, last seq.Num) bool {
	return !g.last.Before(first) && !g.first.After(last)
}

// below takes in an event of the receiver beneath, before the Subscriber does.
func (r *reader) below(ev *pgm.Event) {
	switch ev.Kind {
	case pgm.EventLoss:
		r.losses = append(r.losses, *ev)
	case pgm.EventFin, pgm.EventReset, pgm.EventExpired, pgm.EventRestart:
		r.left = true
	}
}

// event checks one event. An error says what is wrong with it.
func (r *reader) event(ev *pubsub.Event) error {
	if r.book == nil {
		return fmt.Errorf("%v of a source that is no publisher", ev.Kind)
	}
	if ev.Kind == pubsub.EventJoin {
		return r.join(ev)
	}
	if !r.open {
		return fmt.Errorf("pub/sub: %v without a join", ev.Kind)
	}
	switch ev.Kind {
	case pubsub.EventMessage:
		return r.message(ev)
	case pubsub.EventGap:
		return r.gap(ev)
	case pubsub.EventLeave:
		r.open, r.left = false, false
		return r.accounted(r.audit.next)
	}
	return fmt.Errorf("pub/sub: unknown event %v", ev.Kind)
}

// join has the messages that begin at a packet from ev.First on follow.
func (r *reader) join(ev *pubsub.Event) error {
	if r.open {
		return fmt.Errorf("pub/sub: joined twice")
	}
	r.open, r.began, r.gaps, r.ahead = true, ev.First, r.gaps[:0], map[int]bool{}
	for r.next < r.book.begun && r.book.messages[r.next].first.Before(ev.First) {
		r.next++
	}
	return nil
}

// message finds the message among those published. What lies between it and the
// one before must be accounted for.
func (r *reader) message(ev *pubsub.Event) error {
	if r.audit.cfg.Delivery == pgm.Unordered {
		return r.early(ev)
	}
	for ; r.next < r.book.ended; r.next++ {
		m := &r.book.messages[r.next]
		if r.is(m, ev) {
			r.next++
			return nil
		}
		if err := r.skip(m); err != nil {
			return fmt.Errorf("message of %d frames in %#x..%#x, topic %.20q: %w", len(ev.Frames), uint32(ev.First), uint32(ev.Last), ev.Topic(), err)
		}
	}
	return strange(ev)
}

// early is message for unordered delivery.
func (r *reader) early(ev *pubsub.Event) error {
	all := r.book.messages[:r.book.ended]
	i := r.next + sort.Search(len(all)-r.next, func(i int) bool { return !all[r.next+i].first.Before(ev.First) })
	for ; i < len(all) && all[i].first == ev.First; i++ {
		if !r.ahead[i] && !ev.First.Before(r.began) && r.is(&all[i], ev) {
			r.ahead[i] = true
			return nil
		}
	}
	return strange(ev)
}

// is reports whether the event is message m, which was wanted, and counts it.
func (r *reader) is(m *letter, ev *pubsub.Event) bool {
	if m.first != ev.First || m.last != ev.Last || !r.wants(m) || !equal(m.frames, ev.Frames) {
		return false
	}
	r.messages++
	for _, f := range ev.Frames {
		r.bytes += uint64(len(f))
	}
	return true
}

func strange(ev *pubsub.Event) error {
	return fmt.Errorf("message of %d frames in %#x..%#x, topic %.20q, that was not published, or came before", len(ev.Frames), uint32(ev.First), uint32(ev.Last), ev.Topic())
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// wants reports whether the message was subscribed to.
func (r *reader) wants(m *letter) bool {
	for _, p := range r.spec.Prefixes {
		if strings.HasPrefix(string(m.frames[0]), p) {
			return true
		}
	}
	return false
}

// skip accounts for a message that is not delivered: it was not subscribed to, or
// a gap tells.
func (r *reader) skip(m *letter) error {
	n := 0
	for n < len(r.gaps) && r.gaps[n].last.Before(m.first) {
		n++
	}
	r.gaps = r.gaps[:copy(r.gaps, r.gaps[n:])]
	if !r.wants(m) {
		r.filtered++
		return nil
	}
	for _, g := range r.gaps {
		if g.meets(m.first, m.last) {
			return nil
		}
	}
	return fmt.Errorf("pub/sub: the message in %#x..%#x, topic %.20q, is missing, and no gap tells", uint32(m.first), uint32(m.last), m.frames[0])
}

// accounted checks that all messages that end before packet end are accounted
// for.
func (r *reader) accounted(end seq.Num) error {
	for ; r.next < r.book.ended && r.book.messages[r.next].last.Before(end); r.next++ {
		if r.ahead[r.next] {
			delete(r.ahead, r.next)
			continue
		}
		if err := r.skip(&r.book.messages[r.next]); err != nil {
			return err
		}
	}
	return nil
}

// settle checks what must hold when there are no more events for now: nothing is
// held back.
func (r *reader) settle() error {
	if len(r.losses) > 0 {
		l := &r.losses[0]
		return fmt.Errorf("pub/sub: the loss of %#x..%#x, %v, is not told by a gap", uint32(l.First), uint32(l.Last), l.Cause)
	}
	if !r.open {
		return nil
	}
	if r.audit.cfg.Delivery == pgm.Unordered && r.audit.ledger.group > 0 {
		return nil // that a number was left out in a message it may not know yet
	}
	return r.accounted(r.audit.next)
}

// gap checks that there is a reason for a gap.
func (r *reader) gap(ev *pubsub.Event) error {
	bad := func(why string) error {
		return fmt.Errorf("gap %#x..%#x, cause %d: %s", uint32(ev.First), uint32(ev.Last), ev.Cause, why)
	}
	r.reported++
	r.gaps = append(r.gaps, lossNote{ev.First, ev.Last})
	if ev.Last.Before(ev.First) {
		return bad("ends before it begins")
	}
	from := ev.Last + 1 // where a message is cut off, if the gap begins before
	switch {
	case ev.Cause == pubsub.CauseFraming:
		if r.oversize(ev) {
			return nil
		}
		return bad("no message there is too large")
	case ev.Cause == pubsub.CausePieces:
		if r.spec.Config.PieceBytes == 0 || r.audit.cfg.Delivery != pgm.Unordered {
			return bad("there is room for all pieces")
		}
		return nil
	case len(r.losses) > 0:
		l := r.losses[0]
		r.losses = r.losses[:copy(r.losses, r.losses[1:])]
		if ev.Last != l.Last || ev.Cause != l.Cause || ev.First.After(l.First) {
			return bad(fmt.Sprintf("want one for %#x..%#x, %v", uint32(l.First), uint32(l.Last), l.Cause))
		}
		from = l.First
	case !r.left || ev.Cause != pgm.CauseEnd || ev.Last+1 != r.audit.next:
		return bad("nothing was lost there")
	}
	if ev.First.Before(r.began) {
		return bad("begins before the join")
	}
	if ev.First != from && !r.cut(ev.First, from) {
		return bad(fmt.Sprintf("no message goes from there to %#x", uint32(from)))
	}
	return nil
}

// oversize reports whether a message that is larger than MaxMessage is in the
// packets of a gap.
func (r *reader) oversize(ev *pubsub.Event) bool {
	limit := r.spec.Config.MaxMessage
	for i := r.next; limit > 0 && i < r.book.begun; i++ {
		m := &r.book.messages[i]
		if m.first.After(ev.Last) {
			break
		}
		if m.size() > limit && (i >= r.book.ended || !m.last.Before(ev.First)) {
			return true
		}
	}
	return false
}

// cut reports whether there is a message that begins in packet first and is not
// whole before packet from.
func (r *reader) cut(first, from seq.Num) bool {
	for i := r.next; i < r.book.begun; i++ {
		m := &r.book.messages[i]
		if m.first == first && (i >= r.book.ended || !m.last.Before(from)) {
			return true
		}
		if m.first.After(first) {
			break
		}
	}
	return false
}
