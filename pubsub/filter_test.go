package pubsub

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestFilter compares a filter with a list of prefixes.
func TestFilter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, rng.IntN(4))
		for i := range b {
			b[i] = "ab"[rng.IntN(2)]
		}
		return string(b)
	}
	var f filter
	var list []string
	for step := range 100_000 {
		switch w := word(); rng.IntN(4) {
		case 0:
			if len(list) < 5 {
				f.add(w)
				list = append(list, w)
			}
		case 1:
			want := false
			for i, p := range list {
				if p == w {
					list[i] = list[len(list)-1]
					list, want = list[:len(list)-1], true
					break
				}
			}
			if got := f.remove(w); got != want {
				t.Fatalf("step %d: remove(%q) = %v, want %v", step, w, got, want)
			}
		default:
			want := false
			for _, p := range list {
				want = want || strings.HasPrefix(w, p)
			}
			if got := f.matches([]byte(w)); got != want {
				t.Fatalf("step %d: matches(%q) = %v with %q, want %v", step, w, got, list, want)
			}
		}
	}
}
