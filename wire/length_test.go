package wire

import "testing"

func TestPacketLen(t *testing.T) {
	for _, g := range goldens {
		b := g.bytes(t)
		joined := append(b[:len(b):len(b)], b...)
		if n, ok := PacketLen(joined); n != len(b) || !ok {
			t.Errorf("%s, twice: %d, %v, want %d", g.desc, n, ok, len(b))
		}
		for i := range b {
			if n, ok := PacketLen(b[:i]); ok {
				t.Errorf("%s, the first %d of %d bytes: %d, want none", g.desc, i, len(b), n)
			}
		}
	}
}
