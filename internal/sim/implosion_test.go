package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// lan returns a scenario of one source and n receivers on a LAN: each is 20 to
// 200 µs away, with some jitter, and all else is as it is by default.
func lan(seed uint64, n int, load Load) *Scenario {
	d := dice{Rand: rand.New(rand.NewPCG(seed, 0x1a4))}
	link := func() LinkSpec {
		return LinkSpec{Delay: d.time(10*time.Microsecond, 100*time.Microsecond), Jitter: 20 * time.Microsecond}
	}
	host := func() HostSpec {
		return HostSpec{Up: link(), Down: link(), Clock: d.time(time.Second, 1000*time.Hour)}
	}
	sc := &Scenario{Seed: seed, Complete: true, MaxEvents: 200e6}
	sc.Sources = []SourceSpec{{
		Config: pgm.SourceConfig{TSI: wire.TSI{GSI: wire.GSI{1}, Port: 1000}, Group: groups[0], FirstSQN: 0xffffff00},
		Host:   host(),
		Load:   load,
	}}
	for range n {
		sc.Receivers = append(sc.Receivers, ReceiverSpec{Host: host()})
	}
	up := &sc.Sources[0].Host.Up // 10 Gb/s Ethernet
	up.Rate, up.Queue = 1.25e9, 256<<10
	return sc
}

// TestImplosion loses the same packets for 1,000 receivers. The NAKs that reach
// the source must stay few: at the first loss, when nothing is known of the
// group, and even fewer once it has adapted.
func TestImplosion(t *testing.T) {
	const receivers, losses, every = 1000, 40, 50
	sc := lan(1, receivers, Load{Messages: (losses + 1) * every, MinSize: 100, MaxSize: 100, Interval: 200 * time.Microsecond})
	first := sc.Sources[0].Config.FirstSQN
	var lost []seq.Num
	for i := range losses {
		lost = append(lost, first.Add((i+1)*every))
	}
	sc.Drop = func(_ int, typ wire.Type, n seq.Num) bool {
		return typ == wire.TypeODATA && slices.Contains(lost, n)
	}
	r := play(t, sc)
	src := &r.Sources[0]
	var asked []int
	for _, n := range lost {
		asked = append(asked, src.Asked(n))
	}
	later := slices.Sorted(slices.Values(asked[losses/4:]))
	median := later[len(later)/2]
	var suppressed uint64
	for i := range r.Receivers {
		suppressed += r.Receivers[i].Stats.Suppressed
	}
	t.Logf("NAKs for each of %d losses shared by %d receivers: %v", losses, receivers, asked)
	t.Logf("first %d, most %d; later median %d, most %d; RDATA %d, NCF %d, numbers suppressed %d", asked[0], slices.Max(asked), median, later[len(later)-1],
		r.Sent[wire.TypeRDATA], r.Sent[wire.TypeNCF], suppressed)
	t.Logf("%v", r)
	if asked[0] > 50 {
		t.Errorf("%d NAKs for the first loss, want at most 50", asked[0])
	}
	if median > 3 {
		t.Errorf("median of %d NAKs for later losses, want at most 3", median)
	}
	if slices.Min(asked) == 0 {
		t.Errorf("a loss was not asked for: %v", asked)
	}
}
