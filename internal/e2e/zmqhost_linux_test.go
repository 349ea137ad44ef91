package e2e

import (
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/interop"
	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
)

const (
	hostMessages = 5000 // of each publisher
	hostMax      = 3000 // bytes of the largest
)

// TestZeroMQSameHost has processes of libzmq and of this stack share a host, its
// address and a port.
func TestZeroMQSameHost(t *testing.T) {
	program := interop.ZeroMQ.Require(t)
	t.Run("publishers", func(t *testing.T) { zmqPublishersOfOneHost(t, program) })
	t.Run("subscribers", func(t *testing.T) { zmqSubscribersOfOneHost(t, program) })
}

// zmqPublishersOfOneHost has a PUB of libzmq and two publishers of ours on one
// host, and a subscriber on another that loses packets: each NAK reaches the
// process it is for.
func zmqPublishersOfOneHost(t *testing.T, program string) {
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 2)
	sub := openSubscriber(t, l.Hosts[1])
	peer := startZeroMQ(t, l.Hosts[0], program, zmqArgs("send", 0, hostMessages, hostMax, lifeRate))
	pubs := []*pubsub.Publisher{openPublisher(t, l.Hosts[0], lifeRate), openPublisher(t, l.Hosts[0], lifeRate)}
	checkers := map[pgm.SourceID]*checker{}
	for i, p := range pubs {
		first := (i + 1) * lifeNumbers
		checkers[p.Source()] = newChecker(first, first+hostMessages, hostMax)
	}
	parts := interop.Parts{Max: hostMax}
	missing := (len(pubs) + 1) * hostMessages
	for i, end := 0, time.Now().Add(zmqLimit); missing > 0; i++ {
		if time.Now().After(end) {
			t.Fatalf("%d messages are missing", missing)
		}
		for j, p := range pubs {
			var err error
			if i < hostMessages {
				_, err = p.SendFrames(parts.Make((j+1)*lifeNumbers + i)...)
			} else {
				err = p.Poll(100 * time.Microsecond)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for {
			ev, err := sub.TryRecv()
			if err != nil {
				t.Fatal(err)
			}
			if ev == nil {
				break
			}
			c := checkers[ev.Source]
			if c == nil { // libzmq does not tell its name before
				c = newChecker(0, hostMessages, hostMax)
				checkers[ev.Source] = c
			}
			if c.take(t, ev); ev.Kind == pubsub.EventMessage {
				missing--
			}
		}
	}
	if len(checkers) != len(pubs)+1 {
		t.Errorf("%d sources, want %d", len(checkers), len(pubs)+1)
	}
	for id, c := range checkers {
		if c.messages != hostMessages || c.gaps > 0 {
			t.Errorf("%v: %d messages and %d gaps, want %d and none", id, c.messages, c.gaps, hostMessages)
		}
	}
	passed := uint64(0)
	for _, p := range pubs {
		st := p.Stats().Source
		passed += st.IO.Passed
		t.Logf("%v: %d NAKs, %d repairs, %d packets passed on", p.Source(), st.NAKs, st.RDATAPackets, st.IO.Passed)
	}
	if passed == 0 {
		t.Error("nothing was passed on: the test tests nothing")
	}
	if _, err := peer.Wait(); err != nil {
		t.Error(err)
	}
}

// zmqSubscribersOfOneHost has a SUB of libzmq and a subscriber of ours on the host
// of the publisher, and the same on another. All lose packets, and get everything.
func zmqSubscribersOfOneHost(t *testing.T, program string) {
	l := lab.Require(t, 2)
	args := zmqArgs("recv", 0, hostMessages, hostMax, lifeRate)
	var subs []*pubsub.Subscriber
	var done []<-chan interop.Result
	for _, h := range l.Hosts {
		hurt(t, h, 2)
		subs = append(subs, openSubscriber(t, h))
		done = append(done, reports(t, startZeroMQ(t, h, program, args).Wait))
	}
	cfg := publisherConfig(lifeRate)
	cfg.Net.Loop = true
	pub := openPublisherWith(t, l.Hosts[0], cfg)
	if err := pub.Poll(joinTime); err != nil {
		t.Fatal(err)
	}
	parts := interop.Parts{Max: hostMax}
	var want interop.Digest
	checkers := []*checker{newChecker(0, hostMessages, hostMax), newChecker(0, hostMessages, hostMax)}
	waiting := len(done)
	for i, end := 0, time.Now().Add(zmqLimit); waiting > 0 || checkers[0].messages < hostMessages || checkers[1].messages < hostMessages; i++ {
		if time.Now().After(end) {
			t.Fatalf("%d and %d messages, %d of libzmq's are not done", checkers[0].messages, checkers[1].messages, waiting)
		}
		if i < hostMessages {
			message := parts.Make(i)
			want.AddParts(message)
			if _, err := pub.SendFrames(message...); err != nil {
				t.Fatal(err)
			}
		} else if err := pub.Poll(100 * time.Microsecond); err != nil {
			t.Fatal(err)
		}
		for j, s := range subs {
			ev, err := s.TryRecv()
			for ; ev != nil && err == nil; ev, err = s.TryRecv() {
				checkers[j].take(t, ev)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for j, c := range done {
			select {
			case got := <-c:
				waiting--
				done[j] = nil
				if got.Messages != hostMessages || got.Skipped != 0 || got.Bad != 0 || got.Digest != want.String() {
					t.Errorf("libzmq on host %d received %+v, want %d messages with digest %v", j, got, hostMessages, want)
				}
			default:
			}
		}
	}
	for j, c := range checkers {
		st := subs[j].Stats().Receiver
		if c.gaps > 0 || c.digest.String() != want.String() || st.Repairs == 0 {
			t.Errorf("host %d: %d messages, %d gaps, %d repairs, digest %v; want %v", j, c.messages, c.gaps, st.Repairs, c.digest, want)
		}
	}
}
