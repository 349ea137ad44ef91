package pgm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

var deliveryModes = []struct {
	name string
	cfg  ReceiverConfig
}{
	{"ordered", ReceiverConfig{}},
	{"unordered", ReceiverConfig{Delivery: Unordered}},
	{"skip", ReceiverConfig{MaxGap: 5 * time.Millisecond}},
	{"skip-at-once", ReceiverConfig{MaxGap: -1}},
	{"unordered-skip", ReceiverConfig{Delivery: Unordered, MaxGap: 5 * time.Millisecond}},
	{"unordered-skip-at-once", ReceiverConfig{Delivery: Unordered, MaxGap: -1}},
}

// cover checks that the events of one source tell of every number just once,
// whatever the order, and of none outside the session.
type cover struct {
	open bool
	next seq.Num          // told of is everything before it,
	told map[seq.Num]bool // and these

	voids bool // numbers may be left out: of these nothing is told
}

func (c *cover) take(ev *Event) error {
	switch ev.Kind {
	case EventJoin:
		if c.open {
			return fmt.Errorf("joined twice")
		}
		*c = cover{open: true, next: ev.First, told: map[seq.Num]bool{}, voids: c.voids}
		return nil
	case EventMessage, EventLoss:
		if !c.open {
			return fmt.Errorf("%s outside a session", eventString(*ev))
		}
		if ev.First.Before(c.next) || ev.Last.Before(ev.First) {
			return fmt.Errorf("%s: told of is everything before %d", eventString(*ev), c.next)
		}
		if c.voids && ev.Last.Sub(ev.First) > 1<<12 {
			clear(c.told)
			c.next = ev.Last + 1
			return nil
		}
		if n, ok := c.twice(ev.First, ev.Last); ok {
			return fmt.Errorf("%s: %d was told of before", eventString(*ev), n)
		}
		if ev.First == c.next { // it may be a loss of very many
			c.next = ev.Last + 1
		} else {
			for n := ev.First; !n.After(ev.Last); n++ {
				c.told[n] = true
			}
		}
		for ; c.told[c.next] || c.voids && len(c.told) > 1<<12; c.next++ {
			delete(c.told, c.next)
		}
		return nil
	}
	if c.voids {
		c.open = false
		return nil
	}
	if !c.open || len(c.told) > 0 || ev.First != c.next {
		return fmt.Errorf("%s: open %v, told of is everything before %d, and %d others", eventString(*ev), c.open, c.next, len(c.told))
	}
	c.open = false
	return nil
}

// twice returns a number from first to last that was told of; there may be very
// many between them.
func (c *cover) twice(first, last seq.Num) (n seq.Num, ok bool) {
	if last.Sub(first) < len(c.told) {
		for n := first; !n.After(last); n++ {
			if c.told[n] {
				return n, true
			}
		}
		return 0, false
	}
	for n := range c.told {
		if !n.Before(first) && !n.After(last) {
			return n, true
		}
	}
	return 0, false
}

// part makes a data packet a fragment.
func part(first seq.Num, off, length uint32) func(*wire.Data) {
	return func(d *wire.Data) {
		d.Options.Fragment = wire.Fragment{First: first, Offset: off, Length: length}
		d.Options.Set(wire.OptFragment)
	}
}

// TestUnordered delivers messages as they come, once, and after EventJoin.
func TestUnordered(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Delivery: Unordered})
	r.recvSPM(0xfffffffd, 0xfffffffd)
	r.recvData(wire.TypeODATA, 0, 0xfffffffd, "b")
	r.want(r.events(), "join 4294967294", `message 0-0 "b"`)
	if err := r.recvData(wire.TypeODATA, 0, 0xfffffffd, "b"); err != DropDuplicate {
		t.Errorf("what was delivered: %v, want %v", err, DropDuplicate)
	}
	r.recvData(wire.TypeODATA, 3, 0xfffffffd, "e")
	r.recvData(wire.TypeRDATA, 0xffffffff, 0xfffffffd, "a")
	r.recvData(wire.TypeODATA, 4, 0xfffffffd, "f")
	r.want(r.events(), `message 3-3 "e"`, `message 4294967295-4294967295 "a"`, `message 4-4 "f"`)
	r.recvData(wire.TypeRDATA, 0xfffffffe, 0xfffffffd, "z")
	r.want(r.events(), `message 4294967294-4294967294 "z"`)
	r.recvSPM(2, 4, func(p *wire.SPM) { p.Options.Set(wire.OptFin) }) // 1 is lost, 2 may come
	r.want(r.events(), "loss 1-1 left the source's window")
	r.recvData(wire.TypeRDATA, 2, 2, "d")
	r.want(r.events(), `message 2-2 "d"`, "fin 5")
	if st := r.Stats(); st.Buffered != 0 || st.Outstanding != 0 {
		t.Errorf("%d bytes buffered, %d outstanding, want none", st.Buffered, st.Outstanding)
	}
}

