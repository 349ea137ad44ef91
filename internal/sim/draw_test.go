package sim

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// dice draws scenarios.
type dice struct {
	*rand.Rand
	mild bool // nothing that excuses a loss
}

func (d dice) chance(p float64) bool { return d.Float64() < p }

// wild is the chance of what would excuse a loss.
func (d dice) wild(p float64) bool { return d.chance(p) && !d.mild }

// from returns a number from lo to hi; all magnitudes are equally likely.
func (d dice) from(lo, hi int) int {
	return int(math.Exp(math.Log(float64(lo)) + d.Float64()*math.Log(float64(hi)/float64(lo))))
}

func (d dice) time(lo, hi time.Duration) time.Duration {
	return time.Duration(d.from(int(lo/time.Microsecond), int(hi/time.Microsecond))) * time.Microsecond
}

var groups = [2]netip.Addr{netip.AddrFrom4([4]byte{239, 192, 0, 1}), netip.AddrFrom4([4]byte{239, 192, 0, 2})}

// drawScenario draws everything there is to choose from a seed.
func drawScenario(seed uint64) *Scenario {
	d := dice{Rand: rand.New(rand.NewPCG(seed, 0x5eed))}
	d.mild = d.chance(0.5)
	sc := &Scenario{Seed: seed, Complete: d.mild, MaxEvents: 5e6}
	nsources, nreceivers := 1, d.from(1, 21)
	if d.chance(0.3) {
		nsources = 2 + d.IntN(2)
	}
	if d.chance(0.03) {
		nreceivers = d.from(20, 101)
	}
	// A run has a budget of bytes to deliver, to bound the time it takes.
	budget := 24 << 20 / (nsources * nreceivers)

	twoGroups, sameTSI, harsh := d.chance(0.15), d.chance(0.1), d.chance(0.3)
	for i := range nsources {
		spec := d.source(i, budget)
		if sameTSI {
			spec.Config.TSI = wire.TSI{GSI: wire.GSI{1, 2, 3, 4, 5, 6}, Port: 1000}
		}
		if twoGroups {
			spec.Config.Group = groups[d.IntN(2)]
		}
		spec.Host = d.host(harsh)
		sc.Sources = append(sc.Sources, spec)
	}
	for range nreceivers {
		spec := d.receiver()
		spec.Host = d.host(harsh)
		if d.chance(0.2) {
			spec.Host.Start = d.time(time.Millisecond, 3*time.Second)
		}
		if d.chance(0.02) {
			spec.Host.Stop = spec.Host.Start + d.time(10*time.Millisecond, 10*time.Second)
		}
		if twoGroups && d.chance(0.5) {
			spec.Groups = groups[:1]
		}
		sc.Receivers = append(sc.Receivers, spec)
	}
	// From another stream, so that all else stays what the seed made it.
	d.Rand = rand.New(rand.NewPCG(seed, 0xde11))
	for i := range sc.Receivers {
		d.delivery(&sc.Receivers[i].Config)
	}
	d.Rand = rand.New(rand.NewPCG(seed, 0x9b5))
	if d.chance(0.35) {
		d.pubsub(sc)
	}
	d.Rand = rand.New(rand.NewPCG(seed, 0xfec))
	d.network(sc)
	return sc
}

// network draws what lies beneath PGM, and parity.
func (d dice) network(sc *Scenario) {
	sc.Native = d.chance(0.3)
	sc.Unicast = d.chance(0.25) && len(sc.Receivers) <= 21 // a copy to each takes its time
	if d.chance(0.3) {
		sc.IPv6 = true
		six := map[netip.Addr]netip.Addr{groups[0]: groups6[0], groups[1]: groups6[1]}
		for i := range sc.Sources {
			c := &sc.Sources[i].Config
			c.Group = six[c.Group]
			if c.Burst > 0 {
				c.Burst += 20 // the header is as much longer
			}
		}
		for i := range sc.Receivers {
			var joined []netip.Addr
			for _, g := range sc.Receivers[i].Groups {
				joined = append(joined, six[g])
			}
			sc.Receivers[i].Groups = joined
		}
	}
	for i := range sc.Sources {
		if d.chance(0.35) {
			d.fec(&sc.Sources[i])
		}
	}
	for i := range sc.Receivers {
		sc.Receivers[i].Config.NoFEC = d.chance(0.1)
	}
}

