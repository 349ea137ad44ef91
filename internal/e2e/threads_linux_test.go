package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

// roleEnv has this binary run as one side of a session, in a process with
// nothing else in it, instead of running tests.
const roleEnv = "PGM_E2E_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func(*census) error{
		"source": sourceRole, "receiver": receiverRole, "publisher": publisherRole, "subscriber": subscriberRole,
		"publish": publishRole, "subscribe": subscribeRole,
		"publish-calls": publishCallsRole, "subscribe-calls": subscribeCallsRole,
	}
	if role := roles[os.Getenv(roleEnv)]; role != nil {
		if err := role(&census{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// count is how many goroutines and threads a process has, at most, in a phase.
type count struct {
	Phase               string
	Goroutines, Threads int
}

// census counts what a process has, phase by phase.
type census struct{ counts []count }

// take counts now.
func (c *census) take(phase string) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	if n := len(c.counts); n == 0 || c.counts[n-1].Phase != phase {
		c.counts = append(c.counts, count{Phase: phase})
	}
	last := &c.counts[len(c.counts)-1]
	last.Goroutines = max(last.Goroutines, runtime.NumGoroutine())
	last.Threads = max(last.Threads, len(threads))
	return nil
}

// report is what a role prints.
type report struct {
	Counts   []count
	Messages uint64
	Repairs  uint64
	Lost     uint64
}

const (
	threadMessages = 20_000
	threadSize     = 1000
	threadRate     = 20e6
)

// warm lets the Go runtime start the threads that it starts anyway, sooner or
// later: one for each processor, one for a call that blocks, and those of the
// garbage collector.
func warm(wait func(time.Duration) error) error {
	var busy sync.WaitGroup
	for range runtime.GOMAXPROCS(0) + 1 {
		busy.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			time.Sleep(20 * time.Millisecond)
		})
	}
	busy.Wait()
	for range 20 {
		runtime.GC()
		if err := wait(10 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func sourceRole(c *census) error {
	n, err := pgmnet.ParseNetwork(network4)
	if err != nil {
		return err
	}
	src, err := pgmnet.NewSource(pgmnet.Config{Network: n}, pgm.SourceConfig{Rate: threadRate})
	if err != nil {
		return err
	}
	if err := errors.Join(warm(src.Poll), c.take("start")); err != nil {
		return err
	}
	msg := make([]byte, threadSize)
	for i := range threadMessages {
		if err := src.Send(msg); err != nil {
			return err
		}
		if i%100 == 0 {
			if err := c.take("send and repair"); err != nil {
				return err
			}
		}
	}
	for range 10 {
		if err := errors.Join(src.Poll(50*time.Millisecond), c.take("idle")); err != nil {
			return err
		}
	}
	if err := errors.Join(src.Close(200*time.Millisecond), c.take("closed")); err != nil {
		return err
	}
	s := src.Stats()
	return json.NewEncoder(os.Stdout).Encode(report{Counts: c.counts, Messages: s.Messages, Repairs: s.RDATAPackets, Lost: s.NAKOutside})
}

func receiverRole(c *census) error {
	n, err := pgmnet.ParseNetwork(network4)
	if err != nil {
		return err
	}
	rcv, err := pgmnet.NewReceiver(pgmnet.Config{Network: n}, pgm.ReceiverConfig{})
	if err != nil {
		return err
	}
	idle := func(d time.Duration) error {
		_, err := rcv.Poll(d)
		return err
	}
	if err := errors.Join(warm(idle), c.take("start")); err != nil {
		return err
	}
	for ended := false; !ended; {
		rcv.SetDeadline(time.Now().Add(50 * time.Millisecond))
		ev, err := rcv.Recv()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = c.take("idle")
		case ev.Kind == pgm.EventFin:
			ended = true
		case ev.Kind == pgm.EventMessage && ev.First%100 == 0:
			err = c.take("receive and repair")
		}
		if err != nil {
			return err
		}
	}
	if err := errors.Join(rcv.Close(), c.take("closed")); err != nil {
		return err
	}
	s := rcv.Stats()
	return json.NewEncoder(os.Stdout).Encode(report{Counts: c.counts, Messages: s.Messages, Repairs: s.Repairs, Lost: s.Lost})
}

// publishRole is sourceRole for a publisher that tells of completions.
func publishRole(c *census) error {
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Endpoint: callsEndpoint, Completions: pubsub.AllStages, Repair: 200 * time.Millisecond,
		Source: pgm.SourceConfig{Rate: threadRate},
	})
	if err != nil {
		return err
	}
	if err := errors.Join(warm(pub.Poll), c.take("start")); err != nil {
		return err
	}
	body := make([]byte, threadSize)
	var done pubsub.Completion
	for i := range threadMessages {
		if _, err := pub.Send([]byte("topic"), body); err != nil {
			return err
		}
		for pub.NextCompletion(&done) {
		}
		if i%100 == 0 {
			if err := c.take("publish and repair"); err != nil {
				return err
			}
		}
	}
	for range 10 {
		if err := errors.Join(pub.Poll(50*time.Millisecond), c.take("idle")); err != nil {
			return err
		}
	}
	if err := errors.Join(pub.Close(), c.take("closed")); err != nil {
		return err
	}
	s := pub.Stats()
	return json.NewEncoder(os.Stdout).Encode(report{
		Counts: c.counts, Messages: s.Messages, Repairs: s.Source.RDATAPackets, Lost: s.Source.NAKOutside,
	})
}

