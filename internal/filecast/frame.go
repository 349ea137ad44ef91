package filecast

import (
	"encoding/binary"
	"errors"
)

// HeaderLen is how many bytes of each message are not the frame's body.
const HeaderLen = 16

// Kind says what a frame is.
type Kind byte

// The kinds of frames.
const (
	KindBegin Kind = 'B' // Value is the size of the file, Body its name
	KindData  Kind = 'D' // Value is the offset of Body in the file
	KindEnd   Kind = 'E' // Value is the size of the file, Body its digest
	KindAbort Kind = 'A' // Body says why
)

// Frame is one message of a file.
//
//	0      3    4          8                16
//	| magic |kind| file     | value          | body ...
//
// Numbers are in network byte order. A source counts its files from 1, so that
// a receiver can tell how many it lost whole.
type Frame struct {
	Kind  Kind
	File  uint32
	Value uint64
	Body  []byte
}

// magic opens every frame. 0xf5 is in no UTF-8 text, so a line of text is never
// taken for a frame.
const magic = "\xf5PF"

// ErrNotFrame means that a message is not part of a file.
var ErrNotFrame = errors.New("filecast: not a frame")

// ParseFrame returns the frame in msg. Its Body is a slice of msg.
func ParseFrame(msg []byte) (Frame, error) {
	if len(msg) < HeaderLen || string(msg[:len(magic)]) != magic {
		return Frame{}, ErrNotFrame
	}
	f := Frame{
		Kind:  Kind(msg[3]),
		File:  binary.BigEndian.Uint32(msg[4:]),
		Value: binary.BigEndian.Uint64(msg[8:]),
		Body:  msg[HeaderLen:],
	}
	switch f.Kind {
	case KindBegin, KindData, KindEnd, KindAbort:
		return f, nil
	}
	return Frame{}, ErrNotFrame
}

// Append appends the frame to b.
func (f Frame) Append(b []byte) []byte {
	b = append(b, make([]byte, HeaderLen)...)
	f.putHeader(b[len(b)-HeaderLen:])
	return append(b, f.Body...)
}

// putHeader writes the header alone, for a body that is in place already.
func (f Frame) putHeader(b []byte) {
	copy(b, magic)
	b[3] = byte(f.Kind)
	binary.BigEndian.PutUint32(b[4:], f.File)
	binary.BigEndian.PutUint64(b[8:], f.Value)
}
