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
	if d := r.Delay.Quantile(0.999); d > 4*time.Millisecond {
		t.Errorf("repairs take %v, want 4 ms or less", d)
	}
}

// TestHistory has a receiver join late and ask for everything a source of a
// fixed rate has in its window: more than it can repair for seconds. No link
// loses anything.
func TestHistory(t *testing.T) {
	for _, rate := range []int64{1e6, 10e6, 100e6} {
		messages := int(4 * rate / 1500) // 4 s of it
		sc := lan(1, 2, Load{Messages: min(messages, 30000), MinSize: 1400, MaxSize: 1400})
		sc.Sources[0].Config.Rate = rate
		sc.Sources[0].Config.Join = true
		sc.Receivers[1].Config.Join = true
		sc.Receivers[1].Host.Start = 2 * time.Second
		r := Run(sc)
		src := &r.Sources[0].Stats
		t.Logf("rate %d: ODATA %d, RDATA %d, NAKs %d for %d numbers, NCFs %d; last message at %v", rate,
			src.ODATAPackets, src.RDATAPackets, src.NAKs, src.NAKNumbers, src.NCFs, r.Receivers[1].End)
		if r.Err != nil {
			t.Errorf("rate %d: %v", rate, r.Err)
		}
		if n := r.Receivers[1].Messages; n != r.Sources[0].Messages {
			t.Errorf("rate %d: the late receiver got %d of %d messages", rate, n, r.Sources[0].Messages)
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