// subscribeRole is receiverRole for a subscriber.
func subscribeRole(c *census) error {
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: callsEndpoint})
	if err != nil {
		return err
	}
	sub.Subscribe("")
	idle := func(d time.Duration) error {
		_, err := pubsub.Poll([]pubsub.PollItem{{Sub: sub}}, d)
		return err
	}
	if err := errors.Join(warm(idle), c.take("start")); err != nil {
		return err
	}
	for ended := false; !ended; {
		sub.SetDeadline(time.Now().Add(50 * time.Millisecond))
		ev, err := sub.Recv()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = c.take("idle")
		case err != nil:
		case ev.Kind == pubsub.EventLeave:
			ended = true
		case ev.Kind == pubsub.EventMessage && ev.First%100 == 0:
			err = c.take("receive and repair")
		}
		if err != nil {
			return err
		}
	}
	if err := errors.Join(sub.Close(), c.take("closed")); err != nil {
		return err
	}
	s := sub.Stats()
	return json.NewEncoder(os.Stdout).Encode(report{
		Counts: c.counts, Messages: s.Messages, Repairs: s.Receiver.Repairs, Lost: s.Receiver.Lost,
	})
}

// TestThreadless counts the goroutines and the threads of a source and of a
// receiver, and of a publisher and a subscriber, each in a process of its own:
// whatever they do, there is the caller's goroutine and no other.
func TestThreadless(t *testing.T) {
	t.Run("pgmnet", func(t *testing.T) { testThreadless(t, "source", "receiver", pgmnet.DefaultPort) })
	t.Run("pubsub", func(t *testing.T) { testThreadless(t, "publish", "subscribe", 5555) })
}

func testThreadless(t *testing.T, from, to string, port int) {
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 2)
	receiver := startRole(t, l.Hosts[1], to)
	waitListening(t, l, 1, port)
	time.Sleep(500 * time.Millisecond) // it counts when it is warm, before data comes
	source := startRole(t, l.Hosts[0], from)
	for _, p := range []*role{source, receiver} {
		r := p.wait(t)
		t.Logf("%s: %+v", p.name, r)
		if r.Messages != threadMessages || r.Repairs == 0 || r.Lost != 0 {
			t.Errorf("%s: %d messages, %d repairs, %d lost; want %d, some, none", p.name, r.Messages, r.Repairs, r.Lost, threadMessages)
		}
		if len(r.Counts) < 4 {
			t.Errorf("%s: not all phases came: %v", p.name, r.Counts)
			continue
		}
		for _, n := range r.Counts[1:] {
			if n.Goroutines > r.Counts[0].Goroutines || n.Threads > r.Counts[0].Threads {
				t.Errorf("%s: %+v, want no more than at the %+v", p.name, n, r.Counts[0])
			}
		}
	}
}

// role is this binary as one side of a session.
type role struct {
	name           string
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func startRole(t *testing.T, h *lab.Host, name string, env ...string) *role {
	t.Helper()
	return startRoleUnder(t, h, name, env)
}

// startRoleUnder starts a role with more in its environment, as the last argument
// of another command, or as the command itself.
func startRoleUnder(t *testing.T, h *lab.Host, name string, env []string, command ...string) *role {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command = append(command, self)
	p := &role{name: name, cmd: h.Command(command[0], command[1:]...)}
	p.cmd.Env = append(append(os.Environ(), roleEnv+"="+name), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killAfter(t, 30*time.Second, p.cmd)
	return p
}

func (p *role) wait(t *testing.T) (r report) {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%s: %v: %s", p.name, err, &p.stderr)
	}
	if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil {
		t.Fatalf("%s printed %q: %v", p.name, &p.stdout, err)
	}
	return r
}
