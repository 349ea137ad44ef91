package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
)

// heartbeat says when SPMs are due: ambient ones at a steady interval while data
// flows (RFC 3208 §5.1.4), heartbeats at a decaying rate after it (§5.1.5).
type heartbeat struct {
	ambient           time.Duration // interval of ambient SPMs
	shortest, longest time.Duration // IHB_MIN, IHB_MAX

	interval time.Duration // IHB, from the last packet to the next heartbeat
	next     mono.Time     // when that is due: IHB_TMR
	steady   mono.Time     // when the next ambient SPM is due
	data     bool          // data was sent since the last SPM
}

// sentData restarts the heartbeats: "IHB_TMR is initialized to a minimum
// interval IHB_MIN after the transmission of any data packet." RFC 3208 §5.1.5
func (h *heartbeat) sentData(now mono.Time) {
	h.interval = h.shortest
	h.next = now.Add(h.interval)
	h.data = true
}

// sentSPM restarts both timers, the heartbeat's with twice its interval if the
// SPM was one.
func (h *heartbeat) sentSPM(now mono.Time) {
	if now >= h.next {
		h.interval = min(2*h.interval, h.longest)
	}
	h.next = now.Add(h.interval)
	h.steady = now.Add(h.ambient)
	h.data = false
}

// hasten makes the next SPM due at the given time, unless it is sooner.
func (h *heartbeat) hasten(at mono.Time) { h.next = min(h.next, at) }

// due returns when the next SPM must be sent.
func (h *heartbeat) due() mono.Time {
	if h.data {
		return min(h.next, h.steady)
	}
	return h.next
}
