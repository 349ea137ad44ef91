package fec

import "golang.org/x/sys/cpu"

// atOnce reports whether the processor can do what [mulAdd] does. Package reedsolomon
// has the like for groups that are complete, or shards much larger than packets, and
// allocates memory for each.
var atOnce = cpu.X86.HasAVX2

// mulAdd adds to each of sums, from an offset on, data multiplied by a coefficient of
// which there are the products. The length of data is a multiple of Block.
func mulAdd(p []products, data []byte, sums [][]byte, offset int) {
	for _, sum := range sums[:len(p)] {
		_ = sum[offset : offset+len(data)]
	}
	for ; len(p) > 4; p, sums = p[4:], sums[4:] {
		mulAdd4(&p[0], data, sums, offset)
	}
	switch len(p) {
	case 1:
		mulAdd1(&p[0], data, sums, offset)
	case 2:
		mulAdd2(&p[0], data, sums, offset)
	case 3:
		mulAdd3(&p[0], data, sums, offset)
	case 4:
		mulAdd4(&p[0], data, sums, offset)
	}
}

// mulAdd1 to mulAdd4 are mulAdd for so many sums. Data must not be empty.

//go:noescape
func mulAdd1(products *products, data []byte, sums [][]byte, offset int)

//go:noescape
func mulAdd2(products *products, data []byte, sums [][]byte, offset int)

//go:noescape
func mulAdd3(products *products, data []byte, sums [][]byte, offset int)

//go:noescape
func mulAdd4(products *products, data []byte, sums [][]byte, offset int)
