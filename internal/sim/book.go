package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/gopgm/gopgm/seq"
)

// book is what a publisher has published: messages, the bytes that ZMTP/1.0
// makes of them, and how these were cut into packets. It is the truth that
// subscribers are checked against, and made without package pubsub.
type book struct {
	messages []letter
	tail     []byte // the bytes that are in no packet yet
	at       int    // where in the stream they begin
	begun    int    // of messages, how many have begun in a packet
	ended    int    // likewise ended
}

// letter is one message of a book.
type letter struct {
	frames      [][]byte
	begin, end  int     // where in the stream it is
	first, last seq.Num // the packets that it is in, once it has begun, and ended
}

// add puts a message at the end.
func (b *book) add(frames [][]byte) {
	begin := b.at + len(b.tail)
	for i, f := range frames {
		flags := byte(0)
		if i < len(frames)-1 {
			flags = 1
		}
		if n := len(f) + 1; n < 255 {
			b.tail = append(b.tail, byte(n), flags)
		} else {
			b.tail = append(b.tail, 255)
			b.tail = binary.BigEndian.AppendUint64(b.tail, uint64(n))
			b.tail = append(b.tail, flags)
		}
		b.tail = append(b.tail, f...)
	}
	b.messages = append(b.messages, letter{frames: frames, begin: begin, end: b.at + len(b.tail)})
}

// takeBack takes the last message away, of which nothing is in a packet.
func (b *book) takeBack() error {
	m := &b.messages[len(b.messages)-1]
	if m.begin < b.at {
		return fmt.Errorf("a message was refused that is in a packet")
	}
	b.tail = b.tail[:m.begin-b.at]
	b.messages = b.messages[:len(b.messages)-1]
	return nil
}

// commit enters packet num, and checks that its data is what comes next.
func (b *book) commit(num seq.Num, data []byte) error {
	if len(data) < 3 {
		return fmt.Errorf("packet %#x has %d bytes of data: nothing", uint32(num), len(data))
	}
	offset, data := int(binary.BigEndian.Uint16(data)), data[2:]
	if len(data) > len(b.tail) || !bytes.Equal(data, b.tail[:len(data)]) {
		return fmt.Errorf("packet %#x differs from what was published: %s", uint32(num), difference(data, b.tail))
	}
	end := b.at + len(data)
	next, starts := b.at+len(b.tail), false // where a message begins, in this packet or later
	if b.begun < len(b.messages) {
		next, starts = b.messages[b.begun].begin, true
	}
	switch {
	case starts && next < end:
		if offset != next-b.at {
			return fmt.Errorf("packet %#x has offset %d, but a message begins at %d", uint32(num), offset, next-b.at)
		}
	case offset != 0xffff && (offset != len(data) || next != end):
		return fmt.Errorf("packet %#x has offset %d, but no message begins in its %d bytes", uint32(num), offset, len(data))
	}
	for ; b.begun < len(b.messages) && b.messages[b.begun].begin < end; b.begun++ {
		b.messages[b.begun].first = num
	}
	for ; b.ended < len(b.messages) && b.messages[b.ended].end <= end; b.ended++ {
		b.messages[b.ended].last = num
	}
	b.tail = b.tail[:copy(b.tail, b.tail[len(data):])]
	b.at = end
	return nil
}

// size returns how many bytes the message is in the stream.
func (l *letter) size() int { return l.end - l.begin }
