package txwindow

// prefetching reports whether there is a prefetch.
var prefetching = true

// prefetch has the processor fetch b into its first cache, and goes on.
//
//go:noescape
func prefetch(b []byte)
