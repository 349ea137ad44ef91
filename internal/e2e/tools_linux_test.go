package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
)

// buildTools builds pgmsend and pgmrecv and returns their directory.
func buildTools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir, "../../cmd/pgmsend", "../../cmd/pgmrecv")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// noiseFile writes a file "noise" of so many bytes, and returns its path and what a
// receiver of it must have.
func noiseFile(t *testing.T, size int) (path string, want map[string][32]byte) {
	t.Helper()
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{2}).Read(b)
	path = filepath.Join(t.TempDir(), "noise")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path, map[string][32]byte{"noise": sha256.Sum256(b)}
}

// tool is a running pgmsend or pgmrecv.
type tool struct {
	name   string
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr bytes.Buffer
	start  time.Time
	took   time.Duration
	ended  chan error
	peak   atomic.Int64 // bytes of memory, see watch
}

// summary is the last line that a tool prints with --json; it has more fields.
type summary struct {
	Event    string
	Messages uint64
	Bytes    uint64
	Files    int
	Packets  uint64
	NAKs     uint64
	Repairs  uint64
	Parity   uint64 // packets sent
	Rebuilt  uint64 // packets, from them
	Lost     uint64
	Duration float64
}

// startTool starts a tool on a host. It is killed when it takes longer than limit.
func startTool(t *testing.T, h *lab.Host, limit time.Duration, program string, args ...string) *tool {
	t.Helper()
	p := &tool{
		name:  filepath.Base(program) + " on " + h.Name,
		cmd:   h.Command(program, append([]string{"--network", network4, "--json"}, args...)...),
		start: time.Now(),
		ended: make(chan error, 1),
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killAfter(t, limit, p.cmd)
	go p.watch()
	go func() {
		err := p.cmd.Wait()
		p.took = time.Since(p.start)
		p.ended <- err
	}()
	return p
}

// wait waits until the tool ends and returns its summary.
func (p *tool) wait(t *testing.T) (s summary) {
	t.Helper()
	if err := <-p.ended; err != nil {
		t.Errorf("%s: %v\n%s%s", p.name, err, p.trouble(), &p.stderr)
	}
	lines := bytes.Split(bytes.TrimSpace(p.stdout.Bytes()), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &s); err != nil || s.Event != "summary" {
		t.Errorf("%s printed %q last, want a summary", p.name, lines[len(lines)-1])
	}
	return s
}

// memory is the largest part of memory the tool ever had, in bytes, but for its last
// moments. It is known once it has ended.
func (p *tool) memory() int64 { return p.peak.Load() }

// watch keeps the tool's peak until it has ended. What the system says of a child
// that has ended is no less than what its parent had when it started it: this process
// may have had more.
func (p *tool) watch() {
	file := fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)
	for ; ; time.Sleep(5 * time.Millisecond) {
		status, err := os.ReadFile(file)
		_, after, ok := strings.Cut(string(status), "\nVmHWM:")
		if err != nil || !ok {
			return // it has ended
		}
		var kB int64
		if _, err := fmt.Sscan(after, &kB); err == nil {
			p.peak.Store(kB << 10)
		}
	}
}

func (s summary) String() string {
	return fmt.Sprintf("%d files, %d packets, %d NAKs, %d repairs, %d of parity, %d rebuilt, %d lost, %.2f s",
		s.Files, s.Packets, s.NAKs, s.Repairs, s.Parity, s.Rebuilt, s.Lost, s.Duration)
}

// trouble is what the tool printed besides the files.
func (p *tool) trouble() string {
	var b strings.Builder
	for line := range strings.Lines(p.stdout.String()) {
		if !strings.HasPrefix(line, `{"event":"file"`) {
			b.WriteString(line)
		}
	}
	return b.String()[:min(b.Len(), 2000)]
}

func (p *tool) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
}
