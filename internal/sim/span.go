package sim

import (
	"fmt"
	"time"

	"github.com/gopgm/gopgm/mono"
)

// Span is the time from From up to, but not including, To, both counted from
// the start of the run.
type Span struct{ From, To time.Duration }

// String prints both ends.
func (s Span) String() string { return fmt.Sprintf("%v..%v", s.From, s.To) }

// end returns when the span that holds t is over, or t if none does. Spans may
// touch or overlap.
func end(spans []Span, t mono.Time) mono.Time {
	for again := true; again; {
		again = false
		for _, s := range spans {
			if mono.Time(s.From) <= t && t < mono.Time(s.To) {
				t, again = mono.Time(s.To), true
			}
		}
	}
	return t
}
