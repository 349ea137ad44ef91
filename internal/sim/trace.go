package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/seq"
)

// action is what happened to a packet or to a host.
type action uint8

const (
	actSend      action = iota // the host put the packet on its uplink
	actScript                  // the scenario dropped it
	actNowhere                 // a receiver sent it to the group, and there is none
	actLost                    // a link lost it
	actDown                    // a link was down
	actQueueFull               // the queue of a link was full
	actSockFull                // the host's socket buffer was full
	actHandle                  // the host's machine took it in
	actReject                  // the host's machine dropped it
	actWake                    // the host's machine was woken by its timer
	actEvent                   // the host's machine reported an event
	actRead                    // the host's Subscriber reported one
	numActions
)

var actionNames = [numActions]string{
	"sends", "scripted drop:", "nowhere to go:", "lost on link:", "link down:", "link queue full:",
	"socket buffer full:", "handles", "rejects", "wakes", "event:", "subscriber:",
}

// traceLen is how many of the last entries are kept, and tracePrint how many of
// them are printed.
const (
	traceLen   = 4096
	tracePrint = 60
)

// trace is what happened last, and a hash over all that ever happened.
type trace struct {
	hash uint64
	n    int
	ring [traceLen]entry
}

type entry struct {
	at   mono.Time
	host *host
	pkt  *packet
	ev   eventNote
	act  action
	drop pgm.Drop // of actReject
}

// eventNote is what the trace keeps of an event.
type eventNote struct {
	kind        pgm.EventKind
	cause       pgm.Cause
	first, last seq.Num
	read        pubsub.Kind // of actRead, in place of kind
}

func (t *trace) add(at mono.Time, act action, h *host, p *packet) *entry {
	e := &t.ring[t.n%traceLen]
	*e = entry{at: at, host: h, pkt: p, act: act}
	t.n++
	t.mix(uint64(at))
	t.mix(uint64(act)<<32 | uint64(h.id))
	if p != nil {
		t.mix(uint64(p.sum))
	}
	return e
}

func (t *trace) reject(at mono.Time, h *host, p *packet, why pgm.Drop) {
	t.add(at, actReject, h, p).drop = why
	t.mix(uint64(why))
}

func (t *trace) event(at mono.Time, h *host, ev *pgm.Event) {
	t.add(at, actEvent, h, nil).ev = eventNote{kind: ev.Kind, cause: ev.Cause, first: ev.First, last: ev.Last}
	t.mix(uint64(ev.Kind)<<8 | uint64(ev.Cause))
	t.mix(uint64(ev.First)<<32 | uint64(ev.Last))
}

// read notes an event of a Subscriber.
func (t *trace) read(at mono.Time, h *host, ev *pubsub.Event) {
	t.add(at, actRead, h, nil).ev = eventNote{read: ev.Kind, cause: ev.Cause, first: ev.First, last: ev.Last}
	t.mix(uint64(ev.Kind)<<8 | uint64(ev.Cause))
	t.mix(uint64(ev.First)<<32 | uint64(ev.Last))
	for _, f := range ev.Frames {
		t.mix(uint64(len(f)))
	}
}

// mix adds a word to the hash.
func (t *trace) mix(v uint64) {
	x := (t.hash ^ v) * 0x9e3779b97f4a7c15
	t.hash = x ^ x>>29
}

// tail prints the last entries about the hosts in about, or about any if it is
// empty.
func (t *trace) tail(about ...*host) string {
	var lines []string
	for i := t.n - 1; i >= max(0, t.n-traceLen) && len(lines) < tracePrint; i-- {
		if e := &t.ring[i%traceLen]; e.concerns(about) {
			lines = append(lines, e.String())
		}
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
		b.WriteByte('\n')
	}
	return b.String()
}

func (e *entry) concerns(hosts []*host) bool {
	for _, h := range hosts {
		if e.host == h {
			return true
		}
	}
	return len(hosts) == 0
}

func (e *entry) String() string {
	s := fmt.Sprintf("%14v %-12v %s", time.Duration(e.at), e.host, actionNames[e.act])
	if e.pkt != nil {
		s += " " + e.pkt.String()
	}
	switch e.act {
	case actReject:
		s += ": " + e.drop.String()
	case actEvent, actRead:
		kind := e.ev.kind.String()
		if e.act == actRead {
			kind = e.ev.read.String()
		}
		s += fmt.Sprintf(" %v %#x..%#x", kind, uint32(e.ev.first), uint32(e.ev.last))
		if e.ev.cause != pgm.CauseNone {
			s += ": " + e.ev.cause.String()
		}
	}
	return s
}
