package e2e

import (
	"bytes"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/interop"
	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
)

// TestPubSubFEC has subscribers that lose 5 % receive what a publisher sends with
// forward error correction: one from the beginning, one that joins in the middle and
// takes what comes from then on, and one that joins there and asks for all before.
// None misses a message; the parity of each kind repairs what is lost.
func TestPubSubFEC(t *testing.T) {
	const most = 4000 // bytes of the largest body
	for _, c := range []struct {
		name  string
		flush pubsub.Flush
		fec   pgm.FEC
	}{
		{"proactive", pubsub.FlushEach, pgm.FEC{K: 16, N: 20, Proactive: 4}},
		{"on-demand", pubsub.FlushEach, pgm.FEC{K: 16, OnDemand: true}},
		{"both, full packets", pubsub.FlushFull, pgm.FEC{K: 8, Proactive: 1, OnDemand: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lab.Require(t, 4)
			pub := openPublisherWith(t, l.Hosts[0], pubsub.PublisherConfig{
				Endpoint: zmqEndpoint, Flush: c.flush, FlushAfter: time.Millisecond, Repair: -1,
				Source: pgm.SourceConfig{Rate: 20e6, FEC: c.fec, Join: true},
			})
			readers := []*reader{
				{name: "early", host: l.Hosts[1]},
				{name: "late", host: l.Hosts[2], joins: readerMessages / 2},
				{name: "late, with all before", host: l.Hosts[3], joins: readerMessages / 2, all: true},
			}
			for _, r := range readers {
				hurt(t, r.host, 5)
			}
			for i := range readerMessages {
				for _, r := range readers {
					if r.joins == i {
						r.open(t)
					}
				}
				if _, err := pub.Send([]byte("topic"), interop.Message(i, 4, most, nil)); err != nil {
					t.Fatal(err)
				}
				for pause := i%50 == 0; pause; { // the groups before are short
					pause = pub.Backlog() > 0
					if err := pub.Poll(2 * time.Millisecond); err != nil {
						t.Fatal(err)
					}
					takeAll(t, readers, most)
				}
				takeAll(t, readers, most)
			}
			if err := pub.Flush(); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(resilienceLimit); !takeAll(t, readers, most); {
				if time.Now().After(end) {
					t.Fatalf("%s, %s and %s are at %d, %d and %d of %d", readers[0].name, readers[1].name, readers[2].name,
						readers[0].next, readers[1].next, readers[2].next, readerMessages)
				}
				if err := pub.Poll(time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			st := pub.Stats().Source
			t.Logf("%d packets, %d of parity, %d repairs, %d of them parity; %d NAKs", st.ODATAPackets, st.ParityPackets, st.RDATAPackets, st.ParityRepairs, st.NAKs)
			if (st.ParityPackets > 0) != (c.fec.Proactive > 0) || c.fec.OnDemand && st.ParityRepairs == 0 {
				t.Errorf("%d parity packets, %d on demand with %+v", st.ParityPackets, st.ParityRepairs, c.fec)
			}
			for _, r := range readers {
				s := r.sub.Stats().Receiver
				t.Logf("%s: messages %d to %d; %d missing, %d rebuilt, %d repaired, %d NAKs", r.name, r.first, r.next-1, s.Missing, s.Rebuilt, s.Repairs, s.NAKs)
				switch {
				case s.Rebuilt == 0 || s.Lost != 0:
					t.Errorf("%s: %d rebuilt, %d lost", r.name, s.Rebuilt, s.Lost)
				case r.all && r.first != 0:
					t.Errorf("%s: begins with message %d", r.name, r.first)
				case !r.all && (r.first < r.joins-100 || r.first > r.joins+100): // some wait to be sent
					t.Errorf("%s: begins with message %d, want one about %d", r.name, r.first, r.joins)
				}
			}
		})
	}
}

// readerMessages is how many messages go to readers.
const readerMessages = 4000

// A reader is a subscriber, and where it is in what is published.
type reader struct {
	name  string
	host  *lab.Host
	joins int  // before this message
	all   bool // asks for what was before

	sub         *pubsub.Subscriber
	begun       bool
	first, next int // messages
}

func (r *reader) open(t *testing.T) {
	t.Helper()
	r.sub = openSubscriberWith(t, r.host, pubsub.SubscriberConfig{Endpoint: zmqEndpoint, Receiver: pgm.ReceiverConfig{Join: r.all}})
}

// takeAll takes what there is for the readers, of messages of up to so many bytes. It
// reports whether all have all.
func takeAll(t *testing.T, readers []*reader, most int) (all bool) {
	t.Helper()
	all = true
	for _, r := range readers {
		if r.sub == nil {
			return false
		}
		r.take(t, most)
		all = all && r.next == readerMessages
	}
	return all
}

func (r *reader) take(t *testing.T, most int) {
	t.Helper()
	for {
		ev, err := r.sub.TryRecv()
		if err != nil {
			t.Fatal(err)
		}
		if ev == nil {
			return
		}
		switch ev.Kind {
		case pubsub.EventGap:
			t.Fatalf("%s: lost what was in packets %d to %d: %v", r.name, ev.First, ev.Last, ev.Cause)
		case pubsub.EventMessage:
			if !r.begun {
				for r.next < readerMessages && !bytes.Equal(ev.Body(), interop.Message(r.next, 4, most, nil)) {
					r.next++
				}
				r.begun, r.first = true, r.next
			}
			if r.next >= readerMessages || !bytes.Equal(ev.Body(), interop.Message(r.next, 4, most, nil)) || string(ev.Topic()) != "topic" {
				t.Fatalf("%s: %d bytes to %q, want message %d", r.name, len(ev.Body()), ev.Topic(), r.next)
			}
			r.next++
		}
	}
}
