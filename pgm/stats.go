package pgm

import "time"

// SourceStats counts what a Source did. Packets and bytes of one kind include
// everything from the PGM header on, but not the lower layers.
type SourceStats struct {
	Messages     uint64 // accepted by Send
	MessageBytes uint64 // their bytes
	ODATAPackets uint64 // taken by the network
	ODATABytes   uint64
	RDATAPackets uint64
	RDATABytes   uint64 // both of parity on demand as well

	ParityPackets uint64 // proactive parity packets taken by the network
	ParityBytes   uint64
	ParityRepairs uint64 // of the RDATA packets, parity packets

	ParityRepairBytes uint64

	SPMs         uint64
	NCFs         uint64
	NAKs         uint64 // NAK packets that arrived
	NAKNumbers   uint64 // numbers they asked for
	NAKDuplicate uint64 // numbers asked for again while their repair was on its way
	NAKOutside   uint64 // numbers asked for that are not, or no longer, in the window
	SPMRs        uint64
	Retired      uint64 // packets that left the window
	HoldsBroken  uint64 // packets that left it while their repair was under way
	Rate         int64  // bytes per second now allowed
	Backlog      int    // packets not yet sent
	Window       int    // packets in the window
	WindowBytes  int    // their bytes
	Drops        Drops
}

// ReceiverStats counts what a Receiver did, over all sources.
type ReceiverStats struct {
	Messages     uint64 // delivered
	MessageBytes uint64
	DataPackets  uint64 // ODATA and RDATA used
	DataBytes    uint64
	Repairs      uint64 // packets that had been missing and came as RDATA
	Reordered    uint64 // packets that had been missing and came as ODATA
	Parity       uint64 // parity packets used, or kept for use
	Rebuilt      uint64 // packets rebuilt from parity
	Refused      uint64 // packets rebuilt that make no sense, and were asked for
	Missing      uint64 // numbers found missing
	Lost         uint64 // numbers reported lost
	Skipped      uint64 // numbers given up because of MaxGap
	NAKs         uint64 // NAK packets sent
	NAKNumbers   uint64 // numbers they asked for
	Suppressed   uint64 // numbers not asked for, because an NCF or a peer's NAK came first
	NCFs         uint64 // NCFs that arrived
	SPMs         uint64
	SPMRs        uint64        // sent
	Sources      int           // known now
	Outstanding  int           // numbers missing now
	Buffered     int           // bytes of early packets held now
	RTT          time.Duration // smoothed round trip to the source heard last; 0 before the first measurement
	GroupSize    int           // receivers assumed to share that source's losses
	Drops        Drops
}
