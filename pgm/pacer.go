package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
)

// pacer is a token bucket: over any interval it lets through at most the
// bucket's size plus the rate times the interval (RFC 3208 §5.1.2).
type pacer struct {
	rate   float64 // bytes per second
	burst  float64 // bytes the bucket holds
	tokens float64 // bytes it held at the instant last
	last   mono.Time
}

// fill brings the bucket up to now.
func (p *pacer) fill(now mono.Time) {
	if now > p.last {
		p.tokens = min(p.tokens+p.rate*now.Sub(p.last).Seconds(), p.burst)
		p.last = now
	}
}

// set changes the rate and the bucket's size from now on.
func (p *pacer) set(now mono.Time, rate, burst float64) {
	p.fill(now)
	p.rate, p.burst = rate, burst
	p.tokens = min(p.tokens, burst)
}

// take takes bytes out.
func (p *pacer) take(bytes int) { p.tokens -= float64(bytes) }

// ready returns when the bucket will hold so many bytes: now, or later. More
// than the bucket can hold counts as a full one.
func (p *pacer) ready(now mono.Time, bytes int) mono.Time {
	p.fill(now)
	need := min(float64(bytes), p.burst) - p.tokens
	if need <= 0 {
		return now
	}
	return now.Add(time.Duration(need/p.rate*1e9) + 1)
}
