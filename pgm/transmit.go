package pgm

import (
	"net/netip"

	"github.com/gopgm/gopgm/seq"
)

// A Transmit is a run of packets for one destination, ready for the wire.
type Transmit struct {
	// To is the address of the one host the run is for. When it is not valid,
	// the run goes to the multicast group Group.
	To netip.Addr

	// Group is the session's multicast group.
	Group netip.Addr

	// Data holds the packets, back to back: cut its concatenation every Segment
	// bytes to get them. It is borrowed from the machine until the next call of
	// one of its methods, except that a Transmit may be looked at after Sent.
	Data [][]byte

	// Segment is the size in bytes of every packet but the last, which may be
	// smaller.
	Segment int

	// Packets is how many packets there are, at least 1.
	Packets int

	// Bytes is the sum of the packets' sizes.
	Bytes int

	// Original is how many of the packets, from the first on, are data sent for the
	// first time (ODATA), and First is the number of the first of those. The others
	// have no number: they are parity, repairs, or control packets.
	Original int
	First    seq.Num

	// LinkLocal asks for a time-to-live of 1 (RFC 3208 §6.3, §13.5).
	LinkLocal bool

	// RouterAlert asks for the IP Router Alert option where the network layer
	// is raw IP: "SPMs, NCFs, and RDATA MUST be transmitted with the IP Router
	// Alert Option." RFC 3208 §4. Nothing else that hosts send does (§8, §14.7.1
	// has it on POLLs, which are not sent here): NAKs and NNAKs are addressed to
	// the network element that is to look at them, and SPMRs stay on the link or
	// go to the source.
	RouterAlert bool
}

// Limits of one run, which are those of one UDP_SEGMENT write: more packets are
// refused by older kernels, and more bytes are cut up in software.
const (
	MaxRunPackets = 64
	MaxRunBytes   = 65000
)
