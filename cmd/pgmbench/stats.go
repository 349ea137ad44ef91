package main

import (
	"slices"
	"time"
)

// A summary is what repeated measurements of one figure come to.
type summary struct{ Median, Min, Max float64 }

// summarize returns the summary of values, of which there is at least one.
func summarize(values []float64) summary {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return summary{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// ratios divides what was measured in the same round: only that is comparable
// on a machine whose speed changes. Where one is missing there is no ratio.
func ratios(values, reference []float64) []float64 {
	var out []float64
	for i := range min(len(values), len(reference)) {
		if reference[i] > 0 {
			out = append(out, values[i]/reference[i])
		}
	}
	return out
}

// trips are the times round trips took.
type trips []time.Duration

// setPercentiles sorts t and puts its percentiles in r, in microseconds.
func (t trips) setPercentiles(r *result) {
	slices.Sort(t)
	r.P50, r.P99, r.P999 = t.at(0.5), t.at(0.99), t.at(0.999)
}

// at returns the value below which the share q of the sorted times lie.
func (t trips) at(q float64) float64 {
	if len(t) == 0 {
		return 0
	}
	return float64(t[int(float64(len(t)-1)*q)]) / float64(time.Microsecond)
}

// positive returns those of the values that are.
func positive(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !(v > 0) })
}
