package sim

import (
	"testing"
	"time"

	"github.com/gopgm/gopgm/wire"
)

// throughput returns the bytes per second that the slowest receiver got, from
// the first Send to its last message.
func throughput(r *Result) float64 {
	var end time.Duration
	for i := range r.Receivers {
		end = max(end, r.Receivers[i].End)
	}
	return float64(r.Sources[0].Bytes) / (end - r.Sources[0].First).Seconds()
}

// flood is a source that has 1,400-byte messages for as long as anyone takes
// them.
func flood(messages int) Load { return Load{Messages: messages, MinSize: 1400, MaxSize: 1400} }

func logRun(t *testing.T, r *Result) {
	t.Helper()
	st := &r.Sources[0].Stats
	t.Logf("%.1f MB/s; ODATA %d, RDATA %d, NAKs %d, NCFs %d, repaired %.1f %%; rate at the end %.1f MB/s\n%v", throughput(r)/1e6,
		st.ODATAPackets, st.RDATAPackets, st.NAKs, st.NCFs, 100*float64(st.RDATAPackets)/float64(st.ODATAPackets), float64(st.Rate)/1e6, r)
}

// TestOverload puts a bottleneck in the way of a source that adapts its rate. It
// must settle near the bottleneck and lose nothing.
func TestOverload(t *testing.T) {
	const size = 1400 + wire.DataHeaderLen + overhead
	for _, tt := range []struct {
		desc       string
		bottleneck float64 // messages per second
		spec       func(*HostSpec)
	}{
		{"narrow link", 20e6 / size, func(h *HostSpec) { h.Down.Rate, h.Down.Queue = 20e6, 256<<10 }},
		{"narrow uplink", 20e6 / size, nil},
		{"slow host", 50e3, func(h *HostSpec) { h.PerPacket, h.SocketBuffer = 20*time.Microsecond, 1<<20 }},
	} {
		t.Run(tt.desc, func(t *testing.T) {
			t.Parallel()
			sc := lan(1, 4, flood(200_000))
			if tt.spec != nil {
				tt.spec(&sc.Receivers[1].Host)
			} else {
				up := &sc.Sources[0].Host.Up
				up.Rate, up.Queue = 20e6, 256<<10
			}
			r := play(t, sc)
			ratio := throughput(r) / (tt.bottleneck * 1400)
			t.Logf("%.2f of the bottleneck", ratio)
			logRun(t, r)
			if ratio < 0.6 {
				t.Errorf("throughput is %.2f of the bottleneck, want 0.6 or more", ratio)
			}
		})
	}
}

// TestRandomLoss has receivers that lose packets at random, whatever the rate.
// The rate must not collapse.
func TestRandomLoss(t *testing.T) {
	run := func(a, b float64) *Result {
		sc := lan(1, 4, flood(200_000))
		for i := range sc.Receivers { // what a host can do at most
			h := &sc.Receivers[i].Host
			h.Down.Rate, h.Down.Queue = 125e6, 1<<20
		}
		up := &sc.Sources[0].Host.Up
		up.Rate, up.Queue = 125e6, 256<<10
		sc.Receivers[0].Host.Down.Loss = a
		sc.Receivers[1].Host.Down.Loss = b
		r := play(t, sc)
		logRun(t, r)
		return r
	}
	lossless, lossy := throughput(run(0, 0)), throughput(run(0.1, 0.02))
	t.Logf("with loss %.2f of lossless", lossy/lossless)
	if lossy < lossless/3 {
		t.Errorf("throughput falls from %.1f to %.1f MB/s, want a third or more", lossless/1e6, lossy/1e6)
	}
}
