package main

import (
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// A stack moves the messages of a measurement. The roles are the same for all,
// but that raw UDP has ones of its own for throughput.
type stack struct {
	outlet func(t *task, corked bool) (outlet, error)
	inlet  func(t *task) (inlet, error)
}

// An outlet sends messages. Corked, those that are queued may wait for others.
type outlet interface {
	queue(msg []byte) error
	send(msg []byte) error
	Flush() error
	Poll(d time.Duration) error // serves the session for so long
	close() error
	stats() *pgmnet.SourceStats // nil if there are none
}

// An inlet takes them.
type inlet interface {
	take() (*pgm.Event, error) // valid until the next
	SetDeadline(at time.Time)
	Close() error
	stats() *pgmnet.ReceiverStats // nil if there are none
}

// pair opens both.
func (s stack) pair(t *task) (outlet, inlet, error) {
	out, err := s.outlet(t, false)
	if err != nil {
		return nil, nil, err
	}
	in, err := s.inlet(t)
	if err != nil {
		out.close()
		return nil, nil, err
	}
	in.SetDeadline(time.Now().Add(t.Duration + 2*patience))
	return out, in, nil
}

// The stacks that run in this program.
var (
	ownStack = stack{openSource, openReceiver}
	pubStack = stack{openPublisher, openSubscriber}
	rawStack = stack{openRawOutlet, openRawInlet}
)