// TestUnorderedNoCopy delivers from the caller's memory what comes early, and has
// a copy once that is to be used again.
func TestUnorderedNoCopy(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Delivery: Unordered})
	r.recvSPM(0, 0)
	data := func(n seq.Num, s string) []byte {
		return wire.AppendData(nil, &wire.Data{Header: header(wire.TypeODATA), SQN: n, Payload: []byte(s)})
	}
	var ev Event
	pkt := data(5, "early")
	r.recv(pkt)
	for r.NextEvent(&ev) && ev.Kind != EventMessage {
	}
	if ev.First != 5 || &ev.Data[0] != &pkt[len(pkt)-5] || r.Stats().Buffered != 0 {
		t.Errorf("%s was copied; %d bytes are buffered", eventString(ev), r.Stats().Buffered)
	}
	// Three that nobody takes out meanwhile: the first is kept, the others stored.
	for _, n := range []seq.Num{7, 3, 1} {
		pkt := data(n, map[seq.Num]string{7: "seven", 3: "three", 1: "one"}[n])
		r.recv(pkt)
		r.Keep()
		clear(pkt)
	}
	r.want(r.events(), `message 7-7 "seven"`, `message 3-3 "three"`, `message 1-1 "one"`)
	if n := r.Stats().Buffered; n != 0 {
		t.Errorf("%d bytes buffered, want 0", n)
	}
}

// TestUnorderedFragments delivers a message as soon as its last fragment came,
// wherever in the message that is.
func TestUnorderedFragments(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Delivery: Unordered})
	r.recvSPM(0, 0)
	r.recvData(wire.TypeODATA, 3, 0, "bb", part(2, 2, 6)) // 1 and 2 are missing
	r.recvData(wire.TypeODATA, 4, 0, "cc", part(2, 4, 6))
	r.recvData(wire.TypeODATA, 5, 0, "ddd", part(5, 0, 5))
	r.recvData(wire.TypeODATA, 7, 0, "next") // 6 is missing
	r.want(r.events(), "join 1", `message 7-7 "next"`)
	r.recvData(wire.TypeRDATA, 6, 0, "ee", part(5, 3, 5))
	r.want(r.events(), `message 5-6 "dddee"`)
	r.recvData(wire.TypeRDATA, 2, 0, "aa", part(2, 0, 6))
	r.want(r.events(), `message 2-4 "aabbcc"`)
	for n := seq.Num(2); n < 8; n++ {
		if err := r.recvData(wire.TypeRDATA, n, 0, "aa", part(2, 0, 6)); n == 2 && err != DropDuplicate {
			t.Errorf("fragment %d again: %v, want %v", n, err, DropDuplicate)
		}
	}
	r.recvData(wire.TypeODATA, 8, 0, "f", part(8, 0, 3)) // in order but for 1
	r.recvData(wire.TypeODATA, 9, 0, "g", part(8, 1, 3))
	r.recvData(wire.TypeRDATA, 1, 0, "first")
	r.want(r.events(), `message 1-1 "first"`)
	r.recvData(wire.TypeODATA, 11, 0, "after")
	r.recvData(wire.TypeODATA, 10, 0, "h", part(8, 2, 3))
	r.want(r.events(), `message 11-11 "after"`, `message 8-10 "fgh"`)
	if n := r.Stats().Buffered; n != 0 {
		t.Errorf("%d bytes buffered, want 0", n)
	}
}

