package interop

import (
	"testing"
)

// The digests were printed by testdata/interop/zmq.c.
func TestDigestOfParts(t *testing.T) {
	for _, tt := range []struct {
		count, max int
		want       string
	}{
		{0, 1000, "cbf29ce484222325"},
		{5000, 1000, "b6ea8ab301c8e783"},
		{200, 100_000, "54dbd99a5b0ef9f8"},
	} {
		if got := DigestOfParts(tt.count, tt.max).String(); got != tt.want {
			t.Errorf("DigestOfParts(%d, %d) = %s, want %s", tt.count, tt.max, got, tt.want)
		}
	}
}

func TestPartsShapes(t *testing.T) {
	const count, most = 20_000, 100_000
	p := Parts{Max: most}
	parts := map[int]int{}
	empty, small, large, total := 0, 0, 0, 0
	for i := range count {
		s, _ := p.shape(i)
		parts[s.parts]++
		total += s.size()
		switch n := s.size(); {
		case n == 0:
			empty++
		case n <= 1000:
			small++
		case n > most*9/10:
			large++
		}
		if s.size() > most {
			t.Fatalf("message %d has %d bytes, want %d at most", i, s.size(), most)
		}
	}
	t.Logf("parts %v; %d empty, %d small, %d large; %d bytes on average", parts, empty, small, large, total/count)
	if len(parts) != maxParts || empty == 0 || small < count/2 || large == 0 || total/count < 4000 || total/count > 6000 {
		t.Error("want 1 to 4 parts, some messages empty and some of nearly 100 kB, most small, 5 kB on average")
	}
}

func TestFind(t *testing.T) {
	const count, most = 3000, 300
	p, q := Parts{Max: most}, Parts{Max: most}
	for i := range count {
		message := p.Make(i)
		if got, ok := q.Find(message, i, count); !ok || got != i {
			t.Fatalf("found message %d at %d, %v", i, got, ok)
		}
		if len(message[0]) < 8 {
			continue // there may be another one like it
		}
		if got, ok := q.Find(message, max(i-20, 0), count); !ok || got != i {
			t.Fatalf("found message %d at %d, %v", i, got, ok)
		}
		if got, ok := q.Find(message, i+1, i+100); ok {
			t.Fatalf("found message %d at %d", i, got)
		}
		spliced := append([][]byte{message[0]}, []byte("tail"))
		if got, ok := q.Find(spliced, i, i+100); ok {
			t.Fatalf("found the beginning of message %d at %d", i, got)
		}
	}
}
