package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/gopgm/gopgm/seq"
)

// SPM is a source path message (RFC 3208 §8.1).
type SPM struct {
	Header
	SQN     seq.Num    // SPM_SQN, a sequence of its own
	Trail   seq.Num    // SPM_TRAIL
	Lead    seq.Num    // SPM_LEAD
	Path    netip.Addr // SPM_PATH, the address NAKs go to
	Options Options
}

// NoWindow reports that the SPM carries no window information (RFC 3208 §8.1,
// §15.4.3).
func (p *SPM) NoWindow() bool {
	return p.Trail == 0 && p.Lead == 0x80000000 || p.Options.Has(OptNbrUnreach)
}

// AppendSPM appends p, whatever its Type says, as an SPM.
func AppendSPM(b []byte, p *SPM) []byte {
	start := len(b)
	b = appendHeader(b, &p.Header, TypeSPM, &p.Options, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(p.SQN))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Trail))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Lead))
	b = appendNLA(b, p.Path, 0)
	b = appendOptions(b, &p.Options, p.Flags)
	SetChecksum(b[start:])
	return b
}

// ParseSPM reads an SPM. Its options alias b.
func ParseSPM(b []byte) (p SPM, err error) {
	if b, err = parsePacket(b, &p.Header, 1<<TypeSPM, 12); err != nil {
		return p, err
	}
	p.SQN = seq.Num(binary.BigEndian.Uint32(b))
	p.Trail = seq.Num(binary.BigEndian.Uint32(b[4:]))
	p.Lead = seq.Num(binary.BigEndian.Uint32(b[8:]))
	if p.Path, _, b, err = parseNLA(b[12:]); err != nil {
		return p, err
	}
	return p, parseLastOptions(b, &p.Header, &p.Options)
}
