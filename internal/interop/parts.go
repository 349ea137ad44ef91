package interop

import (
	"bytes"
	"slices"
)

// maxParts is how many parts a message has at most.
const maxParts = 4

// Parts makes messages in parts, of 0 to Max bytes in all, and recognises them.
// They are the same that the ZeroMQ peer makes, see shape in zmq.c.
type Parts struct {
	Max int // at most 131,071

	buf   []byte
	parts [maxParts][]byte
}

// shape is where the parts of a message end.
type shape struct {
	parts int
	end   [maxParts]int
}

func (s *shape) size() int { return s.end[s.parts-1] }

// shape returns the shape of the message of an index, and the generator of its
// bytes. Most are small and of one part.
func (p *Parts) shape(index int) (s shape, state uint64) {
	state = uint64(index+1) * 0x9E3779B97F4A7C15
	x := next(&state) >> 8
	sizes := uint64(64)
	if bits := x % 22; bits < 18 {
		sizes = 1 << bits
	}
	size := int((x >> 16) % min(sizes, uint64(p.Max)+1))
	x = next(&state) >> 8
	s.parts = max(int(x%8)-3, 1)
	for i := range s.parts - 1 {
		begin := 0
		if i > 0 {
			begin = s.end[i-1]
		}
		s.end[i] = begin + int((next(&state)>>8)%uint64(size-begin+1))
	}
	s.end[s.parts-1] = size
	return s, state
}

// Make returns the message of an index, valid until the next call of a method.
func (p *Parts) Make(index int) [][]byte {
	s, state := p.shape(index)
	if p.buf == nil {
		p.buf = make([]byte, p.Max)
	}
	buf := p.buf[:s.size()]
	fill(buf, state)
	begin := 0
	for i := range s.parts {
		p.parts[i] = buf[begin:s.end[i]]
		begin = s.end[i]
	}
	return p.parts[:s.parts]
}

// Find returns the index of a message: the first from index from on, but before
// end. It returns false if there is none. Short messages may be equal.
func (p *Parts) Find(message [][]byte, from, end int) (index int, ok bool) {
	if len(message) > maxParts {
		return 0, false
	}
	got := shape{parts: len(message)}
	size := 0
	for i, m := range message {
		size += len(m)
		got.end[i] = size
	}
	for i := from; i < end; i++ {
		if want, _ := p.shape(i); want == got && equal(p.Make(i), message) {
			return i, true
		}
	}
	return 0, false
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// DigestOfParts is the digest of the first count messages of up to max bytes.
func DigestOfParts(count, max int) Digest {
	var d Digest
	p := Parts{Max: max}
	for i := range count {
		d.AddParts(p.Make(i))
	}
	return d
}