// TestUnorderedLossInMessage reports a message that cannot be completed when its
// turn comes, and one that is too large, and delivers what follows before that.
func TestUnorderedLossInMessage(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Delivery: Unordered, MaxMessage: 8})
	r.recvSPM(0, 0)
	r.recvData(wire.TypeODATA, 2, 0, "aa", part(2, 0, 6))
	r.recvData(wire.TypeODATA, 4, 0, "cc", part(2, 4, 6))
	r.recvData(wire.TypeODATA, 5, 0, "12345", part(5, 0, 9))
	r.recvData(wire.TypeODATA, 6, 0, "6789", part(5, 5, 9))
	r.recvData(wire.TypeODATA, 7, 0, "after")
	r.want(r.events(), "join 1", `message 7-7 "after"`)
	r.recvData(wire.TypeRDATA, 1, 1, "first")
	r.want(r.events(), `message 1-1 "first"`)
	r.recvSPM(4, 7)
	r.want(r.events(), "loss 2-3 left the source's window", "loss 4-4 part of an incomplete message", "loss 5-6 message too large")
}

// TestUnorderedContradiction has fragments that overlap, or are of two messages
// at once. They are reported, and what is right is delivered.
func TestUnorderedContradiction(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Delivery: Unordered})
	r.recvSPM(0, 0)
	r.recvData(wire.TypeODATA, 2, 0, "aa", part(2, 0, 6))
	r.recvData(wire.TypeODATA, 3, 0, "bb", part(2, 2, 6))
	r.recvData(wire.TypeODATA, 4, 0, "bb", part(2, 2, 6)) // six bytes, but not those
	r.recvData(wire.TypeODATA, 5, 0, "x", part(5, 0, 3))
	r.recvData(wire.TypeODATA, 6, 0, "y") // in the midst of a message
	r.recvData(wire.TypeODATA, 7, 0, "zz", part(5, 1, 3))
	r.want(r.events(), "join 1", `message 6-6 "y"`)
	r.recvData(wire.TypeRDATA, 1, 0, "first")
	r.want(r.events(), `message 1-1 "first"`, "loss 2-4 part of an incomplete message",
		"loss 5-5 part of an incomplete message", "loss 7-7 part of an incomplete message")
}

// TestUnorderedWithoutBuffer delivers messages of one packet behind a gap though
// there is no room for any, unless nobody takes them out.
func TestUnorderedWithoutBuffer(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Delivery: Unordered, BufferBytes: 1})
	r.recvSPM(0, 0)
	var want []string
	for n := seq.Num(2); n < 100; n += 2 {
		if err := r.recvData(wire.TypeODATA, n, 0, "m"); err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
		if n == 2 {
			want = append(want, "join 1")
		}
		want = append(want, fmt.Sprintf(`message %d-%d "m"`, n, n))
		r.want(r.events(), want...)
		want = nil
	}
	if err := r.recvData(wire.TypeODATA, 101, 0, "m"); err != nil {
		t.Errorf("packet 101: %v", err)
	}
	for n := seq.Num(103); n < 200; n += 2 {
		if err := r.recvData(wire.TypeODATA, n, 0, "m"); err != DropBuffer {
			t.Errorf("packet %d, with the one before not taken out: %v, want %v", n, err, DropBuffer)
		}
	}
	if n := r.Stats().Buffered; n > 64 {
		t.Errorf("%d bytes buffered, want those of one packet", n)
	}
}

// TestMaxGap gives up a gap when it has been known for as long, each number by
// its own time, and not sooner.
func TestMaxGap(t *testing.T) {
	for _, mode := range []Delivery{Ordered, Unordered} {
		r := newReceiverScript(t, ReceiverConfig{MaxGap: 10 * time.Millisecond, Delivery: mode})
		r.recvData(wire.TypeODATA, 0, 0, "a")
		r.recvData(wire.TypeODATA, 2, 0, "c")
		r.events()
		r.advance(4 * time.Millisecond)
		r.recvData(wire.TypeODATA, 5, 0, "f")
		r.recvData(wire.TypeRDATA, 4, 0, "e")
		r.events()
		r.advance(6*time.Millisecond - 1)
		r.want(r.events())
		r.advance(1)
		want := []string{"loss 1-1 missing for too long", `message 2-2 "c"`}
		if mode == Unordered {
			want = want[:1]
		}
		r.want(r.events(), want...)
		if err := r.recvData(wire.TypeRDATA, 1, 0, "b"); err != DropDuplicate {
			t.Errorf("what was given up: %v, want %v", err, DropDuplicate)
		}
		r.advance(4*time.Millisecond - 1)
		r.want(r.events())
		r.advance(1)
		want = []string{"loss 3-3 missing for too long", `message 4-4 "e"`, `message 5-5 "f"`}
		if mode == Unordered {
			want = want[:1]
		}
		r.want(r.events(), want...)
		if st := r.Stats(); st.Skipped != 2 || st.Lost != 2 || st.Outstanding != 0 || st.Missing != 3 {
			t.Errorf("%v: skipped %d, lost %d, outstanding %d, missing %d, want 2, 2, 0 and 3", mode, st.Skipped, st.Lost, st.Outstanding, st.Missing)
		}
	}
}

