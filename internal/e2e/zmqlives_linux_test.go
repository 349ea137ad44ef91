package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/interop"
	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
)

// A life is that of one process or socket, of ten that follow each other. Those
// of a publisher begin at numbers of their own.
const (
	lives        = 10
	lifeMessages = 1000      // that are received at least, in each
	lifeNumbers  = 1_000_000 // between the first messages of two
	lifeMax      = 3000      // bytes of the largest message
	lifeRate     = 5e6
	lifeLimit    = 10 * time.Second
)

// firstEnv tells a publisher where to begin.
const firstEnv = "PGM_E2E_FIRST"

// publisherRole publishes messages until it is killed.
func publisherRole(*census) error {
	first, err := strconv.Atoi(os.Getenv(firstEnv))
	if err != nil {
		return err
	}
	pub, err := pubsub.NewPublisher(publisherConfig(lifeRate))
	if err != nil {
		return err
	}
	parts := interop.Parts{Max: lifeMax}
	for i := first; ; i++ {
		if _, err := pub.SendFrames(parts.Make(i)...); err != nil {
			return err
		}
	}
}

// TestZeroMQPUBKilled kills libzmq's PUB ten times and starts another. Each
// is a source of its own, and what it sends comes from its first message on.
func TestZeroMQPUBKilled(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 2)
	sub := openSubscriber(t, l.Hosts[1])
	sources := map[pgm.SourceID]*checker{}
	for i := range lives {
		first := i * lifeNumbers
		peer := startZeroMQ(t, l.Hosts[0], program, zmqArgs("send", first, lifeNumbers, lifeMax, lifeRate))
		sub.SetDeadline(time.Now().Add(lifeLimit))
		for got := 0; got < lifeMessages; {
			ev, err := sub.Recv()
			if err != nil {
				t.Fatalf("life %d: %v", i, err)
			}
			c := sources[ev.Source]
			if c == nil {
				if ev.Kind != pubsub.EventJoin || len(sources) != i {
					t.Fatalf("life %d: %v of source %d", i, ev.Kind, len(sources)+1)
				}
				c = newChecker(first, first+lifeNumbers, lifeMax)
				sources[ev.Source] = c
			}
			c.take(t, ev)
			if len(sources) == i+1 {
				got = c.messages
			}
		}
		peer.Kill()
	}
	messages, gaps := 0, 0
	for _, c := range sources {
		messages += c.messages
		gaps += c.gaps
		if c.next-c.missing != c.messages+c.end-lifeNumbers {
			t.Errorf("%d messages of a source and %d missing, but the last is its message %d", c.messages, c.missing, c.next-c.end+lifeNumbers)
		}
	}
	t.Logf("%d messages of %d sources, %d gaps", messages, len(sources), gaps)
}

// subscriberRole takes messages until it is killed, and fails if one is missing or
// was not sent. It tells once it has some.
func subscriberRole(*census) error {
	first, err := strconv.Atoi(os.Getenv(firstEnv))
	if err != nil {
		return err
	}
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: zmqEndpoint})
	if err != nil {
		return err
	}
	sub.Subscribe("")
	fmt.Println("ready")
	parts := interop.Parts{Max: lifeMax}
	next, end := first, lifeNumbers // the next is one of these
	for messages := 0; ; {
		ev, err := sub.Recv()
		switch {
		case err != nil:
			return err
		case ev.Kind == pubsub.EventJoin:
			continue
		case ev.Kind != pubsub.EventMessage:
			return fmt.Errorf("%v before message %d: %v", ev.Kind, next, ev.Cause)
		case messages == 0 && len(bytes.Join(ev.Frames, nil)) < unlike:
			continue // which one?
		}
		i, ok := parts.Find(ev.Frames, next, end)
		if !ok {
			return fmt.Errorf("what came is not message %d, or one up to %d", next, end-1)
		}
		next, end = i+1, i+2
		if messages++; messages == lifeMessages {
			fmt.Printf("{\"Messages\":%d,\"Next\":%d}\n", messages, next)
		}
	}
}

// TestSubscriberKilled kills our subscriber ten times while libzmq's PUB sends,
// and starts another.
func TestSubscriberKilled(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 2)
	startZeroMQ(t, l.Hosts[0], program, zmqArgs("send", 0, lifeNumbers, lifeMax, lifeRate))
	next := 0
	for i := range lives {
		cmd := l.Hosts[1].Command(self)
		cmd.Env = append(os.Environ(), roleEnv+"=subscriber", firstEnv+"="+strconv.Itoa(next))
		peer, err := interop.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(lifeLimit, peer.Kill)
		got, err := peer.Report()
		if err != nil {
			t.Fatalf("life %d: %v", i, err)
		}
		timer.Stop()
		peer.Kill()
		if got.Messages != lifeMessages || got.Next < next+lifeMessages {
			t.Errorf("life %d: %+v, want %d messages, the last beyond %d", i, got, lifeMessages, next)
		}
		t.Logf("life %d: up to message %d", i, got.Next-1)
		next = got.Next
	}
}

// TestPublisherKilled kills our publisher ten times and starts another, and
// libzmq's SUB takes what each sends. It may deliver the beginning of the message
// that was cut off and what follows as one: it does so with publishers of its own.
func TestPublisherKilled(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 2)
	peer := startZeroMQ(t, l.Hosts[1], program, zmqArgs("recv", 0, lives*lifeNumbers, lifeMax, lifeRate, "--every", "100"))
	time.Sleep(joinTime)
	timer := time.AfterFunc(lives*lifeLimit, peer.Kill)
	defer timer.Stop()
	var last interop.Result
	for i := range lives {
		first := i * lifeNumbers
		p := startRole(t, l.Hosts[0], "publisher", firstEnv+"="+strconv.Itoa(first))
		for last.Next < first+lifeMessages {
			var err error
			if last, err = peer.Report(); err != nil {
				t.Fatalf("life %d: %v; publisher: %s", i, err, &p.stderr)
			}
		}
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
	t.Logf("libzmq received %+v", last)
	if last.Bad >= lives {
		t.Errorf("libzmq received %d messages that were not sent, want one for each kill at most", last.Bad)
	}
}

// TestZeroMQSUBKilled kills libzmq's SUB ten times while we publish, and
// starts another. There is no loss: a SUB that joins late and loses a packet soon
// after may wait for it for good, and not ask again. So does one in twelve that
// joins a PUB of libzmq.
func TestZeroMQSUBKilled(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 0)
	pub := openPublisher(t, l.Hosts[0], lifeRate)
	parts := interop.Parts{Max: lifeMax}
	sent, first := 0, 0 // messages sent, and the first that can come to the next SUB
	for i := range lives {
		peer := startZeroMQ(t, l.Hosts[1], program,
			zmqArgs("recv", first, lifeNumbers, lifeMax, lifeRate, "--late", "--every", strconv.Itoa(lifeMessages)))
		timer := time.AfterFunc(lifeLimit, peer.Kill)
		done := reports(t, peer.Report)
		for received := false; !received; sent++ {
			if _, err := pub.SendFrames(parts.Make(sent)...); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-done:
				received = true
				first = got.Next
				t.Logf("life %d: %d messages up to %d", i, got.Messages, got.Next-1)
				if got.Messages != lifeMessages || got.Bad > 0 || got.Skipped > 0 {
					t.Errorf("life %d: libzmq received %+v, want %d messages, none skipped, none bad", i, got, lifeMessages)
				}
			default:
			}
		}
		timer.Stop()
		peer.Kill()
	}
}
