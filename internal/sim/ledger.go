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
}

func newLedger(first seq.Num) *ledger {
	return &ledger{first: first, next: first, sent: first, trail: first, gone: mono.Never}
}

// add enters a message that Send said has the numbers first to last. It keeps
// data. maxPayload is the most one packet could carry.
func (l *ledger) add(now mono.Time, first, last seq.Num, data []byte, maxPayload int) error {
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
	l.messages = append(l.messages, message{first, last, data, now})
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

// midway reports that n is in the midst of a message, and that the next message
// does not begin before end.
func (l *ledger) midway(n, end seq.Num) bool {
	m := l.at(n)
	return m != nil && m.first != n && !end.After(m.last+1)
}