func (d dice) fec(spec *SourceSpec) {
	c := &spec.Config
	packets := c.WindowPackets
	setDefault(&packets, 65536)
	f := pgm.FEC{K: 2 << d.IntN(6), OnDemand: d.chance(0.5), Delay: max(0, d.IntN(8)-4)}
	for f.K > 2 && (4*f.K > packets || d.mild && f.K*spec.Load.Messages > 30000) {
		f.K /= 2 // numbers that are left out take place in the window, too
	}
	if 4*f.K > packets {
		return
	}
	if d.chance(0.3) {
		f.N = min(255, f.K+d.from(1, 3*f.K))
	}
	most := 255 - f.K
	if f.N > 0 {
		most = f.N - f.K
	}
	if d.chance(0.6) || !f.OnDemand {
		f.Proactive = d.from(1, min(most, f.K)+1)
		f.Proactive = min(f.Proactive, most)
	}
	if d.chance(0.3) {
		f.Flush = []time.Duration{-1, 10 * time.Microsecond, 20 * time.Millisecond}[d.IntN(3)]
	}
	c.FEC = f
}

func (d dice) delivery(c *pgm.ReceiverConfig) {
	if d.chance(0.4) {
		c.Delivery = pgm.Unordered
	}
	if d.chance(0.2) {
		c.MaxGap = d.time(10*time.Microsecond, time.Second)
		if d.chance(0.2) {
			c.MaxGap = -1
		}
	}
}

// topics are what messages begin with, and prefixes what is subscribed to: all of
// them, some and none.
var (
	topics   = []string{"", "a", "EUR", "EURUSD", "EURJPY", "USD", "USDJPY"}
	prefixes = []string{"", "EUR", "EURUSD", "U", "USDJPY", "none"}
)

// pubsub makes the applications publishers and subscribers.
func (d dice) pubsub(sc *Scenario) {
	for i := range sc.Sources {
		d.publisher(&sc.Sources[i])
	}
	for i := range sc.Receivers {
		if d.chance(0.1) {
			continue // it takes the packets as they are
		}
		spec := &SubSpec{}
		for range 1 + d.IntN(3) {
			spec.Prefixes = append(spec.Prefixes, prefixes[d.IntN(len(prefixes))])
		}
		if d.chance(0.1) {
			spec.Config.MaxMessage = d.from(10, 5000)
		}
		if d.chance(0.1) {
			spec.Config.PieceBytes = d.from(1, 50000)
		}
		sc.Receivers[i].Sub = spec
	}
}

func (d dice) publisher(spec *SourceSpec) {
	c, load := &spec.Config, &spec.Load
	pub := &PubSpec{Topics: topics, Frames: d.from(1, 6)}
	if d.chance(0.5) {
		pub.Topics = topics[d.IntN(len(topics)):]
	}
	if d.chance(0.5) {
		pub.Config.Flush = pubsub.FlushFull
	}
	if d.chance(0.3) {
		pub.Config.High.Messages = d.from(1, 500)
	}
	if c.MaxBacklog > 0 {
		pub.Config.High.Bytes = min(c.MaxBacklog, c.WindowBytes/4, 16<<20)
	}
	// The largest message must fit half the window: in packets that may be full.
	tpdu, packets := c.MaxTPDU, c.WindowPackets
	setDefault(&tpdu, 1472)
	setDefault(&packets, 65536)
	most := (min(packets/2, c.WindowBytes/2/tpdu)-1)*(tpdu-64) - 8*pub.Frames - 16
	load.MaxSize = max(0, min(load.MaxSize, most))
	load.MinSize = min(load.MinSize, load.MaxSize)
	if d.chance(0.1) {
		load.MinSize, load.MaxSize = 0, 0
	}
	spec.Pub = pub
}

