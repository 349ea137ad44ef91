//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// These tests run both tools as a user would, on the loopback interface.

// tools is the directory the tools were built into.
var tools string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pgm")
	if err == nil {
		var out []byte
		out, err = exec.Command("go", "build", "-o", dir+"/", ".", "../pgmsend").CombinedOutput()
		os.Stderr.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the tools:", err)
		os.Exit(1)
	}
	tools = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var nextPort atomic.Int32

// port returns a UDP port of the test's own.
func port() string { return fmt.Sprint(42100 + nextPort.Add(1)) }

// A process is a running tool.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout bytes.Buffer // to be read after wait
	stderr buffer       // but what -v logs
	log    buffer       // what -v logs
	done   chan struct{}
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.WriteString(line + "\n")
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts a tool. With -v it waits until the tool's sockets are open.
func start(t *testing.T, tool string, args ...string) *process {
	t.Helper()
	p := &process{t: t, done: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(tools, tool), args...)
	p.cmd.Stdout = &p.stdout
	p.stdin, _ = p.cmd.StdinPipe()
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	go func() {
		defer close(p.done)
		for in := bufio.NewScanner(stderr); in.Scan(); {
			line := in.Text()
			if strings.HasPrefix(line, "level=") {
				p.log.add(line)
			} else {
				p.stderr.add(line)
			}
		}
	}()
	if slices.Contains(args, "-v") {
		eventually(t, func() bool { return strings.Contains(p.log.String()+p.stderr.String(), "ing network=") })
	}
	return p
}

// wait waits for the end of a process and checks its exit code.
func (p *process) wait(code int) {
	p.t.Helper()
	late := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	<-p.done
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("%s: exit code %d, want %d\n%s", p.cmd, got, code, &p.stderr)
	}
}

// wantStderr checks that each of the texts is on standard error.
func (p *process) wantStderr(want ...string) {
	p.t.Helper()
	for _, w := range want {
		if !strings.Contains(p.stderr.String(), w) {
			p.t.Errorf("%s: standard error is\n%swant %q", p.cmd, &p.stderr, w)
		}
	}
}

func (p *process) wantStdout(want string) {
	p.t.Helper()
	if got := p.stdout.String(); got != want {
		p.t.Errorf("%s: standard output is %d bytes\n%.1000q\nwant %d bytes\n%.1000q", p.cmd, len(got), got, len(want), want)
	}
}

func recv(t *testing.T, port string, args ...string) *process {
	t.Helper()
	return start(t, "pgmrecv", append([]string{"-v", "-p", port}, args...)...)
}

func send(t *testing.T, port string, args ...string) *process {
	t.Helper()
	return start(t, "pgmsend", append([]string{"-p", port, "--linger", "500ms"}, args...)...)
}

// write makes a file of random bytes.
func write(t *testing.T, path string, size int) []byte {
	t.Helper()
	b := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(size)})
	rng.Read(b)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return b
}

// wantFiles checks that the directory has these files and no others.
func wantFiles(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; !ok {
			t.Errorf("%s has %s, which it should not", dir, e.Name())
		}
	}
	for name, body := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v: not the %d bytes sent", name, len(got), err, len(body))
		}
	}
}

// jsonLines parses standard output.
func (p *process) jsonLines() (lines []map[string]any) {
	p.t.Helper()
	for line := range strings.Lines(p.stdout.String()) {
		m := make(map[string]any)
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return lines
}

func TestMessages(t *testing.T) {
	t.Parallel()
	at := port()
	r := recv(t, at, "--count", "3", "--timeout", "20")
	s := send(t, at, "hello", "two\nlines", "")
	r.wait(0)
	s.wait(0)
	r.wantStdout("hello\n\"two\\nlines\"\n\n")
	r.wantStderr("pgmrecv: received 3 messages (14 B) in ", "3 packets, ", " 0 lost\n")
	s.wantStderr("pgmsend: sent 3 messages (14 B) in ", "3 packets, ")
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	at := port()
	r := start(t, "pgmrecv", "-p", at, "-q", "-j", "--count", "1", "--timeout", "20")
	s := send(t, at, "-q", "hello")
	r.wait(0)
	s.wait(0)
	r.wantStdout("hello\n")
	if r.stderr.String()+s.stderr.String() != "" {
		t.Errorf("standard error is %q and %q, want nothing", &r.stderr, &s.stderr)
	}
}

// Lines of any length arrive as they are, though a fifth of the packets is
// lost and standard input stays open.
func TestStandardInput(t *testing.T) {
	t.Parallel()
	at := port()
	var in strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&in, "line %d %s\n", i, strings.Repeat("x", i*i%5000))
	}
	in.WriteString("\n" + strings.Repeat("long", 50_000) + "\n")
	r := recv(t, at, "--count", "1002", "--timeout", "20", "--drop", "20")
	s := send(t, at)
	io.WriteString(s.stdin, in.String())
	r.wait(0)
	r.wantStdout(in.String())
	s.stdin.Close()
	s.wait(0)
}

