package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
)

const (
	callsEndpoint = "epgm://" + network4 + ":5555"
	callsMessages = 30
)

// mark leaves a mark in the trace of a process.
func mark(name string) { syscall.Access("/mark-"+name, 0) }

// publishCallsRole sends messages now and then, and polls between them.
func publishCallsRole(*census) error {
	runtime.LockOSThread() // its calls are those that count
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Endpoint: callsEndpoint,
		Source:   pgm.SourceConfig{HeartbeatMin: time.Second}, // SPMs would come between
	})
	if err != nil {
		return err
	}
	for range callsMessages {
		if err := pub.Poll(30 * time.Millisecond); err != nil {
			return err
		}
		mark("begin")
		_, err := pub.Send([]byte("topic"), []byte("body"))
		mark("end")
		if err != nil {
			return err
		}
	}
	return pub.Close()
}

// subscribeCallsRole receives them.
func subscribeCallsRole(*census) error {
	runtime.LockOSThread()
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: callsEndpoint})
	if err != nil {
		return err
	}
	sub.Subscribe("")
	for {
		mark("begin")
		ev, err := sub.Recv()
		if err != nil {
			return err
		}
		if ev.Kind == pubsub.EventMessage {
			mark("end")
		}
		if ev.Kind == pubsub.EventLeave {
			return sub.Close()
		}
	}
}

// TestSystemCalls traces a publisher and a subscriber: an isolated message is one
// system call to send, and at most two to receive. A timer may take another now
// and then, so most messages count.
func TestSystemCalls(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		lab.Skip(t, fmt.Errorf("no strace: install it"))
	}
	l := lab.Require(t, 2)
	dir := t.TempDir()
	sub := startRoleUnder(t, l.Hosts[1], "subscribe-calls", nil, "strace", "-f", "-o", filepath.Join(dir, "sub"))
	waitListening(t, l, 1, 5555)
	pub := startRoleUnder(t, l.Hosts[0], "publish-calls", nil, "strace", "-f", "-o", filepath.Join(dir, "pub"))
	for _, p := range []*role{pub, sub} {
		if err := p.cmd.Wait(); err != nil {
			t.Fatalf("%s: %v: %s", p.name, err, &p.stderr)
		}
	}
	for _, tt := range []struct {
		file string
		want int
	}{{"pub", 1}, {"sub", 2}} {
		counts, example := marked(t, filepath.Join(dir, tt.file))
		good, total := 0, 0
		for n, times := range counts {
			total += times
			if n <= tt.want {
				good += times
			}
		}
		t.Logf("%s: system calls a message, and how often: %v; for instance\n%s", tt.file, counts, example)
		if total < callsMessages*2/3 || good < total*2/3 {
			t.Errorf("%s: %d of %d messages took at most %d system calls, want most", tt.file, good, total, tt.want)
		}
	}
}

var traced = regexp.MustCompile(`^(\d+) +(\w+)\(`)

// runtimeCalls are those of the Go runtime and not of this stack: to wake or
// hand over its threads, and to collect garbage.
var runtimeCalls = map[string]bool{
	"futex": true, "rt_sigreturn": true, "rt_sigprocmask": true, "tgkill": true, "getpid": true,
	"sched_yield": true, "nanosleep": true, "madvise": true, "mmap": true,
}

// marked counts the system calls between marks, by the thread that made these,
// and how often there were so many. It returns some as an example.
func marked(t *testing.T, file string) (counts map[int]int, example string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	counts = make(map[int]int)
	var thread string
	var calls []string
	for line := range strings.Lines(string(b)) {
		m := traced.FindStringSubmatch(line)
		switch {
		case m == nil:
		case strings.Contains(line, `"/mark-begin"`):
			thread, calls = m[1], nil
		case m[1] != thread:
		case strings.Contains(line, `"/mark-end"`):
			counts[len(calls)]++
			if len(calls) > 0 {
				example = strings.Join(calls, "")
			}
			thread = ""
		case !runtimeCalls[m[2]]:
			calls = append(calls, line)
		}
	}
	return counts, example
}
