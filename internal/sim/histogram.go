package sim

import (
	"fmt"
	"math/bits"
	"time"
)

// Histogram counts durations in buckets 1/16 of their size wide.
type Histogram struct {
	buckets [64 * 16]uint64
	n       uint64
	max     time.Duration
}

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 16 {
		return int(v)
	}
	e := bits.Len64(v) - 5 // v>>e is 16 to 31
	return e*16 + int(v>>e)
}

func bucketEnd(i int) time.Duration {
	if i < 16 {
		return time.Duration(i)
	}
	e := i/16 - 1
	return time.Duration(uint64(i%16+17)<<e - 1)
}

func (h *Histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.n++
	h.max = max(h.max, d)
}

// Count returns how many durations were counted.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns a duration that a fraction q of all do not exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(q*float64(h.n) + 0.5)
	var sum uint64
	for i, c := range h.buckets {
		if sum += c; c > 0 && sum >= want {
			return min(bucketEnd(i), h.max)
		}
	}
	return h.max
}

// String prints the usual quantiles.
func (h *Histogram) String() string {
	return fmt.Sprintf("n=%d p50=%v p90=%v p99=%v p99.9=%v max=%v", h.n,
		h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.99), h.Quantile(0.999), h.max)
}
