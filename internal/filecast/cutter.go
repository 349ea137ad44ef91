package filecast

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// blockSize is how much of a file is read and hashed at once: large enough to
// make the call cheap, small enough to be done in well under a tenth of a
// millisecond, for in that time nobody serves the source.
const blockSize = 64 << 10

// ErrChanged means that a file does not have the size it had when it was begun.
var ErrChanged = errors.New("the file changed while it was read")

// A Cutter cuts one file after another into messages.
type Cutter struct {
	chunk int // bytes of the file in a data message

	buf     []byte // room for a header, then a block of the file
	at, end int    // what of the block is not cut yet
	msg     []byte // a message without data of the file

	file  uint32
	name  string
	size  int64
	in    io.Reader
	read  int64
	hash  hash.Hash
	sum   [sha256.Size]byte
	state cutterState
	err   error
}

type cutterState uint8

const (
	cutterDone cutterState = iota
	cutterBegin
	cutterData
)

// NewCutter returns a Cutter whose data messages have message bytes, but for
// the last of each file.
func NewCutter(message int) *Cutter {
	chunk := max(message-HeaderLen, 1)
	block := max(blockSize/chunk, 1) * chunk // whole chunks, so that only the last message is short
	return &Cutter{chunk: chunk, buf: make([]byte, HeaderLen+block), hash: sha256.New()}
}

// Start begins the next file. It must have size bytes.
func (c *Cutter) Start(name string, size int64, in io.Reader) {
	c.file++
	c.name, c.size, c.in = name, size, in
	c.at, c.end, c.read = HeaderLen, HeaderLen, 0
	c.state, c.err = cutterBegin, nil
	c.hash.Reset()
}

// Next returns the next message of the file; false means there is none. The
// message is valid until the next call. When the file cannot be read to its end
// the last message is an abort frame, and Err says why.
func (c *Cutter) Next() ([]byte, bool) {
	switch c.state {
	case cutterBegin:
		c.state = cutterData
		return c.frame(KindBegin, []byte(c.name)), true
	case cutterData:
		if c.at < c.end {
			return c.data(), true
		}
		if err := c.fill(); err != nil {
			return c.Abort(err), true
		}
		if c.at < c.end {
			return c.data(), true
		}
		c.state = cutterDone
		return c.frame(KindEnd, c.hash.Sum(c.sum[:0])), true
	}
	return nil, false
}

// Abort ends the file early and returns the message that says so.
func (c *Cutter) Abort(err error) []byte {
	c.state, c.err = cutterDone, err
	return c.frame(KindAbort, []byte(err.Error()))
}

// Err returns why the file was aborted.
func (c *Cutter) Err() error { return c.err }

// Digest returns the SHA-256 of a file that was cut to its end.
func (c *Cutter) Digest() [sha256.Size]byte { return c.sum }

// fill reads the next block. At the end of the file it is empty.
func (c *Cutter) fill() error {
	if c.read == c.size {
		// One more byte would be of a file that has grown.
		if n, _ := io.ReadFull(c.in, c.buf[:1]); n > 0 {
			return fmt.Errorf("%w: more than %d bytes", ErrChanged, c.size)
		}
		return nil
	}
	block := c.buf[HeaderLen:]
	block = block[:min(int64(len(block)), c.size-c.read)]
	n, err := io.ReadFull(c.in, block)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: %d bytes, not %d", ErrChanged, c.read+int64(n), c.size)
	}
	if err != nil {
		return err
	}
	c.hash.Write(block)
	c.at, c.end = HeaderLen, HeaderLen+n
	c.read += int64(n)
	return nil
}

// data cuts the next message off the block. Its header goes where the chunk
// before it was, so that no byte of the file is moved.
func (c *Cutter) data() []byte {
	f := Frame{Kind: KindData, File: c.file, Value: uint64(c.read - int64(c.end-c.at))}
	end := min(c.at+c.chunk, c.end)
	msg := c.buf[c.at-HeaderLen : end]
	f.putHeader(msg)
	c.at = end
	return msg
}

// frame returns a message without data of the file.
func (c *Cutter) frame(k Kind, body []byte) []byte {
	f := Frame{Kind: k, File: c.file, Value: uint64(c.size), Body: body}
	c.msg = f.Append(c.msg[:0])
	return c.msg
}
