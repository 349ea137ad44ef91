package pgmnet

import (
	"time"

	"github.com/gopgm/gopgm/mono"
)

// A clock gives the machines their time: nanoseconds since it started.
type clock struct{ start time.Time }

func startClock() clock { return clock{time.Now()} }

func (c clock) now() mono.Time { return mono.Time(time.Since(c.start)) }

// deadline converts a deadline; the zero time is never.
func (c clock) deadline(t time.Time) mono.Time {
	if t.IsZero() {
		return mono.Never
	}
	return mono.Time(t.Sub(c.start))
}
