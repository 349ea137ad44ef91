package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/wire"
)

// handleSPMR answers a request for an SPM.
//
// "A source MUST respond immediately to an SPMR with the corresponding SPM rate
// limited to once per IHB_MIN per TSI." RFC 3208 §13.4
func (s *Source) handleSPMR(now mono.Time, pkt []byte) error {
	if _, err := wire.ParseSPMR(pkt); err != nil {
		return s.stats.Drops.drop(dropOf(err))
	}
	s.stats.SPMRs++
	if at := s.lastSPM.Add(s.cfg.HeartbeatMin); at > now {
		s.heart.hasten(at)
	} else {
		s.spms = max(s.spms, 1)
		s.sendAt = 0
	}
	return nil
}

// spmRun builds the next SPM (RFC 3208 §8.1).
func (s *Source) spmRun() {
	p := wire.SPM{
		Header: s.head.Header,
		SQN:    s.spmSQN,
		Trail:  s.win.Trail(),
		Lead:   s.win.Unsent() - 1,
		Path:   s.cfg.Addr,
	}
	if s.parity != nil {
		s.parity.announce(&p)
	}
	if s.cfg.Join {
		p.Options.Set(wire.OptJoin)
		p.Options.Join = s.win.Trail()
	}
	if s.fin {
		p.Options.Set(wire.OptFin)
	}
	if s.rst {
		p.Options.Set(wire.OptRst)
		p.Options.Rst.Code = s.code
	}
	s.announceBackoff(&p.Options)
	s.controlRun(wire.AppendSPM(s.control[:0], &p))
}

func (s *Source) sentSPM(now mono.Time) {
	s.spmSQN++
	s.spms--
	s.lastSPM = now
	s.heart.sentSPM(now)
}

// announceBackoff adds OPT_NAK_BO_IVL if there is one to announce.
func (s *Source) announceBackoff(o *wire.Options) {
	if d := s.backoff.interval; d > 0 {
		o.Set(wire.OptNAKBackoffIvl)
		o.NAKBackoffIvl.Interval = uint32(d / time.Microsecond)
	}
}
