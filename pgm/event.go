package pgm

import (
	"fmt"
	"net/netip"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// SourceID names a source: its session and its address. The address is part of
// the name because some stacks give every process the same GSI.
type SourceID struct {
	TSI  wire.TSI
	Addr netip.Addr
}

// String prints the session and the address.
func (id SourceID) String() string { return id.TSI.String() + "@" + id.Addr.String() }

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of events.
const (
	EventMessage EventKind = iota + 1 // a whole message
	EventLoss                         // numbers First to Last will never be delivered
	EventJoin                         // a new source; First is the first number that will be delivered
	EventFin                          // the source closed, and all it sent was delivered or reported lost
	EventReset                        // the source aborted (OPT_RST); Code is its reason
	EventExpired                      // nothing was heard from the source for PeerExpiry
	EventRestart                      // the source began anew with the same TSI; EventJoin follows
	EventLeft                         // the receiver left the group, or does not want the source any more
)

// String returns the kind in a word.
func (k EventKind) String() string {
	switch k {
	case EventMessage:
		return "message"
	case EventLoss:
		return "loss"
	case EventJoin:
		return "join"
	case EventFin:
		return "fin"
	case EventReset:
		return "reset"
	case EventExpired:
		return "expired"
	case EventRestart:
		return "restart"
	case EventLeft:
		return "left"
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Cause says why numbers were lost.
type Cause uint8

// The causes of loss.
const (
	CauseNone     Cause = iota
	CauseNCF            // no NCF came: NAK_NCF_RETRIES exceeded (RFC 3208 §6.3)
	CauseData           // no repair came: NAK_DATA_RETRIES exceeded (RFC 3208 §6.3)
	CauseTrail          // the source's trailing edge passed the numbers
	CauseWindow         // more is missing than the receive window can hold
	CauseFragment       // the packets came, but another part of their message is lost
	CauseSize           // the message is larger than MaxMessage
	CauseEnd            // the session ended, expired or was left before the repair
	CausePassive        // missing, and the receiver is configured not to ask
	CauseSkip           // missing for longer than MaxGap

	// Those of package pubsub, on top of this one.
	CauseFraming // not the framing of ZeroMQ, or a message larger than MaxMessage
	CauseQueue   // no room in the queue of a Subscriber that shares its receive
	CausePieces  // no room for parts of messages that wait for others
)

// String returns the cause in a few words.
func (c Cause) String() string {
	switch c {
	case CauseNone:
		return "none"
	case CauseNCF:
		return "no confirmation"
	case CauseData:
		return "no repair"
	case CauseTrail:
		return "left the source's window"
	case CauseWindow:
		return "receive window overrun"
	case CauseFragment:
		return "part of an incomplete message"
	case CauseSize:
		return "message too large"
	case CauseEnd:
		return "session ended"
	case CausePassive:
		return "passive receiver"
	case CauseSkip:
		return "missing for too long"
	case CauseFraming:
		return "not the framing of ZeroMQ, or too large"
	case CauseQueue:
		return "no room in the queue"
	case CausePieces:
		return "no room for parts of messages that wait for other parts"
	}
	return fmt.Sprintf("Cause(%d)", uint8(c))
}

// An Event is something a Receiver has for its user. Every number of a session,
// from that of EventJoin on, is either delivered by exactly one EventMessage or
// covered by exactly one EventLoss, in order; numbers that the source left out
// are neither. With Unordered delivery only the order differs: a message may come
// before others, and before the losses, with smaller numbers. EventJoin is always
// the first and the end of the session the last.
type Event struct {
	Kind   EventKind
	Source SourceID
	Group  netip.Addr // the group the session is sent to

	// First and Last are the numbers of a message's packets, or those lost.
	First, Last seq.Num

	// Floor, of a message, is a number before which each was delivered or reported
	// lost by an earlier event, or does not exist because the source left it out.
	// With Ordered delivery it is First.
	Floor seq.Num

	// Data is the message. It is valid until the next call of a method of the
	// Receiver; it may alias the packet given to HandlePacket.
	Data []byte

	// Arrived is what Receiver.SetArrival was told of the message's last packet,
	// be it the first to come or a repair.
	Arrived  int64
	Hardware bool

	Cause Cause // of EventLoss
	Code  uint8 // of EventReset
	Syn   bool  // of EventJoin: First is where the source began (OPT_SYN)
}
