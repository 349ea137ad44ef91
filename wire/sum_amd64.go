package wire

import "golang.org/x/sys/cpu"

// blocks reports whether the processor can do what sumBlocks does.
var blocks = cpu.X86.HasAVX2

// sumBlocks returns the sum of the 32-bit words of b, loaded little-endian. The length
// of b must be a multiple of block, less than 4 GiB, and not zero.
//
//go:noescape
func sumBlocks(b []byte) uint64
