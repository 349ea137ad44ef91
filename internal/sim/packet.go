package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// packet is one packet on the network. All who receive it share it, so it is
// never changed; a damaged one is a copy.
type packet struct {
	data  []byte
	sum   uint32 // of data, for the trace
	from  *host
	to    netip.Addr // invalid: everyone in group
	group netip.Addr
	copy  bool // for the one host to, of a packet for the group
	local bool // a time-to-live of 1
	alert bool // with Router Alert, if the network layer is raw IP
	bad   bool // damaged on the way
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newPacket(from *host, to, group netip.Addr, data []byte) *packet {
	return &packet{data: data, sum: crc32.Checksum(data, castagnoli), from: from, to: to, group: group}
}

// damaged returns a copy of p cut short or with a few bits next to each other
// flipped, such as the PGM checksum is sure to notice. It returns nil if the
// checksum field itself became zero, which says that there is none.
func (p *packet) damaged(rng *rand.Rand) *packet {
	b := append([]byte(nil), p.data...)
	if rng.IntN(4) == 0 {
		b = b[:rng.IntN(len(b))]
	} else {
		bits := 1 + rng.IntN(15)
		at := rng.IntN(len(b)*8 - bits + 1)
		b[at/8] ^= 0x80 >> (at % 8)
		for i := at + 1; i < at+bits; i++ {
			b[i/8] ^= byte(rng.IntN(2)) << (7 - i%8)
		}
	}
	if len(b) >= 8 && b[6] == 0 && b[7] == 0 {
		return nil
	}
	q := newPacket(p.from, p.to, p.group, b)
	q.bad, q.copy = true, p.copy
	return q
}

// The fields below are read without package wire, so that the simulator does
// not depend on the code under test.

func (p *packet) kind() wire.Type {
	if len(p.data) < wire.HeaderLen {
		return 0xff
	}
	return wire.Type(p.data[4])
}

// maxGroup is the size of the largest transmission group.
const maxGroup = 128

// parity reports whether a packet is one of parity, or is about such.
func (p *packet) parity() bool {
	return len(p.data) >= wire.HeaderLen && wire.Flags(p.data[5])&wire.FlagParity != 0
}

// sqn returns the sequence number, which every type but SPMR has first.
func (p *packet) sqn() seq.Num { return p.num(wire.HeaderLen) }

func (p *packet) num(off int) seq.Num {
	if len(p.data) < off+4 {
		return 0
	}
	return seq.Num(binary.BigEndian.Uint32(p.data[off:]))
}

// trail and lead return the window an SPM announces.
func (p *packet) trail() seq.Num { return p.num(wire.HeaderLen + 4) }
func (p *packet) lead() seq.Num  { return p.num(wire.HeaderLen + 8) }

// numbers appends to list the numbers a NAK, NNAK or NCF is about.
func (p *packet) numbers(list []seq.Num) []seq.Num {
	list = append(list, p.sqn())
	b := p.data[min(len(p.data), wire.HeaderLen+4):]
	for range 2 { // the source's and the group's address
		if len(b) < 4 {
			return list
		}
		n := 8
		if binary.BigEndian.Uint16(b) == 2 { // AFI of IPv6
			n = 20
		}
		b = b[min(len(b), n):]
	}
	if wire.Flags(p.data[5])&wire.FlagOptions == 0 {
		return list
	}
	for len(b) >= 4 && int(b[1]) >= 4 && int(b[1]) <= len(b) {
		opt := b[:b[1]]
		b = b[b[1]:]
		if wire.OptionType(opt[0]&0x7f) != wire.OptNAKList {
			continue
		}
		for opt = opt[4:]; len(opt) >= 4; opt = opt[4:] {
			list = append(list, seq.Num(binary.BigEndian.Uint32(opt)))
		}
	}
	return list
}

// checkAlert checks that the packet bears Router Alert if, and only if, it must.
//
// "SPMs, NCFs, and RDATA MUST be transmitted with the IP Router Alert Option."
// RFC 3208 §4. So must POLLs (§14.1), which are not sent.
func (p *packet) checkAlert() error {
	k := p.kind()
	if must := k == wire.TypeSPM || k == wire.TypeNCF || k == wire.TypeRDATA; must != p.alert {
		return fmt.Errorf("bears Router Alert: %v, want %v", p.alert, must)
	}
	return nil
}

// String prints what matters of a packet on one line.
func (p *packet) String() string {
	s := p.kind().String()
	if p.parity() {
		s = "parity " + s
	}
	switch p.kind() {
	case wire.TypeODATA, wire.TypeRDATA:
		s += fmt.Sprintf(" %#x trail=%#x", uint32(p.sqn()), uint32(p.trail()))
	case wire.TypeSPM:
		s += fmt.Sprintf(" sqn=%d %#x..%#x", uint32(p.sqn()), uint32(p.trail()), uint32(p.lead()))
	case wire.TypeNAK, wire.TypeNNAK, wire.TypeNCF:
		s += fmt.Sprintf(" %#x", p.numbers(nil))
	}
	s += fmt.Sprintf(" (%d B) from %v", len(p.data), p.from.addr)
	if p.to.IsValid() {
		s += " to " + p.to.String()
	}
	if p.bad {
		s += " damaged"
	}
	return s
}
