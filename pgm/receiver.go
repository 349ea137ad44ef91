package pgm

import (
	"math/rand/v2"
	"net/netip"

	"github.com/gopgm/gopgm/internal/fec"
	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/nak"
	"github.com/gopgm/gopgm/rxwindow"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// Receiver is the receiving end of any number of sessions.
type Receiver struct {
	cfg  ReceiverConfig
	naks nak.Config
	rng  *rand.Rand
	now  mono.Time // the latest time given; one that goes back counts as it
	pool *rxwindow.Pool
	rows map[int]*fec.Code // by packets of a transmission group

	sessions map[SourceID]*session
	order    []*session // the same, oldest first: what is done for all is done in this order
	last     *session   // the one heard last
	due      mono.Time  // no timer is due sooner

	lent      bool       // the packet in HandlePacket is there until Keep
	borrowers []*session // with groups that have such packets

	data     wire.Data // the packet in handleData
	arrived  int64     // of SetArrival
	hardware bool

	ready   *session  // has events; others follow in nextReady
	readyAt **session // where the next one is to be put

	sending bool // a session may have something to send
	turn    int  // where in order to look for it first
	tx      Transmit
	iov     [1][]byte
	out     []byte // the packet in tx
	again   bool   // it went to the group and is to go to againTo as well
	againTo netip.Addr
	list    [1 + wire.MaxNAKList]seq.Num

	stats ReceiverStats
}

// NewReceiver checks cfg and returns a Receiver.
func NewReceiver(cfg ReceiverConfig) (*Receiver, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Receiver{
		cfg: cfg,
		naks: nak.Config{
			Backoff: cfg.NAKBackoff, Repeat: cfg.NAKRepeat, Data: cfg.NAKData, Nudge: cfg.NAKNudge,
			MinInterval: cfg.MinInterval, MaxInterval: cfg.MaxInterval,
			InitialRTT: cfg.InitialRTT, GroupSize: cfg.GroupSize,
			NCFRetries: cfg.NCFRetries, DataRetries: cfg.DataRetries,
			Passive: cfg.Passive,
		},
		rng:      rand.New(cfg.Rand),
		pool:     rxwindow.NewPool(cfg.BufferBytes),
		sessions: make(map[SourceID]*session),
		due:      mono.Never,
		out:      make([]byte, 0, 512),
	}
	r.readyAt = &r.ready
	return r, nil
}

// HandlePacket takes in one packet that arrived at now, from the address from,
// on the multicast group group. It borrows pkt until NextEvent has reported
// false or Keep is called: what it keeps longer it copies. An error is a Drop:
// why pkt was not used.
func (r *Receiver) HandlePacket(now mono.Time, from, group netip.Addr, pkt []byte) error {
	r.now = max(r.now, now)
	h, err := wire.ParseHeader(pkt)
	if err != nil {
		return r.stats.Drops.drop(dropOf(err))
	}
	if h.DataDestPort() != r.cfg.Port {
		return r.stats.Drops.drop(DropPort)
	}
	r.keepEvents() // what they need of an earlier packet may be gone after this call
	switch h.Type {
	case wire.TypeODATA, wire.TypeRDATA:
		return r.handleData(from, group, pkt)
	case wire.TypeSPM:
		return r.handleSPM(from, group, pkt)
	case wire.TypeNCF:
		return r.handleNCF(from, pkt)
	case wire.TypeNAK:
		return r.handlePeerNAK(pkt)
	case wire.TypeSPMR:
		return r.handlePeerSPMR(pkt)
	}
	return r.stats.Drops.drop(DropUnsupported)
}

// SetArrival says when the packets given to HandlePacket from now on arrived, for
// Event.Arrived: nanoseconds of a clock of the caller's choice, and whether the
// network card told them. The Receiver keeps them with each packet and makes no
// other use of them.
func (r *Receiver) SetArrival(at int64, hardware bool) { r.arrived, r.hardware = at, hardware }

// Lend is HandlePacket for a caller who leaves pkt as it is until Keep is called, also
// after NextEvent has reported false. What a transmission group may need is then copied
// by Keep, if that still lacks packets, and not at once.
func (r *Receiver) Lend(now mono.Time, from, group netip.Addr, pkt []byte) error {
	r.lent = true
	err := r.HandlePacket(now, from, group, pkt)
	r.lent = false
	return err
}

// Keep copies what is still needed of what HandlePacket borrowed and Lend lent, so that
// its memory can be used again though there are events to come.
func (r *Receiver) Keep() {
	r.keepEvents()
	for _, s := range r.borrowers {
		s.keepGroups()
	}
	r.borrowers = r.borrowers[:0]
}

// keepEvents copies what was borrowed for events to come.
func (r *Receiver) keepEvents() {
	for s := r.ready; s != nil; s = s.nextReady {
		s.keep()
	}
}

// session returns the session of a source, or nil if there is none.
func (r *Receiver) session(id SourceID) *session {
	if r.last != nil && r.last.id == id {
		return r.last
	}
	s := r.sessions[id]
	if s != nil {
		r.last = s
	}
	return s
}

// open makes a session for a new source that will begin with number next. It
// returns nil when too many are known.
func (r *Receiver) open(id SourceID, group netip.Addr, next seq.Num) *session {
	if len(r.order) >= r.cfg.MaxSources && !r.forget() {
		return nil
	}
	s := &session{
		r:       r,
		id:      id,
		group:   group,
		win:     rxwindow.New(r.pool, r.cfg.WindowPackets, next),
		naks:    nak.NewTable(nak.NewTiming(&r.naks, r.rng)),
		spmrAt:  mono.Never,
		heardAt: r.now,
		joining: true,
		first:   next,

		trail:    next,
		heardEnd: next,
		unit:     1472,
	}
	r.sessions[id] = s
	r.order = append(r.order, s)
	r.last = s
	r.due = min(r.due, s.timeout())
	return s
}

// forget makes room for a source by removing one that has ended. It reports
// false if there is none.
func (r *Receiver) forget() bool {
	for _, s := range r.order {
		if s.phase == phaseEnded && !s.queued {
			r.remove(s)
			return true
		}
	}
	return false
}

func (r *Receiver) remove(s *session) {
	s.win.Close()
	s.groups.close()
	if r.sessions[s.id] == s {
		delete(r.sessions, s.id)
	}
	for i, t := range r.order {
		if t == s {
			r.order = append(r.order[:i], r.order[i+1:]...)
			break
		}
	}
	if r.last == s {
		r.last = nil
	}
}

// HandleTimeout runs every timer due at or before now. All packets that had
// arrived by then should have been handled: one of them may be what a timer
// waits for.
func (r *Receiver) HandleTimeout(now mono.Time) { r.HandleBacklog(now, now) }

// HandleBacklog is HandleTimeout for when only the packets that had arrived by
// heard are known to have been handled. The timers that wait for a packet run
// only up to then: NAKs are sent for what is newly missing, but not repeated
// because the answer waits unread. NextTimeout may stay in the past.
func (r *Receiver) HandleBacklog(now, heard mono.Time) {
	r.now = max(r.now, now)
	if r.now < r.due {
		return
	}
	r.due = mono.Never
	for i := 0; i < len(r.order); i++ {
		s := r.order[i]
		s.expire(r.now, heard)
		if s.phase == phaseGone && !s.queued {
			r.remove(s)
			i--
			continue
		}
		r.due = min(r.due, s.timeout())
	}
}

// NextTimeout reports when HandleTimeout must next be called, or mono.Never.
func (r *Receiver) NextTimeout() mono.Time { return r.due }

// enqueue puts s among the sessions with events.
func (r *Receiver) enqueue(s *session) {
	if s.queued {
		return
	}
	s.queued = true
	s.nextReady = nil
	*r.readyAt = s
	r.readyAt = &s.nextReady
}

// NextEvent sets ev to the next event; false means there is none now, and leaves
// ev alone. Its Data is valid until the next call of a method of r.
func (r *Receiver) NextEvent(ev *Event) bool {
	for s := r.ready; s != nil; s = r.ready {
		if s.next(ev) {
			switch ev.Kind {
			case EventMessage:
				r.stats.Messages++
				r.stats.MessageBytes += uint64(len(ev.Data))
			case EventLoss:
				r.stats.Lost += uint64(ev.Last.Sub(ev.First) + 1)
			}
			return true
		}
		if s.resume() {
			continue
		}
		s.queued = false
		if r.ready = s.nextReady; r.ready == nil {
			r.readyAt = &r.ready
		}
		if s.phase == phaseGone {
			r.remove(s)
		}
	}
	return false
}

// Stats returns the counters.
func (r *Receiver) Stats() ReceiverStats {
	st := r.stats
	st.Sources = len(r.order)
	for _, s := range r.order {
		st.Outstanding += s.naks.Len()
	}
	st.Buffered = r.pool.Used()
	if r.last != nil {
		st.RTT = r.last.naks.Timing.RTT()
		st.GroupSize = r.last.naks.Timing.GroupSize()
	}
	return st
}
