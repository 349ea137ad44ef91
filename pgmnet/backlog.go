package pgmnet

import "github.com/gopgm/gopgm/mono"

// A backlog tells up to when all packets that arrived have been handled, though
// the socket may never be found empty: once as many bytes were read as it can
// hold, nothing is left of what it held before.
type backlog struct {
	size  int       // bytes the socket can hold
	heard mono.Time // what arrived before was handled
	mark  mono.Time // what arrived before was handled when
	left  int       // so many more bytes are read
}

// handled takes in that what was read at now, so many bytes, was handled, and
// whether that was all there was. It returns up to when everything was.
func (b *backlog) handled(now mono.Time, bytes int, drained bool) mono.Time {
	if drained {
		b.heard, b.mark, b.left = now, now, b.size
		return b.heard
	}
	if b.left -= bytes; b.left <= 0 {
		b.heard, b.mark, b.left = b.mark, now, b.size
	}
	return b.heard
}
