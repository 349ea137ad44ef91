package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/interop"
	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
)

var zmqFull = flag.Bool("e2e.zmq-full", false, "send 200,000 messages, 1 GB, to and from ZeroMQ, with and without loss, at each rate")

const (
	zmqPort     = 5555
	zmqEndpoint = "epgm://" + network4 + ":5555"

	zmqCount = 200_000 // messages: 1.05 GB
	zmqMax   = 100_000 // bytes of the largest

	zmqLimit    = 5 * time.Minute // for one of the transfers
	zmqRecovery = 4 * time.Second // ZMQ_RECOVERY_IVL: both windows hold as much
)

// zmqRun is one exchange with ZeroMQ.
type zmqRun struct {
	loss   float64
	rate   int // bytes a second
	count  int
	native bool // pgm://, not epgm://
}

// name is that of a test.
func (x zmqRun) name() string {
	scheme := "epgm"
	if x.native {
		scheme = "pgm"
	}
	return fmt.Sprintf("%s/loss=%v/rate=%dMBs/count=%d", scheme, x.loss, x.rate/1e6, x.count)
}

// endpoint is ours.
func (x zmqRun) endpoint() string {
	if x.native {
		return strings.TrimPrefix(zmqEndpoint, "e")
	}
	return zmqEndpoint
}

// args are the arguments of a peer.
func (x zmqRun) args(role string) []string {
	args := zmqArgs(role, 0, x.count, zmqMax, x.rate)
	if x.native {
		args = append(args, "--native")
	}
	return args
}

// zmqRuns are those of a plain run: every rate, with and without loss, and all
// messages once; and some in native PGM/IP.
func zmqRuns() []zmqRun {
	if !*zmqFull {
		return []zmqRun{
			{loss: 0, rate: 5e6, count: zmqCount / 40}, {loss: 0, rate: 40e6, count: zmqCount / 5},
			{loss: 2, rate: 5e6, count: zmqCount / 40}, {loss: 2, rate: 40e6, count: zmqCount},
			{loss: 0, rate: 10e6, count: zmqCount / 20, native: true}, {loss: 2, rate: 10e6, count: zmqCount / 20, native: true},
		}
	}
	var all []zmqRun
	for _, loss := range []float64{0, 2} {
		for _, rate := range []int{20e6, 30e6, 40e6} {
			all = append(all, zmqRun{loss: loss, rate: rate, count: zmqCount})
		}
	}
	return all
}

// TestZeroMQ exchanges messages of 0 B to 100 kB in one part or several with
// libzmq: each arrives, whole, once and in order.
func TestZeroMQ(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	for _, x := range zmqRuns() {
		t.Run(x.name()+"/to", func(t *testing.T) {
			l := lab.Require(t, 2)
			hurt(t, l.Hosts[1], x.loss)
			toZeroMQ(t, l, program, x)
		})
		t.Run(x.name()+"/from", func(t *testing.T) {
			l := lab.Require(t, 2)
			hurt(t, l.Hosts[1], x.loss)
			fromZeroMQ(t, l, program, x)
		})
	}
}

// zmqArgs are the arguments of a peer for messages from number first on.
func zmqArgs(role string, first, count, max, rate int, args ...string) []string {
	return append([]string{role, "--network", network4, "--port", strconv.Itoa(zmqPort),
		"--first", strconv.Itoa(first), "--count", strconv.Itoa(count), "--max", strconv.Itoa(max),
		"--rate", strconv.Itoa(rate / 125), "--recovery", strconv.Itoa(int(zmqRecovery.Milliseconds()))}, args...)
}

// startZeroMQ starts libzmq on a host.
func startZeroMQ(t *testing.T, h *lab.Host, program string, args []string) *interop.Peer {
	t.Helper()
	cmd := h.Command(program, args...)
	peer, err := interop.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	killAfter(t, zmqLimit, cmd)
	return peer
}

// openPublisher opens a publisher on a host, in this process.
func openPublisher(t *testing.T, h *lab.Host, rate int) *pubsub.Publisher {
	t.Helper()
	return openPublisherAt(t, h, zmqEndpoint, rate)
}

func openPublisherAt(t *testing.T, h *lab.Host, endpoint string, rate int) *pubsub.Publisher {
	t.Helper()
	c := publisherConfig(rate)
	c.Endpoint = endpoint
	return openPublisherWith(t, h, c)
}

func openPublisherWith(t *testing.T, h *lab.Host, cfg pubsub.PublisherConfig) *pubsub.Publisher {
	t.Helper()
	p := openOn(t, h, func() (*pubsub.Publisher, error) { return pubsub.NewPublisher(cfg) })
	p.SetDeadline(time.Now().Add(zmqLimit))
	return p
}

