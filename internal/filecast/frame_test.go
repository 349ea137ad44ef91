package filecast

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestFrameBytes(t *testing.T) {
	want := unhex(t, `
		f55046 42         // magic, begin
		00000007          // file 7
		0000000000000102  // 258 bytes
		612e747874        // "a.txt"
	`)
	f := Frame{Kind: KindBegin, File: 7, Value: 258, Body: []byte("a.txt")}
	if got := f.Append([]byte("x")); !bytes.Equal(got[1:], want) || got[0] != 'x' {
		t.Errorf("Append = %x, want %x", got[1:], want)
	}
	got, err := ParseFrame(want)
	if err != nil || got.Kind != f.Kind || got.File != f.File || got.Value != f.Value || !bytes.Equal(got.Body, f.Body) {
		t.Errorf("ParseFrame = %+v, %v, want %+v", got, err, f)
	}
	for n := range HeaderLen {
		if _, err := ParseFrame(want[:n]); err != ErrNotFrame {
			t.Errorf("ParseFrame of %d bytes: %v, want ErrNotFrame", n, err)
		}
	}
	want[3] = 'Z'
	if _, err := ParseFrame(want); err != ErrNotFrame {
		t.Errorf("ParseFrame of kind Z: %v, want ErrNotFrame", err)
	}
}

// unhex decodes hex digits; // starts a comment.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "//")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}
