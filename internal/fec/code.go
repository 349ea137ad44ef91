// Package fec computes the parity packets of RFC 3208 §11 and rebuilds data from
// them: a systematic Reed-Solomon erasure code over byte slices.
//
// Of k data shards it makes up to 255-k parity shards; any k of them all give
// back the data. A shard is a packet's bytes, and position x of a parity shard
// depends on position x of the data shards alone: a shorter data shard counts as
// one padded with zeros, and one that does not exist as one of zeros.
//
// The generator matrix is that of Rizzo's fec.c, which OpenPGM uses: shard values
// are those of a polynomial of degree below k at the points 0, 1, α, α², and so
// on, of which the first k are the data.
//
// The arithmetic on slices is that of github.com/klauspost/reedsolomon, but where the
// processor can multiply a shard by several coefficients at a time: see [Encoder].
package fec

import (
	"fmt"

	"github.com/klauspost/reedsolomon"
)

// MaxData is the largest k, and MaxShards the largest number of data and parity
// shards together.
const (
	MaxData   = 128
	MaxShards = 255
)

// Code is a code of k data shards. It is not safe for concurrent use.
type Code struct {
	k      int
	rows   [][]byte // of each parity shard, the coefficients of the data shards
	slices reedsolomon.LowLevel

	rest   rest
	matrix []byte // of Solve
}

// New returns a code of k data shards, 1 to MaxData, and up to n-k parity shards,
// n being larger than k and at most MaxShards. A parity shard does not depend on n.
func New(k, n int) (*Code, error) {
	if k < 1 || k > MaxData || n <= k || n > MaxShards {
		return nil, fmt.Errorf("fec: no code of %d data and %d shards in all", k, n)
	}
	c := &Code{k: k, rows: make([][]byte, n-k)}
	for h := range c.rows {
		c.rows[h] = row(k, h)
	}
	return c, nil
}

// point returns the point that shard i is the value at.
func point(i int) byte {
	if i == 0 {
		return 0
	}
	return exp[i-1]
}

// row returns the coefficients of parity shard h: Lagrange's, for the value at its
// point from those at the points of the data.
func row(k, h int) []byte {
	r := make([]byte, k)
	x := point(k + h)
	for i := range r {
		c := byte(1)
		for m := range k {
			if m != i {
				c = mul(c, mul(x^point(m), inv(point(i)^point(m))))
			}
		}
		r[i] = c
	}
	return r
}

// Data returns k.
func (c *Code) Data() int { return c.k }

// Parity returns how many parity shards there are.
func (c *Code) Parity() int { return len(c.rows) }

// Add adds to sum the part that data shard i has in parity shard h. Over all data
// shards, from a sum of zeros, that makes the parity shard; from the parity shard
// and over some of them, it takes those out again. Sum must be as long as data at
// least.
func (c *Code) Add(h, i int, data, sum []byte) {
	f := c.rows[h][i]
	whole := len(data) &^ (Block - 1)
	if whole > 0 {
		c.slices.GalMulSliceXor(f, data[:whole], sum)
	}
	switch n := len(data) - whole; {
	case n <= few:
		for j, b := range data[whole:] {
			sum[whole+j] ^= mul(f, b)
		}
	default:
		// Octet by octet it would take as long as the whole.
		rest := c.rest.fill(data[whole:])
		c.slices.GalMulSlice(f, rest, c.rest.product[:])
		for j := range rest[:n] {
			sum[whole+j] ^= c.rest.product[j]
		}
	}
}

// Block is how many octets are multiplied at a time, where the processor can: shards
// of a multiple of it are the quickest.
const Block = 64

// few is how many octets are quicker multiplied one by one.
const few = 8

// A rest is the end of a shard, which is less than a block, and what it is multiplied
// to.
type rest struct{ data, product [Block]byte }

// fill returns b with zeros behind it, as long as a block.
func (r *rest) fill(b []byte) []byte {
	clear(r.data[copy(r.data[:], b):])
	return r.data[:]
}

// Solve turns sums into data shards. Sum j comes from parity shard parity[j], with
// the parts of all data shards but those in missing taken out, and becomes data
// shard missing[j]. All have the same length, and parity and missing have no
// number twice.
func (c *Code) Solve(parity, missing []int, sums [][]byte) {
	n := len(missing)
	if cap(c.matrix) < n*n {
		c.matrix = make([]byte, n*n)
	}
	m := c.matrix[:n*n]
	for r, h := range parity[:n] {
		for s, i := range missing {
			m[r*n+s] = c.rows[h][i]
		}
	}
	// Gauss and Jordan. No square part of the rows is singular, so none of its
	// leading parts is, and no pivot is zero.
	for p := range n {
		row := m[p*n : p*n+n]
		f := inv(row[p])
		scale(row, f)
		c.slices.GalMulSlice(f, sums[p], sums[p])
		for r := range n {
			f := m[r*n+p]
			if r == p || f == 0 {
				continue
			}
			for s := range n {
				m[r*n+s] ^= mul(f, row[s])
			}
			c.slices.GalMulSliceXor(f, sums[p], sums[r])
		}
	}
}

func scale(row []byte, f byte) {
	for i := range row {
		row[i] = mul(row[i], f)
	}
}