// TestMaxGapAtOnce never waits, and asks for nothing.
func TestMaxGapAtOnce(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{MaxGap: -1})
	r.recvSPM(0, 0)
	r.recvData(wire.TypeODATA, 1, 0, "b")
	r.recvData(wire.TypeODATA, 3, 0, "d")
	r.want(r.events(), "join 1", `message 1-1 "b"`, "loss 2-2 missing for too long", `message 3-3 "d"`)
	r.recvSPM(0, 5)
	r.want(r.events(), "loss 4-5 missing for too long")
	r.recvData(wire.TypeODATA, 7, 0, "h", part(6, 1, 2)) // the rest of a message
	r.recvData(wire.TypeODATA, 8, 0, "i")
	r.want(r.events(), "loss 6-6 missing for too long", "loss 7-7 part of an incomplete message", `message 8-8 "i"`)
	r.want(r.advance(time.Second))
	if st := r.Stats(); st.Skipped != 4 || st.NAKs != 0 {
		t.Errorf("skipped %d, NAKs %d, want 4 and 0", st.Skipped, st.NAKs)
	}
}

// TestMaxGapBacklog does not give up what may lie unread.
func TestMaxGapBacklog(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{MaxGap: 10 * time.Millisecond})
	r.recvData(wire.TypeODATA, 0, 0, "a")
	r.recvData(wire.TypeODATA, 2, 0, "c")
	r.events()
	heard := r.now.Add(9 * time.Millisecond)
	r.now = r.now.Add(time.Second) // a long pause, in which number 1 was repaired
	r.HandleBacklog(r.now, heard)
	r.want(r.events())
	r.recvData(wire.TypeRDATA, 1, 0, "b")
	r.want(r.events(), `message 1-1 "b"`, `message 2-2 "c"`)
	r.HandleTimeout(r.now)
	if st := r.Stats(); st.Skipped != 0 {
		t.Errorf("skipped %d, want 0", st.Skipped)
	}
}

// TestMaxGapPath gives up in time though the source cannot be asked, because no
// SPM came, or the receiver may not.
func TestMaxGapPath(t *testing.T) {
	for _, cfg := range []ReceiverConfig{{}, {Passive: true, NAKBackoff: time.Second}} {
		cfg.MaxGap = 10 * time.Millisecond
		r := newReceiverScript(t, cfg)
		r.recvData(wire.TypeODATA, 0, 0, "a")
		r.recvData(wire.TypeODATA, 2, 0, "c")
		r.events()
		r.advance(10 * time.Millisecond)
		r.want(r.events(), "loss 1-1 missing for too long", `message 2-2 "c"`)
	}
}

// TestVoid skips numbers that the source left out: they are neither delivered nor
// lost, wherever they are.
func TestVoid(t *testing.T) {
	for _, mode := range []Delivery{Ordered, Unordered} {
		r := newReceiverScript(t, ReceiverConfig{Delivery: mode})
		r.recvSPM(0, 0)
		void := func(n seq.Num) {
			s := r.last
			s.naks.Cancel(n)
			s.win.Void(n)
			r.enqueue(s)
		}
		void(1) // before the join
		r.want(r.events())
		r.recvData(wire.TypeODATA, 2, 0, "a")
		r.want(r.events(), "join 2", `message 2-2 "a"`)
		void(3)
		r.recvData(wire.TypeODATA, 4, 0, "bb", part(4, 0, 6))
		r.want(r.events())
		void(5) // amid a message in order
		r.recvData(wire.TypeODATA, 6, 0, "bbbb", part(4, 2, 6))
		r.want(r.events(), `message 4-6 "bbbbbb"`)
		r.recvData(wire.TypeODATA, 8, 0, "cc", part(8, 0, 4)) // 7 is missing
		void(9)                                               // amid a message that is not in order
		r.recvData(wire.TypeODATA, 10, 0, "cc", part(8, 2, 4))
		if mode == Unordered {
			r.want(r.events(), `message 8-10 "cccc"`)
		}
		r.recvSPM(0, 13)
		void(12)
		if err := r.recvData(wire.TypeODATA, 12, 0, "void"); err != DropDuplicate {
			t.Errorf("data of a void number: %v, want %v", err, DropDuplicate)
		}
		r.recvSPM(14, 14)
		want := []string{"loss 7-7 left the source's window", `message 8-10 "cccc"`, "loss 11-11 left the source's window", "loss 13-13 left the source's window"}
		if mode == Unordered {
			want = append(want[:1], want[2:]...)
		}
		r.want(r.events(), want...)
	}
}

