package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/wire"
)

// The dimensions of the matrix. Each has its values in the order of its names.
var (
	encapsulations = []string{"udp", "native"}
	families       = []string{"ipv4", "ipv6"}
	ways           = []string{"multicast", "unicast"}
	corrections    = []string{"nofec", "proactive", "ondemand", "both"}
	deliveries     = []string{"ordered", "unordered", "skip"}
	loads          = []string{"small", "fragmented", "pubsub"}
)

// maxGap is the bound on a gap of receivers that skip ahead.
const maxGap = 3 * time.Millisecond

// A combination is one value of each dimension.
type combination struct{ encapsulation, family, way, correction, delivery, load int }

func (c combination) String() string {
	return fmt.Sprintf("%s/%s/%s/%s/%s/%s", encapsulations[c.encapsulation], families[c.family], ways[c.way],
		corrections[c.correction], deliveries[c.delivery], loads[c.load])
}

// combinations returns all there are.
func combinations() (all []combination) {
	for i := range encapsulations {
		for j := range families {
			for k := range ways {
				for l := range corrections {
					for m := range deliveries {
						for n := range loads {
							all = append(all, combination{i, j, k, l, m, n})
						}
					}
				}
			}
		}
	}
	return all
}

// scenario has one source, whose packets get lost for each of three receivers, and
// NAKs, too.
func (c combination) scenario(seed uint64) *Scenario {
	sc := lan(seed, 3, Load{Messages: 400, MaxSize: 200, Start: 5 * time.Millisecond, Interval: 400 * time.Microsecond, Burst: 4})
	sc.Native, sc.IPv6, sc.Unicast = c.encapsulation == 1, c.family == 1, c.way == 1
	src := &sc.Sources[0]
	src.Config.WindowBytes = 4 << 20
	src.Config.WindowPackets = 4096
	src.Config.Join = true
	if sc.IPv6 {
		src.Config.Group = groups6[0]
	}
	if c.correction > 0 {
		src.Config.FEC = pgm.FEC{K: 8, OnDemand: c.correction&2 != 0}
		if c.correction&1 != 0 {
			src.Config.FEC.Proactive = 2
		}
	}
	switch c.load {
	case 1:
		src.Load.Messages, src.Load.MinSize, src.Load.MaxSize = 100, 2000, 12000
	case 2:
		src.Load.MaxSize = 6000
		src.Pub = &PubSpec{Topics: topics, Frames: 3}
		if seed%2 == 1 {
			src.Pub.Config.Flush = pubsub.FlushFull
		}
	}
	up := &sc.Sources[0].Host.Up
	up.Queue = 4 << 20 // also for a copy to each receiver
	rng := rand.New(rand.NewPCG(seed, 0x3a7))
	for i := range sc.Receivers {
		r := &sc.Receivers[i]
		r.Host.Down.Loss = 0.02 + 0.04*rng.Float64()
		r.Host.Up.Loss = 0.05
		r.Config.Join = true
		switch c.delivery {
		case 1:
			r.Config.Delivery = pgm.Unordered
		case 2:
			r.Config.MaxGap = maxGap
		}
		if c.load == 2 {
			r.Sub = &SubSpec{Prefixes: []string{""}}
		}
	}
	return sc
}

// check looks at what a run came to.
func (c combination) check(t *testing.T, r *Result) {
	src := &r.Sources[0]
	if c.encapsulation == 1 && r.alerts == 0 {
		t.Error("no packet bore Router Alert")
	}
	if n := r.Scenario.SourceAddr(0); n.Is6() != (c.family == 1) {
		t.Errorf("the source's address is %v", n)
	}
	if c.correction&1 != 0 && src.Stats.ParityPackets == 0 {
		t.Error("no proactive parity")
	}
	if c.correction&2 == 0 && src.ParityNAKs > 0 {
		t.Errorf("%d parity NAKs", src.ParityNAKs)
	}
	var rebuilt, missing uint64
	for i := range r.Receivers {
		x := &r.Receivers[i]
		rebuilt += x.Stats.Rebuilt
		missing += x.Stats.Missing
		got, want := x.Messages, src.Messages
		if c.load == 2 {
			got, want = x.Read, src.Published
		}
		switch {
		case c.delivery != 2 && (got != want || x.Lost > 0 || x.Gaps > 0):
			t.Errorf("receiver %d got %d of %d messages; lost %d packets, told of %d gaps", i, got, want, x.Lost, x.Gaps)
		case got < want/2:
			t.Errorf("receiver %d got %d of %d messages", i, got, want)
		}
	}
	if missing == 0 {
		t.Error("nothing was missing")
	}
	if c.correction > 0 && rebuilt == 0 {
		t.Error("nothing was rebuilt from parity")
	}
}

var groups6 = [2]netip.Addr{netip.MustParseAddr("ff15::1"), netip.MustParseAddr("ff15::2")}

// TestMatrix plays every combination of what PGM runs on, how its packets find their
// receivers, how losses are repaired, how messages are delivered and what they are.
// None is excluded.
func TestMatrix(t *testing.T) {
	all := combinations()
	if want := 2 * 2 * 2 * 4 * 3 * 3; len(all) != want {
		t.Fatalf("%d combinations, want %d", len(all), want)
	}
	for i, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			r := play(t, c.scenario(uint64(i+1)))
			c.check(t, r)
			if testing.Verbose() {
				t.Logf("%d parity NAKs, %d NAKs; sent %d NAK, %d RDATA; delay %v", r.Sources[0].ParityNAKs, r.Sources[0].NAKs,
					r.Sent[wire.TypeNAK], r.Sent[wire.TypeRDATA], &r.Delay)
			}
		})
	}
}
