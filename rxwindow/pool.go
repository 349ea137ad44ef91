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

// Buffer sizes are 128 bytes times a power of two, except that 1,536 bytes, just
// over what fits an Ethernet frame, takes the place of 2 KiB.
const (
	minShift   = 7
	frameClass = 4
	frameSize  = 1536
	numClasses = 11 // up to 128 KiB
)

// NewPool returns an empty pool that will use at most limit bytes.
func NewPool(limit int) *Pool { return &Pool{limit: limit} }

// Used returns how many bytes the buffers handed out have.
func (p *Pool) Used() int { return p.used }

// class returns the class of buffers for packets of the given size, and theirs.
func class(size int) (c, capacity int) {
	c = max(bits.Len(uint(max(size, 1)-1))-minShift, 0)
	capacity = 1 << (c + minShift)
	if c == frameClass {
		if size <= frameSize {
			return c, frameSize
		}
		c, capacity = c+1, 2*capacity
	}
	return c, capacity
}

// get returns a buffer of the given size, 128 KiB at most, or nil if the pool's
// limit does not allow one and it need not.
func (p *Pool) get(size int, must bool) []byte {
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
	if p.used+p.idle+capacity > p.limit {
		p.free, p.idle = [numClasses][][]byte{}, 0
	}
	p.used += capacity
	return make([]byte, size, capacity)
}

// put takes back a buffer that get returned.
func (p *Pool) put(b []byte) {
	if cap(b) == 0 {
		return
	}
	c, _ := class(cap(b))
	p.used -= cap(b)
	p.idle += cap(b)
	p.free[c] = append(p.free[c], b)
}
