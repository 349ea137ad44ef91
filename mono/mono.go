// Package mono has instants on a monotonic clock that the caller owns.
//
// The protocol machines are handed the time instead of reading a clock, so an
// instant only has to be compared, added to and kept in every slot of a
// window. An int64 of nanoseconds does that in 8 bytes and one instruction.
package mono

import (
	"math"
	"time"
)

// Time is an instant in nanoseconds since an epoch of the caller's choice,
// such as the start of a socket or of a simulation.
type Time int64

// Never is later than every other instant: the deadline of a timer that is not
// running. The earliest of several deadlines is min(a, b, c).
const Never Time = math.MaxInt64

// Add returns t+d. Never stays Never, and a sum that would pass it is Never.
func (t Time) Add(d time.Duration) Time {
	if d > 0 && t > Never-Time(d) {
		return Never
	}
	if t == Never {
		return Never
	}
	return t + Time(d)
}

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }
