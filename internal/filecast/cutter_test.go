package filecast

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// frames cuts a file and returns its frames.
func frames(t *testing.T, c *Cutter) []Frame {
	t.Helper()
	var all []Frame
	for {
		msg, ok := c.Next()
		if !ok {
			return all
		}
		f, err := ParseFrame(bytes.Clone(msg))
		if err != nil {
			t.Fatalf("frame %d: %v", len(all), err)
		}
		all = append(all, f)
	}
}

func TestCutter(t *testing.T) {
	const message = 100
	c := NewCutter(message)
	block := len(c.buf) - HeaderLen
	for i, size := range []int{0, 1, message - HeaderLen, message - HeaderLen + 1, block - 1, block, block + 1, 3*block + 7} {
		body := randomBytes(size)
		c.Start("a.txt", int64(size), iotest.HalfReader(bytes.NewReader(body)))
		all := frames(t, c)
		if c.Err() != nil {
			t.Fatalf("size %d: %v", size, c.Err())
		}

		first, last := all[0], all[len(all)-1]
		if first.Kind != KindBegin || first.Value != uint64(size) || string(first.Body) != "a.txt" {
			t.Errorf("size %d: first frame is %c %d %q", size, first.Kind, first.Value, first.Body)
		}
		sum := sha256.Sum256(body)
		if last.Kind != KindEnd || last.Value != uint64(size) || !bytes.Equal(last.Body, sum[:]) || c.Digest() != sum {
			t.Errorf("size %d: last frame is %c %d %x, want a digest of %x", size, last.Kind, last.Value, last.Body, sum)
		}
		var got []byte
		data := all[1 : len(all)-1]
		for j, f := range data {
			if f.Kind != KindData || f.Value != uint64(len(got)) || f.File != uint32(i+1) {
				t.Fatalf("size %d: frame %d is %c of file %d at %d, want data of file %d at %d", size, j, f.Kind, f.File, f.Value, i+1, len(got))
			}
			if j < len(data)-1 && len(f.Body) != message-HeaderLen {
				t.Errorf("size %d: frame %d has %d bytes, want %d", size, j, len(f.Body), message-HeaderLen)
			}
			got = append(got, f.Body...)
		}
		if !bytes.Equal(got, body) {
			t.Errorf("size %d: the data differs", size)
		}
	}
}

func TestCutterAborts(t *testing.T) {
	broken := errors.New("broken disk")
	for _, tt := range []struct {
		desc string
		size int64
		in   io.Reader
		want error
	}{
		{"shorter than announced", 10, strings.NewReader("short"), ErrChanged},
		{"empty, not as announced", 10, strings.NewReader(""), ErrChanged},
		{"longer than announced", 2, strings.NewReader("long"), ErrChanged},
		{"not empty, as announced", 0, strings.NewReader("long"), ErrChanged},
		{"read error", 10, io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(broken)), broken},
	} {
		c := NewCutter(100)
		c.Start("a", tt.size, tt.in)
		all := frames(t, c)
		if last := all[len(all)-1]; last.Kind != KindAbort || !errors.Is(c.Err(), tt.want) {
			t.Errorf("%s: last frame %c, error %v, want an abort and %v", tt.desc, last.Kind, c.Err(), tt.want)
		}
	}
}

func TestCutterAllocs(t *testing.T) {
	c := NewCutter(1432)
	c.Start("a", 1<<40, zeros{})
	c.Next()
	if n := testing.AllocsPerRun(1000, func() { c.Next() }); n != 0 {
		t.Errorf("Next: %v allocs per message, want 0", n)
	}
}

func BenchmarkCutter(b *testing.B) {
	c := NewCutter(1432)
	c.Start("a", 1<<62, zeros{})
	c.Next()
	b.SetBytes(1432 - HeaderLen)
	b.ReportAllocs()
	for b.Loop() {
		c.Next()
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
