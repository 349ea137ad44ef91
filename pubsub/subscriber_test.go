package pubsub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// events returns what a Subscriber makes of events of PGM, each as a word and
// what matters of it.
func events(t *testing.T, in ...pgm.Event) (got []string) {
	t.Helper()
	s := script(in)
	sub := newSubscriber(SubscriberConfig{MaxMessage: 1000}, &s)
	sub.Subscribe("")
	for {
		ev, err := sub.TryRecv()
		if err != nil {
			t.Fatal(err)
		}
		if ev == nil {
			return got
		}
		switch ev.Kind {
		case EventGap:
			got = append(got, fmt.Sprintf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause))
		case EventMessage:
			got = append(got, fmt.Sprintf("%q of %d to %d", ev.Frames, ev.First, ev.Last))
		case EventLeave:
			got = append(got, fmt.Sprintf("leave: %v", ev.Why))
		default:
			got = append(got, ev.Kind.String())
		}
	}
}

func TestSubscriberEvents(t *testing.T) {
	data := func(n uint32, s string) pgm.Event {
		return pgm.Event{Kind: pgm.EventMessage, First: seq.Num(n), Last: seq.Num(n), Data: unhex(t, s)}
	}
	loss := func(first, last uint32) pgm.Event {
		return pgm.Event{Kind: pgm.EventLoss, First: seq.Num(first), Last: seq.Num(last), Cause: pgm.CauseTrail}
	}
	join := pgm.Event{Kind: pgm.EventJoin}
	for _, tt := range []struct {
		desc string
		in   []pgm.Event
		want []string
	}{{
		"two messages in a packet, one in two",
		[]pgm.Event{join, data(5, "0000 0200 61 0200 62 0300 63"), data(6, "0001 64 0200 65")},
		[]string{"join", `["a"] of 5 to 5`, `["b"] of 5 to 5`, `["cd"] of 5 to 6`, `["e"] of 6 to 6`},
	}, {
		"joined in a message",
		[]pgm.Event{join, data(5, "ffff 61 61"), data(6, "0001 61 0200 62")},
		[]string{"join", `["b"] of 6 to 6`},
	}, {
		"the gap begins where the message does that is cut off",
		[]pgm.Event{join, data(5, "0000 0801 61"), data(6, "ffff 61"), loss(7, 8), data(9, "ffff 61"), data(10, "0000 0200 62")},
		[]string{"join", "gap 5 to 8: left the source's window", `["b"] of 10 to 10`},
	}, {
		"no framing",
		[]pgm.Event{join, data(5, "0000 0200 61 00"), data(6, "0001 61 0200 62")},
		[]string{"join", `["a"] of 5 to 5`, "gap 5 to 5: not the framing of ZeroMQ, or too large", `["b"] of 6 to 6`},
	}, {
		"no offset",
		[]pgm.Event{join, data(5, "0000 0300 61"), data(6, "00"), data(7, "0000 0200 62")},
		[]string{"join", "gap 5 to 6: not the framing of ZeroMQ, or too large", `["b"] of 7 to 7`},
	}, {
		"the end in a message",
		[]pgm.Event{join, data(5, "0000 0801 61"), {Kind: pgm.EventFin, First: 6, Last: 6}},
		[]string{"join", "gap 5 to 5: session ended", "leave: fin"},
	}, {
		"the end",
		[]pgm.Event{join, data(5, "0000 0200 61"), {Kind: pgm.EventExpired, First: 6, Last: 6}, join},
		[]string{"join", `["a"] of 5 to 5`, "leave: expired", "join"},
	}} {
		t.Run(tt.desc, func(t *testing.T) {
			if got := events(t, tt.in...); strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}
