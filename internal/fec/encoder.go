package fec

import (
	"fmt"
	"math"
)

// Encoder makes the first parity shards of a code all at a time, which takes half as
// long as one by one where the processor has AVX2. It is not safe for concurrent use.
type Encoder struct {
	code     *Code
	n        int
	products []products // of each data shard's coefficients in the n parity shards, if that is atOnce
	rest     rest
	alone    [1][]byte // the rest of a shard
}

// products are those of a coefficient with 0 to 15, and with the multiples of 16: two
// of them make up its product with any octet.
type products [2][16]byte

func newProducts(f byte) (p products) {
	for i := range byte(16) {
		p[0][i], p[1][i] = mul(f, i), mul(f, i<<4)
	}
	return p
}

// NewEncoder returns one for the first h parity shards of c, 1 to c.Parity().
func NewEncoder(c *Code, h int) (*Encoder, error) {
	if h < 1 || h > c.Parity() {
		return nil, fmt.Errorf("fec: %d parity shards of a code of %d", h, c.Parity())
	}
	e := &Encoder{code: c, n: h}
	if atOnce {
		for i := range c.k {
			for _, row := range c.rows[:h] {
				e.products = append(e.products, newProducts(row[i]))
			}
		}
	}
	return e, nil
}

// Add takes one or more data shards, those from i on, into sums, one for each parity
// shard: it adds the parts that they have in it. If i is 0 it begins new sums, whatever is
// there. Each must be as long as Room of the length of the longest data shard, or longer.
//
// The more shards at a time, and the more of one length, the quicker.
func (e *Encoder) Add(i int, shards, sums [][]byte) {
	sums = sums[:e.n]
	common := 0 // blocks of all shards, in octets
	if e.products != nil {
		common = shortest(shards) &^ (Block - 1)
	}
	if i == 0 {
		for _, sum := range sums {
			clear(sum[common:])
		}
	}
	if common > 0 {
		mulAll(e.products[i*e.n:], shards, sums, 0, common, i == 0)
	}
	for s, data := range shards {
		if len(data) > common {
			e.addRest(i+s, data[common:], sums, common)
		}
	}
}

// addRest adds what is left of data shard i, and belongs into sums from an offset on.
func (e *Encoder) addRest(i int, data []byte, sums [][]byte, offset int) {
	if e.products == nil {
		for h, sum := range sums {
			e.code.Add(h, i, data, sum[offset:])
		}
		return
	}
	p := e.products[i*e.n:]
	whole := len(data) &^ (Block - 1)
	if whole > 0 {
		e.alone[0] = data
		mulAll(p, e.alone[:], sums, offset, whole, false)
	}
	if whole < len(data) {
		e.alone[0] = e.rest.fill(data[whole:])
		mulAll(p, e.alone[:], sums, offset+whole, Block, false)
	}
}

// shortest returns the length of the shortest of shards.
func shortest(shards [][]byte) int {
	n := math.MaxInt
	for _, s := range shards {
		n = min(n, len(s))
	}
	return n
}

// Room returns how long a sum must be for shards of so many bytes.
func Room(size int) int { return (size + Block - 1) &^ (Block - 1) }
