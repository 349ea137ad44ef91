package interop

import "bytes"

// maxParts is how many parts a message has at most.
const maxParts = 4

// Parts makes messages in parts, of 0 to Max bytes in all, and recognises them.
// They are the same that the ZeroMQ peer makes, see shape in zmq.c.
type Parts struct {
	Max int // at most 131,071

	// What Take has seen: the number of the message after the last one taken,
	// how many messages and bytes, and their digest.
	Next     int
	Messages int
	Bytes    int
	Digest   Digest

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

// Take takes in a message that was received. It is looked for from the one after
// the last on, up to the one before end. Take returns how many were skipped, and
// false if it is none of them.
//
// To take the first that is equal is right even where several are: if what was
// received is part of what was sent, in order, it is found to be.
func (p *Parts) Take(message [][]byte, end int) (skipped int, ok bool) {
	var got shape
	size := 0
	if len(message) > maxParts {
		return 0, false
	}
	for i, m := range message {
		size += len(m)
		got.end[i] = size
	}
	got.parts = len(message)
	for i := p.Next; i < end; i++ {
		if want, _ := p.shape(i); want != got || !equal(p.Make(i), message) {
			continue
		}
		skipped, p.Next = i-p.Next, i+1
		p.Messages++
		p.Bytes += size
		p.Digest.AddParts(message)
		return skipped, true
	}
	return 0, false
}

func equal(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// DigestOfParts is the digest of the first count messages of up to max bytes.
func DigestOfParts(count, max int) Digest {
	var d Digest
	p := Parts{Max: max}
	for i := range count {
		d.AddParts(p.Make(i))
	}
	return d
}
