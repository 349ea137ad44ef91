package sim

import (
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// lossyLAN has a source of 20,000 packets a second, and receivers of which each loses
// a twentieth of them, NAKs as well.
func lossyLAN(receivers int, fec pgm.FEC) *Scenario {
	sc := lan(1, receivers, Load{Messages: 8000, MinSize: 1000, MaxSize: 1000, Interval: interval})
	sc.Sources[0].Config.Rate = 1e9 // one that adapts would take so much loss for overload
	sc.Sources[0].Config.FEC = fec
	for i := range sc.Receivers {
		h := &sc.Receivers[i].Host
		h.Down.Loss, h.Up.Loss = 0.05, 0.05
	}
	return sc
}

// interval is the time between two packets of lossyLAN.
const interval = 50 * time.Microsecond

// losses sums up what receivers missed and what became of it.
func losses(r *Result) (missing, rebuilt, naks uint64, rtt time.Duration) {
	for i := range r.Receivers {
		st := &r.Receivers[i].Stats
		missing, rebuilt, naks = missing+st.Missing, rebuilt+st.Rebuilt, naks+st.NAKs
		rtt = max(rtt, st.RTT)
	}
	return missing, rebuilt, naks, rtt
}

// TestProactiveFEC shows what four parity packets for sixteen of data do where a
// hundred receivers lose 5 %: hardly anybody asks for anything, and what is lost is
// there once its group is over.
func TestProactiveFEC(t *testing.T) {
	const k = 16
	r := play(t, lossyLAN(100, pgm.FEC{K: k, N: 20, Proactive: 4}))
	missing, rebuilt, naks, rtt := losses(r)
	p99 := r.Delay.Quantile(0.99)
	t.Logf("%d missing, %d rebuilt, %d NAKs: %.2f for each 100; round trip up to %v; %v", missing, rebuilt, naks, 100*float64(naks)/float64(missing), rtt, &r.Delay)
	if naks*100 > missing {
		t.Errorf("%d NAKs for %d losses, want 1 for 100 at most", naks, missing)
	}
	if limit := k*interval + rtt; p99 > limit {
		t.Errorf("the 99th percentile of the delay is %v, want one group and a round trip at most: %v", p99, limit)
	}
}

// TestOnDemandFEC compares parity on demand with selective repairs where a hundred
// receivers lose 5 %, each its own: one parity packet repairs different losses of
// many, so the source sends far fewer repairs.
func TestOnDemandFEC(t *testing.T) {
	without := play(t, lossyLAN(100, pgm.FEC{}))
	with := play(t, lossyLAN(100, pgm.FEC{K: 16, OnDemand: true}))
	a, b := without.Sent[wire.TypeRDATA], with.Sent[wire.TypeRDATA]
	t.Logf("RDATA: %d without parity, %d with, of %d ODATA", a, b, with.Sent[wire.TypeODATA])
	if _, rebuilt, naks, _ := losses(with); rebuilt == 0 || naks == 0 {
		t.Errorf("%d rebuilt, %d NAKs", rebuilt, naks)
	}
	if b*2 > a {
		t.Errorf("%d repairs with parity on demand, %d without: want half at most", b, a)
	}
}

// TestFECAgainstBursts cuts receivers off for half the time a group takes, again and
// again. Parity right after its group is lost with the end of that; parity that comes
// two groups later is not, and repairs everything.
func TestFECAgainstBursts(t *testing.T) {
	naks := func(delay int) (uint64, uint64) {
		sc := lossyLAN(20, pgm.FEC{K: 16, N: 32, Proactive: 8, Delay: delay})
		for i := range sc.Receivers {
			h := &sc.Receivers[i].Host
			h.Up.Loss, h.Down.Loss = 0, 0
			for at := time.Duration(5+i) * time.Millisecond; at < 400*time.Millisecond; at += 19*time.Millisecond + 70*time.Microsecond {
				h.Down.Down = append(h.Down.Down, Span{at, at + 7*interval})
			}
		}
		missing, _, naks, _ := losses(play(t, sc))
		return naks, missing
	}
	at, missing := naks(0)
	later, _ := naks(2)
	t.Logf("%d missing; NAKs: %d with parity after its group, %d two groups later", missing, at, later)
	if later*4 > at {
		t.Errorf("%d NAKs with parity two groups later, %d right after the group: want a quarter at most", later, at)
	}
}

// TestFECTail loses packets of bursts that do not fill a group, with a pause after
// each: parity follows within Flush, so that the end of a burst is not late either.
func TestFECTail(t *testing.T) {
	sc := lan(1, 20, Load{Messages: 3000, MinSize: 500, MaxSize: 500, Interval: 10 * time.Millisecond, Burst: 5})
	sc.Sources[0].Config.Rate = 1e9
	sc.Sources[0].Config.FEC = pgm.FEC{K: 16, Proactive: 4, Flush: 500 * time.Microsecond}
	for i := range sc.Receivers {
		sc.Receivers[i].Host.Down.Loss = 0.05
	}
	r := play(t, sc)
	missing, rebuilt, naks, _ := losses(r)
	t.Logf("%d missing, %d rebuilt, %d NAKs; %v", missing, rebuilt, naks, &r.Delay)
	if naks*20 > missing {
		t.Errorf("%d NAKs for %d losses, want 1 for 20 at most", naks, missing)
	}
	if d := r.Delay.Quantile(0.99); d > time.Millisecond {
		t.Errorf("the 99th percentile of the delay is %v, want 1 ms at most", d)
	}
}
