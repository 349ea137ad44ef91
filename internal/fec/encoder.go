package fec

import (
	"fmt"

	"github.com/klauspost/reedsolomon"
)

// Encoder makes the first parity shards of a code all at a time, which reads each
// data shard once. It is not safe for concurrent use.
type Encoder struct {
	coder reedsolomon.Encoder
	cut   [][]byte
	rest  rest
}

// NewEncoder returns one for the first h parity shards of c, 1 to c.Parity().
func NewEncoder(c *Code, h int) (*Encoder, error) {
	if h < 1 || h > c.Parity() {
		return nil, fmt.Errorf("fec: %d parity shards of a code of %d", h, c.Parity())
	}
	coder, err := reedsolomon.New(c.k, h, reedsolomon.WithCustomMatrix(c.rows[:h]), reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, fmt.Errorf("fec: %w", err)
	}
	return &Encoder{coder: coder, cut: make([][]byte, h)}, nil
}

// Add adds to each of sums, one for each parity shard, the part that data shard i
// has in it. Each must be as long as Room of the length of data: what is behind that
// is read and written, and left as it is.
func (e *Encoder) Add(i int, data []byte, sums [][]byte) {
	whole := len(data) &^ (block - 1)
	if whole > 0 {
		e.add(i, data[:whole], sums, 0)
	}
	if whole < len(data) {
		e.add(i, e.rest.fill(data[whole:]), sums, whole)
	}
}

// add adds data, which is a number of blocks, from offset on.
func (e *Encoder) add(i int, data []byte, sums [][]byte, offset int) {
	for j, s := range sums[:len(e.cut)] {
		e.cut[j] = s[offset : offset+len(data)]
	}
	if err := e.coder.EncodeIdx(data, i, e.cut); err != nil {
		panic("fec: " + err.Error()) // the sizes were made equal, and i is the caller's
	}
}

// Room returns how long a sum must be for shards of so many bytes.
func Room(size int) int { return (size + block - 1) &^ (block - 1) }
