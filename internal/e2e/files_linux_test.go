package e2e

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
)

var (
	fileSize = flag.Int64("e2e.size", 256<<20, "size in bytes of the large file")
	filesAll = flag.Bool("e2e.files-all", false, "send as much in IPv6 and in native PGM/IP as in UDP over IPv4")
)

const (
	fileLimit = 2 * time.Minute // for one run
	maxRatio  = 3               // the time of a run with loss to that of one without
	attempts  = 2               // other work on the machine may spoil one

	window = 64 << 20 // of either tool, by default
	spare  = 32 << 20 // what a process may have besides
)

// losses are the percentages of what the three receivers lose.
var losses = []float64{0, 2, 10}

// fewer is by how much the large file is smaller unless -e2e.files-all is given, in
// IPv6 and in native PGM/IP.
const fewer = 8

// TestFiles sends a large file and a directory of small ones with the tools, as
// they come, to three receivers: in UDP and in native PGM/IP, over IPv4 and IPv6.
func TestFiles(t *testing.T) {
	l := lab.Require(t, 1+len(losses))
	tools := buildTools(t)
	for i := range carriages {
		way := &carriages[i]
		t.Run(way.name, func(t *testing.T) {
			send := filepath.Join(t.TempDir(), "send")
			if i == 0 || *filesAll {
				compare(t, l, tools, send, makeFiles(t, send, *fileSize), way)
			} else {
				transfer(t, l, tools, send, makeFiles(t, send, *fileSize/fewer), way, losses)
			}
		})
	}
}

// compare transfers files with and without loss, and compares the times.
func compare(t *testing.T, l *lab.Lab, tools, send string, digests map[string][32]byte, way *carriage) {
	var ratios []float64
	for range attempts {
		whole := transfer(t, l, tools, send, digests, way, make([]float64, len(losses)))
		lossy := transfer(t, l, tools, send, digests, way, losses)
		ratio := lossy.Seconds() / whole.Seconds()
		ratios = append(ratios, ratio)
		t.Logf("%.2f s without loss, %.2f s with: ratio %.2f", whole.Seconds(), lossy.Seconds(), ratio)
		if t.Failed() || ratio <= maxRatio {
			return
		}
	}
	t.Errorf("with loss it takes %.2f times as long, want at most %d", ratios, maxRatio)
}

// transfer sends the files in a directory to receivers that lose percentages of
// what comes in, checks what arrives and returns how long it took.
func transfer(t *testing.T, l *lab.Lab, tools, send string, digests map[string][32]byte, way *carriage, percent []float64) time.Duration {
	t.Helper()
	took, _, _ := transferWith(t, l, tools, send, digests, way, percent)
	return took
}

// transferWith is transfer with more flags for the source. It returns what the
// source and each receiver say of it, too.
func transferWith(t *testing.T, l *lab.Lab, tools, send string, digests map[string][32]byte, way *carriage, percent []float64, flags ...string) (took time.Duration, sent summary, received []summary) {
	t.Helper()
	var receivers []*tool
	var dirs []string
	for i, p := range percent {
		h := l.Hosts[i+1]
		hurt(t, h, p)
		dir := t.TempDir()
		dirs = append(dirs, dir)
		receivers = append(receivers, startTool(t, h, fileLimit, filepath.Join(tools, "pgmrecv"),
			append(way.flags(), "--output", dir, "--count", fmt.Sprint(len(digests)))...))
	}
	waitListening(t, l, len(percent), way.port())
	source := startTool(t, l.Hosts[0], fileLimit, filepath.Join(tools, "pgmsend"), append(append(way.flags(), "--file", send), flags...)...)

	var last time.Time
	for i, r := range receivers {
		s := r.wait(t)
		received = append(received, s)
		if end := r.start.Add(r.took); end.After(last) {
			last = end
		}
		t.Logf("%g %% lost: %v, %d MiB", percent[i], s, r.memory()>>20)
		if s.Files != len(digests) || s.Lost != 0 {
			t.Errorf("received %v, want %d files and nothing lost", s, len(digests))
		}
		checkFiles(t, dirs[i], digests)
	}
	sent = source.wait(t)
	t.Logf("sent: %v, %d MiB", sent, source.memory()>>20)
	for _, p := range append(receivers, source) {
		if m := p.memory(); m == 0 || m > window+spare {
			t.Errorf("%s took %d MiB of memory, want at most %d", p.name, m>>20, (window+spare)>>20)
		}
	}
	return last.Sub(source.start), sent, received
}

// makeFiles fills a directory: a large file of noise, the module's own files,
// and market data where there are some. It returns their digests by name.
func makeFiles(t *testing.T, dir string, size int64) map[string][32]byte {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	large, err := os.Create(filepath.Join(dir, "large"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(large, rand.NewChaCha8([32]byte{1}), size); err != nil {
		t.Fatal(err)
	}
	if err := large.Close(); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..")
	n := copyFiles(t, root, dir, func(name string) bool {
		return strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".md") || strings.HasSuffix(name, ".hex")
	})
	if n < 50 {
		t.Fatalf("%d files of the module, want more", n)
	}
	data := os.Getenv("GOPGM_DATA")
	if data == "" {
		data = filepath.Join(root, "..", "shared", "data", "market")
	}
	if _, err := os.Stat(data); err == nil {
		copyFiles(t, data, dir, func(name string) bool { return strings.HasSuffix(name, ".pcap") })
	}
	return readFiles(t, dir)
}

// copyFiles copies the files of a tree whose name is wanted to one directory.
// Their names there are their paths in the tree.
func copyFiles(t *testing.T, tree, dir string, want func(name string) bool) (n int) {
	t.Helper()
	err := filepath.WalkDir(tree, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != tree && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !e.Type().IsRegular() || !want(e.Name()):
			return nil
		}
		rel, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		return os.WriteFile(filepath.Join(dir, strings.ReplaceAll(rel, string(filepath.Separator), "_")), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// readFiles returns the digests of the files in a directory by name.
func readFiles(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string][32]byte{}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		digests[e.Name()] = [32]byte(h.Sum(nil))
	}
	return digests
}

// checkFiles compares the files in a directory with the digests, and removes
// them, since they take memory on some machines.
func checkFiles(t *testing.T, dir string, digests map[string][32]byte) {
	t.Helper()
	got := readFiles(t, dir)
	for name, want := range digests {
		if sum, ok := got[name]; !ok {
			t.Errorf("no %s in %s", name, dir)
		} else if sum != want {
			t.Errorf("%s is not what was sent", name)
		}
	}
	for name := range got {
		if _, ok := digests[name]; !ok {
			t.Errorf("%s was never sent", name)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}
