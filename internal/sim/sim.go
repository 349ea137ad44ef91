package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// sim is one run.
type sim struct {
	scenario *Scenario
	agenda   agenda
	now      mono.Time
	trace    trace
	result   *Result

	hosts     []*host // sources first
	sources   []*source
	receivers []*receiver
	ids       map[pgm.SourceID]int
	byAddr    map[netip.Addr]*host
	groups    map[netip.Addr][]*host

	open     int // sources that still have something to say
	sessions int // joined and not ended, over all receivers
	scratch  []byte
}

// Run plays a scenario to its end, or to the first violation.
func Run(sc *Scenario) *Result {
	s := newSim(sc)
	s.play()
	return s.finish()
}

func newSim(sc *Scenario) *sim {
	s := &sim{
		scenario: sc,
		result: &Result{
			Scenario:  sc,
			Sources:   make([]SourceResult, len(sc.Sources)),
			Receivers: make([]ReceiverResult, len(sc.Receivers)),
		},
		ids:    map[pgm.SourceID]int{},
		byAddr: map[netip.Addr]*host{},
		groups: map[netip.Addr][]*host{},
	}
	for i := range sc.Sources {
		s.addSource(i, &sc.Sources[i])
	}
	for i := range sc.Receivers {
		s.addReceiver(i, &sc.Receivers[i])
	}
	return s
}

func (s *sim) addHost(spec HostSpec, addr netip.Addr) *host {
	h := &host{HostSpec: spec, sim: s, id: len(s.hosts), addr: addr, wakeNext: mono.Never}
	h.rng = s.rand(h.id, streamHost)
	h.up = link{LinkSpec: spec.Up, rng: s.rand(h.id, streamUp), add: s.scenario.overhead()}
	h.down = link{LinkSpec: spec.Down, rng: s.rand(h.id, streamDown), add: s.scenario.overhead()}
	if h.SocketBuffer == 0 {
		h.SocketBuffer = 4 << 20
	}
	s.hosts = append(s.hosts, h)
	s.byAddr[addr] = h
	s.agenda.add(mono.Time(spec.Start), deedStart, h, nil)
	if spec.Stop > 0 {
		s.agenda.add(mono.Time(spec.Stop), deedStop, h, nil)
	}
	return h
}

func (s *sim) rand(host, part int) *rand.Rand {
	return rand.New(stream(s.scenario.Seed, host, part))
}

func (s *sim) addSource(i int, spec *SourceSpec) {
	cfg := spec.Config
	h := s.addHost(spec.Host, s.scenario.SourceAddr(i))
	cfg.Addr = h.addr
	setDefault(&cfg.MaxTPDU, 1500-s.scenario.overhead())
	setDefault(&cfg.WindowPackets, 65536)
	setDefault(&cfg.WindowBytes, 64<<20)
	setDefault(&cfg.Burst, 65536)
	setDefault(&cfg.Overhead, s.scenario.overhead())
	l := newLedger(cfg.FirstSQN)
	if cfg.FEC.Flush >= 0 {
		l.group = cfg.FEC.K
	}
	src := &source{
		host: h, spec: spec, index: i, cfg: cfg,
		ledger: l,
		rng:    s.rand(h.id, streamLoad),
		result: &s.result.Sources[i],
	}
	if spec.Pub != nil {
		src.pub = &publisher{src: src, spec: spec.Pub}
	}
	h.machine = src
	s.sources = append(s.sources, src)
	s.ids[pgm.SourceID{TSI: cfg.TSI, Addr: cfg.Addr}] = i
	s.groups[cfg.Group] = append(s.groups[cfg.Group], h)
	s.open++
}

