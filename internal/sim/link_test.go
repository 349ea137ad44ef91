package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
)

func newLink(spec LinkSpec) *link {
	return &link{LinkSpec: spec, rng: rand.New(rand.NewPCG(3, 4)), add: overhead}
}

// near fails unless got is within 4 standard deviations of a binomial.
func near(t *testing.T, what string, got, n int, p float64) {
	t.Helper()
	mean, dev := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(got)-mean) > 4*dev+1 {
		t.Errorf("%s: %d of %d, want about %.0f", what, got, n, mean)
	}
}

func TestLinkFractions(t *testing.T) {
	const n = 100000
	l := newLink(LinkSpec{Delay: time.Millisecond, Loss: 0.03, Duplicate: 0.02, Damage: 0.01, Reorder: 0.05, ReorderDelay: time.Millisecond})
	var lost, twice, bad, late int
	for i := range n {
		now := mono.Time(i) * 10_000_000
		f := l.pass(now, 100)
		switch f.n {
		case 0:
			lost++
			continue
		case 2:
			twice++
		}
		if f.bad[0] {
			bad++
		}
		if f.at[0] > now+1e6 {
			late++
		}
	}
	near(t, "lost", lost, n, 0.03)
	near(t, "twice", twice, n-lost, 0.02)
	near(t, "damaged", bad, n-lost, 0.01)
	near(t, "late", late, n-lost, 0.05)
}

func TestLinkBursts(t *testing.T) {
	const n = 200000
	l := newLink(LinkSpec{Burst: Burst{Enter: 0.01, Leave: 0.1, Loss: 1}})
	var lost, bursts, run, longest int
	for range n {
		if l.pass(0, 100).n == 0 {
			lost++
			if run++; run == 1 {
				bursts++
			}
			longest = max(longest, run)
			continue
		}
		run = 0
	}
	// The chain is bad for Enter/(Enter+Leave) of the time, 1/Leave at a time.
	if got, want := float64(lost)/n, 0.01/0.11; math.Abs(got-want) > 0.1*want {
		t.Errorf("lost %.4f, want about %.4f", got, want)
	}
	if got := float64(lost) / float64(bursts); math.Abs(got-10) > 1 {
		t.Errorf("bursts of %.1f, want about 10", got)
	}
	if longest < 30 {
		t.Errorf("longest burst is %d", longest)
	}
}

func TestLinkJitterKeepsOrder(t *testing.T) {
	l := newLink(LinkSpec{Delay: time.Millisecond, Jitter: time.Millisecond})
	var last mono.Time
	var least, most time.Duration = math.MaxInt64, 0
	for i := range 10000 {
		now := mono.Time(i) * 100_000
		f := l.pass(now, 100)
		if f.at[0] < last {
			t.Fatalf("packet %d arrives at %d, the one before at %d", i, f.at[0], last)
		}
		last = f.at[0]
		least, most = min(least, last.Sub(now)), max(most, last.Sub(now))
	}
	if least < time.Millisecond || most > 2*time.Millisecond || most < 1900*time.Microsecond {
		t.Errorf("delays %v to %v, want 1ms to 2ms", least, most)
	}
}

func TestLinkReorders(t *testing.T) {
	l := newLink(LinkSpec{Reorder: 0.1, ReorderDelay: time.Millisecond})
	var overtaken int
	var last mono.Time
	for i := range 10000 {
		f := l.pass(mono.Time(i)*10_000, 100)
		if f.at[0] < last {
			overtaken++
		}
		last = f.at[0]
	}
	if overtaken < 500 {
		t.Errorf("%d of 10000 packets overtake the one before, want about 1000", overtaken)
	}
}

func TestLinkRate(t *testing.T) {
	// 1 MB/s: a packet of 1,000 bytes with its overhead takes 1 ms.
	l := newLink(LinkSpec{Delay: time.Millisecond, Rate: 1e6, Queue: 5000})
	var got []mono.Time
	for range 8 {
		if f := l.pass(0, 1000-overhead); f.n == 1 {
			got = append(got, f.at[0])
		} else if f.lost != actQueueFull {
			t.Errorf("lost for reason %d", f.lost)
		}
	}
	if len(got) != 5 {
		t.Fatalf("%d packets passed, want 5", len(got))
	}
	for i, at := range got {
		if want := mono.Time(i+2) * 1e6; at != want {
			t.Errorf("packet %d arrives at %d, want %d", i, at, want)
		}
	}
	if f := l.pass(2_000_000, 1000-overhead); f.n != 1 || f.at[0] != 7e6 {
		t.Errorf("after 2 ms: %+v, want an arrival at 7 ms", f)
	}
}

func TestLinkDown(t *testing.T) {
	l := newLink(LinkSpec{Down: []Span{{time.Second, 2 * time.Second}, {2 * time.Second, 3 * time.Second}}})
	for _, tt := range []struct {
		now  mono.Time
		want int
	}{{1e9 - 1, 1}, {1e9, 0}, {25e8, 0}, {3e9 - 1, 0}, {3e9, 1}} {
		if f := l.pass(tt.now, 100); f.n != tt.want {
			t.Errorf("at %v: %d copies, want %d", time.Duration(tt.now), f.n, tt.want)
		}
	}
}
