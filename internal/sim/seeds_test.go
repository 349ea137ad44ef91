package sim

import (
	"flag"
	"fmt"
	"testing"
)

var (
	firstSeed = flag.Uint64("sim.first", 1, "the first `seed` that TestSeeds runs")
	numSeeds  = flag.Uint64("sim.seeds", 1000, "how many seeds TestSeeds runs")
)

// TestSeeds plays scenarios drawn at random. A failure names its seed; repeat it
// with -run 'TestSeeds/seed=17$', and -sim.first=17 if that is beyond the
// default range.
func TestSeeds(t *testing.T) {
	n := *numSeeds
	if testing.Short() {
		n = min(n, 50)
	}
	for seed := *firstSeed; seed < *firstSeed+n; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			play(t, drawScenario(seed))
		})
	}
}

// play runs a scenario and fails the test, with all there is to know, if it
// violates something.
func play(t *testing.T, sc *Scenario) *Result {
	t.Helper()
	r := Run(sc)
	if r.Err != nil {
		t.Fatalf("%v\n\n%v\nlast:\n%s\n%v", r.Err, sc, r.Trace, r)
	}
	return r
}

// TestDeterminism plays scenarios twice. What happens must be the same, to the
// byte.
func TestDeterminism(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		a, b := Run(drawScenario(seed)), Run(drawScenario(seed))
		if a.Hash != b.Hash || a.Events != b.Events {
			t.Errorf("seed %d: hash %#x after %d events, then %#x after %d", seed, a.Hash, a.Events, b.Hash, b.Events)
		}
	}
	if a, b := Run(drawScenario(1)), Run(drawScenario(2)); a.Hash == b.Hash {
		t.Error("two seeds give the same run")
	}
}
