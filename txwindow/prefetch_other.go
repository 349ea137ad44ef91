//go:build !amd64

package txwindow

// prefetching reports whether there is a prefetch.
var prefetching = false

func prefetch([]byte) { panic("txwindow: not for this processor") }
