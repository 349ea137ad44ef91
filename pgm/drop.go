package pgm

import (
	"errors"
	"fmt"

	"github.com/gopgm/gopgm/wire"
)

// Drop is the reason a packet was not used. It is the error that HandlePacket
// returns, and indexes the Drops counters of the stats.
type Drop uint8

// The reasons.
const (
	DropTruncated   Drop = iota // shorter than its own fields say
	DropVersion                 // not PGM version 0, or a reserved bit of the type set
	DropType                    // an unknown packet type
	DropChecksum                // the checksum is wrong
	DropNoChecksum              // data without a checksum (RFC 3208 §8)
	DropOption                  // an option that is malformed or has no place there
	DropMalformed               // fields that contradict each other
	DropPort                    // for another data-destination port
	DropSession                 // a packet about a session that is not known here
	DropRole                    // a kind of packet this machine has no use for
	DropParity                  // a parity packet of a source, or to one, that is not known to provide any
	DropUnsupported             // POLL, POLR, ACK or NNAK
	DropSources                 // from a new source when MaxSources are known
	DropWindow                  // a number outside the window
	DropDuplicate               // data already received, or given up
	DropBuffer                  // early data, and the receive buffer is full
	DropSPMOrder                // an SPM older than the last one (RFC 3208 §6.2)
	DropEnded                   // for a session that has ended
	DropWaiting                 // data before the SPM that says where to begin (OPT_JOIN)
	numDrops
)

// NumDrops is the number of drop reasons.
const NumDrops = int(numDrops)

var dropNames = [numDrops]string{
	"truncated", "bad version", "unknown type", "bad checksum", "data without checksum",
	"bad option", "malformed", "other port", "unknown session", "not for this role", "unwanted parity",
	"unsupported type", "too many sources", "outside window", "duplicate", "receive buffer full",
	"SPM out of order", "session ended",
	"before the first SPM",
}

// String returns the reason in a few words.
func (d Drop) String() string {
	if d < numDrops {
		return dropNames[d]
	}
	return fmt.Sprintf("Drop(%d)", uint8(d))
}

// Error returns the reason as an error message.
func (d Drop) Error() string { return "pgm: packet dropped: " + d.String() }

// Drops counts dropped packets by reason.
type Drops [numDrops]uint64

// Total returns the sum of all reasons.
func (d *Drops) Total() uint64 {
	var n uint64
	for _, c := range d {
		n += c
	}
	return n
}

// drop counts a packet and returns the reason as its error. It allocates
// nothing: a flood of bad packets costs no memory.
func (d *Drops) drop(why Drop) error {
	d[why]++
	return why
}

// dropOf returns the reason for an error of package wire.
func dropOf(err error) Drop {
	switch {
	case errors.Is(err, wire.ErrTruncated):
		return DropTruncated
	case errors.Is(err, wire.ErrVersion):
		return DropVersion
	case errors.Is(err, wire.ErrType):
		return DropType
	case errors.Is(err, wire.ErrChecksum):
		return DropChecksum
	case errors.Is(err, wire.ErrNoChecksum):
		return DropNoChecksum
	case errors.Is(err, wire.ErrOption):
		return DropOption
	}
	return DropMalformed
}
