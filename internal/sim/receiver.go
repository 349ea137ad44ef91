package sim

import (
	"net/netip"
	"slices"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
)

// receiver drives a pgm.Receiver and checks what it reports.
type receiver struct {
	*host
	index  int
	cfg    pgm.ReceiverConfig
	pgm    *pgm.Receiver
	audits []audit     // by source
	sub    *subscriber // or nil
	lent   [][]byte    // packets that the machine may look at until it is told to Keep
}

// batch is how many packets are lent until they are taken back.
const batch = 7

func (r *receiver) start(now mono.Time) {
	r.lent = r.lent[:0]
	var err error
	if r.pgm, err = pgm.NewReceiver(r.cfg); err != nil {
		r.sim.fail(r.host, nil, "NewReceiver: %v", err)
		return
	}
	if r.sub != nil {
		if err := r.sub.start(); err != nil {
			r.sim.fail(r.host, nil, "NewSubscriberOn: %v", err)
			return
		}
	}
	r.pump(now, nil)
}

func (r *receiver) handle(now mono.Time, p *packet) {
	var group netip.Addr
	if !p.to.IsValid() || p.copy {
		group = p.group
	}
	var err error
	var scratch []byte
	if r.index%2 == 0 {
		scratch = r.sim.borrow(p)
		err = r.pgm.HandlePacket(now, p.from.addr, group, scratch)
	} else {
		pkt := slices.Clone(p.data)
		err = r.pgm.Lend(now, p.from.addr, group, pkt)
		r.lent = append(r.lent, pkt)
	}
	r.sim.handled(r.host, p, err)
	if src, ok := p.from.machine.(*source); ok && !p.bad {
		a := &r.audits[src.index]
		if err == nil {
			a.hear(p)
		}
		if err == nil || err == pgm.DropBuffer || p.parity() {
			a.learn(r.global(now), p)
		}
	}
	r.pump(now, scratch)
	if len(r.lent) == batch {
		r.takeBack()
	}
}

// takeBack overwrites what was lent.
func (r *receiver) takeBack() {
	r.pgm.Keep()
	for _, b := range r.lent {
		scribble(b)
	}
	r.lent = r.lent[:0]
}

func (r *receiver) timeout(now mono.Time) {
	if r.pgm.NextTimeout() <= now {
		r.pgm.HandleTimeout(now)
	}
	r.pump(now, nil)
	if at := r.pgm.NextTimeout(); at <= now {
		r.sim.fail(r.host, nil, "spins: all output was taken, and NextTimeout is %v before now", now.Sub(at))
	}
}

func (r *receiver) wake(now mono.Time) mono.Time {
	if !r.running || r.sim.failed() {
		return mono.Never
	}
	return r.pgm.NextTimeout()
}

// pump takes out events and packets until there are none. It overwrites
// scratch, the packet last handled, once the contract lets it.
func (r *receiver) pump(now mono.Time, scratch []byte) {
	for n := 0; ; n++ {
		if n == maxRun {
			r.sim.fail(r.host, nil, "NextEvent and NextTransmit do not end")
			return
		}
		r.read(now)
		scribble(scratch)
		tx, ok := r.pgm.NextTransmit(now)
		if !ok || r.sim.failed() {
			break
		}
		for _, p := range r.sim.cut(r.host, tx) {
			if err := r.sniff(p); err != nil {
				r.sim.fail(r.host, r.sim.byAddr[p.to], "sends %v: %v", p, err)
			}
			r.sim.send(r.host, p)
		}
	}
	if n := r.pgm.Stats().Buffered; n > r.cfg.BufferBytes {
		r.sim.fail(r.host, nil, "buffers %d bytes; the limit is %d", n, r.cfg.BufferBytes)
	}
}

// read has the application take out all events.
func (r *receiver) read(now mono.Time) {
	if r.sub != nil {
		r.sub.read(now)
		return
	}
	for ev := (pgm.Event{}); ; {
		if _, ok := r.event(now, &ev); !ok {
			return
		}
	}
}

// event takes out and checks one event, if there is one. It returns the index of
// its source.
func (r *receiver) event(now mono.Time, ev *pgm.Event) (from int, ok bool) {
	if !r.pgm.NextEvent(ev) || r.sim.failed() {
		return 0, false
	}
	r.sim.trace.event(r.global(now), r.host, ev)
	i, ok := r.sim.ids[ev.Source]
	if !ok {
		r.sim.fail(r.host, nil, "%v of an unknown source %v", ev.Kind, ev.Source)
		return 0, false
	}
	src, a := r.sim.sources[i], &r.audits[i]
	if ev.Group != src.cfg.Group {
		r.sim.fail(r.host, src.host, "%v of group %v, want %v", ev.Kind, ev.Group, src.cfg.Group)
		return 0, false
	}
	was := a.open
	if err := a.event(r.global(now), ev); err != nil {
		r.sim.fail(r.host, src.host, "%v", err)
		return 0, false
	}
	switch {
	case !was && a.open:
		r.sim.sessions++
	case was && !a.open:
		r.sim.sessions--
	case ev.Kind == pgm.EventMessage:
		m := a.ledger.at(ev.First)
		delay := r.global(now).Sub(m.at)
		r.sim.result.Delay.add(delay)
		if a.clean(m) {
			r.sim.result.Clean.add(delay)
		}
	}
	return i, true
}
