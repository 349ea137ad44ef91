package pgm

import (
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

	epoch   mono.Time     // packets sent before do not count any more
	age     time.Duration // from a packet to the NAK for it, smoothed
	floor   float64       // share of loss that slowing down does not cure
	ceiling float64       // rate that was too high; 0 if none was
	judging bool          // slowed down: has it helped?
	wasRate float64       // before that
	wasLoss float64
}

const (
	adaptFirst    = 100e6 // bytes per second to begin with
	adaptMaxFloor = 0.5   // no link loses more at random than this

	// An interval has at least so many packets and so many times the age of a
	// NAK, but does not take longer than adaptLongest.
	adaptPackets  = 300
	adaptFew      = 30
	adaptAges     = 4
	adaptShortest = 20 * time.Millisecond
	adaptLongest  = time.Second
)

func newAdapter(now mono.Time, lowest, highest int64) adapter {
	lo, hi := float64(lowest), float64(highest)
	return adapter{min: lo, max: hi, rate: min(max(adaptFirst, lo), hi), start: now}
}

// asked tells that a packet last sent at the given time must be repaired.
func (a *adapter) asked(now, sent mono.Time) {
	if sent < a.epoch {
		return
	}
	a.missed++
	a.age += (now.Sub(sent) - a.age) / 16
}

// count tells that packets were sent.
func (a *adapter) count(packets, bytes int) {
	a.sent += packets
	a.bytes += bytes
}

// tick ends the interval if it is over. Repairs wait to be sent, so many. It
// reports whether the rate changed.
func (a *adapter) tick(now mono.Time, repairs int) bool {
	d := now.Sub(a.start)
	if d < adaptLongest && (d < max(adaptShortest, adaptAges*a.age) || a.sent < adaptPackets) {
		return false
	}
	before := a.rate
	// Few packets prove little: a source with little to send is to keep the rate
	// for when it has more.
	if a.sent >= adaptPackets || 3*a.missed > a.sent && a.sent >= adaptFew {
		used := float64(a.bytes) / d.Seconds()
		a.judge(now, min(float64(a.missed)/float64(a.sent), 1), used, repairs <= MaxRunPackets)
	}
	a.start, a.sent, a.bytes, a.missed = now, 0, 0, 0
	a.rate = min(max(a.rate, a.min), a.max)
	return a.rate != before
}

// judge sets the rate after an interval with the given share of loss, in which
// so much of the rate was used. It is clear that it may rise if no repairs are
// behind.
func (a *adapter) judge(now mono.Time, loss, used float64, clear bool) {
	judging := a.judging
	a.judging = false
	if loss < a.floor {
		a.floor += (loss - a.floor) / 8
	}
	switch tolerable := a.floor + max(0.02, a.floor/3); {
	case loss <= tolerable:
		if judging {
			a.ceiling = a.wasRate // it helped
		}
		if clear && used > 0.7*a.rate {
			a.climb()
		}
	case judging && loss > 0.7*a.wasLoss && loss < adaptMaxFloor:
		a.floor, a.rate = loss, a.wasRate // it did not help
	default:
		a.rate = min(a.rate, 1.25*used) // what is not used can do no harm
		a.wasRate, a.wasLoss = a.rate, loss
		a.rate *= max(min(1-(loss-a.floor), 0.85), 0.5)
		a.judging = true
		a.epoch = now
	}
}

// climb speeds up.
func (a *adapter) climb() {
	switch {
	case a.ceiling == 0:
		a.rate *= 1.5
	case a.rate < 0.7*a.ceiling:
		a.rate *= 1.2
	default:
		a.rate *= 1.03
		if a.rate > 1.2*a.ceiling {
			a.ceiling = 0 // there is more room than there was
		}
	}
}
