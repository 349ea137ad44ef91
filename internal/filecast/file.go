package filecast

import (
	"bytes"
	"crypto/sha256"

	"fmt"
	"hash"
	"math"
	"math/rand/v2"
	"os"
)

// bufferSize is how much of a file is gathered before it is hashed and written.
// A source that is being read no faster than that loses nothing meanwhile.
const bufferSize = 64 << 10

// file is one file being received, and then its buffers for the next.
type file struct {
	root *os.Root
	temp *os.File
	path string // of what there is of the file under its temporary name; or empty
	name string
	size int64
	come int64 // bytes received; the last len(buf) of them not written yet
	buf  []byte
	hash hash.Hash
	sum  [sha256.Size]byte
}

// begin creates a temporary file. The size is a claim: nothing is reserved.
func (f *file) begin(root *os.Root, name string, size uint64) error {
	f.root, f.name, f.come, f.sum = root, name, 0, [sha256.Size]byte{}
	f.size = int64(min(size, math.MaxInt64))
	if err := CheckName(name); err != nil {
		return err
	}
	if size > math.MaxInt64 {
		return fmt.Errorf("%w: %d bytes", ErrSize, size)
	}
	if f.hash == nil {
		f.hash = sha256.New()
		f.buf = make([]byte, 0, bufferSize)
	}
	f.hash.Reset()
	f.buf = f.buf[:0]

	return f.create()
}

// create makes the temporary file. os.CreateTemp would not do: it knows no
// os.Root, and hides the file from other users for good.
func (f *file) create() error {
	const tries = 1000
	for i := 1; ; i++ {
		path := fmt.Sprintf(".%.40s.partial-%08x", f.name, rand.Uint32())
		temp, err := f.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			f.temp, f.path = temp, path
			return nil
		}
		if !os.IsExist(err) || i == tries {
			return err
		}
	}
}

// append takes in the bytes at offset.
func (f *file) append(offset uint64, b []byte) error {
	if offset != uint64(f.come) {
		return ErrFrame
	}
	if int64(len(b)) > f.size-f.come {
		return fmt.Errorf("%w: more than %d bytes", ErrSize, f.size)
	}
	f.come += int64(len(b))
	for len(b) > 0 {
		n := copy(f.buf[len(f.buf):cap(f.buf)], b)
		f.buf, b = f.buf[:len(f.buf)+n], b[n:]
		if len(f.buf) == cap(f.buf) {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *file) flush() error {
	f.hash.Write(f.buf)
	_, err := f.temp.Write(f.buf)
	f.buf = f.buf[:0]
	return err
}

// finish gives the file its name if it is what was sent.
func (f *file) finish(size uint64, digest []byte) error {
	if size != uint64(f.size) || f.come != f.size {
		return fmt.Errorf("%w: %d bytes, not %d", ErrSize, f.come, f.size)
	}
	if err := f.flush(); err != nil {
		return err
	}
	f.hash.Sum(f.sum[:0])
	if !bytes.Equal(f.sum[:], digest) {
		return ErrDigest
	}
	err := f.temp.Close()
	f.temp = nil
	if err != nil {
		return err
	}
	if err := f.root.Rename(f.path, f.name); err != nil {
		return err
	}
	f.path = ""
	return nil
}

// discard removes what was received, unless the file is complete.
func (f *file) discard() {
	if f.temp != nil {
		f.temp.Close()
		f.temp = nil
	}
	if f.path != "" {
		f.root.Remove(f.path)
		f.path = ""
	}
}
