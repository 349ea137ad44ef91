package sim

import (
	"fmt"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

// ledger is what one source has accepted and sent: the truth that receivers are
// checked against.
type ledger struct {
	first    seq.Num // number of the session's first packet
	next     seq.Num // number the next message begins with
	messages []message
	byNumber []int32 // for each number from first on, its message

	group int // the size of transmission groups that may end early, or 0

	sent    seq.Num // the first number that was never on the wire
	trail   seq.Num // the first number that can be repaired
	closed  bool
	aborted bool
	code    uint8     // of the abort
	gone    mono.Time // when the source stopped, or Never
}

// message is one message that a source accepted.
type message struct {
	first, last seq.Num
	data        []byte
	at          mono.Time
	void        bool // it is none: the source left its number out
}

func newLedger(first seq.Num) *ledger {
	return &ledger{first: first, next: first, sent: first, trail: first, gone: mono.Never}
}

// add enters a message that Send said has the numbers first to last. It keeps
// data. maxPayload is the most one packet could carry.
func (l *ledger) add(now mono.Time, first, last seq.Num, data []byte, maxPayload int) error {
	if l.group > 0 && first != l.next && int(first)%l.group == 0 && first.Sub(l.next) < l.group && first.After(l.next) {
		for ; l.next != first; l.next++ {
			l.byNumber = append(l.byNumber, int32(len(l.messages)))
			l.messages = append(l.messages, message{first: l.next, last: l.next, void: true})
		}
	}
	if first != l.next {
		return fmt.Errorf("got from Send first = %#x, want %#x", uint32(first), uint32(l.next))
	}
	n := last.Sub(first) + 1
	if n < 1 || n < (len(data)+maxPayload-1)/maxPayload || n > 1 && n > len(data) {
		return fmt.Errorf("got from Send %d packets for a message of %d bytes", n, len(data))
	}
	for range n {
		l.byNumber = append(l.byNumber, int32(len(l.messages)))
	}
	l.messages = append(l.messages, message{first: first, last: last, data: data, at: now})
	l.next = last + 1
	return nil
}

// at returns the message that n is part of, or nil if there is none.
func (l *ledger) at(n seq.Num) *message {
	i := n.Sub(l.first)
	if i < 0 || i >= len(l.byNumber) {
		return nil
	}
	return &l.messages[l.byNumber[i]]
}

// count returns how many messages there are.
func (l *ledger) count() (n uint64) {
	for i := range l.messages {
		if !l.messages[i].void {
			n++
		}
	}
	return n
}

// skip returns the first number from n on that was not left out.
func (l *ledger) skip(n seq.Num) seq.Num {
	for m := l.at(n); m != nil && m.void; m = l.at(n) {
		n++
	}
	return n
}

// open returns the last number that a session may begin with that could begin with
// n: those between were left out, or may have been.
func (l *ledger) open(n seq.Num) seq.Num {
	if n = l.skip(n); l.group > 0 && n == l.next {
		return (n + seq.Num(l.group-1)) &^ seq.Num(l.group-1)
	}
	return n
}

// end returns the number after the last that was sent or may have been left out.
func (l *ledger) end() seq.Num {
	if l.group == 0 {
		return l.sent
	}
	return (l.sent + seq.Num(l.group-1)) &^ seq.Num(l.group-1)
}

// midway reports that n is in the midst of a message, and that the next message
// does not begin before end.
func (l *ledger) midway(n, end seq.Num) bool {
	m := l.at(n)
	return m != nil && m.first != n && !end.After(m.last+1)
}
