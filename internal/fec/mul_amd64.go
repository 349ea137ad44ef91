package fec

import "golang.org/x/sys/cpu"

// atOnce reports whether the processor can do what [mulAll] does. Package reedsolomon
// has the like for groups that are complete, or shards much larger than packets, and
// allocates memory for each.
var atOnce = cpu.X86.HasAVX2

// mulAll multiplies data by several coefficients, of which there are the products, and
// sets sums, from an offset on, to the results, or adds them to what is there. Data is
// a number of blocks, and not empty.
func mulAll(p []products, data []byte, sums [][]byte, offset int, set bool) {
	for _, sum := range sums[:len(p)] {
		_ = sum[offset : offset+len(data)]
	}
	for ; len(p) > 4; p, sums = p[4:], sums[4:] {
		mul4(&p[0], data, sums, offset, set)
	}
	switch len(p) {
	case 1:
		mul1(&p[0], data, sums, offset, set)
	case 2:
		mul2(&p[0], data, sums, offset, set)
	case 3:
		mul3(&p[0], data, sums, offset, set)
	case 4:
		mul4(&p[0], data, sums, offset, set)
	}
}

// mul1 to mul4 are mulAll for so many coefficients.

//go:noescape
func mul1(products *products, data []byte, sums [][]byte, offset int, set bool)

//go:noescape
func mul2(products *products, data []byte, sums [][]byte, offset int, set bool)

//go:noescape
func mul3(products *products, data []byte, sums [][]byte, offset int, set bool)

//go:noescape
func mul4(products *products, data []byte, sums [][]byte, offset int, set bool)
