package wire

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// slowChecksum is RFC 1071 to the letter.
func slowChecksum(b []byte) uint16 {
	var s uint32
	for i, x := range b {
		if i%2 == 0 {
			s += uint32(x) << 8
		} else {
			s += uint32(x)
		}
		s = s&0xffff + s>>16
	}
	if s == 0xffff {
		return 0xffff
	}
	return ^uint16(s)
}

// TestChecksum compares Checksum with the slow one, also as on processors that cannot add
// whole blocks.
func TestChecksum(t *testing.T) {
	defer func(was bool) { blocks = was }(blocks)
	for _, blocks = range []bool{false, blocks} {
		t.Run(fmt.Sprintf("blocks=%v", blocks), testChecksum)
	}
}

func testChecksum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 700)
	fills := []struct {
		desc string
		fill func(i int) byte
	}{
		{"zeros", func(int) byte { return 0 }},
		{"ones", func(int) byte { return 0xff }}, // every addition carries
		{"random", func(int) byte { return byte(rng.Uint32()) }},
		{"mostly ones", func(int) byte { return byte(rng.Uint32() | rng.Uint32() | rng.Uint32()) }},
		{"one carry", func(i int) byte {
			if i == 0 {
				return 1
			}
			return 0xff
		}},
	}
	for _, f := range fills {
		for i := range buf {
			buf[i] = f.fill(i)
		}
		for n := range len(buf) - 8 {
			for off := range 8 {
				if b := buf[off : off+n]; Checksum(b) != slowChecksum(b) {
					t.Fatalf("%s: Checksum(%x) = %#04x, want %#04x", f.desc, b, Checksum(b), slowChecksum(b))
				}
			}
		}
	}
}

func FuzzChecksum(f *testing.F) {
	for _, g := range goldens {
		f.Add(g.bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := Checksum(b), slowChecksum(b); got != want {
			t.Errorf("Checksum(%x) = %#04x, want %#04x", b, got, want)
		}
		if len(b) < HeaderLen {
			return
		}
		SetChecksum(b)
		if err := verifyChecksum(b, TypeODATA); err != nil {
			t.Errorf("SetChecksum(%x) gives: %v", b, err)
		}
	})
}
