package pubsub

import "encoding/binary"

// The stream inside PGM is ZMTP/1.0 framing. A frame is its header and its body:
// the header is one octet with the size of flags and body, below 255, or 0xff and
// the same in 8 octets, and then one octet of flags.
//
// Each packet has 2 octets before its part of the stream: the offset there of the
// first frame that begins a message, or noBoundary.
const (
	offsetLen   = 2
	noBoundary  = 0xffff
	shortHeader = 2
	longHeader  = 10
	maxShort    = 253 // bytes of the largest body with a short header

	flagMore = 0x01 // the message goes on with another frame
	longMark = 0xff
)

// headerLen returns the length of the header of a frame with n bytes of body.
func headerLen(n int) int {
	if n <= maxShort {
		return shortHeader
	}
	return longHeader
}

// appendHeader appends the header of a frame with n bytes of body.
func appendHeader(b []byte, n int, more bool) []byte {
	flags := byte(0)
	if more {
		flags = flagMore
	}
	if n <= maxShort {
		return append(b, byte(n+1), flags)
	}
	b = append(b, longMark)
	b = binary.BigEndian.AppendUint64(b, uint64(n)+1)
	return append(b, flags)
}

// parseHeader reads the header that b begins with: its length, that of the body,
// and whether another frame of the message follows. The length is 0 if b is too
// short to tell, and ok is false if it is no header.
func parseHeader(b []byte) (head int, body uint64, more, ok bool) {
	switch {
	case len(b) < shortHeader:
		return 0, 0, false, len(b) == 0 || b[0] != 0
	case b[0] == 0:
		return 0, 0, false, false
	case b[0] < longMark:
		return shortHeader, uint64(b[0]) - 1, b[1]&flagMore != 0, true
	case len(b) < longHeader:
		return 0, 0, false, true
	}
	body = binary.BigEndian.Uint64(b[1:])
	return longHeader, body - 1, b[9]&flagMore != 0, body > 0
}

// A frameStore has memory for the frames of one message.
type frameStore struct {
	bytes  []byte
	frames [][]byte
}

// copy copies frames, in place of those copied before.
func (s *frameStore) copy(frames [][]byte) [][]byte {
	n := 0
	for _, f := range frames {
		n += len(f)
	}
	if cap(s.bytes) < n {
		s.bytes = make([]byte, 0, n)
	}
	b := s.bytes[:0]
	s.frames = s.frames[:0]
	for _, f := range frames {
		start := len(b)
		b = append(b, f...)
		s.frames = append(s.frames, b[start:len(b):len(b)])
	}
	return s.frames
}
