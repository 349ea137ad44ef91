package pgm

import (
	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// Room reports whether so many packets can be built with Reserve and Commit, one
// after the other: nil, or ErrWouldBlock, ErrMessageTooLarge or ErrClosed, as
// Send would.
func (s *Source) Room(now mono.Time, packets int) error {
	return s.admit(s.clock(now), packets, packets*s.cfg.MaxTPDU)
}

// Reserve begins a packet in its place in the transmit window, and returns where
// its data goes: as many bytes as fit. Room must have reported that there is
// place for it. The caller writes the data there and calls Commit; until then
// every other method may be called but Send and Reserve, which begin another
// packet in the same place.
func (s *Source) Reserve() []byte {
	s.markAlone()
	head := wire.DataHeaderLen
	switch { // as room says
	case s.head.Options.Has(wire.OptSyn):
		head += 8
	case s.mixed:
		head += 12
	}
	s.open = s.win.Reserve(s.cfg.MaxTPDU)
	if s.parity != nil {
		return s.open[head : head+s.maxAlone] // parity packets have more options
	}
	return s.open[head:]
}

// Commit completes the packet that Reserve began, with the first n bytes of what
// it returned, and returns the packet's number. The packet waits to be sent.
func (s *Source) Commit(n int) seq.Num {
	num := s.win.Next()
	head := len(s.appendHeader(s.open[:0], n))
	s.commit(s.open[:head+n])
	if s.mixed {
		s.head.Options.Clear()
	}
	s.open = nil
	s.sendAt = 0
	return num
}

// MaxData returns how many bytes of data a packet holds whatever its options.
func (s *Source) MaxData() int { return s.maxPart }
