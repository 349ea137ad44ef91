package sim

import (
	"fmt"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// Result is what a run came to.
type Result struct {
	Scenario *Scenario
	Err      error         // the first violation, or nil
	Trace    string        // the last that happened before it
	Hash     uint64        // over all that happened
	Events   int           // how many things happened
	Time     time.Duration // virtual

	Sent      [16]uint64 // packets put on uplinks, by type
	SentBytes uint64
	Vanished  [numActions]uint64
	Delay     Histogram // from Send to delivery
	Clean     Histogram // the same, of messages of which no packet was lost on the way to their receiver

	alerts uint64 // packets that bore Router Alert, of those sent

	Sources   []SourceResult
	Receivers []ReceiverResult
}

// SourceResult is what became of a source.
type SourceResult struct {
	Stats     pgm.SourceStats
	Messages  uint64 // of PGM: of a Publisher, packets
	Bytes     uint64
	Published uint64        // messages, by a Publisher
	First     time.Duration // of the first message accepted
	Closed    time.Duration

	ParityNAKs uint64 // that reached the source, and copies to the group

	NAKs    uint64   // NAK packets that reached the source, not counting copies to the group
	NAKsFor []uint16 // for each number from the first, the NAK packets that asked for it

	first seq.Num
}

// ReceiverResult is what became of a receiver.
type ReceiverResult struct {
	Stats    pgm.ReceiverStats // when the last session had ended
	Messages uint64
	Bytes    uint64
	Lost     uint64
	Read     uint64 // messages of publishers, by a Subscriber
	Gaps     uint64 // that it told
	Causes   [pgm.CauseSkip + 1]uint64
	End      time.Duration // of the last message delivered
}

// Asked returns how many NAK packets that asked for n reached the source.
func (r *SourceResult) Asked(n seq.Num) int {
	if i := n.Sub(r.first); i >= 0 && i < len(r.NAKsFor) {
		return int(r.NAKsFor[i])
	}
	return 0
}

// String prints the outcome in a few lines.
func (r *Result) String() string {
	s := fmt.Sprintf("%d events in %v; sent", r.Events, r.Time)
	for t, n := range r.Sent {
		if n > 0 {
			s += fmt.Sprintf(" %d %v", n, wire.Type(t))
		}
	}
	s += fmt.Sprintf("; on the way lost %d, to full queues %d, to full socket buffers %d, to links down %d",
		r.Vanished[actLost], r.Vanished[actQueueFull], r.Vanished[actSockFull], r.Vanished[actDown])
	return s + "\ndelay: " + r.Delay.String()
}