func (d dice) source(i, budget int) SourceSpec {
	c := pgm.SourceConfig{
		TSI:   wire.TSI{GSI: wire.GSI{9, 8, 7, byte(i)}, Port: uint16(1000 + i)},
		Group: groups[0],
		Join:  d.chance(0.4),
	}
	if d.chance(0.6) {
		c.FirstSQN = seq.Num(0).Add(-d.from(1, 2000))
	} else if d.chance(0.5) {
		c.FirstSQN = seq.Num(d.Uint32())
	}
	if d.chance(0.5) {
		c.MaxTPDU = d.from(128, 9000)
	}
	if d.chance(0.3) {
		c.AmbientSPM = d.time(5*time.Millisecond, time.Second)
	}
	if d.chance(0.3) {
		c.HeartbeatMin = d.time(time.Millisecond, 200*time.Millisecond)
		c.HeartbeatMax = d.time(200*time.Millisecond, 10*time.Second)
	}
	tpdu := c.MaxTPDU
	setDefault(&tpdu, 1472)

	load := Load{
		Messages:   d.from(20, 4000),
		MaxSize:    d.IntN(tpdu - 50),
		Burst:      1,
		CloseEarly: d.chance(0.5),
	}
	if d.chance(0.4) {
		load.MaxSize = d.from(tpdu, 20000) // fragments
	}
	if d.chance(0.1) {
		load.MinSize = load.MaxSize // all equal
	}
	if d.chance(0.7) {
		load.Interval = d.time(10*time.Microsecond, 5*time.Millisecond)
		load.Burst = d.from(1, 50)
	}
	if d.chance(0.3) {
		load.Cork = d.from(1, 100)
	}
	if d.chance(0.3) {
		load.Start = d.time(time.Millisecond, time.Second)
	}
	if d.wild(0.03) {
		load.Abort = true
	}

	// The window: large enough for everything, or not.
	small := d.wild(0.7)
	if small {
		c.WindowPackets = d.from(8, 5000)
		c.WindowBytes = max(4*tpdu, d.from(20000, 4<<20))
		load.MaxSize = min(load.MaxSize, c.WindowBytes/4, (c.WindowPackets/2-1)*(tpdu-64))
		load.MinSize = min(load.MinSize, load.MaxSize)
	}
	if d.wild(0.1) {
		c.WindowTime = d.time(time.Millisecond, 5*time.Second)
	}
	if d.chance(0.3) {
		c.MaxBacklog = d.from(1, 1<<20)
	}
	switch {
	case d.chance(0.5): // adapt
		if d.chance(0.3) {
			c.MinRate = int64(d.from(10000, 1e7))
			c.MaxRate = c.MinRate * int64(d.from(1, 1000))
		}
		if d.chance(0.2) {
			c.MinRepair = []time.Duration{-1, time.Millisecond, 100 * time.Millisecond}[d.IntN(3)]
		}
	default:
		c.Rate = int64(d.from(100e3, 1e9))
		budget = min(budget, int(60*c.Rate))
	}
	if d.chance(0.2) {
		c.Burst = tpdu + 28 + 1024 + d.from(1, 100000)
	} else if tpdu > 60000 {
		c.Burst = 80000
	}
	if d.chance(0.2) {
		c.RepairHold = []time.Duration{-1, time.Millisecond, 5 * time.Second}[d.IntN(3)]
	}
	if d.chance(0.2) {
		c.NAKBackoff = []time.Duration{-1, time.Millisecond, 50 * time.Millisecond}[d.IntN(3)]
	}

	mean := load.MinSize + (load.MaxSize-load.MinSize)/4 + 50
	load.Messages = max(1, min(load.Messages, budget/mean))
	if !small { // not more than it takes: 64 MiB would be cleared for each
		packets := 2 + mean/(tpdu-50)
		c.WindowBytes = max(1<<20, 4*load.Messages*(mean+50*packets))
	}
	spec := SourceSpec{Config: c, Load: load}
	if d.wild(0.1) {
		spec.Linger = d.time(10*time.Millisecond, 20*time.Second)
	}
	return spec
}

