package sim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/seq"
)

// testBook has the messages a, b, a large one and d, in packets 0xfffffffe to 1: a
// and b lie in the first, with the beginning of the large one; d in the last.
func testBook(t *testing.T) *book {
	b := &book{}
	for _, m := range []string{"a", "b", strings.Repeat("c", 20), "d"} {
		b.add([][]byte{[]byte(m)})
	}
	for i, p := range []string{
		"\x00\x00\x02\x00a\x02\x00b\x15\x00cc",
		"\xff\xff" + strings.Repeat("c", 10),
		"\xff\xff" + strings.Repeat("c", 4),
		"\x00\x04" + strings.Repeat("c", 4) + "\x02\x00d",
	} {
		if err := b.commit(seq.Num(0xfffffffe).Add(i), []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// Each script breaks one rule with its last event, or none.
func TestReader(t *testing.T) {
	const start = 0xfffffffe
	type step struct {
		below pgm.Event    // the receiver's, first
		ev    pubsub.Event // the Subscriber's, unless it has no kind
	}
	join := step{ev: pubsub.Event{Kind: pubsub.EventJoin, First: start}}
	message := func(first, last seq.Num, frames ...string) step {
		s := step{ev: pubsub.Event{Kind: pubsub.EventMessage, First: first, Last: last}}
		for _, f := range frames {
			s.ev.Frames = append(s.ev.Frames, []byte(f))
		}
		return s
	}
	lose := func(first, last seq.Num, from seq.Num) step {
		return step{pgm.Event{Kind: pgm.EventLoss, First: first, Last: last, Cause: pgm.CauseTrail},
			pubsub.Event{Kind: pubsub.EventGap, First: from, Last: last, Cause: pgm.CauseTrail}}
	}
	a, b, c, d := message(start, start, "a"), message(start, start, "b"), message(start, 1, strings.Repeat("c", 20)), message(1, 1, "d")
	leave := step{pgm.Event{Kind: pgm.EventFin}, pubsub.Event{Kind: pubsub.EventLeave, Why: pgm.EventFin}}
	for _, tt := range []struct {
		desc  string
		steps []step
		want  string
	}{
		{"all", []step{join, a, b, c, d, leave}, ""},
		{"a loss", []step{join, a, b, lose(0xffffffff, 0, start), d, leave}, ""},
		{"joined late", []step{{ev: pubsub.Event{Kind: pubsub.EventJoin, First: 0}}, d, leave}, ""},
		{"no join", []step{a}, "without a join"},
		{"twice", []step{join, a, b, c, d, d}, "came before"},
		{"out of order", []step{join, b}, "is missing"},
		{"one is missing", []step{join, a, c}, "is missing"},
		{"missing at the end", []step{join, a, b, c, leave}, "is missing"},
		{"missing beside a gap", []step{join, a, lose(0xffffffff, 0, 0xffffffff), d}, "is missing"},
		{"spliced", []step{join, a, b, message(start, 1, strings.Repeat("c", 19)+"d")}, "is missing"},
		{"in other packets", []step{join, message(start, 0xffffffff, "a")}, "is missing"},
		{"in other frames", []step{join, message(start, start, "", "a")}, "is missing"},
		{"before the join", []step{{ev: pubsub.Event{Kind: pubsub.EventJoin, First: 0xffffffff}}, a}, "is missing"},
		{"gap without a loss", []step{join, a, b, {ev: pubsub.Event{Kind: pubsub.EventGap, First: start, Last: 0, Cause: pgm.CauseTrail}}}, "nothing was lost"},
		{"gap that begins too early", []step{join, a, b, lose(1, 1, 0)}, "no message goes from there"},
		{"gap of framing", []step{join, a, b, {ev: pubsub.Event{Kind: pubsub.EventGap, First: start, Last: 0, Cause: pubsub.CauseFraming}}}, "too large"},
		{"loss without a gap", []step{join, a, b, {below: lose(1, 1, 1).below}}, "is not told"},
	} {
		r := reader{book: testBook(t), audit: &audit{next: 2, cfg: &pgm.ReceiverConfig{}}, spec: &SubSpec{Prefixes: []string{""}}}
		var err error
		for i := range tt.steps {
			s := &tt.steps[i]
			if err != nil {
				t.Fatalf("%s: step %d: %v", tt.desc, i-1, err)
			}
			r.below(&s.below)
			if s.ev.Kind != 0 {
				err = r.event(&s.ev)
			} else {
				err = r.settle()
			}
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.desc, err, tt.want)
		}
	}
}

// TestBook has one thing wrong with a packet.
func TestBook(t *testing.T) {
	for _, tt := range []struct{ desc, data, want string }{
		{"right", "\x00\x00\x02\x00a\x02", ""},
		{"nothing", "\x00\x00", "nothing"},
		{"other bytes", "\x00\x00\x02\x00b", "differs"},
		{"too much", "\x00\x00\x02\x00a\x02\x00bb", "differs"},
		{"offset of the second message", "\x00\x03\x02\x00a\x02", "begins at 0"},
		{"no offset", "\xff\xff\x02\x00a\x02", "begins at 0"},
	} {
		b := &book{}
		b.add([][]byte{[]byte("a")})
		b.add([][]byte{[]byte("b")})
		err := b.commit(7, []byte(tt.data))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.desc, err, tt.want)
		}
	}
	b := &book{}
	b.add([][]byte{bytes.Repeat([]byte("a"), 300), nil})
	if want := 10 + 300 + 2; b.messages[0].size() != want {
		t.Errorf("a frame of 300 bytes and an empty one take %d, want %d", b.messages[0].size(), want)
	}
	if err := b.commit(7, []byte("\x00\x00\xff\x00\x00")); err != nil {
		t.Error(err)
	}
	if err := b.commit(8, []byte("\x00\x00\x00\x00\x00")); err == nil {
		t.Error("an offset where no message begins: no error")
	}
	if b.takeBack() == nil {
		t.Error("took back what is in a packet")
	}
}

// TestPubSub has publishers and subscribers on a LAN that loses packets: each gets
// all it asked for.
func TestPubSub(t *testing.T) {
	for _, flush := range []pubsub.Flush{pubsub.FlushEach, pubsub.FlushFull} {
		sc := lan(1, 4, Load{Messages: 3000, MaxSize: 5000, Interval: time.Millisecond, Burst: 5})
		sc.Sources[0].Pub = &PubSpec{Topics: topics, Frames: 4, Config: pubsub.PublisherConfig{Flush: flush}}
		for i, prefix := range []string{"", "EUR", "EURUSD", "none"} {
			sc.Receivers[i].Sub = &SubSpec{Prefixes: []string{prefix}}
			sc.Receivers[i].Host.Down.Loss = 0.02
		}
		r := play(t, sc)
		t.Logf("%v", r)
		want := []uint64{3000, 3000 * 3 / 7, 3000 / 7, 0}
		for i := range r.Receivers {
			if x := &r.Receivers[i]; x.Read < want[i]*8/10 || x.Read > want[i]*12/10 || x.Gaps > 0 {
				t.Errorf("receiver %d got %d messages and %d gaps, want about %d and 0", i, x.Read, x.Gaps, want[i])
			}
		}
		if n := r.Sources[0].Published; n != 3000 {
			t.Errorf("%d messages published, want 3000", n)
		}
	}
}
