package sim

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gopgm/gopgm/mono"
)

func TestAgendaOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var a agenda
	for range 2000 {
		if rng.IntN(3) > 0 || a.len() == 0 {
			a.add(mono.Time(rng.IntN(50)), deedWake, nil, nil)
			continue
		}
		a.next()
	}
	// What is left comes out by time, and by insertion within one instant.
	want := slices.Clone(a.items)
	slices.SortFunc(want, func(x, y item) int {
		if x.before(&y) {
			return -1
		}
		return 1
	})
	for i := range want {
		if got := a.next(); got != want[i] {
			t.Fatalf("item %d: at=%d order=%d, want at=%d order=%d", i, got.at, got.order, want[i].at, want[i].order)
		}
	}
	if a.len() != 0 {
		t.Errorf("%d items left", a.len())
	}
}

func BenchmarkAgenda(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var a agenda
	for range 10000 {
		a.add(mono.Time(rng.IntN(1e6)), deedWake, nil, nil)
	}
	for b.Loop() {
		it := a.next()
		a.add(it.at+mono.Time(rng.IntN(1e6)), deedWake, nil, nil)
	}
}
