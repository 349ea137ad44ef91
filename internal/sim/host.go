package sim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/mono"
)

// machine is what runs on a host: a Source with its application, or a Receiver.
// The times are the host's own.
type machine interface {
	start(now mono.Time)
	handle(now mono.Time, p *packet)
	timeout(now mono.Time) // the time wake returned has come
	wake(now mono.Time) mono.Time
}

// host is one machine and its connection to the network.
type host struct {
	HostSpec
	sim     *sim
	id      int // index in sim.hosts
	addr    netip.Addr
	up      link
	down    link
	machine machine
	rng     *rand.Rand
	running bool

	queue   []*packet // the socket buffer
	queued  int       // bytes in it
	free    mono.Time // when the host is done with the last packet
	working bool      // a deedWork is on the agenda

	wakeAt   mono.Time // when the machine wants to be woken
	wakeNext mono.Time // the earliest deedWake on the agenda
}

func (h *host) String() string { return h.addr.String() }

// local and global turn the time of the run to that of the host and back.
func (h *host) local(t mono.Time) mono.Time { return t.Add(h.Clock) }
func (h *host) global(t mono.Time) mono.Time {
	if t == mono.Never {
		return t
	}
	return t - mono.Time(h.Clock)
}

func (h *host) upTo(d time.Duration) mono.Time {
	if d <= 0 {
		return 0
	}
	return mono.Time(h.rng.Int64N(int64(d) + 1))
}

// ready returns when the host can next take in a packet. Timers are served in
// between, but not in a stall.
func (h *host) ready(now mono.Time) mono.Time { return end(h.Stalls, max(now, h.free)) }

func (h *host) start(now mono.Time) {
	h.running = true
	h.machine.start(h.local(now))
	h.arm(now)
}

// arrive takes in a packet from the network.
func (h *host) arrive(now mono.Time, p *packet) {
	if !h.running {
		return
	}
	if len(h.queue) == 0 && h.ready(now) == now {
		h.handle(now, p)
		return
	}
	if h.queued+len(p.data) > h.SocketBuffer {
		h.sim.vanish(actSockFull, h, p)
		return
	}
	h.queue = append(h.queue, p)
	h.queued += len(p.data)
	if !h.working {
		h.working = true
		h.sim.agenda.add(h.ready(now), deedWork, h, nil)
	}
}

// work takes the next packet from the socket buffer.
func (h *host) work(now mono.Time) {
	h.working = false
	if !h.running || len(h.queue) == 0 {
		return
	}
	if at := h.ready(now); at == now {
		p := h.queue[0]
		h.queue[0] = nil
		h.queue = h.queue[1:]
		h.queued -= len(p.data)
		h.handle(now, p)
	}
	if len(h.queue) > 0 {
		h.working = true
		h.sim.agenda.add(h.ready(now), deedWork, h, nil)
	}
}

func (h *host) handle(now mono.Time, p *packet) {
	h.free = now + mono.Time(h.PerPacket)
	h.machine.handle(h.local(now), p)
	h.arm(now)
}

// wake serves a deedWake.
func (h *host) wake(now mono.Time) {
	if now != h.wakeNext {
		return // overtaken by an earlier one
	}
	h.wakeNext = mono.Never
	if !h.running {
		return
	}
	if h.wakeAt > now {
		h.schedule(h.wakeAt)
		return
	}
	if at := end(h.Stalls, now); at > now {
		h.schedule(at)
		return
	}
	h.sim.trace.add(now, actWake, h, nil)
	h.machine.timeout(h.local(now))
	h.arm(now)
}

// arm asks the machine when it wants to be woken.
func (h *host) arm(now mono.Time) {
	h.wakeAt = h.global(h.machine.wake(h.local(now)))
	if h.wakeAt == mono.Never {
		return
	}
	if h.wakeAt = max(now, h.wakeAt); h.wakeAt < h.wakeNext {
		h.schedule(h.wakeAt + h.upTo(h.WakeLate))
	}
}

func (h *host) schedule(at mono.Time) {
	if at < h.wakeNext {
		h.wakeNext = at
		h.sim.agenda.add(at, deedWake, h, nil)
	}
}

// stop makes the host vanish.
func (h *host) stop() {
	h.running = false
	h.queue, h.queued = nil, 0
}
