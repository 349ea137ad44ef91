package filecast

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// tester drives a Receiver by hand.
type tester struct {
	t   *testing.T
	r   *Receiver
	dir string
}

func newTester(t *testing.T) *tester {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	r, err := NewReceiver(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return &tester{t, r, dir}
}

func id(n int) pgm.SourceID {
	return pgm.SourceID{TSI: wire.TSI{Port: uint16(n)}, Addr: netip.MustParseAddr("10.0.0.1")}
}

func (x *tester) event(source int, k pgm.EventKind) {
	x.t.Helper()
	if err := x.r.Handle(&pgm.Event{Kind: k, Source: id(source), Cause: pgm.CauseTrail}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tester) message(source int, msg []byte) {
	x.t.Helper()
	if err := x.r.Handle(&pgm.Event{Kind: pgm.EventMessage, Source: id(source), Data: msg}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tester) frame(source int, k Kind, file uint32, value uint64, body string) {
	x.t.Helper()
	x.message(source, Frame{k, file, value, []byte(body)}.Append(nil))
}

// begin, data and end send the frames of a file that says "hello".
func (x *tester) begin(source int, file uint32, name string) {
	x.t.Helper()
	x.frame(source, KindBegin, file, 5, name)
}

func (x *tester) data(source int, file uint32) {
	x.t.Helper()
	x.frame(source, KindData, file, 0, "hello")
}

func (x *tester) end(source int, file uint32) {
	x.t.Helper()
	sum := sha256.Sum256([]byte("hello"))
	x.frame(source, KindEnd, file, 5, string(sum[:]))
}

// want checks the results since the last call: "name", or "name: error".
func (x *tester) want(want ...any) {
	x.t.Helper()
	i := 0
	for ; ; i++ {
		got, ok := x.r.Next()
		if !ok {
			break
		}
		if i >= len(want) {
			x.t.Errorf("unexpected result: %+v", got)
			continue
		}
		switch w := want[i].(type) {
		case string:
			if got.Name != w || got.Err != nil {
				x.t.Errorf("result %d = %q, %v, want file %q", i, got.Name, got.Err, w)
			}
		case error:
			if !errors.Is(got.Err, w) {
				x.t.Errorf("result %d = %q, %v, want %v", i, got.Name, got.Err, w)
			}
		}
	}
	if i < len(want) {
		x.t.Errorf("%d results, want %d", i, len(want))
	}
}

// wantDir checks the names in the directory, and that nothing is beside it.
func (x *tester) wantDir(want ...string) {
	x.t.Helper()
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		x.t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		x.t.Errorf("directory has %q, want %q", got, want)
	}
	if around, _ := os.ReadDir(filepath.Dir(x.dir)); len(around) != 1 {
		x.t.Errorf("something escaped: %v", around)
	}
}

func TestRoundTrip(t *testing.T) {
	x := newTester(t)
	c := NewCutter(1432)
	var names []string
	for i, size := range []int{0, 1, 1416, 1417, bufferSize, bufferSize + 1, 1 << 20} {
		body := randomBytes(size)
		name := fmt.Sprintf("file%d", i)
		names = append(names, name)
		c.Start(name, int64(size), bytes.NewReader(body))
		for {
			msg, ok := c.Next()
			if !ok {
				break
			}
			x.message(1, msg)
		}
		x.want(name)
		if got, err := os.ReadFile(filepath.Join(x.dir, name)); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v: not what was sent", name, len(got), err)
		}
		come, total := x.r.Progress()
		if come != total {
			t.Errorf("Progress = %d, %d, want them equal", come, total)
		}
	}
	x.wantDir(names...)
}

func TestReplaces(t *testing.T) {
	x := newTester(t)
	path := filepath.Join(x.dir, "a")
	if err := os.WriteFile(path, []byte("something older and longer"), 0o666); err != nil {
		t.Fatal(err)
	}
	x.begin(1, 1, "a")
	x.data(1, 1)
	x.end(1, 1)
	x.want("a")
	if got, _ := os.ReadFile(path); string(got) != "hello" {
		t.Errorf("file is %q, want %q", got, "hello")
	}
	x.wantDir("a")
}

func TestSymlinkIsReplaced(t *testing.T) {
	x := newTester(t)
	if err := os.Symlink("../outside", filepath.Join(x.dir, "a")); err != nil {
		t.Skip(err)
	}
	x.begin(1, 1, "a")
	x.data(1, 1)
	x.end(1, 1)
	x.want("a")
	x.wantDir("a")
}

func TestDirectoryInTheWay(t *testing.T) {
	x := newTester(t)
	if err := os.Mkdir(filepath.Join(x.dir, "a"), 0o777); err != nil {
		t.Fatal(err)
	}
	x.begin(1, 1, "a")
	x.data(1, 1)
	x.end(1, 1)
	if res, ok := x.r.Next(); !ok || res.Err == nil {
		t.Errorf("result = %+v, %v, want an error", res, ok)
	}
	x.wantDir("a")
}

func TestHostileNames(t *testing.T) {
	x := newTester(t)
	for i, name := range hostileNames {
		x.begin(1, uint32(i+1), name)
		x.data(1, uint32(i+1))
		x.end(1, uint32(i+1))
		x.want(ErrName)
	}
	x.wantDir()
}

func TestLongName(t *testing.T) {
	x := newTester(t)
	name := strings.Repeat("本", 85) // 255 bytes
	x.begin(1, 1, name)
	x.data(1, 1)
	x.end(1, 1)
	x.want(name)
}

func TestBadFiles(t *testing.T) {
	sum := sha256.Sum256([]byte("hello"))
	for _, tt := range []struct {
		desc   string
		frames []Frame
		want   error
	}{
		{"digest wrong", []Frame{{KindData, 1, 0, []byte("hallo")}, {KindEnd, 1, 5, sum[:]}}, ErrDigest},
		{"digest short", []Frame{{KindData, 1, 0, []byte("hello")}, {KindEnd, 1, 5, sum[:31]}}, ErrDigest},
		{"truncated", []Frame{{KindData, 1, 0, []byte("hell")}, {KindEnd, 1, 5, sum[:]}}, ErrSize},
		{"too long", []Frame{{KindData, 1, 0, []byte("hello!")}}, ErrSize},
		{"end of another size", []Frame{{KindData, 1, 0, []byte("hello")}, {KindEnd, 1, 6, sum[:]}}, ErrSize},
		{"gap", []Frame{{KindData, 1, 1, []byte("ello")}}, ErrFrame},
		{"offset past everything", []Frame{{KindData, 1, math.MaxUint64, []byte("ello")}}, ErrFrame},
		{"abort", []Frame{{KindData, 1, 0, []byte("hell")}, {KindAbort, 1, 5, []byte("changed")}}, ErrAborted},
		{"begun twice", []Frame{{KindBegin, 1, 5, []byte("../b")}}, ErrFrame},
		{"next file without its beginning", []Frame{{KindData, 2, 0, []byte("hello")}}, ErrFrame},
	} {
		t.Run(tt.desc, func(t *testing.T) {
			x := newTester(t)
			x.begin(1, 1, "a")
			for _, f := range tt.frames {
				x.message(1, f.Append(nil))
			}
			if got, _ := x.r.Next(); got.Name != "a" || !errors.Is(got.Err, tt.want) {
				t.Errorf("result = %q, %v, want a, %v", got.Name, got.Err, tt.want)
			}
			x.wantDir()
			for { // what follows does not matter
				if _, ok := x.r.Next(); !ok {
					break
				}
			}

			// The next file is received all the same.
			x.begin(1, 3, "b")
			x.data(1, 3)
			x.end(1, 3)
			for {
				got, ok := x.r.Next()
				if !ok {
					t.Fatal("the next file was not received")
				}
				if got.Name == "b" && got.Err == nil {
					break
				}
			}
			x.wantDir("b")
		})
	}
}

// A size is a claim: it is neither reserved nor added up beyond all bounds.
func TestAbsurdSize(t *testing.T) {
	x := newTester(t)
	x.frame(1, KindBegin, 1, math.MaxInt64, "a")
	x.frame(2, KindBegin, 1, math.MaxInt64, "b")
	x.frame(1, KindData, 1, 0, "hello")
	if come, total := x.r.Progress(); come != 5 || total != math.MaxInt64 {
		t.Errorf("Progress = %d, %d", come, total)
	}
	x.frame(3, KindBegin, 1, math.MaxUint64, "c")
	x.want(ErrSize)
	x.end(1, 1)
	x.want(ErrSize)
	x.event(2, pgm.EventFin)
	x.want(ErrEnded)
	x.wantDir()
}

func TestInterleavedSources(t *testing.T) {
	x := newTester(t)
	x.begin(1, 1, "a")
	x.begin(2, 1, "b")
	x.data(2, 1)
	x.frame(1, KindData, 1, 0, "he")
	x.event(2, pgm.EventLoss)
	x.want(ErrLoss)
	x.frame(1, KindData, 1, 2, "llo")
	x.end(2, 1)
	x.end(1, 1)
	x.want("a")
	x.wantDir("a")
}

func TestLoss(t *testing.T) {
	t.Run("in the middle", func(t *testing.T) {
		x := newTester(t)
		x.begin(1, 1, "a")
		x.event(1, pgm.EventLoss)
		x.want(ErrLoss)
		x.wantDir()
		x.data(1, 1)
		x.end(1, 1)
		x.want()
		x.begin(1, 2, "b")
		x.data(1, 2)
		x.end(1, 2)
		x.want("b")
	})
	t.Run("the beginning", func(t *testing.T) {
		x := newTester(t)
		x.event(1, pgm.EventLoss)
		x.data(1, 1)
		x.want(ErrLoss)
		x.end(1, 1)
		x.want()
	})
	t.Run("whole files", func(t *testing.T) {
		x := newTester(t)
		x.begin(1, 1, "a")
		x.data(1, 1)
		x.end(1, 1)
		x.want("a")
		x.event(1, pgm.EventLoss)
		x.begin(1, 4, "d")
		if got, _ := x.r.Next(); got.Files != 2 || !errors.Is(got.Err, ErrLoss) {
			t.Errorf("result = %+v, want 2 files lost", got)
		}
		x.data(1, 4)
		x.end(1, 4)
		x.want("d")
	})
}

// A receiver that joins late did not lose anything.
func TestMissed(t *testing.T) {
	x := newTester(t)
	x.event(1, pgm.EventJoin)
	x.data(1, 7)
	x.data(1, 7)
	x.end(1, 7)
	x.want(ErrMissed)
	x.begin(1, 8, "a")
	x.data(1, 8)
	x.end(1, 8)
	x.want("a")
}

func TestSessionEnds(t *testing.T) {
	for _, k := range []pgm.EventKind{pgm.EventFin, pgm.EventReset, pgm.EventExpired} {
		x := newTester(t)
		x.begin(1, 1, "a")
		x.data(1, 1)
		x.event(1, k)
		x.want(ErrEnded)
		x.wantDir()
		if len(x.r.sources) != 0 {
			t.Errorf("%v: the source is still known", k)
		}
	}
}

func TestClose(t *testing.T) {
	x := newTester(t)
	x.begin(1, 1, "a")
	x.data(1, 1)
	if err := x.r.Close(); err != nil {
		t.Error(err)
	}
	x.want(ErrStopped)
	x.wantDir()
}

func TestNotAFrame(t *testing.T) {
	x := newTester(t)
	if err := x.r.Handle(&pgm.Event{Kind: pgm.EventMessage, Source: id(1), Data: []byte("hello")}); err != ErrNotFrame {
		t.Errorf("Handle = %v, want ErrNotFrame", err)
	}
	if len(x.r.sources) != 0 {
		t.Error("a source without files is remembered")
	}
}

func TestHandleAllocs(t *testing.T) {
	x := newTester(t)
	x.frame(1, KindBegin, 1, 1<<40, "a")
	msg := Frame{Kind: KindData, File: 1, Body: make([]byte, 1416)}.Append(nil)
	ev := pgm.Event{Kind: pgm.EventMessage, Source: id(1), Data: msg}
	var offset uint64
	if n := testing.AllocsPerRun(1000, func() {
		Frame{Kind: KindData, File: 1, Value: offset}.putHeader(msg)
		x.r.Handle(&ev)
		offset += 1416
	}); n != 0 {
		t.Errorf("Handle: %v allocs per message, want 0", n)
	}
	x.want()
}

// FuzzReceiver feeds a receiver frames made of the input. Whatever comes,
// nothing appears outside the directory, and nothing temporary stays.
func FuzzReceiver(f *testing.F) {
	sum := sha256.Sum256([]byte("hello"))
	f.Add(Frame{KindBegin, 1, 5, []byte("a")}.Append(nil), Frame{KindData, 1, 0, []byte("hello")}.Append(nil), Frame{KindEnd, 1, 5, sum[:]}.Append(nil), false)
	f.Add(Frame{KindBegin, 1, 5, []byte("../a")}.Append(nil), Frame{KindAbort, 1, 5, nil}.Append(nil), []byte("text"), true)
	f.Fuzz(func(t *testing.T, a, b, c []byte, loss bool) {
		x := newTester(t)
		for _, msg := range [][]byte{a, b, c, a, c} {
			x.r.Handle(&pgm.Event{Kind: pgm.EventMessage, Source: id(1), Data: msg})
			if loss {
				x.event(1, pgm.EventLoss)
			}
		}
		x.r.Close()
		var want []string
		for {
			res, ok := x.r.Next()
			if !ok {
				break
			}
			if res.Err == nil && !strings.Contains(fmt.Sprint(want), res.Name) {
				want = append(want, res.Name)
			}
		}
		entries, _ := os.ReadDir(x.dir)
		if len(entries) > 0 && len(want) == 0 {
			t.Errorf("left behind: %v", entries)
		}
		if around, _ := os.ReadDir(filepath.Dir(x.dir)); len(around) != 1 {
			t.Errorf("something escaped: %v", around)
		}
	})
}
