package interop

import "testing"

// The digests were printed by testdata/interop/openpgm.c.
func TestDigestOf(t *testing.T) {
	for _, tt := range []struct {
		count, min, max int
		want            string
	}{
		{0, 1, 1428, "cbf29ce484222325"},
		{3, 1, 1428, "bc19092c7266be6c"},
		{2000, 1, 1428, "ab62209717a9b001"},
	} {
		if got := DigestOf(tt.count, tt.min, tt.max).String(); got != tt.want {
			t.Errorf("DigestOf(%d, %d, %d) = %s, want %s", tt.count, tt.min, tt.max, got, tt.want)
		}
	}
}

func TestMessage(t *testing.T) {
	buf := make([]byte, 20)
	seen := map[int]bool{}
	for i := range 1000 {
		m := Message(i, 17, 20, buf)
		if &m[0] != &buf[0] {
			t.Fatal("the buffer is large enough, but not used")
		}
		if len(m) < 17 || len(m) > 20 {
			t.Fatalf("message %d has %d bytes, want 17 to 20", i, len(m))
		}
		seen[len(m)] = true
	}
	if len(seen) != 4 {
		t.Errorf("sizes %v, want all from 17 to 20", seen)
	}
}
