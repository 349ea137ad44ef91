package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
)

// adapter finds the rate of a source that has none configured. NAKs are all it
// hears: it counts, for intervals of time, what share of the packets was asked
// for, and slows down when that is high and speeds up when it is low.
//
// Two kinds of loss look the same in one interval. A receiver or a link that is
// overrun loses less when the source slows down; a link that loses at random
// does not. So after slowing down the adapter looks whether it helped. If not,
// it takes the rate back and counts that share of loss as none: the floor.
type adapter struct {
	min, max float64 // bytes per second
	rate     float64

	start    mono.Time // of the interval
	sent     int       // packets in it
	missed   int       // numbers first asked for in it
	limited  bool      // the rate held packets back in it
	floor    float64   // share of loss that slowing down does not cure
	phase    adaptPhase
	climbing bool    // still doubling, as there was no overload yet
	wasRate  float64 // before slowing down
	wasLoss  float64
}

type adaptPhase uint8

const (
	adaptWatch  adaptPhase = iota
	adaptSettle            // slowed down: this interval still has NAKs from before
	adaptJudge             // slowed down: has it helped?
)

const (
	adaptInterval = 10 * time.Millisecond
	adaptPackets  = 300 // an interval is extended until so many were sent
	adaptLongest  = time.Second
	adaptFirst    = 100e6 // bytes per second to begin with
	adaptMaxFloor = 0.3   // no link loses more at random than this
)

func newAdapter(now mono.Time, lowest, highest int64) adapter {
	lo, hi := float64(lowest), float64(highest)
	return adapter{min: lo, max: hi, rate: min(max(adaptFirst, lo), hi), start: now, climbing: true}
}

// tick ends the interval if it is over. It reports whether the rate changed.
func (a *adapter) tick(now mono.Time) bool {
	d := now.Sub(a.start)
	if d < adaptInterval || a.sent < adaptPackets && d < adaptLongest {
		return false
	}
	before := a.rate
	if a.sent > 0 {
		a.judge(min(float64(a.missed)/float64(a.sent), 1))
	}
	a.start, a.sent, a.missed, a.limited = now, 0, 0, false
	a.rate = min(max(a.rate, a.min), a.max)
	return a.rate != before
}

func (a *adapter) judge(loss float64) {
	tolerable := a.floor + max(0.02, a.floor/4)
	if loss < a.floor {
		a.floor += (loss - a.floor) / 8
	}
	phase := a.phase
	a.phase = adaptWatch
	switch {
	case phase == adaptSettle:
		a.phase = adaptJudge
	case phase == adaptJudge && loss > tolerable && loss > 0.75*a.wasLoss && loss < adaptMaxFloor:
		a.floor, a.rate = loss, a.wasRate
	case loss > tolerable:
		if phase == adaptJudge {
			a.climbing = false // it helped, but not enough: overload
		}
		a.wasRate, a.wasLoss = a.rate, loss
		a.rate *= max(min(1-(loss-a.floor), 0.9), 0.5)
		a.phase = adaptSettle
	default:
		if phase == adaptJudge {
			a.climbing = false // it helped: overload
		}
		if a.limited && a.climbing {
			a.rate *= 2
		} else if a.limited {
			a.rate *= 1.05
		}
	}
}