func (s *sim) addReceiver(i int, spec *ReceiverSpec) {
	cfg := spec.Config
	h := s.addHost(spec.Host, s.scenario.ReceiverAddr(i))
	cfg.Rand = stream(s.scenario.Seed, h.id, streamEngine)
	setDefault(&cfg.BufferBytes, 64<<20)
	r := &receiver{host: h, index: i, cfg: cfg, audits: make([]audit, len(s.sources))}
	for j, src := range s.sources {
		r.audits[j] = audit{ledger: src.ledger, cfg: &r.cfg, complete: s.scenario.Complete}
	}
	if spec.Sub != nil {
		r.sub = newSubscriber(r, spec.Sub)
	}
	h.machine = r
	s.receivers = append(s.receivers, r)
	groups := spec.Groups
	if groups == nil {
		seen := map[netip.Addr]bool{}
		for _, src := range s.sources {
			if g := src.cfg.Group; !seen[g] {
				seen[g] = true
				groups = append(groups, g)
			}
		}
	}
	for _, g := range groups {
		s.groups[g] = append(s.groups[g], h)
	}
}

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// draw returns a random duration between half of mean and one and a half.
func draw(rng *rand.Rand, mean time.Duration) time.Duration {
	if mean <= 0 {
		return 0
	}
	return mean/2 + time.Duration(rng.Int64N(int64(mean)+1))
}

// fail ends the run with a violation. The hosts, where known, say what part of
// the trace is of interest.
func (s *sim) fail(h, peer *host, format string, args ...any) {
	if s.failed() {
		return
	}
	err := fmt.Errorf(format, args...)
	var about []*host
	if h != nil {
		err = fmt.Errorf("%v: %w", h, err)
		about = append(about, h)
	}
	if peer != nil {
		err = fmt.Errorf("%w (of %v)", err, peer)
		about = append(about, peer)
	}
	s.result.Err = fmt.Errorf("at %v: %w", time.Duration(s.now), err)
	s.result.Trace = s.trace.tail(about...)
}

func (s *sim) failed() bool { return s.result.Err != nil }

// play runs the scenario until everything was sent and all sessions have ended,
// then checks that it stays quiet, with the sources and without.
func (s *sim) play() {
	var h *host
	defer func() {
		if e := recover(); e != nil {
			s.fail(h, nil, "panic: %v\n%s", e, debug.Stack())
		}
	}()
	limit := s.scenario.Limit
	if limit == 0 {
		limit = 30 * time.Minute
	}
	s.until(&h, mono.Time(limit), func() bool { return s.open == 0 && s.sessions == 0 })
	if s.failed() {
		return
	}
	if s.open > 0 || s.sessions > 0 {
		s.unfinished()
		return
	}
	for i, r := range s.receivers {
		if r.pgm != nil { // it may not have started yet
			s.result.Receivers[i].Stats = r.pgm.Stats()
		}
	}
	s.calm(&h, mono.Time(limit))
	for _, src := range s.sources {
		s.stopSource(src)
	}
	before := s.result.Sent
	s.until(&h, mono.Never, nil)
	if s.result.Sent != before {
		s.fail(nil, nil, "packets were sent after the end: %v, before %v", s.result.Sent, before)
	}
}

// calm waits for a time in which nothing is sent but heartbeats, and these
// seldom.
func (s *sim) calm(h **host, limit mono.Time) {
	const length = 30 * time.Second
	for s.now < limit && !s.failed() {
		before := s.result.Sent
		s.until(h, s.now.Add(length), nil)
		after := s.result.Sent
		spms := after[wire.TypeSPM] - before[wire.TypeSPM]
		if after[wire.TypeSPM] = before[wire.TypeSPM]; after == before && s.sessions == 0 {
			var most uint64
			for _, src := range s.sources {
				longest := src.cfg.HeartbeatMax
				if longest == 0 {
					longest = 5 * time.Second
				}
				most += uint64(length/longest) + 16
			}
			if spms > most {
				s.fail(nil, nil, "%d SPMs in %v of calm", spms, length)
			}
			return
		}
	}
	s.fail(nil, nil, "it does not become quiet: sent %v", s.result.Sent)
}

func (s *sim) unfinished() {
	for _, src := range s.sources {
		if !src.closed && src.running {
			p, b := src.pgm.Unsent()
			s.fail(src.host, nil, "has sent %d of %d messages; %d packets, %d bytes wait", src.sent, src.spec.Load.Messages, p, b)
		}
	}
	for _, r := range s.receivers {
		for i := range r.audits {
			if a := &r.audits[i]; a.open && r.running {
				s.fail(r.host, s.sources[i].host, "session has not ended: next is %#x, sent were %#x..%#x", uint32(a.next), uint32(a.ledger.first), uint32(a.ledger.sent-1))
			}
		}
	}
}

