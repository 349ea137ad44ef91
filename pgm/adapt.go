package pgm

import (
	"math"
	"time"

	"github.com/gopgm/gopgm/mono"
)

// adapter finds the rate of a source that has none configured. NAKs are all it
// hears: it counts, for intervals of time, what share of the packets, repairs
// among them, had to be repaired, and slows down when that is high and speeds up
// when it is low.
//
// Two kinds of loss look the same in one interval. A receiver or a link that is
// overrun loses less when the source slows down; a link that loses at random
// does not. So after slowing down the adapter looks whether it helped. If not,
// it takes the rate back and counts that share of loss as none: the floor. If it
// did, it approaches the rate of before, the ceiling, with care.
type adapter struct {
	min, max float64 // bytes per second
	rate     float64

	start  mono.Time // of the interval
	sent   int       // packets in it
	bytes  int       // and their bytes
	missed int       // and how many of them had to be queued as repairs
	used   float64   // bytes per second sent of late, at the best

	epoch   mono.Time     // packets sent before do not count any more
	age     time.Duration // from a packet to the first NAK for it, smoothed
	floor   float64       // share of loss that slowing down does not cure
	ceiling float64       // rate that was too high; 0 if none was
	step    float64       // by what share to speed up next, near the ceiling
	judging bool          // slowed down: has it helped?
	wasRate float64       // before that
	wasUsed float64       // as much of it as was used, and a little
	wasLoss float64
}

const (
	adaptFirst    = 100e6 // bytes per second to begin with
	adaptMaxFloor = 0.25  // what is lost beyond this is not taken for random
	adaptStep     = 0.03  // to speed up by at first, near a rate that was too high

	// An interval has at least so many packets and so many times the age of a
	// NAK, but does not take longer than adaptLongest. It ends as soon as
	// adaptMuch of the packets are missed.
	adaptPackets  = 300
	adaptMuch     = 0.1
	adaptFew      = 30
	adaptAges     = 4
	adaptShortest = 20 * time.Millisecond
	adaptLongest  = time.Second
)

func newAdapter(now mono.Time, lowest, highest int64) adapter {
	lo, hi := float64(lowest), float64(highest)
	return adapter{min: lo, max: hi, rate: min(max(adaptFirst, lo), hi), start: now}
}

// asked tells that a packet last sent at the given time must be repaired, for
// the first time or again.
func (a *adapter) asked(now, sent mono.Time, again bool) {
	if sent < a.epoch {
		return
	}
	age := now.Sub(sent)
	switch {
	case !again:
		a.age += (age - a.age) / 16
	case age < a.age/2:
		return // the repair crossed this NAK on the way, or lies unread
	}
	a.missed++
}

// late tells that a packet must be repaired that cannot be any more.
func (a *adapter) late() { a.missed++ }

// count tells that packets were sent.
func (a *adapter) count(packets, bytes int) {
	a.sent += packets
	a.bytes += bytes
}

// tick ends the interval if it is over. Repairs wait to be sent, so many. It
// reports whether the rate changed.
func (a *adapter) tick(now mono.Time, repairs int) bool {
	if now < a.epoch {
		a.begin(now) // what was sent faster has not all arrived
		return false
	}
	d := now.Sub(a.start)
	share := float64(a.missed) / float64(max(a.sent, 1))
	much := !a.judging && share > adaptMuch && d >= adaptShortest && share > 2*a.floor
	if !much && d < adaptLongest && (d < max(adaptShortest, adaptAges*a.age) || a.sent < adaptPackets) {
		return false
	}
	before := a.rate
	a.used = max(float64(a.bytes)/d.Seconds(), 0.9*a.used)
	if a.missed == 0 {
		a.age /= 2
	}
	// Few packets prove little: a source with little to send is to keep the rate
	// for when it has more.
	if a.sent >= adaptPackets || 3*a.missed > a.sent && a.sent >= adaptFew {
		a.judge(now, min(share, 1), repairs <= MaxRunPackets)
	}
	a.begin(now)
	a.rate = min(max(a.rate, a.min), a.max)
	return a.rate != before
}

// begin begins an interval.
func (a *adapter) begin(now mono.Time) { a.start, a.sent, a.bytes, a.missed = now, 0, 0, 0 }

// judge sets the rate after an interval with the given share of loss. It is
// clear that it may rise if no repairs are behind.
func (a *adapter) judge(now mono.Time, loss float64, clear bool) {
	judging := a.judging
	a.judging = false
	if loss < a.floor {
		a.floor += (loss - a.floor) / 8
	}
	usual := max(a.floor, 0.02)
	noise := 2 * math.Sqrt(usual*(1-usual)/float64(a.sent))
	switch tolerable := a.floor + max(0.02, a.floor/3) + noise; {
	case loss <= tolerable:
		if judging {
			a.ceiling = a.wasUsed // it helped
		}
		if clear && a.used > 0.7*a.rate {
			a.climb()
		}
	case judging && loss > 0.7*a.wasLoss && loss < adaptMaxFloor:
		a.floor, a.rate = loss, a.wasRate // it did not help
	default:
		a.wasRate, a.wasUsed, a.wasLoss = a.rate, min(a.rate, 1.25*a.used), loss
		a.rate = a.wasUsed * max(min(1-(loss-a.floor), 0.85), 0.5)
		a.judging, a.step = true, adaptStep
		a.epoch = now.Add(min(a.age, adaptLongest))
	}
}

// climb speeds up.
func (a *adapter) climb() {
	switch {
	case a.ceiling == 0:
		a.rate *= 2
	case a.rate < 0.7*a.ceiling:
		a.rate *= 1.2
	default:
		a.rate *= 1 + a.step
		a.step *= 1.5
		if a.rate > 1.2*a.ceiling {
			a.ceiling = 0 // there is more room than there was
		}
	}
}