// TestDeliveryHistory has a receiver ask for what was sent before it joined, in
// every mode: it gets it all, or, if it gives up at once, is told.
func TestDeliveryHistory(t *testing.T) {
	for _, mode := range deliveryModes {
		p := newPair(t, SourceConfig{Join: true, MaxTPDU: 200}, ReceiverConfig{})
		p.lose = func([]byte) bool { return true }
		for i := range 20 {
			p.send(strings.Repeat(string(rune('a'+i)), 1+100*(i%7)))
		}
		lose := 0
		p.lose = func([]byte) bool { lose++; return lose%5 == 0 }
		cfg := mode.cfg
		cfg.Rand, cfg.Join = rand.NewPCG(3, 3), true
		if cfg.MaxGap > 0 {
			cfg.MaxGap = time.Second
		}
		p.rcv, _ = NewReceiver(cfg)
		p.events = nil
		p.send("last")
		p.advance(2 * time.Second)
		p.src.Close(p.now)
		p.advance(2 * time.Second)
		messages, c := 0, &cover{}
		for _, ev := range p.events {
			if err := c.take(&ev); err != nil {
				t.Errorf("%s: %v", mode.name, err)
			}
			switch {
			case ev.Kind == EventJoin && ev.First != 0:
				t.Errorf("%s: joined at %d", mode.name, ev.First)
			case ev.Kind == EventMessage:
				messages++
			}
		}
		want := 21
		if mode.cfg.MaxGap < 0 {
			want = 0
		}
		if messages < want || c.open {
			t.Errorf("%s: %d messages, want %d; ended %v", mode.name, messages, want, !c.open)
		}
	}
}

// TestDeliveryRestart has the source begin anew while a gap is open.
func TestDeliveryRestart(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Delivery: Unordered})
	r.recvData(wire.TypeODATA, 0, 0, "a")
	r.recvData(wire.TypeODATA, 2, 0, "c")
	r.recvData(wire.TypeODATA, 4, 0, "e", part(4, 0, 2))
	r.want(r.events(), "join 0", `message 0-0 "a"`, `message 2-2 "c"`)
	r.recvData(wire.TypeODATA, 0x70000000, 0x70000000, "new", func(d *wire.Data) { d.Options.Set(wire.OptSyn) })
	r.want(r.events(), "loss 1-1 session ended", "loss 3-3 session ended", "loss 4-4 session ended", "restart 5",
		"join 1879048192", `message 1879048192-1879048192 "new"`)
}

// TestDeliveryCovers loses, repeats and reorders packets of messages of all
// sizes, with small windows and buffers, in every mode: each number is told of
// once, each message is right, and in the end nothing is left.
func TestDeliveryCovers(t *testing.T) {
	for _, mode := range deliveryModes {
		for seed := range uint64(60) {
			t.Run(fmt.Sprintf("%s/seed=%d", mode.name, seed), func(t *testing.T) { coverRun(t, mode.cfg, seed) })
		}
	}
}

