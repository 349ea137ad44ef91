package pubsub

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// Kind says what an Event tells.
type Kind uint8

// The kinds of events.
const (
	EventMessage Kind = iota + 1 // a message of a topic subscribed to
	EventGap                     // messages that were in packets First to Last are lost
	EventJoin                    // a new source: its messages follow, from the first that begins
	EventLeave                   // a source has closed, aborted or fallen silent, or is not wanted; Why tells which
)

// String returns the kind in a word.
func (k Kind) String() string {
	switch k {
	case EventMessage:
		return "message"
	case EventGap:
		return "gap"
	case EventJoin:
		return "join"
	case EventLeave:
		return "leave"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// CauseFraming is the cause of a gap for what came but is not ZMTP/1.0 framing,
// or is larger than MaxMessage. The other causes are those of package pgm.
const CauseFraming = pgm.CauseFraming

// CauseQueue is the cause of a gap for messages that had no room in the queue of a
// Subscriber that shares its receive, see [Subscriber.Share].
const CauseQueue = pgm.CauseQueue

// An Event is something a Subscriber has for its user.
type Event struct {
	Kind   Kind
	Source pgm.SourceID
	Group  netip.Addr // that the source sends to

	// Frames are the message: at least one, the first of which begins with the
	// topic. They are views, valid until the next call of a method of the
	// Subscriber.
	Frames [][]byte

	// First and Last are the numbers of the packets that were lost; those of a
	// message's first and last packet.
	First, Last seq.Num

	// At is when the packet arrived that made the message whole, be it a repair; Clock is what
	// told: ClockDriver or ClockNIC with Net.Stamps, where the system has them,
	// and else ClockNone.
	At    time.Time
	Clock Clock

	Cause pgm.Cause     // of EventGap
	Why   pgm.EventKind // of EventLeave: pgm.EventFin, EventReset, EventExpired, EventRestart or EventLeft
	Code  uint8         // of a reset
}

// Topic returns the message's first frame.
func (e *Event) Topic() []byte { return e.Frames[0] }

// Body returns the message's last frame: of one that Send made, the body.
func (e *Event) Body() []byte { return e.Frames[len(e.Frames)-1] }
