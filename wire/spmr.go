package wire

// SPMR asks a source for an SPM (RFC 3208 §13.6).
type SPMR struct {
	Header
	Options Options
}

// AppendSPMR appends p, whatever its Type says, as an SPMR.
func AppendSPMR(b []byte, p *SPMR) []byte {
	start := len(b)
	b = appendHeader(b, &p.Header, TypeSPMR, &p.Options, 0)
	b = appendOptions(b, &p.Options, p.Flags)
	SetChecksum(b[start:])
	return b
}

// ParseSPMR reads an SPMR. Its options alias b.
func ParseSPMR(b []byte) (p SPMR, err error) {
	if b, err = parsePacket(b, &p.Header, 1<<TypeSPMR, 0); err != nil {
		return p, err
	}
	return p, parseLastOptions(b, &p.Header, &p.Options)
}
