package sim

import "github.com/gopgm/gopgm/mono"

// What is to happen.
type deed uint8

const (
	deedStart   deed = iota // the host starts
	deedStop                // the host vanishes
	deedForward             // the packet, sent by the host, reaches the switch
	deedArrive              // the packet reaches the host
	deedWork                // the host takes a packet from its socket buffer
	deedWake                // a timer of the host is due
)

// item is one entry of an agenda.
type item struct {
	at    mono.Time
	order uint64 // breaks ties: what was put in first happens first
	host  *host
	pkt   *packet
	deed  deed
}

func (a *item) before(b *item) bool {
	return a.at < b.at || a.at == b.at && a.order < b.order
}

// agenda is all that is going to happen: a heap by time and order of insertion.
type agenda struct {
	items []item
	order uint64
}

func (a *agenda) len() int { return len(a.items) }

func (a *agenda) add(at mono.Time, d deed, h *host, p *packet) {
	a.order++
	a.items = append(a.items, item{at, a.order, h, p, d})
	q := a.items
	i := len(q) - 1
	it := q[i]
	for i > 0 {
		up := (i - 1) / 4
		if !it.before(&q[up]) {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = it
}

// next takes out the earliest item. The agenda must not be empty.
func (a *agenda) next() item {
	q := a.items
	top := q[0]
	n := len(q) - 1
	it := q[n]
	q[n] = item{}
	q = q[:n]
	a.items = q
	i := 0
	for n > 0 {
		least := 4*i + 1
		if least >= n {
			break
		}
		for c := least + 1; c < min(4*i+5, n); c++ {
			if q[c].before(&q[least]) {
				least = c
			}
		}
		if !q[least].before(&it) {
			break
		}
		q[i] = q[least]
		i = least
	}
	if n > 0 {
		q[i] = it
	}
	return top
}
