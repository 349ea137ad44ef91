//go:build !amd64

package fec

// atOnce reports whether there is a mulAll.
var atOnce = false

func mulAll([]products, [][]byte, [][]byte, int, int, bool) { panic("fec: not for this processor") }
