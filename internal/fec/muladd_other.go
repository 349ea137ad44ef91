//go:build !amd64

package fec

// atOnce reports whether [mulAdd] is there.
var atOnce = false

func mulAdd([]products, []byte, [][]byte, int) { panic("fec: no kernel for this processor") }
