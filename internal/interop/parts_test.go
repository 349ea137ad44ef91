package interop

import (
	"bytes"
	"math/rand/v2"
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

// TestTake has a tenth of the messages missing, and others come spliced.
func TestTake(t *testing.T) {
	const count, most = 3000, 300
	rng := rand.New(rand.NewPCG(1, 1))
	source, p := Parts{Max: most}, Parts{Max: most}
	var want Digest
	var received, skipped int
	for i := range count {
		message := source.Make(i)
		if i > 0 && rng.IntN(10) == 0 {
			continue
		}
		spliced := [][]byte{bytes.Repeat([]byte{1}, 1+rng.IntN(most)), []byte("tail")}
		if _, ok := p.Take(spliced, count); ok {
			t.Fatalf("took %q, which was not sent", spliced)
		}
		n, ok := p.Take(message, count)
		if !ok {
			t.Fatalf("did not take message %d", i)
		}
		want.AddParts(message)
		received++
		skipped += n
	}
	if p.Digest != want || p.Messages != received || received+skipped != p.Next {
		t.Errorf("%d messages, digest %v, up to %d; want %d, %v, %d", p.Messages, p.Digest, p.Next, received, want, received+skipped)
	}
}
