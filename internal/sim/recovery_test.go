package sim

import (
	"testing"
	"time"
)

// TestAlone has one receiver that loses packets at random. Nobody else is there
// to hold a NAK back for: repairs must come soon.
func TestAlone(t *testing.T) {
	sc := lan(1, 1, Load{Messages: 20000, MinSize: 100, MaxSize: 100, Interval: 50 * time.Microsecond})
	sc.Receivers[0].Host.Down.Loss = 0.02
	r := play(t, sc)
	st := &r.Receivers[0].Stats
	t.Logf("missing %d, NAKs %d for %d numbers, repairs %d, round trip %v, group %d\n%v", st.Missing, st.NAKs, st.NAKNumbers, st.Repairs, st.RTT, st.GroupSize, r)
	if st.GroupSize > 2 {
		t.Errorf("a receiver that is alone assumes a group of %d", st.GroupSize)
	}
	if d := r.Delay.Quantile(0.99); d > time.Millisecond {
		t.Errorf("the 99th percentile of the delay is %v, want 1 ms or less", d)
	}
	if d := r.Delay.Max(); d > 20*time.Millisecond {
		t.Errorf("a repair took %v, want 20 ms or less", d)
	}
}

// TestHistory has a receiver join late and ask for everything a source of a
// fixed rate has in its window: more than it can repair for seconds. No link
// loses anything.
func TestHistory(t *testing.T) {
	for _, tt := range []struct{ rate, size int }{
		{100e3, 100}, {100e3, 1400}, {1e6, 100}, {1e6, 1400}, {10e6, 1400},
	} {
		const length = 4 // seconds
		sc := lan(1, 2, Load{Messages: length * tt.rate / (tt.size + 52), MinSize: tt.size, MaxSize: tt.size})
		sc.Sources[0].Config.Rate = int64(tt.rate)
		sc.Sources[0].Config.Join = true
		sc.Receivers[1].Config.Join = true
		sc.Receivers[1].Host.Start = length * time.Second / 2
		r := Run(sc)
		src := &r.Sources[0].Stats
		t.Logf("rate %d, size %d: ODATA %d, RDATA %d, NAKs %d for %d numbers, NCFs %d; last message at %v", tt.rate, tt.size,
			src.ODATAPackets, src.RDATAPackets, src.NAKs, src.NAKNumbers, src.NCFs, r.Receivers[1].End)
		if r.Err != nil {
			t.Errorf("rate %d, size %d: %v", tt.rate, tt.size, r.Err)
		} else if n := r.Receivers[1].Messages; n != r.Sources[0].Messages {
			t.Errorf("rate %d, size %d: the late receiver got %d of %d messages", tt.rate, tt.size, n, r.Sources[0].Messages)
		}
	}
}

// TestOutage cuts a receiver off for a while. What it missed is still in the
// window, so it must get all of it.
func TestOutage(t *testing.T) {
	for _, d := range []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second} {
		sc := lan(1, 3, Load{Messages: 10000, MinSize: 100, MaxSize: 1000, Interval: time.Millisecond})
		sc.Receivers[0].Host.Down.Down = []Span{{time.Second, time.Second + d}} // hears nothing
		sc.Receivers[1].Host.Up.Down = []Span{{time.Second, time.Second + d}}   // is not heard
		sc.Receivers[1].Host.Down.Loss = 0.01
		if r := Run(sc); r.Err != nil {
			t.Errorf("outage of %v: %v", d, r.Err)
		}
	}
}
