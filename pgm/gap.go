package pgm

import (
	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

// gapTimeout returns when the oldest missing number will have been missing for
// MaxGap, or mono.Never.
func (s *session) gapTimeout() mono.Time {
	if s.r.cfg.MaxGap == 0 {
		return mono.Never
	}
	n, ok := s.naks.Oldest()
	if !ok {
		return mono.Never
	}
	return s.naks.Since(n).Add(s.r.cfg.MaxGap)
}

// expireGaps gives up what has been missing for MaxGap at heard. What arrived
// later may not have been looked at: the missing may be among it.
func (s *session) expireGaps(heard mono.Time) {
	for at := s.gapTimeout(); at <= heard && at != mono.Never; at = s.gapTimeout() {
		n, _ := s.naks.Oldest()
		s.naks.Cancel(n)
		s.skip(n)
	}
}

// skip gives up number n, which is missing, so that what follows need not wait.
func (s *session) skip(n seq.Num) {
	s.win.Lose(n, uint8(CauseSkip))
	s.r.stats.Skipped++
	s.r.enqueue(s)
}

// skipTo gives up all numbers before end that were never heard of, or as many as
// the window can hold.
func (s *session) skipTo(end seq.Num) {
	lead := s.win.Lead()
	if !end.After(lead) {
		return
	}
	if s.win.Next() == lead && s.beginLoss(lead, CauseSkip) {
		s.skipWindow(end)
		n := uint64(end.Sub(lead))
		s.r.stats.Missing += n
		s.r.stats.Skipped += n
		s.r.enqueue(s)
		return
	}
	first, n := s.win.Extend(end)
	s.r.stats.Missing += uint64(n)
	for i := range n {
		s.skip(first.Add(i))
	}
}