// A last line without its end is sent too, and nothing waits for company.
func TestStandardInputSlow(t *testing.T) {
	t.Parallel()
	at := port()
	s := send(t, at, "-v")
	for _, line := range []string{"one", "two", "three"} {
		r := recv(t, at, "--count", "1", "--timeout", "20")
		fmt.Fprintln(s.stdin, line)
		r.wait(0)
		r.wantStdout(line + "\n")
	}
	r := recv(t, at, "--count", "1", "--timeout", "20")
	io.WriteString(s.stdin, "end")
	s.stdin.Close()
	r.wait(0)
	s.wait(0)
	r.wantStdout("end\n")
}

func TestStandardInputTooLong(t *testing.T) {
	t.Parallel()
	at := port()
	r := recv(t, at, "--count", "1", "--timeout", "20")
	s := send(t, at, "--window", "64KiB")
	io.WriteString(s.stdin, "short\n"+strings.Repeat("a", 40_000)+"\n")
	r.wait(0)
	s.wait(1)
	s.wantStderr("pgmsend: line 2 is too long: a message has to be smaller than 32KiB, half the --window\n")
	r.wantStdout("short\n")
}

func TestRaw(t *testing.T) {
	t.Parallel()
	at := port()
	r := recv(t, at, "--raw", "--count", "2", "--timeout", "20")
	s := send(t, at, "\x01\xff\n", "two")
	r.wait(0)
	s.wait(0)
	r.wantStdout("\x01\xff\ntwo")
}

