package pubsub

import (
	"fmt"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// TestParityCompletions publishes in short transmission groups, after each of which
// the source leaves out numbers: every message is told of once a stage all the same,
// and nothing counts as waiting that is sent.
func TestParityCompletions(t *testing.T) {
	network := pgmnet.Loopback()
	pub, err := NewPublisher(PublisherConfig{
		Net:         pgmnet.Config{Network: network, Port: 7512},
		Source:      pgm.SourceConfig{FEC: pgm.FEC{K: 8, Proactive: 2, Flush: 100 * time.Microsecond}, WindowPackets: 64, Rate: 1e9},
		Completions: StageTaken | StageKernel | StageRetired,
		Repair:      -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	const messages = 500
	told := map[Stage]uint64{}
	take := func() {
		for c := range pub.Completions() {
			if c.First != told[c.Stage]+1 || c.Last < c.First {
				t.Fatalf("%v of messages %d to %d, after %d", c.Stage, c.First, c.Last, told[c.Stage])
			}
			told[c.Stage] = c.Last
		}
	}
	for i := range messages {
		if _, err := pub.Send([]byte("topic"), fmt.Appendf(nil, "message %d", i)); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			if err := pub.Poll(time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if n := pub.Backlog(); n != 0 {
				t.Fatalf("%d of %d messages wait, though all were sent", n, i+1)
			}
		}
		take()
	}
	if st := pub.Stats(); st.Source.ParityPackets == 0 {
		t.Errorf("no parity: %+v", st.Source)
	}
	if _, _, next := pub.src.Progress(); next.Sub(pub.first) < 2*messages {
		t.Errorf("%d numbers for %d messages: none were left out", next.Sub(pub.first), messages)
	}
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}
	take()
	for _, s := range []Stage{StageTaken, StageKernel, StageRetired} {
		if told[s] != messages {
			t.Errorf("%v was told of %d messages, want %d", s, told[s], messages)
		}
	}
}
