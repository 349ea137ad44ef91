package pgmnet

import (
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
)

const (
	// upkeepPackets is how many packets are handled at most before timers are
	// looked at again.
	upkeepPackets = 256

	// intakeEvents is how many events are delivered at most before the sockets
	// are looked at again. There are that many when a packet fills the gap
	// before many others.
	intakeEvents = 128
)

// Receiver delivers the messages of every source that sends to its groups. It
// is not safe for concurrent use.
type Receiver struct {
	engine   *pgm.Receiver
	net      carrier // nil once closed
	clock    clock
	now      mono.Time // when the clock was last read
	deadline mono.Time
	spin     time.Duration

	batch     []datagram // what was read
	at        int        // which of batch is being handled
	alone     bool       // the last packet was waited for: nothing lies behind it, in all likelihood
	handled   int        // packets since the last upkeep
	delivered int        // events since the last packet was handled
	bytes     int        // of batch
	unread    backlog
	heard     mono.Time // what arrived before was handled
	event     pgm.Event // the one found last
	pending   bool      // Poll found it
	kept      bool      // TakeIn may have left events

	stamped bool // Config.Stamps

	cfg     Config
	groups  []netip.Addr // joined; with Unicast the one that stands for all
	filter  sourceFilter
	buffer  int // bytes of a socket's
	blocked uint64

	drop func([]byte) bool // Config.Drop
	lost uint64            // packets the system refused
	last IOStats           // once closed
}

// NewReceiver opens the sockets of a receiver and joins its groups. If
// rc.Rand is nil it is seeded from the system.
func NewReceiver(cfg Config, rc pgm.ReceiverConfig) (*Receiver, error) {
	if err := cfg.fill(32<<20, -1); err != nil {
		return nil, err
	}
	if rc.Rand == nil {
		rc.Rand = newRand()
	}
	r := &Receiver{cfg: cfg, clock: startClock(), deadline: mono.Never, spin: cfg.Spin, drop: cfg.Drop, stamped: cfg.Stamps}
	joined, err := r.begin()
	if err != nil {
		return nil, err
	}
	if r.engine, err = pgm.NewReceiver(rc); err != nil {
		return nil, err
	}
	r.net, err = open(&sockets{
		iface:       cfg.Interface,
		local:       r.local(),
		groups:      joined,
		filter:      &r.filter,
		alone:       cfg.Unicast,
		port:        cfg.Port,
		raw:         cfg.Native,
		hops:        1, // all that receivers multicast is for their own link
		dscp:        cfg.DSCP,
		loop:        cfg.Loop,
		arrivals:    cfg.Stamps,
		readBuffer:  cfg.ReadBuffer,
		writeBuffer: cfg.WriteBuffer,
	}, cfg.IO, cfg.Logger)
	if err != nil {
		return nil, inUse(err)
	}
	r.buffer = r.net.stats().ReadBuffer
	r.sizeBacklog()
	return r, nil
}

// SetDeadline sets when Recv gives up with os.ErrDeadlineExceeded. The zero
// time, which is the default, means never.
func (r *Receiver) SetDeadline(t time.Time) { r.deadline = r.clock.deadline(t) }

// Stats returns the counters.
func (r *Receiver) Stats() ReceiverStats {
	st := ReceiverStats{ReceiverStats: r.engine.Stats(), IO: r.last}
	if r.net != nil {
		st.IO = r.net.stats()
	}
	st.IO.SendErrors, st.IO.Blocked = r.lost, r.blocked
	return st
}

// Recv blocks until there is an event, and returns it. The event's Data is
// valid until the next call of a method of r. The error is
// os.ErrDeadlineExceeded if the deadline has passed and nothing is there,
// net.ErrClosed, or a failure of a socket.
func (r *Receiver) Recv() (pgm.Event, error) {
	if r.next() {
		return r.event, nil
	}
	if err := r.recv(r.deadline); err != nil {
		return pgm.Event{}, err
	}
	return r.event, nil
}

// TryRecv is Recv without blocking: ok is false if there is no event now.
func (r *Receiver) TryRecv() (ev pgm.Event, ok bool, err error) {
	if r.next() {
		return r.event, true, nil
	}
	switch err = r.recv(r.now); err {
	case nil:
		return r.event, true, nil
	case os.ErrDeadlineExceeded:
		return ev, false, nil
	}
	return ev, false, err
}

// Poll blocks until there is an event, but no longer than d, and reports
// whether there is one: the next Recv or TryRecv returns it at once. With
// d = 0 it looks once.
func (r *Receiver) Poll(d time.Duration) (ready bool, err error) {
	if !r.next() {
		switch err = r.recv(r.clock.now().Add(max(d, 0))); err {
		case nil:
		case os.ErrDeadlineExceeded:
			return false, nil
		default:
			return false, err
		}
	}
	r.pending = true
	return true, nil
}

// Close closes the sockets. Other methods then return net.ErrClosed.
func (r *Receiver) Close() error {
	if r.net == nil {
		return nil
	}
	r.last = r.net.stats()
	err := r.net.close()
	r.net, r.batch, r.at, r.pending = nil, nil, 0, false
	for r.engine.NextEvent(&r.event) { // what is left is not delivered any more
	}
	return err
}

