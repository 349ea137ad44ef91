package pgm

import (
	"time"

	"github.com/gopgm/gopgm/internal/fec"
	"github.com/gopgm/gopgm/wire"
)

// FEC configures forward error correction (RFC 3208 §11): a source sends parity
// packets, from which receivers rebuild what they lost. The zero FEC is none. A
// zero field means its default.
//
// Numbers are divided into transmission groups of K. Receivers that know nothing of
// parity may ask for lost packets as ever; those of OpenPGM do not survive parity
// packets, nor unused numbers: see Flush. Of a source with FEC they refuse packets
// that differ in size from the first of their group.
type FEC struct {
	// K is how many packets are in a transmission group (PARITY_PRM_TGS): 2, 4, 8,
	// 16, 32, 64 or 128. The default, 0, is no FEC.
	K int

	// N is how many packets of data and parity there are of a group, K+1 to 255.
	// Default 255: as many as may be needed.
	N int

	// Proactive is how many parity packets follow each group without being asked
	// for, 0 to N-K.
	Proactive int

	// OnDemand has receivers ask for parity packets in place of what they lost: one
	// such packet repairs different losses of many receivers. At least one of
	// Proactive and OnDemand must be set.
	OnDemand bool

	// Flush is how long after the first packet of a group, at most, its parity
	// follows, if there is nothing more to send: the group then ends early
	// (OPT_CURR_TGSIZE), and its other numbers remain unused. A short group has no
	// more proactive parity packets than data packets. Default 1 ms; negative means
	// never: the end of a burst is then repaired like everything without FEC. Parity
	// does not wait long where more data follows.
	Flush time.Duration

	// Delay makes the proactive parity of a group leave between the packets of the
	// group that is so many groups later, evenly spread, 0 to 64: a burst of lost
	// packets then does not take data and parity of the same group, and repair
	// takes longer. Default 0: right after its group.
	Delay int
}

const maxParityDelay = 64

// Check reports what is wrong with f, in one line.
func (f FEC) Check() error {
	if f == (FEC{}) {
		return nil
	}
	def(&f.N, fec.MaxShards)
	switch {
	case f.K < 2 || f.K > fec.MaxData || f.K&(f.K-1) != 0:
		return configError("FEC.K is %d, want 2, 4, 8, 16, 32, 64 or 128", f.K)
	case f.N <= f.K || f.N > fec.MaxShards:
		return configError("FEC.N is %d, want %d (K+1) to %d", f.N, f.K+1, fec.MaxShards)
	case f.Proactive < 0 || f.Proactive > f.N-f.K:
		return configError("FEC.Proactive is %d, want 0 to %d (N-K)", f.Proactive, f.N-f.K)
	case f.Proactive == 0 && !f.OnDemand:
		return configError("FEC.K is %d, but neither Proactive nor OnDemand is set", f.K)
	case f.Delay < 0 || f.Delay > maxParityDelay:
		return configError("FEC.Delay is %d, want 0 to %d", f.Delay, maxParityDelay)
	}
	return nil
}

// fill checks f, for a transmit window of so many packets, and puts the defaults in
// place of what is zero.
func (f *FEC) fill(window int) error {
	if err := f.Check(); err != nil || !f.on() {
		return err
	}
	def(&f.N, fec.MaxShards)
	def(&f.Flush, time.Millisecond)
	if window < 4*f.K {
		return configError("WindowPackets is %d, want %d or more: four times FEC.K", window, 4*f.K)
	}
	return nil
}

// on reports whether there is FEC.
func (f *FEC) on() bool { return f.K > 0 }

// head returns the length in bytes of the header of a parity packet that has every
// option it may have: OPT_CURR_TGSIZE, OPT_FRAGMENT, and OPT_PARITY_GRP if the
// numbers of parity packets may need it.
func (f *FEC) head() int {
	n := wire.FragmentHeaderLen + 8
	if f.N > 2*f.K {
		n += 8
	}
	return n
}

// tsduLen is how many bytes the length of a TSDU takes in a parity packet of a
// group whose packets have different ones (OPT_VAR_PKTLEN).
const tsduLen = 2

// MaxData returns how many bytes of data a packet of a source with the given MaxTPDU
// holds without being a fragment: the parity packets of its group must fit, too, and
// are computed the quickest of a multiple of 64.
func (f FEC) MaxData(maxTPDU int) int {
	if !f.on() {
		return maxTPDU - wire.DataHeaderLen
	}
	def(&f.N, fec.MaxShards)
	n := maxTPDU - f.head() - tsduLen
	if n >= 8*fec.Block {
		n &^= fec.Block - 1
	}
	return n
}
