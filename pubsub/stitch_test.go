package pubsub

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// A shuffle is what a Receiver with unordered delivery makes of packets: they come
// in any order, and losses in order, each once all before it is accounted for.
// Some numbers were left out by the source.
type shuffle struct {
	rng    *rand.Rand
	num    []seq.Num // of each packet
	lost   []bool
	first  seq.Num
	state  map[seq.Num]byte // 'a' arrived, 'l' lost for good, 'v' does not exist; missing: not known yet
	floor  seq.Num
	events script
}

// newShuffle numbers the packets, and draws which are lost.
func newShuffle(rng *rand.Rand, packets []packet, voids, losses bool) *shuffle {
	s := &shuffle{rng: rng, state: map[seq.Num]byte{}, first: seq.Num(rng.Uint32())}
	if rng.IntN(2) == 0 {
		s.first = seq.Num(0).Add(-rng.IntN(30)) // wraps
	}
	s.floor = s.first
	next := s.first
	type arrival struct {
		at   float64
		num  seq.Num
		pkt  int // or -1 for what becomes known of a number
		what byte
	}
	var arrivals []arrival
	far := []float64{0, 3, 100}[rng.IntN(3)]
	for i := range packets {
		for voids && i > 0 && rng.IntN(6) == 0 {
			arrivals = append(arrivals, arrival{float64(i) + far*rng.Float64(), next, -1, 'v'})
			next++
		}
		s.num = append(s.num, next)
		s.lost = append(s.lost, losses && i > 0 && rng.IntN(12) == 0)
		a := arrival{float64(i), next, i, 'a'}
		if s.lost[i] {
			a.pkt, a.what = -1, 'l'
		}
		if s.lost[i] || rng.IntN(3) == 0 {
			a.at += far * rng.Float64()
		}
		arrivals = append(arrivals, a)
		next++
	}
	s.events = script{{Kind: pgm.EventJoin, First: s.first}}
	for len(arrivals) > 0 {
		k := 0
		for i := range arrivals {
			if arrivals[i].at < arrivals[k].at {
				k = i
			}
		}
		a := arrivals[k]
		arrivals = append(arrivals[:k], arrivals[k+1:]...)
		if a.pkt >= 0 {
			s.events = append(s.events, pgm.Event{Kind: pgm.EventMessage, First: a.num, Last: a.num, Floor: s.floor, Data: packets[a.pkt].tsdu})
		}
		s.state[a.num] = a.what
		s.settle()
	}
	s.events = append(s.events, pgm.Event{Kind: pgm.EventFin, First: next, Last: next})
	return s
}

// settle moves floor on, and reports losses.
func (s *shuffle) settle() {
	for {
		switch s.state[s.floor] {
		case 0:
			return
		case 'l':
			first := s.floor
			for s.state[s.floor] == 'l' && (s.floor == first || s.rng.IntN(4) > 0) {
				s.floor++
			}
			s.events = append(s.events, pgm.Event{Kind: pgm.EventLoss, First: first, Last: s.floor - 1, Cause: pgm.CauseTrail})
		default:
			s.floor++
		}
	}
}

// TestStitchRandom has a Subscriber take random messages whose packets come in
// random order, some of them never, and compares with what is whole: that is
// delivered, once, with the packet that makes it so, and gaps tell of the rest.
func TestStitchRandom(t *testing.T) {
	for seed := range uint64(600) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			messages, packets := publishRandom(t, rng)
			places := place(packets, messages)
			losses, tight := rng.IntN(4) > 0, rng.IntN(4) == 0
			s := newShuffle(rng, packets, rng.IntN(3) == 0, losses)
			cfg := SubscriberConfig{MaxMessage: 1 << 20, PieceBytes: 1 << 30, Receiver: pgm.ReceiverConfig{Delivery: pgm.Unordered}}
			if tight {
				cfg.PieceBytes = 1 + rng.IntN(3000)
			}
			index := map[seq.Num]int{} // of packets
			for i, n := range s.num {
				index[n] = i
			}
			var latest seq.Num // packet
			sub := newSubscriber(cfg, &stepped{script: &s.events, took: func(ev *pgm.Event) { latest = ev.Last }})
			sub.Subscribe("")
			got := make([]bool, len(messages))
			var gaps []Event
			left := false
			for {
				ev, err := sub.TryRecv()
				if err != nil {
					t.Fatal(err)
				}
				if sub.pieces.held < 0 || sub.pieces.held > cfg.PieceBytes {
					t.Fatalf("%d bytes wait, want 0 to %d", sub.pieces.held, cfg.PieceBytes)
				}
				if ev == nil {
					break
				}
				switch ev.Kind {
				case EventGap:
					gaps = append(gaps, *ev)
				case EventLeave:
					left = true
				case EventMessage:
					i := find(messages, places, got, span{index[ev.First], index[ev.Last]}, ev.Frames)
					if i < 0 {
						t.Fatalf("message %.60q of %#x to %#x, which was not sent, or came before", ev.Frames, ev.First, ev.Last)
					}
					got[i] = true
				}
				if ev.Kind == EventMessage && ev.First == ev.Last && latest != ev.Last {
					t.Errorf("a message of packet %#x alone came with %#x", ev.First, latest)
				}
			}
			if !left {
				t.Error("no leave")
			}
			for i, ok := range got {
				whole := !places[i].any(s.lost)
				covered := false
				for _, g := range gaps {
					covered = covered || !g.Last.Before(s.num[places[i].first]) && !g.First.After(s.num[places[i].last])
				}
				switch {
				case ok && !whole:
					t.Errorf("message %d, of packets %v, came though a packet is lost", i, places[i])
				case !ok && whole && !tight:
					t.Errorf("message %d, of packets %v, did not come", i, places[i])
				case !ok && !covered:
					t.Errorf("message %d, of packets %v, did not come, and no gap tells; gaps %v", i, places[i], gaps)
				}
			}
			for _, g := range gaps {
				explained := g.Cause == CausePieces && tight
				for n, i := range index {
					explained = explained || s.lost[i] && !n.Before(g.First) && !n.After(g.Last)
				}
				if !explained {
					t.Errorf("gap %#x to %#x, cause %d, and nothing was lost", g.First, g.Last, g.Cause)
				}
			}
			if st := sub.Stats(); st.Pieces != 0 {
				t.Errorf("%d bytes are held after the end", st.Pieces)
			}
		})
	}
}