func coverRun(t *testing.T, cfg ReceiverConfig, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 9))
	cfg.WindowPackets = 1 << (3 + rng.IntN(8))
	cfg.BufferBytes = 1 << (8 + rng.IntN(10))
	if rng.IntN(4) == 0 {
		cfg.MaxMessage = 1000
	}
	src, err := NewSource(1, SourceConfig{TSI: testTSI, Addr: sourceAddr, Group: groupAddr, MaxTPDU: 128 + rng.IntN(300), FirstSQN: 0xffffff80})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Rand = rand.NewPCG(seed, 4)
	rcv, err := NewReceiver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	now, c, sent := mono.Time(1), &cover{}, map[seq.Num][]byte{}
	delivered, lost, skipped, other := 0, 0, 0, 0
	take := func(most int) {
		var ev Event
		for n := 0; n < most && rcv.NextEvent(&ev); n++ {
			if err := c.take(&ev); err != nil {
				t.Fatal(err)
			}
			switch ev.Kind {
			case EventMessage:
				delivered++
				if !bytes.Equal(ev.Data, sent[ev.First]) {
					t.Fatalf("message %d differs", ev.First)
				}
			case EventLoss:
				lost += ev.Last.Sub(ev.First) + 1
				switch ev.Cause {
				case CauseSkip:
					skipped += ev.Last.Sub(ev.First) + 1
				case CauseFragment: // of a message that had begun before the join
				default:
					other++
				}
			}
		}
	}
	var held [][]byte // packets that come late
	hand := func(pkt []byte) {
		scratch := bytes.Clone(pkt)
		rcv.HandlePacket(now, sourceAddr, groupAddr, scratch)
		switch rng.IntN(4) {
		case 0:
			rcv.Keep()
		case 1:
			take(1)
			rcv.Keep()
		default:
			take(1 << 20)
		}
		clear(scratch)
	}
	pump := func() {
		for tx, ok := src.NextTransmit(now); ok; tx, ok = src.NextTransmit(now) {
			run, seg := bytes.Join(tx.Data, nil), tx.Segment
			src.Sent(now, tx.Packets)
			for len(run) > 0 {
				pkt := run[:min(seg, len(run))]
				run = run[len(pkt):]
				switch rng.IntN(12) {
				case 0: // lost
				case 1:
					held = append(held, bytes.Clone(pkt))
				case 2:
					hand(pkt)
					hand(pkt)
				default:
					hand(pkt)
				}
				if i := len(held); i > 0 && rng.IntN(4) == 0 {
					hand(held[rng.IntN(i)])
				}
			}
		}
		for tx, ok := rcv.NextTransmit(now); ok; tx, ok = rcv.NextTransmit(now) {
			if tx.To.IsValid() && rng.IntN(12) != 0 {
				src.HandlePacket(now, receiverAddr, bytes.Join(tx.Data, nil))
			}
		}
	}
	step := func() {
		now += mono.Time(rng.IntN(1_000_000))
		src.HandleTimeout(now)
		rcv.HandleTimeout(now)
		pump()
	}
	for i := range 300 {
		msg := bytes.Repeat([]byte{byte(i)}, rng.IntN(1+rng.IntN(2000)))
		first, _, err := src.Send(now, msg)
		if err != nil {
			t.Fatal(err)
		}
		sent[first] = msg
		if rng.IntN(3) == 0 {
			step()
		}
	}
	src.Close(now)
	for i := 0; i < 100_000 && (!c.open && delivered+lost == 0 || c.open); i++ {
		step()
		take(1 << 20)
	}
	st := rcv.Stats()
	switch {
	case c.open:
		t.Fatalf("it does not end: everything before %d and %d others are told of; %+v", c.next, len(c.told), st)
	case st.Buffered != 0 || st.Outstanding != 0:
		t.Errorf("%d bytes buffered, %d outstanding at the end", st.Buffered, st.Outstanding)
	case cfg.MaxGap == 0 && cfg.MaxMessage == 0 && other > 0:
		t.Errorf("%d losses that nothing excuses", other)
	case cfg.MaxGap == 0 && (st.Skipped > 0 || skipped > 0) || cfg.MaxGap < 0 && (st.Skipped == 0 || skipped == 0 || st.NAKs > 0):
		t.Errorf("%d skipped, %d in events", st.Skipped, skipped)
	case st.Messages != uint64(delivered) || st.Lost != uint64(lost):
		t.Errorf("%d messages, %d lost; the events say %d, %d", st.Messages, st.Lost, delivered, lost)
	}
}

func TestDeliveryConfig(t *testing.T) {
	_, err := NewReceiver(ReceiverConfig{Rand: rand.NewPCG(1, 1), Delivery: 2})
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "Delivery is Delivery(2), want Ordered or Unordered") {
		t.Errorf("%v", err)
	}
}
