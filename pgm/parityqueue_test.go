package pgm

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestParityQueue pushes packets of sizes drawn at random, and finds them in runs, until
// memory has begun again many times. Runs of packets of one size are few slices.
func TestParityQueue(t *testing.T) {
	const most = 100
	rng := rand.New(rand.NewPCG(1, 2))
	q := newParityQueue(10, most)
	var want [][]byte
	packets, slices := 0, 0
	for step := range 10000 {
		if !q.full() && rng.IntN(2) == 0 {
			size := most
			if rng.IntN(8) == 0 {
				size = 1 + rng.IntN(most)
			}
			pkt := append(q.room(), bytes.Repeat([]byte{byte(step)}, size)...)
			want = append(want, bytes.Clone(pkt))
			q.push(pkt, 0, 0)
		}
		if rng.IntN(6) > 0 {
			continue
		}
		var tx Transmit
		if q.run(&tx, 0, 5*most) != (len(want) > 0) {
			t.Fatalf("step %d: a run of %d packets, while %d wait", step, tx.Packets, len(want))
		}
		got := bytes.Join(tx.Data, nil)
		if !bytes.Equal(got, bytes.Join(want[:tx.Packets], nil)) || len(got) != tx.Bytes {
			t.Fatalf("step %d: a run of %d packets is % x, want % x", step, tx.Packets, got, want[:tx.Packets])
		}
		packets, slices = packets+tx.Packets, slices+len(tx.Data)
		sent := rng.IntN(tx.Packets + 1)
		q.pop(sent)
		want = want[sent:]
	}
	if slices == 0 || packets < 2*slices {
		t.Errorf("%d packets in runs of %d slices together, want half as many slices or fewer", packets, slices)
	}
}
