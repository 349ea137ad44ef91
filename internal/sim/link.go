package sim

import (
	"math/rand/v2"
	"time"

	"github.com/gopgm/gopgm/mono"
)

// overhead is what the lower layers add to each packet: UDP over IPv4, as the
// engine's rate limit counts it by default.
const overhead = 28

// LinkSpec says how long packets take over one direction of a link and what
// happens to them there. The zero LinkSpec is a perfect link.
type LinkSpec struct {
	// A packet takes Delay and up to Jitter more. Jitter keeps the order.
	Delay, Jitter time.Duration

	Loss  float64 // fraction lost, each for itself
	Burst Burst   // and in bursts

	// A fraction Reorder comes up to ReorderDelay later, overtaken by others.
	Reorder      float64
	ReorderDelay time.Duration

	Duplicate float64 // fraction that comes twice, the second up to ReorderDelay later
	Damage    float64 // fraction cut short or with bits flipped
	Down      []Span  // when everything is lost

	// Rate is the width in bytes per second, and Queue how many bytes may wait
	// for their turn before more is dropped. Zero means no bound.
	Rate  int64
	Queue int
}

// Burst is the Gilbert-Elliott model of bursty loss: the link turns bad before a
// packet with probability Enter, and good again with probability Leave. While it
// is bad a fraction Loss of the packets is lost.
type Burst struct{ Enter, Leave, Loss float64 }

// link is one direction of a host's connection to the switch.
type link struct {
	LinkSpec
	rng  *rand.Rand
	add  int       // bytes of the lower layers
	bad  bool      // in a burst
	free mono.Time // when what is queued will have left
	last mono.Time // latest arrival of a packet that keeps the order
}

// fate is what becomes of one packet on a link: the times at which copies of it
// arrive, none if it is lost.
type fate struct {
	n    int
	at   [2]mono.Time
	bad  [2]bool
	lost action // why, if n is 0
}

func (l *link) hit(p float64) bool { return p > 0 && l.rng.Float64() < p }

func (l *link) upTo(d time.Duration) mono.Time {
	if d <= 0 {
		return 0
	}
	return mono.Time(l.rng.Int64N(int64(d) + 1))
}

// queued returns how many bytes wait for their turn at now.
func (l *link) queued(now mono.Time) int {
	if l.Rate <= 0 || l.free <= now {
		return 0
	}
	return int(float64(l.free-now) * float64(l.Rate) / 1e9)
}

// full reports that the queue has no room for size bytes at now.
func (l *link) full(now mono.Time, size int) bool {
	return l.Rate > 0 && l.Queue > 0 && l.queued(now)+size > l.Queue
}

// pass decides the fate of a packet that enters the link at now.
func (l *link) pass(now mono.Time, size int) (f fate) {
	if end(l.Down, now) != now {
		f.lost = actDown
		return f
	}
	size += l.add
	if l.full(now, size) {
		f.lost = actQueueFull
		return f
	}
	if l.Rate > 0 {
		l.free = max(l.free, now) + mono.Time(float64(size)*1e9/float64(l.Rate))
		now = l.free
	}
	if b := l.Burst; b.Enter > 0 {
		if l.bad {
			l.bad = !l.hit(b.Leave)
		} else {
			l.bad = l.hit(b.Enter)
		}
	}
	if l.hit(l.Loss) || l.bad && l.hit(l.Burst.Loss) {
		f.lost = actLost
		return f
	}
	at := now + mono.Time(l.Delay) + l.upTo(l.Jitter)
	if l.hit(l.Reorder) {
		at += l.upTo(l.ReorderDelay)
	} else {
		at = max(at, l.last)
		l.last = at
	}
	f.n = 1
	f.at[0], f.bad[0] = at, l.hit(l.Damage)
	if l.hit(l.Duplicate) {
		f.n = 2
		f.at[1], f.bad[1] = at+l.upTo(l.ReorderDelay), l.hit(l.Damage)
	}
	return f
}
