package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/pgm"
)

func TestSplitter(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"one", []string{"one"}},
		{"one\n", []string{"one"}},
		{"one\ntwo", []string{"one", "two"}},
		{"\n\none\n\n", []string{"", "", "one", ""}},
		{"dos\r\nunix\n\r\n", []string{"dos", "unix", ""}},
		{strings.Repeat("a", 100) + "\nb", []string{strings.Repeat("a", 100), "b"}},
	} {
		for size := 1; size <= len(tt.in)+1; size++ {
			var got []string
			s := splitter{limit: 100, emit: func(line []byte) error {
				got = append(got, string(line))
				return nil
			}}
			for in := tt.in; in != ""; in = in[min(size, len(in)):] {
				if err := s.write([]byte(in[:min(size, len(in))])); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("%q in pieces of %d = %q, want %q", tt.in, size, got, tt.want)
			}
		}
	}
}

func TestSplitterTooLong(t *testing.T) {
	const want = "line 3 is too long: a message has to be smaller than 1KiB, half the --window"
	long := strings.Repeat("a", 1025)
	for _, in := range []string{"one\ntwo\n" + long + "\nfour", "one\ntwo\n" + long} {
		for _, size := range []int{1, 7, len(in)} {
			s := splitter{limit: 1024, emit: func([]byte) error { return nil }}
			var err error
			for in := in; in != "" && err == nil; in = in[min(size, len(in)):] {
				err = s.write([]byte(in[:min(size, len(in))]))
			}
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}

	// The engine may refuse a little less.
	s := splitter{limit: 1024, emit: func(line []byte) error {
		if len(line) > 1000 {
			return pgm.ErrMessageTooLarge
		}
		return nil
	}}
	if err := s.write([]byte("one\ntwo\n" + long[:1001] + "\n")); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestReadAhead(t *testing.T) {
	in, out := io.Pipe()
	r := newReadAhead(in)
	defer r.stop()
	out.Write([]byte("one"))
	if b := <-r.full; string(b.data) != "one" || b.err != nil {
		t.Errorf("read %q, %v, want one", b.data, b.err)
	}
	broken := errors.New("broken pipe")
	out.CloseWithError(broken)
	if b := <-r.full; len(b.data) != 0 || b.err != broken {
		t.Errorf("read %q, %v, want %v", b.data, b.err, broken)
	}
}
