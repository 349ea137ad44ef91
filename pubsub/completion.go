package pubsub

import "time"

// A Stage is where a message is in its life.
type Stage uint8

// The stages, in the order in which a message passes them. Each message ends in
// StageRetired or StageDropped.
const (
	StageTaken   Stage = 1 << iota // in the transmit window
	StageKernel                    // the kernel took its last packet
	StageWire                      // its last packet was handed to the network
	StageRetired                   // its last packet left the window: no longer repairable
	StageDropped                   // it was dropped at the high watermark

	AllStages = StageTaken | StageKernel | StageWire | StageRetired | StageDropped
)

// A Clock is what told a time.
type Clock uint8

// The clocks.
const (
	ClockNone   Clock = iota // nothing did: the time is unknown
	ClockCaller              // this process, when it found out
	ClockDriver              // the network driver: the kernel's software time stamp
	ClockNIC                 // the network card
)

// A Completion tells that the messages with ids First to Last have reached a
// stage. A message of several packets has when its last one has.
type Completion struct {
	First, Last uint64
	Stage       Stage
	At          time.Time // zero if Clock is ClockNone
	Clock       Clock
}
