package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/txwindow"
)

// A recent keeps the longest of the durations it was told of late: what it was
// told fades away within recentMemory.
type recent struct {
	longest time.Duration
	at      mono.Time // when it was told
}

const recentMemory = 2 * time.Second

// add tells a duration.
func (r *recent) add(now mono.Time, d time.Duration) { r.longest, r.at = max(d, r.get(now)), now }

// get returns the longest.
func (r *recent) get(now mono.Time) time.Duration {
	return r.longest - time.Duration(float64(r.longest)*min(float64(now.Sub(r.at))/float64(recentMemory), 1))
}

// Receivers ask again for a repair they lost within minReask, if NAKs do not
// show that it takes them longer; also when they are held up.
const minReask = 200 * time.Millisecond

// releaseAt returns when the sent packet in sl may leave the window to make
// room. The trailing edge does not pass a packet whose repair is under way,
// within a bound; nor one that a receiver may ask for yet, by how late they have
// asked for others.
func (s *Source) releaseAt(sl *txwindow.Slot) mono.Time {
	var t mono.Time
	if s.cfg.Rate == 0 && s.cfg.MinRepair > 0 {
		t = sl.Sent.Add(max(s.cfg.MinRepair, min(4*s.ask.get(s.now), s.cfg.RepairHold)))
	}
	if sl.Asked == 0 || s.cfg.RepairHold < 0 {
		return t
	}
	bound := sl.Asked.Add(s.cfg.RepairHold)
	if !sl.Queued {
		// Receivers wait the longer for a repair the more often it was lost.
		settle := 2 * max(s.reask.get(s.now), minReask, sl.Repaired.Sub(sl.Asked))
		bound = min(bound, sl.Repaired.Add(settle))
	}
	return max(t, bound)
}

// makeRoom retires the oldest packets until packets packets of bytes bytes fit.
// It reports false, and says in roomAt when to try again, if it may not.
func (s *Source) makeRoom(now mono.Time, packets, bytes int) bool {
	for !s.win.Fits(packets, s.cfg.MaxTPDU, bytes) {
		n := s.win.Trail()
		if n == s.win.Unsent() {
			s.roomAt = mono.Never // room comes with sending
			return false
		}
		if at := s.releaseAt(s.win.Slot(n)); at > now {
			s.roomAt = at
			return false
		}
		s.retire(n)
	}
	return true
}

func (s *Source) retire(n seq.Num) {
	if s.win.Slot(n).Queued {
		s.stats.HoldsBroken++
	}
	s.win.Retire()
	s.stats.Retired++
}

// nextRetire returns when the oldest packet leaves the window because of its
// age: "Advance with Time", RFC 3208 §16.3.
func (s *Source) nextRetire() mono.Time {
	if s.cfg.WindowTime == 0 || s.win.Trail() == s.win.Unsent() {
		return mono.Never
	}
	sl := s.win.Slot(s.win.Trail())
	return max(sl.Sent.Add(s.cfg.WindowTime), s.releaseAt(sl))
}

// retireOld retires what is too old at now.
func (s *Source) retireOld(now mono.Time) {
	for s.nextRetire() <= now {
		s.retire(s.win.Trail())
	}
}