func TestJSON(t *testing.T) {
	t.Parallel()
	at := port()
	r := recv(t, at, "--json", "--timeout", "3")
	s := send(t, at, "--json", "hello", "\x01")
	s.wait(0)
	r.wait(0)
	lines := r.jsonLines()
	var events []string
	for _, l := range lines {
		events = append(events, l["event"].(string))
	}
	if got := strings.Join(events, " "); got != "join message message fin summary" {
		t.Fatalf("events are %s", got)
	}
	if m := lines[2]; m["data"] != "AQ==" || m["length"] != 1.0 || m["sequence"] != lines[1]["sequence"].(float64)+1 || m["source"] != lines[0]["source"] {
		t.Errorf("message is %v after %v", m, lines[1])
	}
	if m := lines[4]; m["messages"] != 2.0 || m["packets"] != 2.0 || m["lost"] != 0.0 {
		t.Errorf("summary is %v", m)
	}
	if l := s.jsonLines(); len(l) != 1 || l[0]["event"] != "summary" || l[0]["messages"] != 2.0 {
		t.Errorf("summary of the sender is %v", l)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	for _, drop := range []string{"0", "5", "20"} {
		t.Run("drop="+drop, func(t *testing.T) {
			at, dir, in := port(), t.TempDir(), t.TempDir()
			body := write(t, filepath.Join(dir, "some.bin"), 8<<20)
			r := recv(t, at, "-o", in, "--count", "1", "--timeout", "20", "--drop", drop)
			s := send(t, at, "--file", filepath.Join(dir, "some.bin"))
			r.wait(0)
			s.wait(0)
			wantFiles(t, in, map[string][]byte{"some.bin": body})
			r.wantStderr("pgmrecv: received 1 file in ")
			if line := r.stdout.String(); !strings.HasSuffix(line, "  "+filepath.Join(in, "some.bin")+"\n") || len(line) < 64 {
				t.Errorf("standard output is %q", line)
			}
		})
	}
}

func TestFilesOfDirectory(t *testing.T) {
	t.Parallel()
	at, dir, in := port(), t.TempDir(), t.TempDir()
	want := make(map[string][]byte)
	for i, size := range []int{0, 1, 1431, 1432, 1433, 65536, 300_000} {
		name := fmt.Sprintf("file %d", i)
		want[name] = write(t, filepath.Join(dir, name), size)
	}
	os.Mkdir(filepath.Join(dir, "deep"), 0o777)
	write(t, filepath.Join(dir, "deep", "x"), 5)
	extra := filepath.Join(t.TempDir(), ".extra")
	want[".extra"] = write(t, extra, 100)

	r := recv(t, at, "--json", "-o", in, "--count", "8", "--timeout", "20", "--drop", "5")
	s := send(t, at, "--json", "--file", dir, "--file", extra)
	r.wait(0)
	s.wait(0)
	wantFiles(t, in, want)
	sums := make(map[any]any)
	for _, l := range s.jsonLines() {
		sums[l["name"]] = l["sha256"]
	}
	for _, l := range r.jsonLines() {
		if l["event"] == "file" && l["sha256"] != sums[l["name"]] {
			t.Errorf("%v has digest %v, sent was %v", l["name"], l["sha256"], sums[l["name"]])
		}
	}
}

// A receiver that starts late gets what the window still holds.
func TestLateJoin(t *testing.T) {
	t.Parallel()
	at, dir, in := port(), t.TempDir(), t.TempDir()
	body := write(t, filepath.Join(dir, "a"), 1<<20)
	s := send(t, at, "-v", "--linger", "3s", "--file", filepath.Join(dir, "a"))
	time.Sleep(500 * time.Millisecond) // surely it has sent all
	r := recv(t, at, "-o", in, "--count", "1", "--timeout", "20")
	r.wait(0)
	s.wait(0)
	wantFiles(t, in, map[string][]byte{"a": body})
}

func TestTwoSources(t *testing.T) {
	t.Parallel()
	at, dir, in := port(), t.TempDir(), t.TempDir()
	want := map[string][]byte{
		"a": write(t, filepath.Join(dir, "a"), 1<<20),
		"b": write(t, filepath.Join(dir, "b"), 1<<20+1),
	}
	r := recv(t, at, "-o", in, "--count", "2", "--timeout", "20")
	s1 := send(t, at, "-r", "50Mb/s", "--file", filepath.Join(dir, "a"))
	s2 := send(t, at, "-r", "50Mb/s", "--file", filepath.Join(dir, "b"))
	r.wait(0)
	s1.wait(0)
	s2.wait(0)
	wantFiles(t, in, want)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	r := recv(t, port(), "--timeout", "300ms", "--count", "2")
	r.wait(1)
	r.wantStderr("pgmrecv: timed out after 300ms with 0 of 2 messages\n")
	r = recv(t, port(), "--timeout", "300ms")
	r.wait(0)
	r = recv(t, port(), "--timeout", "300ms", "--count", "2", "-o", t.TempDir())
	r.wait(1)
	r.wantStderr("pgmrecv: timed out after 300ms with 0 of 2 files\n")
}

// A receiver that loses packets prints all messages, in another order, or those
// that came, in order, and says how many packets it gave up.
func TestDeliveryModes(t *testing.T) {
	t.Parallel()
	at := port()
	var msgs []string
	for i := range 400 {
		msgs = append(msgs, fmt.Sprintf("m%03d", i))
	}
	lossy := []string{"--json", "--drop", "20", "--timeout", "20", "--count"}
	unordered := recv(t, at, append(lossy, "400", "--unordered", "--join")...)
	skip := recv(t, at, append(lossy, "200", "--max-gap", "0")...)
	s := send(t, at, append([]string{"-v"}, msgs...)...)
	s.wait(0)
	unordered.wait(0)
	skip.wait(3)

	seen, newest, late := map[any]bool{}, "", 0
	for _, l := range unordered.jsonLines() {
		switch l["event"] {
		case "message":
			seen[l["data"]] = true
			b, _ := base64.StdEncoding.DecodeString(l["data"].(string))
			if string(b) < newest {
				late++
			}
			newest = max(newest, string(b))
		case "loss":
			t.Errorf("unordered: %v", l)
		}
	}
	if len(seen) != len(msgs) || late == 0 {
		t.Errorf("unordered: %d of %d messages, %d of them late", len(seen), len(msgs), late)
	}
	lines := skip.jsonLines()
	last := lines[len(lines)-1]
	if last["event"] != "summary" || last["skipped"] == 0.0 || last["skipped"] != last["lost"] || last["naks"] != 0.0 || last["messages"] != 200.0 {
		t.Errorf("--max-gap 0: %v", last)
	}
}

// A receiver that stalls while more passes than the source can repair loses
// it, and says so.
func TestLoss(t *testing.T) {
	t.Parallel()
	at, dir, in := port(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a"), 128<<20) // more than a socket holds
	r := recv(t, at, "-o", in, "--count", "1", "--timeout", "25")
	s := send(t, at, "-v", "--window", "64KiB", "-r", "2Gb/s", "--linger", "2s", "--file", filepath.Join(dir, "a"))
	eventually(t, func() bool { names, _ := os.ReadDir(in); return len(names) == 1 })
	r.cmd.Process.Signal(syscall.SIGSTOP)
	eventually(t, func() bool { return strings.Contains(s.log.String(), "msg=sent file=a") })
	r.cmd.Process.Signal(syscall.SIGCONT)
	r.wait(3)
	s.wait(0)
	r.wantStderr(`pgmrecv: "a" was not received: a part was lost`, "lost for good, and 1 file with them\n")
	wantFiles(t, in, nil)
}

func TestInterruptReceiver(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		at, dir, in := port(), t.TempDir(), t.TempDir()
		r := recv(t, at)
		r.cmd.Process.Signal(sig)
		r.wait(0)

		// In the middle of a file nothing of it stays.
		write(t, filepath.Join(dir, "a"), 4<<20)
		r = recv(t, at, "-o", in, "--count", "1")
		s := send(t, at, "-r", "8Mb/s", "--file", filepath.Join(dir, "a"))
		eventually(t, func() bool { names, _ := os.ReadDir(in); return len(names) == 1 })
		r.cmd.Process.Signal(sig)
		r.wait(1)
		r.wantStderr(`pgmrecv: "a" was not received: this receiver stopped before its end`)
		wantFiles(t, in, nil)
		s.cmd.Process.Kill()
	}
}

func TestInterruptSender(t *testing.T) {
	t.Parallel()
	at, dir, in := port(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a"), 4<<20)
	r := recv(t, at, "-o", in, "--count", "1", "--timeout", "20")
	s := send(t, at, "-r", "8Mb/s", "--file", filepath.Join(dir, "a"))
	eventually(t, func() bool { names, _ := os.ReadDir(in); return len(names) == 1 })
	s.cmd.Process.Signal(syscall.SIGINT)
	s.wait(1)
	s.wantStderr("pgmsend: interrupted")
	r.wait(1)
	r.wantStderr(`pgmrecv: "a" was not received: the sender`)
	wantFiles(t, in, nil)

	// What was sent is sent: an interrupt only ends the wait.
	s = send(t, port(), "-v", "--linger", "60s", "hello")
	time.Sleep(100 * time.Millisecond)
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.wait(0)
	s = send(t, port(), "-v", "--linger", "60s")
	s.cmd.Process.Signal(syscall.SIGINT)
	s.wait(0)
}

// A file that changes while it is sent does not arrive; the next one does.
func TestFileChanges(t *testing.T) {
	t.Parallel()
	at, dir, in := port(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a"), 8<<20) // more than the source takes ahead
	body := write(t, filepath.Join(dir, "b"), 1000)
	r := recv(t, at, "-o", in, "--count", "2", "--timeout", "20")
	s := send(t, at, "-r", "200Mb/s", "--file", dir)
	eventually(t, func() bool { names, _ := os.ReadDir(in); return len(names) == 1 })
	if err := os.Truncate(filepath.Join(dir, "a"), 7<<20); err != nil {
		t.Fatal(err)
	}
	r.wait(1)
	s.wait(1)
	s.wantStderr("a was not sent: the file changed while it was read: ", "pgmsend: not all files were sent\n")
	r.wantStderr(`pgmrecv: "a" was not received: the sender gave it up: "the file changed`, "pgmrecv: 1 file not received\n")
	wantFiles(t, in, map[string][]byte{"b": body})
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}