// A stepped is a script that tells what was taken.
type stepped struct {
	*script
	took func(ev *pgm.Event)
}

func (s *stepped) TryRecv() (pgm.Event, bool, error) {
	ev, ok, err := s.script.TryRecv()
	s.took(&ev)
	return ev, ok, err
}

// find returns the message that has not come yet with these frames in these
// packets, or -1.
func find(messages [][][]byte, places []span, got []bool, at span, frames [][]byte) int {
	for i, m := range messages {
		if got[i] || places[i] != at || len(m) != len(frames) {
			continue
		}
		same := true
		for j := range m {
			same = same && bytes.Equal(m[j], frames[j])
		}
		if same {
			return i
		}
	}
	return -1
}

// TestStitchAtOnce has messages come with the packet that makes them whole.
func TestStitchAtOnce(t *testing.T) {
	data := func(n, floor seq.Num, s string) pgm.Event {
		return pgm.Event{Kind: pgm.EventMessage, First: n, Last: n, Floor: floor, Data: unhex(t, s)}
	}
	loss := func(first, last seq.Num) pgm.Event {
		return pgm.Event{Kind: pgm.EventLoss, First: first, Last: last, Cause: pgm.CauseTrail}
	}
	join := pgm.Event{Kind: pgm.EventJoin, First: 5}
	fin := func(n seq.Num) pgm.Event { return pgm.Event{Kind: pgm.EventFin, First: n, Last: n} }
	for _, tt := range []struct {
		desc string
		in   []pgm.Event
		want string
	}{
		{"the second first", []pgm.Event{join, data(6, 5, "0001 64 0200 65"), data(5, 5, "0000 0200 61 0300 63")},
			`"e"6-6 "a"5-5 "cd"5-6`},
		{"three, the middle last", []pgm.Event{join, data(7, 5, "0001 63 0200 65"), data(5, 5, "0000 0400 61"), data(6, 6, "ffff 62")},
			`"e"7-7 "abc"5-7`},
		{"a middle that is the end", []pgm.Event{join, data(6, 5, "ffff 6263"), data(7, 5, "0000 0200 65"), data(5, 5, "0000 0400 61")},
			`"e"7-7 "abc"5-6`},
		{"joined in a message", []pgm.Event{join, data(6, 5, "0001 61 0200 62"), data(5, 5, "ffff 61")},
			`"b"6-6`},
		{"the beginning is lost", []pgm.Event{join, data(6, 5, "0001 61 0200 62"), loss(5, 5), data(7, 7, "0000 0200 63")},
			`"b"6-6 gap5-5 "c"7-7`},
		{"the middle is lost", []pgm.Event{join, data(5, 5, "0000 0500 61"), data(7, 6, "0001 61 0200 62"), loss(6, 6), fin(8)},
			`"b"7-7 gap5-6 leave`},
		{"the end is lost", []pgm.Event{join, data(5, 5, "0000 0500 61"), data(6, 6, "ffff 61"), loss(7, 7), data(8, 8, "0001 61 0200 62"), fin(9)},
			`gap5-7 "b"8-8 leave`},
		{"left out in a message", []pgm.Event{join, data(5, 5, "0000 0300 61"), data(8, 8, "0001 62 0200 63")},
			`"ab"5-8 "c"8-8`},
		{"left out, known later", []pgm.Event{join, data(5, 5, "0000 0300 61"), data(8, 6, "0001 62 0200 63"), data(9, 9, "0000 0200 64")},
			`"c"8-8 "ab"5-8 "d"9-9`},
		{"the session ends in a message", []pgm.Event{join, data(5, 5, "0000 0300 61"), fin(6)},
			`gap5-5 leave`},
		{"the offset contradicts the length", []pgm.Event{join, data(5, 5, "0000 0500 61"), data(6, 6, "0001 61 0200 62")},
			`gap5-6 "b"6-6`},
		{"and so when it came before", []pgm.Event{join, data(6, 5, "0000 0200 62"), data(5, 5, "0000 0500 61")},
			`"b"6-6 gap5-6`},
		{"a message goes on beyond its end", []pgm.Event{join, data(5, 5, "0000 0300 61"), data(6, 6, "ffff 6262")},
			`gap5-6`},
		{"malformed", []pgm.Event{join, data(5, 5, "0000 0300 61"), data(6, 6, "0009 62"), data(7, 7, "0001 62 0200 63")},
			`gap5-6 "c"7-7`},
		{"malformed, early", []pgm.Event{join, data(6, 5, "0009 62"), data(5, 5, "0000 0200 63 0300 61"), data(7, 7, "0001 62 0200 63")},
			`gap6-6 "c"5-5 "c"7-7`},
		{"no framing", []pgm.Event{join, data(5, 5, "0000 0200 61 00"), data(6, 6, "0001 62 0200 63")},
			`"a"5-5 gap5-5 "c"6-6`},
		{"in two packets of PGM", []pgm.Event{join, {Kind: pgm.EventMessage, First: 6, Last: 7, Floor: 5, Data: unhex(t, "0001 62 0300 63")}, data(8, 5, "0001 64 0200 65"), data(5, 5, "0000 0300 61")},
			`"cd"6-8 "e"8-8 "ab"5-7`},
	} {
		s := script(tt.in)
		sub := newSubscriber(SubscriberConfig{MaxMessage: 1000, PieceBytes: 10000, Receiver: pgm.ReceiverConfig{Delivery: pgm.Unordered}}, &s)
		sub.Subscribe("")
		var got []byte
		for {
			ev, err := sub.TryRecv()
			if ev == nil || err != nil {
				break
			}
			switch ev.Kind {
			case EventMessage:
				got = fmt.Appendf(got, " %q%d-%d", ev.Frames[0], ev.First, ev.Last)
			case EventGap:
				got = fmt.Appendf(got, " gap%d-%d", ev.First, ev.Last)
			case EventLeave:
				got = append(got, " leave"...)
			}
		}
		if string(bytes.TrimSpace(got)) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.desc, got, tt.want)
		}
	}
}

