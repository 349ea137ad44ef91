package fec

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// atOnce reports whether the processor can do what [mulAll] does. Package reedsolomon
// has the like for groups that are complete, or shards much larger than packets, and
// allocates memory for each.
var atOnce = cpu.X86.HasAVX2

// mulAll multiplies each of shards by several coefficients, of which there are the
// products, and sets sums, from an offset on, to what the results add up to, or adds
// them to what is there. It does so with the first size octets of shards, which are a
// number of blocks, and at least one.
func mulAll(p []products, shards, sums [][]byte, offset, size int, set bool) {
	n := len(sums)
	_ = p[:len(shards)*n]
	for _, s := range shards {
		_ = s[:size]
	}
	for _, s := range sums {
		_ = s[offset : offset+size]
	}
	stride := n * int(unsafe.Sizeof(p[0]))
	for ; len(sums) > 4; p, sums = p[4:], sums[4:] {
		mul4(&p[0], stride, shards, sums, offset, size, set)
	}
	switch len(sums) {
	case 1:
		mul1(&p[0], stride, shards, sums, offset, size, set)
	case 2:
		mul2(&p[0], stride, shards, sums, offset, size, set)
	case 3:
		mul3(&p[0], stride, shards, sums, offset, size, set)
	case 4:
		mul4(&p[0], stride, shards, sums, offset, size, set)
	}
}

// mul1 to mul4 are mulAll for so many coefficients. Stride is the distance in octets
// from the products of one shard to those of the next.

//go:noescape
func mul1(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)

//go:noescape
func mul2(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)

//go:noescape
func mul3(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)

//go:noescape
func mul4(products *products, stride int, shards, sums [][]byte, offset, size int, set bool)
