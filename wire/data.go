package wire

import (
	"encoding/binary"

	"github.com/gopgm/gopgm/seq"
)

// DataHeaderLen is the length in bytes of the header of ODATA and RDATA
// without options.
const DataHeaderLen = HeaderLen + 8

// FragmentHeaderLen is the length in bytes of the header of ODATA and RDATA
// with OPT_FRAGMENT and no other option. Each of OPT_SYN and OPT_FIN adds 4.
const FragmentHeaderLen = DataHeaderLen + optionHeaderLen + 16

const dataTypes = 1<<TypeODATA | 1<<TypeRDATA

// Data is an ODATA or RDATA packet (RFC 3208 §8.2).
type Data struct {
	Header
	SQN     seq.Num // OD_SQN, RD_SQN
	Trail   seq.Num // OD_TRAIL, RD_TRAIL
	Options Options
	Payload []byte // the TSDU; aliases the packet it was parsed from
}

// AppendData appends p, whose Type says whether it is ODATA or RDATA. It panics
// when it is neither, and when the payload is longer than 65,535 bytes.
func AppendData(b []byte, p *Data) []byte {
	start := len(b)
	b = AppendDataHeader(b, p, len(p.Payload))
	b = append(b, p.Payload...)
	SetChecksum(b[start:])
	return b
}

// AppendDataHeader appends the header and options of p for a payload of n
// bytes, with a checksum of zero. It is for a caller that puts the payload in
// place itself, and calls [SetChecksum] when the packet is complete. p.Payload
// is not looked at. It panics where AppendData does.
func AppendDataHeader(b []byte, p *Data, n int) []byte {
	if !p.Type.in(dataTypes) {
		panic("wire: AppendData: type is " + p.Type.String())
	}
	if n > 0xffff {
		panic("wire: AppendData: payload longer than 65535 bytes")
	}
	b = appendHeader(b, &p.Header, p.Type, &p.Options, n)
	b = binary.BigEndian.AppendUint32(b, uint32(p.SQN))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Trail))
	return appendOptions(b, &p.Options, p.Flags)
}

// ParseData reads ODATA or RDATA. Its payload and its options alias b.
func ParseData(b []byte) (p Data, err error) {
	err = p.Parse(b)
	return p, err
}

// Parse is ParseData into a Data that is used again and again, which is quicker.
// Of p.Options only those the packet has are set; the others' values are left
// from before.
func (p *Data) Parse(b []byte) error {
	b, err := parsePacket(b, &p.Header, dataTypes, 8)
	if err != nil {
		return err
	}
	p.SQN = seq.Num(binary.BigEndian.Uint32(b))
	p.Trail = seq.Num(binary.BigEndian.Uint32(b[4:]))
	p.Options.Clear()
	if b, err = parseOptions(b[8:], p.Flags, &p.Options); err != nil {
		return err
	}
	switch n := int(p.TSDULen); {
	case len(b) < n:
		return ErrTruncated
	case len(b) > n:
		return ErrLength
	}
	p.Payload = b
	return nil
}

// PatchData makes the encoded data packet pkt into one of type t with the
// trailing edge trail, as if it had been encoded so at once. That is how a
// packet kept for repair becomes RDATA. Its checksum is updated from what
// changes, not computed anew (RFC 1624): the cost does not depend on the length
// of the packet.
func PatchData(pkt []byte, t Type, trail seq.Num) {
	if !t.in(dataTypes) {
		panic("wire: PatchData: type is " + t.String())
	}
	head := pkt[:DataHeaderLen]
	s := uint32(^binary.BigEndian.Uint16(head[checksumOffset:]))
	s += uint32(^binary.BigEndian.Uint16(head[4:]))
	s += uint32(^binary.BigEndian.Uint16(head[20:]))
	s += uint32(^binary.BigEndian.Uint16(head[22:]))

	head[4] = byte(t)
	if Flags(head[5])&FlagOptions != 0 {
		head[5] = byte(patchFlags(pkt, t))
	}
	binary.BigEndian.PutUint32(head[20:], uint32(trail))

	s += uint32(binary.BigEndian.Uint16(head[4:]))
	s += uint32(binary.BigEndian.Uint16(head[20:]))
	s += uint32(binary.BigEndian.Uint16(head[22:]))
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	binary.BigEndian.PutUint16(head[checksumOffset:], complement(uint16(s)))
}

// patchFlags returns the Options octet of the data packet pkt were it of type
// t. Only OPT_CURR_TGSIZE means more to the network in RDATA than in ODATA
// (RFC 3208 §11.8.3).
func patchFlags(pkt []byte, t Type) Flags {
	var set uint32
	for i := DataHeaderLen + optionHeaderLen; ; i += int(pkt[i+1]) {
		set |= 1 << (pkt[i] &^ optEnd)
		if pkt[i]&optEnd != 0 {
			break
		}
	}
	flags := Flags(pkt[5]) &^ FlagNetwork
	if set&networkOptions(t) != 0 {
		flags |= FlagNetwork
	}
	return flags
}
