// Package sim runs the PGM engine on a virtual network with a virtual clock.
//
// A [Scenario] says which sources and receivers there are, what each sends, and
// what goes wrong on each host and link: loss, bursts, reordering, repeats,
// damage, narrow links, partitions, stalls, slow hosts. [Run] plays it in one
// goroutine, from one heap of events, and draws every random number from the
// scenario's seed: the same scenario gives the same run, to the byte.
//
// What must always hold is checked as the run goes: every number is delivered
// once and in order, equal to what was sent, or reported lost once; memory stays
// within its bounds; the machines neither spin nor keep talking when there is
// nothing left to say. The first violation ends the run.
//
// All hosts share one link: a switch to which each is connected by an uplink
// and a downlink of its own. Routers are not modelled.
package sim
