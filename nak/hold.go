package nak

import (
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

// Hold is Miss for numbers that are not to be asked for before Begin is called: their
// machines wait until then.
func (t *Table) Hold(now mono.Time, first seq.Num, count int) {
	if count == 0 {
		return
	}
	if t.held == 0 {
		t.heldFrom = first
	}
	t.held += count
	t.add(first, count, slot{state: Held, due: mono.Never, since: now})
}

// Begin starts the machines of the numbers held that are before end. The more are
// missing of the same group of so many numbers, the shorter is their back-off.
//
// "A receiver SHOULD bias the value of NAK_BO_IVL for parity NAKs inversely
// proportional to NAK_PKT_CNT so that NAKs for larger losses are likely to be
// scheduled ahead of NAKs for smaller losses in the same receiver population."
// RFC 3208 §11.5
func (t *Table) Begin(now mono.Time, end seq.Num, group int) {
	for t.held > 0 && t.heldFrom.Before(end) {
		first, count := t.heldFrom&^seq.Num(group-1), 0
		for n := t.heldFrom; n.Sub(first) < group && n.Before(end); n = t.slot(n).next {
			if count++; n == t.last {
				break
			}
		}
		due := t.round(now.Add(t.Timing.Backoff() / time.Duration(count)))
		for n := t.heldFrom; count > 0; count-- {
			s := t.slot(n)
			if s.state == Held { // it may have been asked for by somebody else
				t.set(s, BackOff)
				t.wait(s, due)
			}
			t.heldFrom, n = s.next, s.next
		}
	}
}
