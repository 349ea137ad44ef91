package sim

import (
	"fmt"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// sniff checks a packet that a source sends against what is known of it.
func (s *source) sniff(p *packet) error {
	if len(p.data) > s.cfg.MaxTPDU && (p.kind() == wire.TypeODATA || p.kind() == wire.TypeRDATA) {
		return fmt.Errorf("%d bytes, more than MaxTPDU", len(p.data))
	}
	if p.to.IsValid() || p.group != s.cfg.Group {
		return fmt.Errorf("sent to %v, %v and not to its group", p.to, p.group)
	}
	if err := s.withinRate(len(p.data)); err != nil {
		return err
	}
	l := s.ledger
	switch p.kind() {
	case wire.TypeSPM:
		spm, err := wire.ParseSPM(p.data)
		if err != nil {
			return err
		}
		return s.sniffSPM(&spm)
	case wire.TypeODATA, wire.TypeRDATA:
		d, err := wire.ParseData(p.data)
		switch {
		case err != nil:
			return err
		case d.TSI() != s.cfg.TSI:
			return fmt.Errorf("TSI is %v", d.TSI())
		case p.parity():
			return s.sniffParity(&d)
		case d.Trail.Before(l.first) || d.Trail.After(d.SQN):
			return fmt.Errorf("trail is %#x", uint32(d.Trail))
		case d.Type == wire.TypeRDATA && (d.SQN.Before(l.trail) || !d.SQN.Before(l.sent)):
			return fmt.Errorf("RDATA outside the window, %#x to %#x", uint32(l.trail), uint32(l.sent-1))
		case d.Type == wire.TypeRDATA && s.asked[d.SQN.Sub(l.first)] <= 0:
			return fmt.Errorf("RDATA that nobody asked for")
		case d.Type == wire.TypeODATA && d.SQN != l.skip(l.sent):
			return fmt.Errorf("ODATA out of turn, want %#x", uint32(l.sent))
		}
		if d.Type == wire.TypeRDATA {
			s.asked[d.SQN.Sub(l.first)]--
		}
	case wire.TypeNCF:
		n, err := wire.ParseNAK(p.data)
		switch {
		case err != nil:
			return err
		case n.TSI() != s.cfg.TSI:
			return fmt.Errorf("TSI is %v", n.TSI())
		case n.Source != s.cfg.Addr || n.Group != s.cfg.Group:
			return fmt.Errorf("NCF for %v, %v", n.Source, n.Group)
		}
	default:
		return fmt.Errorf("not a source's packet")
	}
	return nil
}

// sniffParity checks a parity packet: that there may be one, and that its group was
// sent.
func (s *source) sniffParity(d *wire.Data) error {
	f, l := &s.cfg.FEC, s.ledger
	group := d.SQN
	if f.K > 0 {
		group &^= seq.Num(f.K - 1)
	}
	switch {
	case f.K == 0:
		return fmt.Errorf("parity without FEC")
	case d.Type == wire.TypeODATA && f.Proactive == 0:
		return fmt.Errorf("proactive parity")
	case d.Type == wire.TypeRDATA && !f.OnDemand && f.Flush < 0:
		return fmt.Errorf("parity on demand")
	case group.Before(l.first) || !group.Before(l.sent):
		return fmt.Errorf("parity of the group that begins with %#x, but %#x to %#x were sent", uint32(group), uint32(l.first), uint32(l.sent-1))
	case d.Trail.Before(l.first) || d.Trail.After(l.sent):
		return fmt.Errorf("trail is %#x", uint32(d.Trail))
	}
	return nil
}

func (s *source) sniffSPM(p *wire.SPM) error {
	l := s.ledger
	switch {
	case p.TSI() != s.cfg.TSI:
		return fmt.Errorf("TSI is %v", p.TSI())
	case s.spms > 0 && p.SQN != s.spmSQN+1:
		return fmt.Errorf("SPM_SQN is %d, want %d", p.SQN, s.spmSQN+1)
	case p.Path != s.cfg.Addr:
		return fmt.Errorf("SPM_PATH is %v", p.Path)
	case p.Lead+1 != l.sent:
		return fmt.Errorf("lead is %#x, want %#x", uint32(p.Lead), uint32(l.sent-1))
	case p.Trail.Before(seq.Min(l.trail, l.sent)) || p.Trail.After(l.sent):
		return fmt.Errorf("trail is %#x, want %#x to %#x", uint32(p.Trail), uint32(l.trail), uint32(l.sent))
	case p.Options.Has(wire.OptFin) && (!l.closed || l.sent != l.next):
		return fmt.Errorf("OPT_FIN, but closed = %v and %#x to %#x are to be sent", l.closed, uint32(l.sent), uint32(l.next-1))
	case p.Options.Has(wire.OptRst) != l.aborted:
		return fmt.Errorf("OPT_RST is %v, but aborted = %v", p.Options.Has(wire.OptRst), l.aborted)
	case p.Options.Has(wire.OptJoin) != s.cfg.Join:
		return fmt.Errorf("OPT_JOIN is %v", p.Options.Has(wire.OptJoin))
	}
	s.spms++
	s.spmSQN = p.SQN
	return nil
}

// withinRate checks a fixed Rate with a token bucket of the configured size.
// Control packets may overdraw it a little: they do not wait.
func (s *source) withinRate(size int) error {
	if s.cfg.Rate == 0 {
		return nil
	}
	s.tokens = min(s.tokens+float64(s.sim.now-s.filled)*float64(s.cfg.Rate)/1e9, float64(s.cfg.Burst))
	s.filled = s.sim.now
	s.tokens -= float64(size + s.cfg.Overhead)
	if s.tokens < -overdraft {
		return fmt.Errorf("%.0f bytes more than the rate allows", -s.tokens)
	}
	return nil
}

const overdraft = 2048

// sniff checks a packet that a receiver sends.
func (r *receiver) sniff(p *packet) error {
	if r.cfg.Passive {
		return fmt.Errorf("sent by a passive receiver")
	}
	if !p.to.IsValid() && !p.local {
		return fmt.Errorf("sent to the group without a TTL of 1")
	}
	switch p.kind() {
	case wire.TypeNAK:
		n, err := wire.ParseNAK(p.data)
		if err != nil {
			return err
		}
		if !p.to.IsValid() {
			if !r.cfg.MulticastNAK {
				return fmt.Errorf("NAK to the group")
			}
			return nil // the same one goes to the source
		}
		return r.sniffNAK(&n, p)
	case wire.TypeSPMR:
		_, err := wire.ParseSPMR(p.data)
		return err
	}
	return fmt.Errorf("not a receiver's packet")
}

// sniffNAK checks that a NAK is for what is missing.
func (r *receiver) sniffNAK(n *wire.NAK, p *packet) error {
	for i, src := range r.sim.sources {
		if src.addr != p.to || n.TSI() != src.cfg.TSI {
			continue
		}
		if n.Source != src.addr || n.Group != src.cfg.Group {
			return fmt.Errorf("NAK for %v, %v", n.Source, n.Group)
		}
		a := &r.audits[i]
		if a.final {
			return fmt.Errorf("NAK after the end of the session")
		}
		if p.parity() {
			return sniffParityNAK(src, p)
		}
		seen := map[seq.Num]bool{}
		for _, n := range p.numbers(nil) {
			switch {
			case a.open && n.Before(a.next):
				return fmt.Errorf("NAK for %#x, but all before %#x is delivered or lost", uint32(n), uint32(a.next))
			case !n.Before(a.ledger.end()):
				return fmt.Errorf("NAK for %#x, which was never sent", uint32(n))
			case seen[n]:
				return fmt.Errorf("NAK for %#x twice", uint32(n))
			case a.marked(a.got, n):
				return fmt.Errorf("NAK for %#x, which it has", uint32(n))
			}
			seen[n] = true
		}
		return nil
	}
	return fmt.Errorf("NAK to %v, where there is no such source", p.to)
}

// sniffParityNAK checks that a parity NAK names groups that were sent, each once.
func sniffParityNAK(src *source, p *packet) error {
	k := src.cfg.FEC.K
	if !src.cfg.FEC.OnDemand {
		return fmt.Errorf("parity NAK, but there is no parity on demand")
	}
	seen := map[seq.Num]bool{}
	for _, n := range p.numbers(nil) {
		group := n &^ seq.Num(k-1)
		if seen[group] || !group.Before(src.ledger.sent) || !group.Add(k).After(src.ledger.first) {
			return fmt.Errorf("parity NAK for the group that begins with %#x", uint32(group))
		}
		seen[group] = true
	}
	return nil
}