// until lets things happen until done, but no later than limit. It keeps in *at
// the host they happen to.
func (s *sim) until(at **host, limit mono.Time, done func() bool) {
	most := s.scenario.MaxEvents
	setDefault(&most, 20e6)
	still := 0
	for s.agenda.len() > 0 && !s.failed() && (done == nil || !done()) {
		if s.agenda.items[0].at > limit {
			s.now = limit
			return
		}
		it := s.agenda.next()
		if still++; it.at > s.now {
			still = 0
		}
		*at, s.now = it.host, it.at
		s.happen(&it)
		if s.result.Events++; s.result.Events > most || still > 1000*len(s.hosts)+100000 {
			s.fail(it.host, nil, "no end: %d events, %d at this instant", s.result.Events, still)
		}
	}
	*at = nil
}

func (s *sim) happen(it *item) {
	switch it.deed {
	case deedStart:
		it.host.start(s.now)
	case deedStop:
		s.stop(it.host)
	case deedForward:
		s.forward(it.pkt)
	case deedArrive:
		it.host.arrive(s.now, it.pkt)
	case deedWork:
		it.host.work(s.now)
	case deedWake:
		it.host.wake(s.now)
	}
}

func (s *sim) stop(h *host) {
	switch m := h.machine.(type) {
	case *source:
		s.stopSource(m)
	case *receiver:
		for i := range m.audits {
			if m.audits[i].open {
				s.sessions--
			}
		}
	}
	h.stop()
}

func (s *sim) stopSource(src *source) {
	if !src.running {
		return
	}
	if !src.closed {
		s.open--
	}
	src.result.Stats = src.pgm.Stats()
	src.ledger.gone = s.now
	src.host.stop()
}

// send puts a packet on the uplink of its host.
func (s *sim) send(h *host, p *packet) {
	s.result.Sent[p.kind()&15]++
	s.result.SentBytes += uint64(len(p.data))
	if p.alert && s.scenario.Native {
		s.result.alerts++
	}
	s.trace.add(s.now, actSend, h, p)
	if s.scenario.Unicast && !p.to.IsValid() {
		s.fan(h, p)
		return
	}
	s.pass(&h.up, h, p, deedForward)
}

// fan sends what a source has for its group to each receiver of it. What a
// receiver has for the group goes nowhere.
func (s *sim) fan(h *host, p *packet) {
	if _, ok := h.machine.(*source); !ok {
		s.vanish(actNowhere, h, p)
		return
	}
	for _, to := range s.groups[p.group] {
		if _, ok := to.machine.(*receiver); ok {
			q := *p
			q.to, q.copy = to.addr, true
			s.pass(&h.up, h, &q, deedForward)
		}
	}
}

// forward copies a packet from the switch to the downlinks of those it is for.
func (s *sim) forward(p *packet) {
	if p.to.IsValid() {
		if h := s.byAddr[p.to]; h != nil {
			s.pass(&h.down, h, p, deedArrive)
		}
		return
	}
	for _, h := range s.groups[p.group] {
		if h != p.from && h.running {
			s.pass(&h.down, h, p, deedArrive)
		}
	}
}

// pass sends a packet over a link of h; what comes out will do d.
func (s *sim) pass(l *link, h *host, p *packet, d deed) {
	f := l.pass(s.now, len(p.data))
	if f.n == 0 {
		s.vanish(f.lost, h, p)
		return
	}
	for i := range f.n {
		q := p
		if f.bad[i] && !p.bad {
			if q = p.damaged(l.rng); q == nil {
				continue
			}
		}
		s.agenda.add(f.at[i], d, h, q)
	}
}

func (s *sim) vanish(why action, h *host, p *packet) {
	s.result.Vanished[why]++
	if r, ok := h.machine.(*receiver); ok && !p.bad && p.kind() == wire.TypeODATA && !p.parity() {
		if src, ok := p.from.machine.(*source); ok {
			a := &r.audits[src.index]
			a.mark(&a.vanished, p.sqn())
		}
	}
	s.trace.add(s.now, why, h, p)
}

