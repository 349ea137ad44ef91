package fec

import "fmt"

// Encoder makes the first parity shards of a code all at a time, which takes half as
// long as one by one where the processor has AVX2. It is not safe for concurrent use.
type Encoder struct {
	code     *Code
	n        int
	products []products // of each data shard's coefficients in the n parity shards, if that is atOnce
	rest     rest
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

// Set makes each of sums, one for each parity shard, the part that data shard i has in
// it, and zeros behind. Each must be as long as Room of the length of data.
func (e *Encoder) Set(i int, data []byte, sums [][]byte) {
	for _, sum := range sums {
		clear(sum[Room(len(data)):])
	}
	e.put(i, data, sums, true)
}

// Add adds to each of sums the part that data shard i has in it. Each must be as long
// as Room of the length of data: what is behind that is read and written, and left as
// it is.
func (e *Encoder) Add(i int, data []byte, sums [][]byte) {
	e.put(i, data, sums, false)
}

// put sets sums to the products of data, or adds these.
func (e *Encoder) put(i int, data []byte, sums [][]byte, set bool) {
	if e.products == nil {
		for h, sum := range sums[:e.n] {
			if set {
				clear(sum)
			}
			e.code.Add(h, i, data, sum)
		}
		return
	}
	p := e.products[i*e.n:][:e.n]
	whole := len(data) &^ (Block - 1)
	if whole > 0 {
		mulAll(p, data[:whole], sums, 0, set)
	}
	if whole < len(data) {
		mulAll(p, e.rest.fill(data[whole:]), sums, whole, set)
	}
}

// Room returns how long a sum must be for shards of so many bytes.
func Room(size int) int { return (size + Block - 1) &^ (Block - 1) }
