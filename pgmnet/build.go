package pgmnet

import (
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// The methods in this file are for a layer that builds packets in their place
// in the transmit window, such as package pubsub. A packet is begun by Reserve,
// completed by Commit and sent by Push; Send and its like must not be called
// between the first two.

// Room reports whether so many packets can be built now: nil, or
// pgm.ErrWouldBlock, pgm.ErrMessageTooLarge or pgm.ErrClosed. It goes by the
// time of the last other call; Await brings it up to date.
func (s *Source) Room(packets int) error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	return s.engine.Room(s.now, packets)
}

// Reserve begins a packet, for which Room has reported place, and returns where
// its data goes.
func (s *Source) Reserve() []byte { return s.engine.Reserve() }

// Commit completes the packet that Reserve began, with the first n bytes of data,
// and returns its number.
func (s *Source) Commit(n int) seq.Num { return s.engine.Commit(n) }

// Push gives the network what was committed, as far as it takes it without
// blocking; with runs, only as long as one system call can take no more. It
// answers NAKs as Send does.
func (s *Source) Push(runs bool) error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	s.tick()
	if _, err := s.write(runs); err != nil {
		return err
	}
	return s.look()
}

// Await sends what the network takes, or if that is nothing sleeps until there
// is something to do, and does it: what a caller does that Room has refused. It
// returns os.ErrDeadlineExceeded once the deadline has passed.
func (s *Source) Await() error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	s.tick()
	if wrote, err := s.write(false); wrote || err != nil {
		return err
	}
	return s.sleep(s.deadline)
}

// Unsent returns how many packets and bytes the network has not taken yet.
func (s *Source) Unsent() (packets, bytes int) { return s.engine.Unsent() }

// Progress returns where the session is: trail is the oldest number that can be
// repaired, unsent the first that the network has not taken, next the one that
// the next packet will get.
func (s *Source) Progress() (trail, unsent, next seq.Num) { return s.engine.Progress() }

// MaxData returns how many bytes of data a packet holds whatever its options: one
// that Reserve begins holds as many or a few more.
func (s *Source) MaxData() int { return s.engine.MaxData() }
