package rxwindow

import "math/bits"

// Pool is the memory for packets that arrived early, shared by any number of
// windows and bounded. Buffers come in a few sizes and are used again. It is
// not safe for concurrent use.
type Pool struct {
	limit int // bytes
	used  int // bytes in buffers handed out
	idle  int // bytes in buffers waiting in free
	free  [numClasses][][]byte
}

// Buffer sizes are multiples of 64 bytes up to 2 KiB, so that a packet takes
// hardly more room here than in the source's window, and then powers of two.
const (
	grain      = 64
	numSmall   = 32
	smallSize  = grain * numSmall
	numClasses = numSmall + 6 // up to 128 KiB
)

// NewPool returns an empty pool that will use at most limit bytes.
func NewPool(limit int) *Pool { return &Pool{limit: limit} }

// Used returns how many bytes the buffers handed out have.
func (p *Pool) Used() int { return p.used }

// class returns the class of buffers for packets of the given size, and theirs.
func class(size int) (c, capacity int) {
	if size <= smallSize {
		c = max(size-1, 0) / grain
		return c, (c + 1) * grain
	}
	n := bits.Len(uint(size-1) / smallSize)
	return numSmall - 1 + n, smallSize << n
}

// Room returns how many more packets of the given size fit.
func (p *Pool) Room(size int) int {
	_, capacity := class(size)
	return max(p.limit-p.used, 0) / capacity
}

// Get returns a buffer of the given size, 128 KiB at most, or nil if the pool's
// limit does not allow one and it need not.
func (p *Pool) Get(size int, must bool) []byte {
	c, capacity := class(size)
	if n := len(p.free[c]); n > 0 {
		b := p.free[c][n-1]
		p.free[c] = p.free[c][:n-1]
		p.idle -= capacity
		p.used += capacity
		return b[:size]
	}
	if p.used+capacity > p.limit && !must {
		return nil
	}
	p.trim(p.limit - capacity)
	p.used += capacity
	return make([]byte, size, capacity)
}

// Put takes back a buffer that Get returned, or the beginning of one.
func (p *Pool) Put(b []byte) {
	if cap(b) == 0 {
		return
	}
	c, _ := class(cap(b))
	p.used -= cap(b)
	p.idle += cap(b)
	p.free[c] = append(p.free[c], b)
}

// trim lets go of idle buffers, the largest first, until no more than limit bytes
// are held.
func (p *Pool) trim(limit int) {
	for c := numClasses - 1; c >= 0 && p.used+p.idle > limit; c-- {
		for n := len(p.free[c]); n > 0 && p.used+p.idle > limit; n-- {
			p.idle -= cap(p.free[c][n-1])
			p.free[c][n-1] = nil
			p.free[c] = p.free[c][:n-1]
		}
	}
}
