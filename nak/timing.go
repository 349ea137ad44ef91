package nak

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/gopgm/gopgm/mono"
)

// Config holds the intervals of NAK generation. Every field must be set, except
// that a zero Backoff, Repeat or Data is scaled to the round trip.
type Config struct {
	Backoff time.Duration // NAK_BO_IVL
	Repeat  time.Duration // NAK_RPT_IVL
	Data    time.Duration // NAK_RDATA_IVL

	MinInterval, MaxInterval time.Duration // bounds of scaled Repeat and Data
	InitialRTT               time.Duration // until one was measured
	GroupSize                int           // receivers assumed to share a loss at first

	// Nudge is when a number is asked for once more that was confirmed and has not
	// come, however long repairs take. 0 for never.
	Nudge time.Duration

	NCFRetries, DataRetries int // NAK_NCF_RETRIES, NAK_DATA_RETRIES, 1 to 255

	Passive bool // never ask: what is missing is lost when its back-off ends
}

const (
	minBackoff   = 10 * time.Microsecond
	maxBackoff   = time.Second
	maxGroup     = 1e6
	patientTries = 2  // scaled intervals double from the third retry on,
	maxDoublings = 10 // and so many times at most
)

// Timing draws the intervals of NAK generation towards one source, from what
// was measured of the path to it and of the receivers that share its losses.
type Timing struct {
	cfg *Config
	rng *rand.Rand

	rtt   patience  // NAK to NCF, SPMR to SPM
	data  patience  // NAK to RDATA
	group float64   // receivers that share a loss
	calm  mono.Time // group is not changed again before

	announced time.Duration // OPT_NAK_BO_IVL; 0 for none
	min, max  time.Duration // OPT_NAK_BO_RNG; 0 for none
}

// NewTiming returns a Timing before any measurement.
func NewTiming(cfg *Config, rng *rand.Rand) Timing {
	return Timing{cfg: cfg, rng: rng, group: float64(cfg.GroupSize)}
}

// RTT returns the smoothed round trip, or 0 before the first measurement.
func (t *Timing) RTT() time.Duration { return t.rtt.mean }

// GroupSize returns how many receivers are assumed to share a loss.
func (t *Timing) GroupSize() int { return int(math.Ceil(t.group)) }

// MeasureRTT takes in one round trip.
func (t *Timing) MeasureRTT(d time.Duration) { t.rtt.add(d) }

// MeasureData takes in one time from a NAK to its repair.
func (t *Timing) MeasureData(d time.Duration) { t.data.add(d) }

// Announce sets the back-off interval the source announces (OPT_NAK_BO_IVL,
// RFC 3208 §15.2.2); 0 withdraws it.
func (t *Timing) Announce(d time.Duration) { t.announced = d }

// Range sets the bounds the source announces for it (OPT_NAK_BO_RNG).
func (t *Timing) Range(min, max time.Duration) { t.min, t.max = min, max }

// roundTrip returns the round trip to scale intervals with.
func (t *Timing) roundTrip() time.Duration {
	if t.rtt.mean == 0 {
		return t.cfg.InitialRTT
	}
	return t.rtt.mean
}

// Span returns NAK_BO_IVL: the longest back-off.
func (t *Timing) Span() time.Duration {
	if t.cfg.Backoff != 0 {
		return t.cfg.Backoff
	}
	d := t.announced
	if d == 0 {
		// The first receiver to ask is confirmed to the others one round trip
		// later. With the interval at 1.2 ln G round trips and the distribution
		// of Backoff, two or three of any number of receivers ask before that;
		// alone, a receiver need only let packets out of order pass.
		d = time.Duration(float64(t.roundTrip()) * max(0.5, 1.2*math.Log(t.group)))
	}
	if t.max != 0 {
		d = min(max(d, t.min), t.max)
	}
	return min(max(d, minBackoff), maxBackoff)
}

// Backoff draws NAK_RB_IVL.
//
// "[...] a receiver MUST wait some interval NAK_RB_IVL chosen randomly over
// some time period NAK_BO_IVL." RFC 3208 §6.3, "Backing off NAK transmission"
//
// The distribution is a truncated exponential whose mass lies at the end of the
// interval, the steeper the more receivers there are: few are early, and they
// hold back the many that are late (Nonnenmacher and Biersack, "Scalable
// feedback for large groups", 1999).
func (t *Timing) Backoff() time.Duration {
	span, u := t.Span(), t.rng.Float64()
	if t.cfg.Backoff == 0 && t.group > 1 {
		lambda := math.Log(t.group) + 1
		u = math.Log1p(u*math.Expm1(lambda)) / lambda
	}
	return max(time.Duration(u*float64(span)), 1)
}

// Tick returns the grain of deadlines: those that fall in the same tick are due
// together, so that numbers missed together are asked for in one NAK.
func (t *Timing) Tick() time.Duration {
	return min(max(t.Span()/16, 2*time.Microsecond), time.Millisecond)
}

// Repeat returns NAK_RPT_IVL for a number asked for tries times before.
func (t *Timing) Repeat(tries int) time.Duration {
	if t.cfg.Repeat != 0 {
		return t.cfg.Repeat
	}
	return t.scaled(&t.rtt, tries)
}

// Data returns NAK_RDATA_IVL for a number that was confirmed but not repaired
// tries times before.
func (t *Timing) Data(tries int) time.Duration {
	if t.cfg.Data != 0 {
		return t.cfg.Data
	}
	return t.scaled(&t.data, tries)
}

func (t *Timing) scaled(e *patience, tries int) time.Duration {
	d := e.mean + 4*e.dev
	if e.mean == 0 {
		d = 2 * t.roundTrip()
	}
	d = max(d, t.rtt.mean+4*t.rtt.dev, t.cfg.MinInterval)
	return min(d<<min(max(tries-patientTries, 0)+e.doublings, maxDoublings), t.cfg.MaxInterval)
}

// MeasureGroup takes in how many NCFs were heard for one number until it was
// repaired: one for each NAK that reached the source. Two or three are what
// Span aims at; more mean that the group is larger than assumed.
func (t *Timing) MeasureGroup(now mono.Time, heard int) {
	if heard < 1 || now < t.calm {
		return
	}
	t.calm = now.Add(t.Span())
	switch {
	case heard > 3:
		t.group = min(t.group*min(float64(heard)/2, 4), maxGroup)
	case heard == 1:
		t.group = max(t.group*0.8, 1)
	}
}

// patience is how long to wait for an answer. An answer to what was asked twice
// tells nothing of how long it took. So when answers take longer than is waited,
// nothing would be learned: the wait doubles until one comes in time.
type patience struct {
	estimate
	doublings int
	calm      mono.Time // not doubled again before
}

func (p *patience) add(d time.Duration) {
	p.estimate.add(d)
	p.doublings = 0
}

// missed takes in that no answer came within wait.
func (p *patience) missed(now mono.Time, wait time.Duration) {
	if now >= p.calm {
		p.doublings = min(p.doublings+1, maxDoublings)
		p.calm = now.Add(2 * wait)
	}
}

// estimate is a smoothed mean and its deviation, as of RFC 6298.
type estimate struct{ mean, dev time.Duration }

func (e *estimate) add(d time.Duration) {
	d = max(d, time.Microsecond)
	if e.mean == 0 {
		e.mean, e.dev = d, d/2
		return
	}
	diff := d - e.mean
	e.dev += (max(diff, -diff) - e.dev) / 4
	e.mean += diff / 8
}
