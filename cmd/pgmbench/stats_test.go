package main

import (
	"slices"
	"testing"
	"time"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want summary
	}{
		{[]float64{7}, summary{7, 7, 7}},
		{[]float64{3, 1, 2}, summary{2, 1, 3}},
		{[]float64{4, 1, 2, 9}, summary{3, 1, 9}},
	} {
		in := slices.Clone(c.in)
		if got := summarize(in); got != c.want {
			t.Errorf("summarize(%v) = %v, want %v", c.in, got, c.want)
		}
		if !slices.Equal(in, c.in) {
			t.Errorf("summarize(%v) changed its argument to %v", c.in, in)
		}
	}
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	// The machine was twice as slow in the second round, and the reference
	// failed in the third.
	got := ratios([]float64{50, 25, 60, 80}, []float64{100, 50, 0, 100})
	if want := []float64{0.5, 0.5, 0.8}; !slices.Equal(got, want) {
		t.Errorf("ratios = %v, want %v", got, want)
	}
	if got := compare([]float64{0, 0}, []float64{1, 1}); got != nil {
		t.Errorf("compare of failed rounds = %v, want nil", got)
	}
}

func TestPercentiles(t *testing.T) {
	times := make(trips, 1001)
	for i := range times {
		times[i] = time.Duration(1000-i) * time.Microsecond
	}
	var r result
	times.setPercentiles(&r)
	if r.P50 != 500 || r.P99 != 990 || r.P999 != 999 {
		t.Errorf("percentiles %v, %v, %v, want 500, 990, 999", r.P50, r.P99, r.P999)
	}
	trips{}.setPercentiles(&r)
	if r.P50 != 0 || r.P99 != 0 || r.P999 != 0 {
		t.Errorf("percentiles of nothing %v, %v, %v, want 0", r.P50, r.P99, r.P999)
	}
}
