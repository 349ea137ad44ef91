package wire

// Some options keep bits in octet 3 of the option header, the "Opt. Specific"
// bits of RFC 3208 §9. The figures fill them from the right; the leftmost bit
// of the octet is OP_ENCODED_NULL.

// Deviation: OpenPGM has these two the other way round. The figure of §11.8.1
// and Wireshark agree on these values.
const (
	parityOnDemand  = 0x01
	parityProactive = 0x02
)

func (p ParityPrm) octet() (x byte) {
	if p.OnDemand {
		x |= parityOnDemand
	}
	if p.Proactive {
		x |= parityProactive
	}
	return x
}

// The octet of OPT_RST (RFC 3208 §9.8.4).
const (
	rstNoNAKs   = 0x40
	rstCodeMask = 0x3f
)

func (r Rst) octet() byte {
	x := r.Code & rstCodeMask
	if r.NoNAKs {
		x |= rstNoNAKs
	}
	return x
}

// The octet of OPT_CR and OPT_CRQST (RFC 3208 §12.7).
const (
	crReceiverWorst = 0x01
	crWorstPath     = 0x02
	crWorstLink     = 0x04
)

func (r CRReports) octet() (x byte) {
	if r.ReceiverWorst {
		x |= crReceiverWorst
	}
	if r.WorstPath {
		x |= crWorstPath
	}
	if r.WorstLink {
		x |= crWorstLink
	}
	return x
}

func parseCRReports(x byte) CRReports {
	return CRReports{
		WorstLink:     x&crWorstLink != 0,
		WorstPath:     x&crWorstPath != 0,
		ReceiverWorst: x&crReceiverWorst != 0,
	}
}
