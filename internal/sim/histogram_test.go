package sim

import (
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h Histogram
	for i := range 100000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Microsecond}, {0.5, 50 * time.Millisecond}, {0.99, 99 * time.Millisecond}, {1, 100 * time.Millisecond}} {
		if got := h.Quantile(tt.q); got < tt.want || got > tt.want+tt.want/15 {
			t.Errorf("Quantile(%v) = %v, want about %v", tt.q, got, tt.want)
		}
	}
	if h.Count() != 100000 || h.Max() != 100*time.Millisecond {
		t.Errorf("Count = %d, Max = %v", h.Count(), h.Max())
	}
	for _, d := range []time.Duration{0, 1, 15, 16, 17, 31, 32, 33, 1 << 40, 1<<63 - 1} {
		if i := bucketOf(d); bucketEnd(i) < d || i > 0 && bucketEnd(i-1) >= d {
			t.Errorf("bucketOf(%d) = %d, which ends at %d", d, i, bucketEnd(i))
		}
	}
}
