package sim

import (
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// deliveryRun has four receivers with the given configuration, of which each
// loses a share of the packets, most of them single and some fragments.
func deliveryRun(t *testing.T, cfg pgm.ReceiverConfig, loss float64) *Result {
	t.Helper()
	sc := lan(1, 4, Load{Messages: 20000, MinSize: 100, MaxSize: 5000, Interval: 50 * time.Microsecond})
	// One that adapts would take so much loss for overload, and messages wait there.
	sc.Sources[0].Config.Rate = 1e9
	sc.Sources[0].Config.HeartbeatMin = 200 * time.Microsecond
	for i := range sc.Receivers {
		r := &sc.Receivers[i]
		r.Config = cfg
		r.Host.Down.Loss, r.Host.Up.Loss = loss, loss
		r.Host.WakeLate = wakeLate
	}
	r := play(t, sc)
	var skipped uint64
	for i := range r.Receivers {
		skipped += r.Receivers[i].Stats.Skipped
	}
	t.Logf("%v, MaxGap %v, loss %v: skipped %d\nall   %v\nclean %v", cfg.Delivery, cfg.MaxGap, loss, skipped, &r.Delay, &r.Clean)
	for i := range r.Receivers {
		if x := &r.Receivers[i]; x.Messages != r.Sources[0].Messages && cfg.MaxGap == 0 {
			t.Errorf("receiver %d got %d of %d messages", i, x.Messages, r.Sources[0].Messages)
		}
		if x := &r.Receivers[i]; x.Lost != x.Stats.Lost || (x.Causes[pgm.CauseSkip] > 0) != (x.Stats.Skipped > 0) {
			t.Errorf("receiver %d: %d lost and %d skipped; the events say %d and %d", i, x.Stats.Lost, x.Stats.Skipped, x.Lost, x.Causes[pgm.CauseSkip])
		}
	}
	return r
}

const (
	wakeLate = 50 * time.Microsecond
	oneWay   = 100 * time.Microsecond // to the receivers of deliveryRun
)

// TestUnorderedDelay shows that unordered delivery never waits behind a gap: a
// message of which nothing was lost is as quick as without any loss, which
// ordered delivery cannot do.
func TestUnorderedDelay(t *testing.T) {
	lossless := deliveryRun(t, pgm.ReceiverConfig{}, 0).Delay.Quantile(0.99)
	ordered := deliveryRun(t, pgm.ReceiverConfig{}, 0.05).Clean.Quantile(0.99)
	unordered := deliveryRun(t, pgm.ReceiverConfig{Delivery: pgm.Unordered}, 0.05)
	got := unordered.Clean.Quantile(0.99)
	t.Logf("p99 of what was not lost: %v without loss, %v unordered, %v ordered", lossless, got, ordered)
	if got > lossless*12/10 {
		t.Errorf("p99 is %.2f of that without loss, want 1.2 or less", float64(got)/float64(lossless))
	}
	if m := unordered.Clean.Max(); m > oneWay {
		t.Errorf("a message of which nothing was lost took %v, want %v or less", m, oneWay)
	}
	if ordered < lossless*2 {
		t.Errorf("ordered delivery is as quick: the test tests nothing")
	}
}

// TestSkipAheadDelay shows that MaxGap bounds how long anything waits, which is
// longer without, and that what was given up is reported.
func TestSkipAheadDelay(t *testing.T) {
	const (
		loss = 0.1
		next = 500 * time.Microsecond // until the packet after some that were lost
	)
	if d := deliveryRun(t, pgm.ReceiverConfig{}, loss).Clean.Max(); d < 3*time.Millisecond {
		t.Errorf("without MaxGap nothing takes longer than %v: the test tests nothing", d)
	}
	for _, mode := range []pgm.Delivery{pgm.Ordered, pgm.Unordered} {
		for _, gap := range []time.Duration{-1, 500 * time.Microsecond, time.Millisecond} {
			r := deliveryRun(t, pgm.ReceiverConfig{Delivery: mode, MaxGap: gap}, loss)
			bound := max(gap, 0) + oneWay + wakeLate
			if mode == pgm.Unordered {
				bound = oneWay
			}
			if d := r.Clean.Max(); d > bound {
				t.Errorf("%v, MaxGap %v: a message that came took %v to be delivered, want %v or less", mode, gap, d, bound)
			}
			bound = max(gap, 0) + oneWay + wakeLate + next
			if d := r.Delay.Max(); d > bound {
				t.Errorf("%v, MaxGap %v: a message that was repaired took %v, want %v or less", mode, gap, d, bound)
			}
			if gap < 0 != (r.Delay.Count() == r.Clean.Count()) {
				t.Errorf("%v, MaxGap %v: %d messages, %d of them not repaired", mode, gap, r.Delay.Count(), r.Clean.Count())
			}
			if r.Receivers[0].Stats.Skipped == 0 {
				t.Errorf("%v, MaxGap %v: nothing was given up: the test tests nothing", mode, gap)
			}
		}
	}
}
