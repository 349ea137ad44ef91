package sim

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// onesSum is the sum the PGM checksum is the complement of.
func onesSum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// odata returns an ODATA packet made by hand.
func odata(sqn, trail seq.Num, payload []byte) []byte {
	b := make([]byte, wire.DataHeaderLen, wire.DataHeaderLen+len(payload))
	b[4] = byte(wire.TypeODATA)
	binary.BigEndian.PutUint16(b[14:], uint16(len(payload)))
	binary.BigEndian.PutUint32(b[16:], uint32(sqn))
	binary.BigEndian.PutUint32(b[20:], uint32(trail))
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[6:], ^onesSum(b))
	return b
}

// Whatever damage does, the checksum or the length shows it.
func TestDamageIsDetectable(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	kinds := map[string]int{}
	for range 100000 {
		payload := make([]byte, rng.IntN(64))
		if rng.IntN(2) == 0 {
			for i := range payload {
				payload[i] = byte(rng.Uint32())
			}
		}
		p := newPacket(&host{}, SourceAddr(0), SourceAddr(0), odata(seq.Num(rng.Uint32()), 0, payload))
		was := bytes.Clone(p.data)
		q := p.damaged(rng)
		if !bytes.Equal(p.data, was) {
			t.Fatal("damage changed the shared packet")
		}
		switch {
		case q == nil:
			kinds["checksum gone"]++
		case len(q.data) < len(p.data):
			kinds["cut"]++
		case onesSum(q.data) == 0xffff:
			t.Fatalf("damage is not visible:\n% x\n% x", p.data, q.data)
		default:
			kinds["flipped"]++
		}
	}
	if kinds["cut"] < 20000 || kinds["flipped"] < 60000 {
		t.Errorf("kinds of damage: %v", kinds)
	}
}

func TestPacketNumbers(t *testing.T) {
	nak := make([]byte, wire.HeaderLen)
	nak[4] = byte(wire.TypeNAK)
	nak = append(nak, 0, 0, 0, 7)              // NAK_SQN
	nak = append(nak, 0, 1, 0, 0, 10, 0, 0, 1) // NAK_SRC
	nak = append(nak, 0, 1, 0, 0, 239, 0, 0, 1)
	if got := newPacket(nil, SourceAddr(0), SourceAddr(0), nak).numbers(nil); !slices.Equal(got, []seq.Num{7}) {
		t.Errorf("plain NAK: %v, want [7]", got)
	}
	nak[5] = byte(wire.FlagOptions)
	nak = append(nak, 0, 4, 0, 16)                                        // OPT_LENGTH
	nak = append(nak, 0x82, 12, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff) // OPT_NAK_LIST
	if got := newPacket(nil, SourceAddr(0), SourceAddr(0), nak).numbers(nil); !slices.Equal(got, []seq.Num{7, 9, 0xffffffff}) {
		t.Errorf("NAK with a list: %v, want [7 9 0xffffffff]", got)
	}
	for n := range nak { // must not panic
		newPacket(nil, SourceAddr(0), SourceAddr(0), nak[:n]).numbers(nil)
	}
}
