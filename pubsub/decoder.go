package pubsub

import (
	"encoding/binary"

	"github.com/gopgm/gopgm/seq"
)

// maxFrames bounds the frames of a message, and with them the memory for their
// places.
const maxFrames = 1 << 16

// A decoder makes messages of the stream of one source. A message that lies in
// one packet is a view of it; another is put together in a buffer.
type decoder struct {
	limit  int  // bytes a message may have, headers included
	joined bool // at a boundary or in a message, not in the rest of a lost one

	data    []byte  // of the packet, what was not looked at yet
	num     seq.Num // of the packet
	first   seq.Num // of the packet in which the message in buf begins
	buf     []byte  // a message that began in an earlier packet
	pos     int     // in buf, where the frame begins that is not whole yet
	release bool    // buf was delivered

	frames [][]byte // of the message found last
	spare  []byte   // what keep copied
}

// feed takes in the data of packet num. It borrows it until the next call. It
// reports false if the packet is malformed: too short, or with an offset beyond
// its end.
func (d *decoder) feed(num seq.Num, data []byte) bool {
	d.num, d.data = num, nil
	if len(data) < offsetLen {
		return false
	}
	offset := binary.BigEndian.Uint16(data)
	data = data[offsetLen:]
	switch {
	case offset != noBoundary && int(offset) > len(data):
		return false
	case d.joined:
		d.data = data
		return true
	case offset == noBoundary:
		return true
	}
	d.joined, d.data = true, data[offset:]
	return true
}

// keep copies what feed has borrowed.
func (d *decoder) keep() {
	d.spare = append(d.spare[:0], d.data...)
	d.data = d.spare
}

// lose forgets the message that has begun, if there is one, and goes on at the
// next boundary. It returns the first packet of that message.
func (d *decoder) lose() (first seq.Num, partial bool) {
	first, partial = d.first, d.begun()
	d.joined, d.data = false, nil
	d.buf, d.pos, d.release = d.buf[:0], 0, false
	return first, partial
}

// begun reports whether a message has begun that is not whole yet.
func (d *decoder) begun() bool { return len(d.buf) > 0 && !d.release }

// span returns the first and the last packet of the message found last.
func (d *decoder) span() (first, last seq.Num) {
	if d.release {
		return d.first, d.num
	}
	return d.num, d.num
}

// result is what next found.
type result uint8

const (
	resultNone    result = iota // nothing more in this packet
	resultMessage               // a message: d.frames
	resultBroken                // what is no framing, or beyond the limits: lose must follow
)

// next finds the next message.
func (d *decoder) next() result {
	if d.release {
		d.buf, d.pos, d.release = d.buf[:0], 0, false
	}
	if len(d.data) == 0 {
		return resultNone
	}
	d.frames = d.frames[:0]
	if len(d.buf) > 0 {
		return d.resume()
	}
	n, r := d.scan()
	switch r {
	case resultMessage:
		d.data = d.data[n:]
	case resultNone:
		d.first = d.num
		return d.resume()
	}
	return r
}

// scan looks for a message that lies wholly in d.data. It returns its length.
func (d *decoder) scan() (n int, r result) {
	data, limit := d.data, d.limit
	for len(d.frames) < maxFrames {
		if n+shortHeader <= len(data) && data[n]-1 < longMark-1 { // a short header, by far the most common
			end := n + 1 + int(data[n])
			if end > limit {
				return 0, resultBroken
			}
			if end > len(data) {
				d.frames = d.frames[:0]
				return 0, resultNone
			}
			d.frames = append(d.frames, data[n+shortHeader:end:end])
			if more := data[n+1]&flagMore != 0; !more {
				return end, resultMessage
			}
			n = end
			continue
		}
		head, body, more, ok := parseHeader(data[n:])
		if !ok || d.beyond(n+head, body) {
			return 0, resultBroken
		}
		end := uint64(n+head) + body
		if head == 0 || end > uint64(len(data)) {
			d.frames = d.frames[:0]
			return 0, resultNone
		}
		d.frames = append(d.frames, data[n+head:end:end])
		n = int(end)
		if !more {
			return n, resultMessage
		}
	}
	return 0, resultBroken
}

// resume moves on with a message that does not lie wholly in one packet: it
// copies of d.data to d.buf what belongs to it.
func (d *decoder) resume() result {
	for {
		head, body, more, ok := parseHeader(d.buf[d.pos:])
		if !ok || d.beyond(d.pos+head, body) {
			return resultBroken
		}
		if head == 0 {
			need := shortHeader
			if len(d.buf) > d.pos && d.buf[d.pos] == longMark {
				need = longHeader
			}
			if !d.take(d.pos + need) {
				return resultNone
			}
			continue
		}
		end := d.pos + head + int(body)
		if !d.take(end) {
			return resultNone
		}
		d.pos = end
		if !more {
			break
		}
	}
	return d.split()
}

// beyond reports whether a message that has n bytes, and body more, is too large.
// A body may claim to be of nearly 2^64.
func (d *decoder) beyond(n int, body uint64) bool {
	return body > uint64(d.limit) || uint64(n)+body > uint64(d.limit)
}

// take copies of d.data what d.buf lacks to be n bytes long. It reports false if
// that is more than there is.
func (d *decoder) take(n int) bool {
	k := min(n-len(d.buf), len(d.data))
	d.buf = append(d.buf, d.data[:k]...)
	d.data = d.data[k:]
	return len(d.buf) == n
}

// split cuts the whole message in d.buf into its frames.
func (d *decoder) split() result {
	for pos := 0; pos < len(d.buf); {
		head, body, _, _ := parseHeader(d.buf[pos:])
		end := pos + head + int(body)
		if len(d.frames) == maxFrames {
			return resultBroken
		}
		d.frames = append(d.frames, d.buf[pos+head:end:end])
		pos = end
	}
	d.release = true
	return resultMessage
}
