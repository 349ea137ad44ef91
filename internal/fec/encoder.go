package fec

import "fmt"

// Encoder makes the first parity shards of a code all at a time. It is not safe for
// concurrent use.
type Encoder struct {
	code *Code
	n    int
	rest rest
}

// NewEncoder returns one for the first h parity shards of c, 1 to c.Parity().
func NewEncoder(c *Code, h int) (*Encoder, error) {
	if h < 1 || h > c.Parity() {
		return nil, fmt.Errorf("fec: %d parity shards of a code of %d", h, c.Parity())
	}
	return &Encoder{code: c, n: h}, nil
}

// Add adds to each of sums, one for each parity shard, the part that data shard i
// has in it. Each must be as long as Room of the length of data: what is behind that
// is read and written, and left as it is.
func (e *Encoder) Add(i int, data []byte, sums [][]byte) {
	whole := len(data) &^ (Block - 1)
	if whole > 0 {
		e.add(i, data[:whole], sums, 0)
	}
	if whole < len(data) {
		e.add(i, e.rest.fill(data[whole:]), sums, whole)
	}
}

// add adds data, which is a number of blocks, from offset on.
func (e *Encoder) add(i int, data []byte, sums [][]byte, offset int) {
	for h, row := range e.code.rows[:e.n] {
		e.code.slices.GalMulSliceXor(row[i], data, sums[h][offset:])
	}
}

// Room returns how long a sum must be for shards of so many bytes.
func Room(size int) int { return (size + Block - 1) &^ (Block - 1) }