// FuzzStitch has a stitcher take anything in any order. It keeps no more than it
// may.
func FuzzStitch(f *testing.F) {
	f.Add([]byte("\x00\x05\x00\x00\x03\x00a\x02\x04\x00\x01b\x02\x00"), uint16(1000))
	f.Add([]byte("\x03\x04\xff\xffab\x80\x00"), uint16(10))
	f.Fuzz(func(t *testing.T, b []byte, limit uint16) {
		pool := piecePool{limit: int(limit)}
		st := newStitcher(&pool, 1<<12)
		st.reset(0)
		came := map[seq.Num]bool{}
		floor := seq.Num(0)
		take := func() {
			for st.next() != resultNone {
			}
			if pool.held < 0 || pool.held > pool.limit {
				t.Fatalf("%d bytes are held, want 0 to %d", pool.held, pool.limit)
			}
		}
		for len(b) >= 2 {
			n, size := floor.Add(int(b[0]&15)), min(int(b[1]), len(b)-2)
			if b[0]&0x80 != 0 {
				ev := pgm.Event{Kind: pgm.EventLoss, First: floor, Last: floor}
				st.lose(&ev)
				came[floor] = true
			} else if !came[n] {
				ev := pgm.Event{Kind: pgm.EventMessage, First: n, Last: n, Floor: floor, Data: b[2 : 2+size]}
				st.feed(&ev)
				if b[0]&0x40 != 0 {
					st.keep()
				}
				came[n] = true
			}
			b = b[2+size:]
			take()
			for came[floor] {
				floor++
			}
		}
		st.finish(floor, Event{})
		take()
		st.drop()
		if pool.held != 0 || len(st.opens) > 0 || len(st.pieces) > 0 {
			t.Fatalf("%d bytes, %d messages, %d pieces are held after the end", pool.held, len(st.opens), len(st.pieces))
		}
	})
}