// openOn opens something on a host, in this process.
func openOn[T io.Closer](t *testing.T, h *lab.Host, open func() (T, error)) (c T) {
	t.Helper()
	if err := h.Enter(func() (err error) {
		c, err = open()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func publisherConfig(rate int) pubsub.PublisherConfig {
	return pubsub.PublisherConfig{
		Endpoint: zmqEndpoint, Source: pgm.SourceConfig{Rate: int64(rate)},
		High: pubsub.Mark{Bytes: 1 << 20}, Linger: -1, Repair: -1,
	}
}

// openSubscriber opens a subscriber on a host, in this process.
func openSubscriber(t *testing.T, h *lab.Host) *pubsub.Subscriber {
	t.Helper()
	return openSubscriberAt(t, h, zmqEndpoint)
}

func openSubscriberAt(t *testing.T, h *lab.Host, endpoint string) *pubsub.Subscriber {
	t.Helper()
	return openSubscriberWith(t, h, pubsub.SubscriberConfig{Endpoint: endpoint})
}

func openSubscriberWith(t *testing.T, h *lab.Host, cfg pubsub.SubscriberConfig) *pubsub.Subscriber {
	t.Helper()
	s := openOn(t, h, func() (*pubsub.Subscriber, error) { return pubsub.NewSubscriber(cfg) })
	s.Subscribe("")
	return s
}

// joinTime is how long libzmq may take to join a group once it says that it is
// connected, which another thread of it does.
const joinTime = 200 * time.Millisecond

// reports sends what a peer reports, and then closes.
func reports(t *testing.T, report func() (interop.Result, error)) <-chan interop.Result {
	c := make(chan interop.Result, 1)
	go func() {
		defer close(c)
		r, err := report()
		if err != nil {
			t.Error(err)
		}
		c <- r
	}()
	return c
}

func toZeroMQ(t *testing.T, l *lab.Lab, program string, x zmqRun) {
	peer := startZeroMQ(t, l.Hosts[1], program, x.args("recv"))
	pub := openPublisherAt(t, l.Hosts[0], x.endpoint(), x.rate)
	if err := pub.Poll(joinTime); err != nil {
		t.Fatal(err)
	}
	done := reports(t, peer.Wait)
	parts := interop.Parts{Max: zmqMax}
	var want interop.Digest
	for i := range x.count {
		message := parts.Make(i)
		want.AddParts(message)
		if _, err := pub.SendFrames(message...); err != nil {
			t.Fatal(err)
		}
	}
	// Answer it until it has all, or gives up.
	for {
		select {
		case got := <-done:
			s := pub.Stats()
			t.Logf("%d messages, %.1f MB in %.1f s; %d packets, %d NAKs for %d numbers, %d repairs, %d outside", got.Messages, float64(got.Bytes)/1e6,
				got.Seconds, s.Packets, s.Source.NAKs, s.Source.NAKNumbers, s.Source.RDATAPackets, s.Source.NAKOutside)
			if got.Messages != x.count || got.Skipped != 0 || got.Bad != 0 || got.Digest != want.String() {
				t.Errorf("libzmq received %+v, want %d messages with digest %v", got, x.count, want)
			}
			return
		default:
			if err := pub.Poll(10 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func fromZeroMQ(t *testing.T, l *lab.Lab, program string, x zmqRun) {
	sub := openSubscriberAt(t, l.Hosts[1], x.endpoint())
	peer := startZeroMQ(t, l.Hosts[0], program, x.args("send"))
	c := newChecker(0, x.count, zmqMax)
	start := time.Now()
	for c.messages < x.count {
		sub.SetDeadline(time.Now().Add(5 * time.Second))
		ev, err := sub.Recv()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c.take(t, ev)
	}
	s := sub.Stats().Receiver
	t.Logf("%d messages, %.1f MB in %.1f s; %d packets, %d NAKs for %d numbers, %d repairs, round trip %v",
		c.messages, float64(c.bytes)/1e6, time.Since(start).Seconds(), s.DataPackets, s.NAKs, s.NAKNumbers, s.Repairs, s.RTT)
	sent, err := peer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if c.messages != x.count || c.gaps > 0 || c.digest.String() != sent.Digest {
		t.Errorf("received %d messages, %d gaps, digest %v; libzmq sent %+v", c.messages, c.gaps, c.digest, sent)
	}
}

// checker checks what a Subscriber delivers of one source: messages that were
// sent, in order, and for those that are missing a gap, in their place.
type checker struct {
	interop.Parts
	next, end int // the next message, and the one after the last that can come

	messages, bytes int
	digest          interop.Digest
	gaps            int
	missing         int // messages for which there was a gap

	// After a gap, and at the beginning, a message that is too short to be
	// unlike all others is kept until one comes that is long enough: it has
	// to be just before that.
	lost  bool
	kept  [][][]byte
	begun bool
}

// newChecker returns a checker of messages of up to most bytes, before number
// end.
func newChecker(next, end, most int) *checker {
	return &checker{Parts: interop.Parts{Max: most}, next: next, end: end, lost: true}
}

const unlike = 16 // bytes of a message that no other is equal to

func (c *checker) take(t *testing.T, ev *pubsub.Event) {
	t.Helper()
	switch ev.Kind {
	case pubsub.EventGap:
		c.gaps++
		c.lost = true
		c.settle(t)
	case pubsub.EventMessage:
		c.message(t, ev.Frames)
	}
}

func (c *checker) message(t *testing.T, frames [][]byte) {
	t.Helper()
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	c.messages++
	c.bytes += size
	c.digest.AddParts(frames)
	if !c.lost {
		if _, ok := c.Find(frames, c.next, c.next+1); !ok {
			t.Fatalf("what came after message %d is not the next, of %d bytes in %d frames, and there was no gap", c.next-1, size, len(frames))
		}
		c.next++
		return
	}
	if size < unlike && c.next+len(c.kept)+1 < c.end {
		clone := make([][]byte, len(frames))
		for i, f := range frames {
			clone[i] = bytes.Clone(f)
		}
		c.kept = append(c.kept, clone)
		return
	}
	i, ok := c.Find(frames, c.next+len(c.kept), c.end)
	if !ok {
		t.Fatalf("after message %d and a gap came one of %d bytes in %d frames that was not sent", c.next-1, size, len(frames))
	}
	for j, m := range c.kept {
		if n := i - len(c.kept) + j; !equal(m, c.Make(n)) {
			t.Fatalf("after a gap came one that is not message %d", n)
		}
	}
	missing := i - len(c.kept) - c.next
	if c.begun {
		if missing == 0 {
			t.Fatalf("a gap before message %d, though the one before it has come", c.next)
		}
		c.missing += missing
	}
	c.begun, c.lost, c.kept, c.next = true, false, c.kept[:0], i+1
}

// settle gives up to know which messages those are that were kept, when another
// gap follows. They were sent, in this order.
func (c *checker) settle(t *testing.T) {
	t.Helper()
	for _, m := range c.kept {
		i, ok := c.Find(m, c.next, c.end)
		if !ok {
			t.Fatalf("after message %d came one of %d frames that was not sent", c.next-1, len(m))
		}
		c.begun, c.next = true, i+1
	}
	c.kept = c.kept[:0]
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// TestZeroMQGaps has libzmq send with a window so small that much is lost for
// good: what is delivered is whole and in order all the same, and gaps are where
// messages are missing.
func TestZeroMQGaps(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 10)
	const count, rate = 20_000, 10e6
	sub := openSubscriber(t, l.Hosts[1])
	args := zmqArgs("send", 0, count, 20_000, rate, "--recovery", "5")
	peer := startZeroMQ(t, l.Hosts[0], program, args)
	c := newChecker(0, count, 20_000)
	for c.next < count {
		sub.SetDeadline(time.Now().Add(2 * time.Second))
		ev, err := sub.Recv()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c.take(t, ev)
	}
	if _, err := peer.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages, %d missing in %d gaps", c.messages, c.missing, c.gaps)
	if c.messages < count/10 || c.gaps < 10 {
		t.Errorf("%d messages and %d gaps, want %d and 10 at least", c.messages, c.gaps, count/10)
	}
}

// TestZeroMQRepairTime measures in a capture, at the host that loses packets, how
// long it takes from a NAK to its repair: ours to libzmq, and libzmq's to us, which
// it would keep for 10 ms and more were it not asked twice.
func TestZeroMQRepairTime(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	x := zmqRun{loss: 2, rate: 5e6, count: 4000}
	for _, tt := range []struct {
		name  string
		run   func(*testing.T, *lab.Lab, string, zmqRun)
		limit time.Duration
	}{
		{"ours", toZeroMQ, time.Millisecond},
		{"libzmq's", fromZeroMQ, 5 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := lab.Require(t, 2)
			hurt(t, l.Hosts[1], x.loss)
			file := filepath.Join(t.TempDir(), "repairs.pcapng")
			stop, err := l.Hosts[1].Capture(file)
			if err != nil {
				lab.Skip(t, err)
			}
			tt.run(t, l, program, x)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			times, err := interop.RepairTimes(file, zmqPort)
			if err != nil {
				t.Fatal(err)
			}
			if len(times) < 50 {
				t.Fatalf("%d repairs, want 50 at least", len(times))
			}
			at := func(q int) time.Duration { return times[(len(times)-1)*q/100] }
			t.Logf("%d repairs; NAK to RDATA: median %v, 90 %% %v, 99 %% %v, longest %v", len(times), at(50), at(90), at(99), at(100))
			if at(50) >= tt.limit {
				t.Errorf("the median is %v, want less than %v", at(50), tt.limit)
			}
		})
	}
}
