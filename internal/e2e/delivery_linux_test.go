package e2e

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// TestDelivery sends messages of one packet and of several to a receiver of each
// mode of delivery, and each of them loses 5 % of what arrives. All deliver a
// message at most once; what is not delivered is reported, and nothing is lost
// but where gaps are given up.
func TestDelivery(t *testing.T) {
	modes := []struct {
		name string
		cfg  pgm.ReceiverConfig
	}{
		{"unordered", pgm.ReceiverConfig{Delivery: pgm.Unordered}},
		{"skip-ahead", pgm.ReceiverConfig{MaxGap: 5 * time.Millisecond}},
		{"skip-ahead at once", pgm.ReceiverConfig{MaxGap: -1}},
		{"unordered skip-ahead", pgm.ReceiverConfig{Delivery: pgm.Unordered, MaxGap: 5 * time.Millisecond}},
	}
	const messages = 20000
	l := lab.Require(t, 1+len(modes))
	deadline := time.Now().Add(resilienceLimit)
	results := make(chan deliveries, len(modes))
	for i, m := range modes {
		h := l.Hosts[1+i]
		hurt(t, h, 5)
		r := openReceiver(t, h, network4, m.cfg)
		r.SetDeadline(deadline)
		go func() {
			d := deliveries{name: m.name, cfg: m.cfg, seen: make([]bool, messages), told: map[seq.Num]bool{}}
			for !d.ended && d.err == "" {
				ev, err := r.Recv()
				if err != nil {
					d.err = err.Error()
					break
				}
				d.take(&ev)
			}
			d.stats = r.Stats().ReceiverStats
			results <- d
		}()
	}
	src := openSource(t, l.Hosts[0], network4, pgm.SourceConfig{Rate: 50e6})
	src.SetDeadline(deadline)
	for i := range messages {
		size := 100
		if i%10 == 0 {
			size = 5000
		}
		msg := make([]byte, size)
		for at := 0; at < size; at += 4 {
			binary.BigEndian.PutUint32(msg[at:], uint32(i))
		}
		if err := src.Send(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := src.Close(2 * time.Second); err != nil {
		t.Error(err)
	}
	for range modes {
		d := <-results
		t.Logf("%s: %d of %d messages, %d of them behind newer ones; %d packets lost, %d given up, %d repaired; round trip %v",
			d.name, d.messages, messages, d.late, d.lost, d.stats.Skipped, d.stats.Repairs, d.stats.RTT)
		switch {
		case d.err != "":
			t.Errorf("%s: %s", d.name, d.err)
		case len(d.told) > 0 || d.stats.Lost != d.lost:
			t.Errorf("%s: there are numbers that nothing is known of; %d lost, and the stats say %d", d.name, d.lost, d.stats.Lost)
		case d.cfg.MaxGap == 0 && (d.messages != messages || d.lost > 0 || d.stats.Skipped > 0):
			t.Errorf("%s: %d messages, want %d, and no loss", d.name, d.messages, messages)
		case d.cfg.MaxGap < 0 && (d.stats.Skipped == 0 || d.stats.NAKs > 0 || d.messages < messages/2):
			t.Errorf("%s: %d given up, %d NAKs, %d messages", d.name, d.stats.Skipped, d.stats.NAKs, d.messages)
		case d.cfg.MaxGap >= 0 && d.stats.Repairs == 0:
			t.Errorf("%s: nothing was repaired: the test tests nothing", d.name)
		case d.cfg.Delivery == pgm.Ordered && d.late > 0 || d.cfg.Delivery == pgm.Unordered && d.late == 0:
			t.Errorf("%s: %d messages behind newer ones", d.name, d.late)
		}
	}
}

// deliveries is what one receiver of TestDelivery was told.
type deliveries struct {
	name string
	cfg  pgm.ReceiverConfig

	seen           []bool // messages
	messages, late int
	newest         int
	next           seq.Num          // everything before it was told of,
	told           map[seq.Num]bool // and these
	lost           uint64
	ended          bool
	err            string
	stats          pgm.ReceiverStats
}

func (d *deliveries) take(ev *pgm.Event) {
	switch ev.Kind {
	case pgm.EventJoin:
		d.next = ev.First
		return
	case pgm.EventMessage:
		i := int(binary.BigEndian.Uint32(ev.Data))
		switch {
		case i >= len(d.seen) || d.seen[i]:
			d.err = "a message twice, or one that was not sent"
			return
		case len(ev.Data) != 100 && len(ev.Data) != 5000 || int(binary.BigEndian.Uint32(ev.Data[len(ev.Data)-4:])) != i:
			d.err = "a message that was not sent so"
			return
		case i < d.newest:
			d.late++
		}
		d.newest = max(d.newest, i)
		d.seen[i] = true
		d.messages++
	case pgm.EventLoss:
		d.lost += uint64(ev.Last.Sub(ev.First)) + 1
		if d.cfg.MaxGap == 0 || ev.Cause != pgm.CauseSkip && ev.Cause != pgm.CauseFragment {
			d.err = "lost: " + ev.Cause.String()
			return
		}
	case pgm.EventFin:
		d.ended = true
		return
	default:
		d.err = ev.Kind.String()
		return
	}
	for n := ev.First; !n.After(ev.Last); n++ {
		if n.Before(d.next) || d.told[n] {
			d.err = "a number is told of twice"
			return
		}
		d.told[n] = true
	}
	for ; d.told[d.next]; d.next++ {
		delete(d.told, d.next)
	}
}
