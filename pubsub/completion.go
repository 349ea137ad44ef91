package pubsub

import "time"

// A Stage is where a message is in its life.
type Stage uint8

// The stages, in the order in which a message passes them. Each message ends in
// StageRetired or StageDropped: in one of them, and once.
//
// One that was never sent, because of Abort, or Close timed out, or a socket
// failed, ends in StageRetired with ClockNone, and StageKernel and StageWire are
// not reported for it. One that was dropped has no other stage.
const (
	StageTaken   Stage = 1 << iota // in the transmit window
	StageKernel                    // the kernel took its last packet
	StageWire                      // its last packet was handed to the network
	StageRetired                   // its last packet left the window: no longer repairable
	StageDropped                   // it was dropped at the high watermark

	AllStages = StageTaken | StageKernel | StageWire | StageRetired | StageDropped
)

// A Clock is what told a time. ClockCaller and ClockDriver read the system's clock for the time
// of day, which can be compared with that of other hosts and may be set.
type Clock uint8

// The clocks.
const (
	ClockNone   Clock = iota // nothing did: the time is unknown
	ClockCaller              // this process, when it found out
	ClockDriver              // the network driver: the kernel's software time stamp
	ClockNIC                 // the network card, whose clock may differ from the system's
)

// A Completion tells that the messages with ids First to Last have reached a
// stage. A message of several packets has when its last one has.
//
// At is, of StageTaken, when the packet in which the message ends was complete; of
// StageKernel, when the call that gave it to the kernel had returned, so that
// StageWire can be before it, though never before that call; of StageWire, when
// the driver or the card got it, which is told once for a run of packets that
// went to the kernel in one write; of StageRetired, when NextCompletion found
// out; of StageDropped, when the last of the messages was dropped.
type Completion struct {
	First, Last uint64
	Stage       Stage
	At          time.Time // zero if Clock is ClockNone
	Clock       Clock
}
