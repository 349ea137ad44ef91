package pgm

import (
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// maxSPMRTries is how many SPMRs a receiver that wants a session's history
// sends before it begins without.
const maxSPMRTries = 5

// handleSPM takes in a source path message (RFC 3208 §6.2).
func (r *Receiver) handleSPM(from, group netip.Addr, pkt []byte) error {
	p, err := wire.ParseSPM(pkt)
	if err != nil {
		return r.stats.Drops.drop(dropOf(err))
	}
	if !p.NoWindow() && p.Trail.After(p.Lead.Add(1)) {
		return r.stats.Drops.drop(DropMalformed)
	}
	id := SourceID{p.TSI(), from}
	s := r.session(id)
	if s != nil && !p.NoWindow() && s.strangeSPM(p.SQN, p.Lead) {
		s.restart()
		s = nil
	}
	if s == nil {
		if p.NoWindow() || p.Options.Has(wire.OptFin) || p.Options.Has(wire.OptRst) {
			return r.stats.Drops.drop(DropSession)
		}
		if s = r.open(id, group, p.Lead.Add(1)); s == nil {
			return r.stats.Drops.drop(DropSources)
		}
		s.waiting = r.cfg.Join
	}
	s.heardAt = r.now
	if s.over() {
		return r.stats.Drops.drop(DropEnded)
	}
	// "Out-of-sequence SPMs MUST be discarded." RFC 3208 §6.2. One with
	// OPT_NBR_UNREACH "SHOULD have a SPM_SQN equal to SPM_SQN of the last regular
	// SPM" (§15.3.2).
	unreach := p.Options.Has(wire.OptNbrUnreach)
	if s.path.IsValid() && !p.SQN.After(s.spmSQN) && !(unreach && p.SQN == s.spmSQN) {
		return r.stats.Drops.drop(DropSPMOrder)
	}
	if unreach {
		// It must come from the parent we know (RFC 3208 §15.3.2).
		if p.Path != s.path {
			return r.stats.Drops.drop(DropMalformed)
		}
		s.muted = true
		return nil
	}
	r.stats.SPMs++
	s.spmSQN, s.path, s.muted = p.SQN, p.Path, false
	r.sending = r.sending || s.naks.Asking()
	s.gotSPM()
	s.learnBackoff(&p.Options, false)
	if p.NoWindow() {
		return nil
	}
	if s.waiting {
		s.begin(&p)
	}
	s.advanceTrail(p.Trail)
	s.learnParity(&p)
	s.extend(p.Lead.Add(1))
	if s.groups != nil {
		s.heardLead(&p)
	}
	s.learnEnd(&p)
	return nil
}

// begin settles where a session begins for a receiver that wants its history.
//
// "If a PGM packet (ODATA, RDATA, or SPM) bears OPT_JOIN, a receiver MAY
// initialize the trailing edge of the receive window (RXW_TRAIL_INIT) to the
// given Minimum Sequence Number." RFC 3208 §9.4.2
func (s *session) begin(p *wire.SPM) {
	s.waiting = false
	end := p.Lead.Add(1)
	first := end
	if p.Options.Has(wire.OptJoin) && p.Options.Join.Before(end) {
		first = seq.Max(seq.Max(p.Options.Join, p.Trail), end.Add(-s.r.cfg.WindowPackets))
	}
	s.skipWindow(first)
	s.first, s.trail, s.heardEnd = first, first, first
}

// learnBackoff takes in the back-off interval the source announces in an SPM or
// NCF (RFC 3208 §15.2.2). One that depends on polls, which are not implemented,
// is not used: NAK_BO_IVL_SQN is not zero.
func (s *session) learnBackoff(o *wire.Options, ncf bool) {
	t := &s.naks.Timing
	if o.Has(wire.OptNAKBackoffIvl) && o.NAKBackoffIvl.SQN == 0 {
		t.Announce(time.Duration(o.NAKBackoffIvl.Interval) * time.Microsecond)
	} else if ncf {
		t.Announce(0)
	}
	if o.Has(wire.OptNAKBackoffRng) {
		t.Range(time.Duration(o.NAKBackoffRng.Min)*time.Microsecond, time.Duration(o.NAKBackoffRng.Max)*time.Microsecond)
	}
}

// learnEnd takes in that the source has closed (OPT_FIN, RFC 3208 §9.7.1) or
// aborted (OPT_RST, §9.8.1) the session.
func (s *session) learnEnd(p *wire.SPM) {
	rst := p.Options.Has(wire.OptRst)
	if !rst && !p.Options.Has(wire.OptFin) {
		return
	}
	s.phase, s.end = phaseEnding, p.Lead.Add(1)
	if rst {
		s.reset, s.code = true, p.Options.Rst.Code
		if p.Options.Rst.NoNAKs {
			s.loseMissing(s.win.Lead(), CauseEnd)
		}
	}
	s.r.enqueue(s)
}

// wantSPM sees to it that an SPM is asked for, if none comes by itself: without
// one NAKs have no address (RFC 3208 §6.2, §13.5).
func (s *session) wantSPM() {
	if s.spmrAt == mono.Never && !s.spmrDue && !s.r.cfg.Passive {
		s.requestSPM(0)
	}
}

// requestSPM draws the time of the next SPMR.
//
// "[...] before unicasting a given SPMR, receivers MUST choose a random delay
// on SPMR_BO_IVL (~250 msecs)." RFC 3208 §13.5
func (s *session) requestSPM(after time.Duration) {
	delay := after + time.Duration(s.r.rng.Int64N(int64(s.r.cfg.SPMRBackoff)+1))
	s.spmrAt = s.r.now.Add(delay)
	s.r.due = min(s.r.due, s.spmrAt)
}

// sentSPMR has the SPMR repeated, the later the more were sent, until an SPM
// comes.
func (s *session) sentSPMR() {
	s.spmrDue = false
	s.spmrTries++
	if s.spmrTries == 1 {
		s.spmrSent = s.r.now
	}
	if s.waiting && s.spmrTries >= maxSPMRTries {
		s.waiting = false
	}
	s.requestSPM(s.r.cfg.SPMRBackoff << min(s.spmrTries, 6))
}

// gotSPM ends the search for an SPM.
func (s *session) gotSPM() {
	if s.spmrSent != 0 && s.spmrTries == 1 {
		s.naks.Timing.MeasureRTT(s.r.now.Sub(s.spmrSent))
	}
	s.spmrAt, s.spmrDue, s.spmrSent, s.spmrTries = mono.Never, false, 0, 0
}

// handlePeerSPMR takes in another receiver's SPMR: it serves for us too.
//
// "If a receiver does see a matching multicast SPMR within its chosen random
// interval, it MUST refrain from unicasting its SPMR and wait instead for the
// corresponding SPM." RFC 3208 §13.5
func (r *Receiver) handlePeerSPMR(pkt []byte) error {
	p, err := wire.ParseSPMR(pkt)
	if err != nil {
		return r.stats.Drops.drop(dropOf(err))
	}
	known := false
	for _, s := range r.order {
		if s.id.TSI != p.TSI() {
			continue
		}
		known = true
		if s.spmrAt != mono.Never || s.spmrDue {
			s.spmrDue = false
			s.requestSPM(r.cfg.SPMRBackoff)
		}
	}
	if !known {
		return r.stats.Drops.drop(DropSession)
	}
	return nil
}