// borrow copies a packet to memory that is overwritten once the machine it is
// handed to may no longer look at it.
func (s *sim) borrow(p *packet) []byte {
	s.scratch = append(s.scratch[:0], p.data...)
	return s.scratch
}

// scribble overwrites what a machine may no longer look at.
func scribble(b []byte) {
	const junk = "\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb"
	for len(b) > 0 {
		b = b[copy(b, junk):]
	}
}

// handled checks what a machine said to a packet.
func (s *sim) handled(h *host, p *packet, err error) {
	if err == nil {
		s.trace.add(s.now, actHandle, h, p)
		if p.bad {
			s.fail(h, p.from, "took in a damaged packet: % x", p.data[:min(len(p.data), 64)])
		}
		return
	}
	var why pgm.Drop
	if !errors.As(err, &why) {
		s.fail(h, p.from, "HandlePacket: %v is not a Drop", err)
		return
	}
	s.trace.reject(s.now, h, p, why)
	switch why {
	case pgm.DropTruncated, pgm.DropVersion, pgm.DropType, pgm.DropChecksum, pgm.DropNoChecksum,
		pgm.DropOption, pgm.DropMalformed, pgm.DropParity, pgm.DropUnsupported:
		// Of parity a receiver that knows of none yet makes no use.
		if !p.bad && !(why == pgm.DropParity && s.mayNotKnow(h, p)) {
			s.fail(h, p.from, "dropped an undamaged packet: %v: %v", p, why)
		}
	}
}

// mayNotKnow reports whether the host need not know that there is parity for it.
func (s *sim) mayNotKnow(h *host, p *packet) bool {
	_, source := p.from.machine.(*source)
	if _, receiver := h.machine.(*receiver); !receiver {
		return !p.to.IsValid() // a NAK to all, for another source of this TSI
	}
	return source && p.kind() != wire.TypeNCF
}

// cut makes packets of a run and checks that it is what Transmit promises.
func (s *sim) cut(h *host, tx *pgm.Transmit) []*packet {
	var all []byte
	for _, b := range tx.Data {
		all = append(all, b...)
	}
	if len(all) != tx.Bytes || tx.Packets < 1 || tx.Segment < 1 || (len(all)+tx.Segment-1)/tx.Segment != tx.Packets ||
		tx.Packets > 64 || tx.Packets > 1 && len(all) > 65000 {
		s.fail(h, nil, "bad run: %d bytes; Packets = %d, Bytes = %d, Segment = %d", len(all), tx.Packets, tx.Bytes, tx.Segment)
		return nil
	}
	run := make([]*packet, 0, tx.Packets)
	for len(all) > 0 {
		n := min(tx.Segment, len(all))
		p := newPacket(h, tx.To, tx.Group, all[:n:n])
		p.local, p.alert = tx.LinkLocal, tx.RouterAlert
		if err := p.checkAlert(); err != nil {
			s.fail(h, nil, "sends %v: %v", p, err)
		}
		run = append(run, p)
		all = all[n:]
	}
	return run
}

// finish gathers the results.
func (s *sim) finish() *Result {
	r := s.result
	r.Hash, r.Time = s.trace.hash, time.Duration(s.now)
	for i, src := range s.sources {
		x := &r.Sources[i]
		x.first = src.ledger.first
		x.Messages = src.ledger.count()
		for j := range src.ledger.messages {
			x.Bytes += uint64(len(src.ledger.messages[j].data))
		}
		if src.pub != nil {
			x.Published = uint64(len(src.pub.book.messages))
		}
		if src.running && src.pgm != nil {
			x.Stats = src.pgm.Stats()
		}
	}
	for i, rcv := range s.receivers {
		x := &r.Receivers[i]
		for j := range rcv.audits {
			a := &rcv.audits[j]
			x.Messages += a.messages
			x.Bytes += a.bytes
			x.Lost += a.lost
			x.End = max(x.End, time.Duration(a.end))
			for c, n := range a.causes {
				x.Causes[c] += n
			}
		}
		if rcv.sub != nil {
			for j := range rcv.sub.readers {
				x.Read += rcv.sub.readers[j].messages
				x.Gaps += rcv.sub.readers[j].reported
			}
		}
	}
	return r
}
