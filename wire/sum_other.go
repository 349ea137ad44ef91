//go:build !amd64

package wire

// blocks reports whether there is a sumBlocks.
var blocks = false

func sumBlocks([]byte) uint64 { panic("wire: not for this processor") }