// next handles the packets that were read, until there is an event. It reports
// false if there is none.
func (r *Receiver) next() bool {
	if r.pending {
		r.pending = false
		return true
	}
	for {
		if r.delivered >= intakeEvents {
			r.intake()
		}
		if r.engine.NextEvent(&r.event) {
			r.delivered++
			return true
		}
		r.delivered = 0
		if !r.handle() {
			r.kept = false
			return false
		}
	}
}

// handle handles the next packet of the batch. It reports false when there is
// none.
func (r *Receiver) handle() bool {
	for r.at < len(r.batch) {
		if d := &r.batch[r.at]; len(d.data) > 0 {
			r.handled++
			if pkt := d.next(); r.drop == nil || !r.drop(pkt) {
				if r.stamped {
					r.engine.SetArrival(d.arrived, d.hardware)
				}
				r.engine.Lend(r.now, d.from, d.group, pkt)
			}
			return true
		}
		r.at++
		if r.handled >= upkeepPackets {
			r.upkeep()
		}
	}
	return false
}

// upkeep keeps timers and NAKs going while a long batch is handled.
func (r *Receiver) upkeep() {
	r.handled = 0
	r.now = r.clock.now()
	if r.engine.NextTimeout() <= r.now {
		r.engine.HandleBacklog(r.now, r.heard)
	}
	r.transmit() // a failure shows again when the batch is done
}

// intake takes in what has arrived though there are events to deliver: else the
// socket might overflow before they are. A failure shows again after them.
func (r *Receiver) intake() {
	r.delivered = 0
	for r.handle() {
	}
	if _, err := r.settle(); err != nil {
		return
	}
	if r.read(1) != nil {
		return
	}
	for r.handle() {
	}
}

// settle does what is to be done when a batch was handled. It reports whether
// an event may have come of it.
func (r *Receiver) settle() (timers bool, err error) {
	drained := r.net.drained()
	r.heard = r.unread.handled(r.now, r.bytes, drained)
	r.bytes = 0
	if r.engine.NextTimeout() <= r.now {
		r.engine.HandleBacklog(r.now, r.heard)
		timers = drained
	}
	return timers, r.transmit()
}

// read reads the next batch, if there is one; it looks so many times.
func (r *Receiver) read(looks int) (err error) {
	// Timers run only up to here, the time before the read: what the socket
	// holds by now may be what they wait for.
	r.now = r.clock.now()
	r.batch = nil
	r.engine.Keep() // what it needs of the last one: the next takes its place
	for range looks {
		if r.batch, err = r.net.read(); len(r.batch) > 0 || err != nil {
			break
		}
	}
	r.at, r.handled = 0, 0
	r.screen()
	return err
}

// recv blocks until next finds an event, or the deadline; with one that has
// passed it looks once.
func (r *Receiver) recv(deadline mono.Time) error {
	if r.net == nil {
		return net.ErrClosed
	}
	idle := mono.Never // since when there is nothing to read
	for {
		if r.next() {
			return nil
		}
		timers, err := r.settle()
		if err != nil {
			return err
		}
		if timers {
			continue
		}
		looks := r.looks(idle, deadline)
		if idle == mono.Never {
			if r.alone && r.calm(deadline) {
				looks = 0
			}
			r.alone = false
		}
		if err := r.read(looks); err != nil {
			return err
		}
		if len(r.batch) > 0 {
			idle = mono.Never
			continue
		}
		idle = min(idle, r.now)
		due := r.engine.NextTimeout()
		if due <= r.now {
			continue
		}
		if r.now >= deadline {
			return os.ErrDeadlineExceeded
		}
		polling := r.polling(idle)
		if d := min(due, deadline).Sub(r.now); !polling && d > shortestSleep {
			if err := r.net.wait(d, false); err != nil {
				return err
			}
			r.alone = r.clock.now().Sub(r.now) > shortestSleep
		}
	}
}

// calm reports whether nothing but a packet can be due soon, so that a call that
// blocks may go to sleep without another look at the socket.
func (r *Receiver) calm(deadline mono.Time) bool {
	const soon = 10 * time.Millisecond
	return min(r.engine.NextTimeout(), deadline).Sub(r.now) > soon && !r.polling(r.now)
}

// polling reports whether the socket is polled, when nothing came since idle.
func (r *Receiver) polling(idle mono.Time) bool { return r.spin < 0 || r.now.Sub(idle) < r.spin }

// looks returns how often to look at the socket before the clock and the timers
// are looked at again. Each look takes less than a microsecond.
func (r *Receiver) looks(idle, deadline mono.Time) int {
	const most = 8
	if idle != mono.Never && r.polling(idle) && min(r.engine.NextTimeout(), deadline).Sub(r.now) > 2*most*time.Microsecond {
		return most
	}
	return 1
}

// transmit sends what the engine has to send. What the network does not take
// is lost: the engine will ask again.
func (r *Receiver) transmit() error {
	for {
		tx, ok := r.engine.NextTransmit(r.now)
		if !ok {
			return nil
		}
		if r.mute(tx) {
			continue
		}
		n, err := r.net.send(tx)
		if err != nil && err != errFull && !mayPass(err) {
			return err
		}
		r.lost += uint64(tx.Packets - n)
	}
}