func (d dice) receiver() ReceiverSpec {
	c := pgm.ReceiverConfig{
		Join:         d.chance(0.4),
		MulticastNAK: d.chance(0.3),
	}
	if d.chance(0.3) {
		c.NAKBackoff = d.time(100*time.Microsecond, 50*time.Millisecond)
		c.NAKRepeat = d.time(time.Millisecond, 500*time.Millisecond)
		c.NAKData = d.time(time.Millisecond, 500*time.Millisecond)
		if d.mild { // the retries must outlast bad luck
			c.NAKRepeat, c.NAKData = max(c.NAKRepeat, 50*time.Millisecond), max(c.NAKData, 50*time.Millisecond)
		}
	}
	if d.chance(0.2) {
		c.MinInterval = d.time(10*time.Microsecond, 5*time.Millisecond)
		c.MaxInterval = c.MinInterval * time.Duration(d.from(1, 100))
		if d.mild {
			c.MaxInterval = max(c.MaxInterval, 50*time.Millisecond)
		}
	}
	if d.chance(0.2) {
		c.InitialRTT = d.time(10*time.Microsecond, 100*time.Millisecond)
	}
	if d.chance(0.3) {
		c.GroupSize = d.from(1, 1000)
	}
	if d.wild(0.1) {
		c.NCFRetries, c.DataRetries = d.from(1, 10), d.from(1, 10)
	}
	if d.chance(0.2) {
		c.SPMRBackoff = d.time(time.Millisecond, time.Second)
	}
	if d.wild(0.15) {
		c.WindowPackets = d.from(2, 2000)
	}
	if d.wild(0.15) {
		c.BufferBytes = d.from(1, 1<<20)
	}
	if d.wild(0.05) {
		c.MaxMessage = d.from(100, 20000)
	}
	if d.chance(0.05) {
		c.PeerExpiry = d.time(30*time.Second, 10*time.Minute)
	}
	if d.wild(0.05) {
		c.Passive = true
	}
	if d.chance(0.05) {
		c.MaxSources = 3
	}
	return ReceiverSpec{Config: c}
}

func (d dice) host(harsh bool) HostSpec {
	h := HostSpec{Up: d.link(harsh), Down: d.link(harsh)}
	if d.chance(0.9) {
		h.Clock = d.time(time.Microsecond, 100*time.Hour)
	}
	if d.chance(0.3) {
		h.WakeLate = d.time(time.Microsecond, 5*time.Millisecond)
	}
	if d.chance(0.2) {
		h.Block = d.Float64() * 0.5
		h.BlockFor = d.time(time.Microsecond, time.Millisecond)
	}
	if harsh && d.wild(0.2) {
		h.Stalls = d.spans(2 * time.Second)
	}
	if d.chance(0.1) {
		h.PerPacket = d.time(time.Microsecond, 50*time.Microsecond)
	}
	if d.wild(0.1) {
		h.SocketBuffer = d.from(20000, 1<<20)
	}
	return h
}

func (d dice) link(harsh bool) LinkSpec {
	l := LinkSpec{Delay: d.time(5*time.Microsecond, 500*time.Microsecond)}
	if d.chance(0.05) {
		l.Delay = d.time(time.Millisecond, 100*time.Millisecond)
	}
	if d.chance(0.5) {
		l.Jitter = d.time(time.Microsecond, 500*time.Microsecond)
	}
	if d.chance(0.4) {
		l.Loss = 0.2 * d.Float64() * d.Float64() * d.Float64()
	}
	if !harsh {
		return l
	}
	if d.chance(0.2) {
		l.Loss = 0.3 * d.Float64()
	}
	if d.chance(0.2) {
		l.Burst = Burst{Enter: 0.02 * d.Float64(), Leave: 0.05 + 0.5*d.Float64(), Loss: 0.5 + 0.5*d.Float64()}
	}
	if d.chance(0.3) {
		l.Reorder, l.ReorderDelay = 0.3*d.Float64(), d.time(10*time.Microsecond, 20*time.Millisecond)
	}
	if d.chance(0.3) {
		l.Duplicate = 0.2 * d.Float64()
	}
	if d.chance(0.3) {
		l.Damage = 0.1 * d.Float64()
	}
	if d.wild(0.1) {
		l.Down = d.spans(3 * time.Second)
	}
	if d.wild(0.15) {
		l.Rate = int64(d.from(500e3, 1e9))
		l.Queue = d.from(20000, 1<<20)
	}
	return l
}

// spans draws one to three times of trouble in the first five seconds.
func (d dice) spans(longest time.Duration) []Span {
	var s []Span
	for range 1 + d.IntN(3) {
		from := d.time(time.Millisecond, 5*time.Second)
		s = append(s, Span{from, from + d.time(time.Millisecond, longest)})
	}
	return s
}
