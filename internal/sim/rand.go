package sim

import "math/rand/v2"

// The independent random streams of a host.
const (
	streamHost   = iota // lateness, refused writes
	streamEngine        // what the machine draws itself
	streamLoad          // message sizes and times
	streamUp            // the uplink
	streamDown          // the downlink
	numStreams
)

// stream returns the random source of one part of one host. Each part has its
// own, so that a draw here does not change what happens there.
func stream(seed uint64, host, part int) *rand.PCG {
	return rand.NewPCG(seed, uint64(host)*numStreams+uint64(part))
}
