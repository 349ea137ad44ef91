package pgmnet

import (
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// A Stamp tells when the packets with numbers First to Last, which went to the
// kernel in one write, left for the network.
type Stamp struct {
	First, Last seq.Num

	// At is in nanoseconds of Unix time, or 0 if it is not known and will not be.
	At int64

	// Hardware tells that At is from the network card, and by its clock.
	Hardware bool
}

// Time returns At, or the zero time if it is not known.
func (s *Stamp) Time() time.Time {
	if s.At == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.At)
}

// stamps maps the time stamps of writes to packets. Writes are numbered, modulo
// 2^32, and those that wait for their stamp or for the user lie in a ring:
//
//	told ──── known, for the user ──── seen ──── waiting ──── next
//
// Stamps come in the order of the writes, or not at all: once one has come, those
// before it count as missing, for good unless they come before the user asks.
type stamps struct {
	ring             []Stamp // by number of the write, modulo its length
	told, seen, next uint32
}

// newStamps returns stamps for a window of so many packets, which is how many
// writes are of interest at most.
func newStamps(packets int) *stamps {
	n := 64
	for n < packets {
		n *= 2
	}
	return &stamps{ring: make([]Stamp, n)}
}

func (s *stamps) at(id uint32) *Stamp { return &s.ring[id&uint32(len(s.ring)-1)] }

// wrote takes in the next write, of n packets from number first on. The oldest
// write is forgotten if there is no room.
func (s *stamps) wrote(first seq.Num, n int) {
	if int(s.next-s.told) == len(s.ring) {
		if s.seen == s.told {
			s.seen++
		}
		s.told++
	}
	*s.at(s.next) = Stamp{First: first, Last: first.Add(n - 1)}
	s.next++
}

// waiting returns how many writes have no stamp yet.
func (s *stamps) waiting() int { return int(s.next - s.seen) }

// came takes in the stamp of a write.
func (s *stamps) came(id uint32, at int64, hardware bool) {
	if id-s.told >= s.next-s.told {
		return // the user was told otherwise, or it is none of ours
	}
	st := s.at(id)
	st.At, st.Hardware = at, hardware
	if id-s.told >= s.seen-s.told {
		s.seen = id + 1
	}
}

// skip gives up the stamps of all writes so far.
func (s *stamps) skip() { s.seen = s.next }

// take returns the next stamp for the user.
func (s *stamps) take() (st Stamp, ok bool) {
	if s.told == s.seen {
		return st, false
	}
	s.told++
	return *s.at(s.told - 1), true
}

// NextStamp returns the next of the time stamps that Config.Stamps asks for; false
// means none is known now. They come in the order of the writes: one for each
// that took packets to the network for the first time. Repairs have none. The
// stamp of a write of several packets is that of its first one where the system
// cuts the write up in software.
//
// Stamps wait for the user in a ring of as many as the transmit window has
// packets; what is older is forgotten. Numbers that are left out, and those with
// a zero At, have no stamp. That is so for all of them where the system has none.
//
// It can be called after Close.
func (s *Source) NextStamp() (Stamp, bool) {
	if s.stamps == nil {
		return Stamp{}, false
	}
	return s.stamps.take()
}

// ReadStamps takes the stamps that have come from the system; the calls that
// answer NAKs do so as well.
func (s *Source) ReadStamps() error {
	if s.net == nil || s.stamps == nil || s.stamps.waiting() == 0 {
		return nil
	}
	return s.net.readStamps()
}

// windowPackets returns how many packets the transmit window has.
func windowPackets(c *pgm.SourceConfig) int {
	if c.WindowPackets == 0 {
		return 65536
	}
	return c.WindowPackets
}

// lastStamp is how long Close waits for the stamp of the last write.
const lastStamp = 10 * time.Millisecond

// awaitStamps reads the stamps that are due when the sockets are to be closed.
func (s *Source) awaitStamps() {
	if s.stamps == nil {
		return
	}
	for end := s.clock.now().Add(lastStamp); s.stamps.waiting() > 0; {
		if s.ReadStamps() != nil || s.clock.now() >= end {
			break
		}
		if s.stamps.waiting() > 0 {
			time.Sleep(shortestSleep)
		}
	}
	s.stamps.skip()
}

// note tells stamps, if there are any, of a write of n packets of tx. A carrier
// without stamps does so.
func (s *stamps) note(tx *pgm.Transmit, n int) {
	if n = min(n, tx.Original); s != nil && n > 0 {
		s.wrote(tx.First, n)
		s.skip()
	}
}
