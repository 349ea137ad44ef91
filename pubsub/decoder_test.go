package pubsub

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// drain returns the messages that a decoder finds in its packet, and what comes
// after them.
func drain(d *decoder) (messages [][][]byte, r result) {
	for {
		if r = d.next(); r != resultMessage {
			return messages, r
		}
		frames := make([][]byte, len(d.frames))
		for i, f := range d.frames {
			frames[i] = bytes.Clone(f)
		}
		messages = append(messages, frames)
	}
}

func TestDecodeExamples(t *testing.T) {
	for _, tt := range libzmqExamples(t) {
		t.Run(tt.desc, func(t *testing.T) {
			d := decoder{limit: 1 << 20}
			var got [][][]byte
			for i, pkt := range tt.packets {
				if !d.feed(seq.Num(i), pkt) {
					t.Fatalf("packet %d is refused", i)
				}
				messages, r := drain(&d)
				if r != resultNone {
					t.Fatalf("packet %d: result %d", i, r)
				}
				got = append(got, messages...)
			}
			compare(t, got, tt.messages)
		})
	}
}

// TestDecodeBroken has one packet with something wrong, and another after it, at
// whose boundary it goes on.
func TestDecodeBroken(t *testing.T) {
	for _, tt := range []struct {
		desc    string
		packets []string
		refused bool // the last of them, rather than broken
		before  int  // messages before that
	}{
		{"no data", []string{""}, true, 0},
		{"one octet", []string{"00"}, true, 0},
		{"offset beyond the end", []string{"0003 0100"}, true, 0},
		{"length 0", []string{"0000 0000"}, false, 0},
		{"length 0, one octet", []string{"0000 00"}, false, 0},
		{"length 0 after a message", []string{"0000 0100 0000"}, false, 1},
		{"length 0, long", []string{"0000 ff 0000000000000000 00"}, false, 0},
		{"announcement of 2^40 bytes", []string{"0000 ff 0000010000000000 00 41"}, false, 0},
		{"announcement of 2^64-1 bytes", []string{"0000 ff ffffffffffffffff 00 41"}, false, 0},
		{"announcement of 2^40 bytes in the second frame", []string{"0000 0101 ff 0000010000000000 00 41"}, false, 0},
		{"announcement of 2^40 bytes, split", []string{"0000 0101 ff 00000100", "ffff 00000000 00 41"}, false, 0},
		{"announcement of 2^64-1 bytes, split", []string{"0000 0101 ff ffffffff", "ffff ffffffff 00 41"}, false, 0},
		{"larger than the limit, in small frames", []string{"0000 0801 61616161616161", "ffff 0801 61616161616161", "ffff 0801 61616161616161"}, false, 0},
		{"larger than the limit, in one packet", []string{"0000 0801 61616161616161 0801 61616161616161 0801 61616161616161 0100"}, false, 0},
	} {
		t.Run(tt.desc, func(t *testing.T) {
			d := decoder{limit: 20}
			var got [][][]byte
			for i, s := range tt.packets {
				last := i == len(tt.packets)-1
				if ok := d.feed(seq.Num(i), unhex(t, s)); ok == (last && tt.refused) {
					t.Fatalf("packet %d: taken: %v", i, ok)
				}
				messages, r := drain(&d)
				got = append(got, messages...)
				if broken := r == resultBroken; broken != (last && !tt.refused) {
					t.Fatalf("packet %d: result %d", i, r)
				}
			}
			if len(got) != tt.before {
				t.Errorf("%d messages, want %d", len(got), tt.before)
			}
			d.lose()
			for i, s := range []string{"ffff 61 0200 61", "0002 6161 0200 62"} {
				if !d.feed(seq.Num(10+i), unhex(t, s)) {
					t.Fatalf("%s is refused", s)
				}
			}
			messages, _ := drain(&d)
			compare(t, messages, [][][]byte{{[]byte("b")}})
		})
	}
}

// TestOffsetAtEnd joins by a packet whose offset is the length of its data: there
// is nothing in it, and a message begins in the next.
func TestOffsetAtEnd(t *testing.T) {
	d := decoder{limit: 100}
	for i, s := range []string{"0003 616161", "0000 0200 62"} {
		if !d.feed(seq.Num(i), unhex(t, s)) {
			t.Fatalf("%s is refused", s)
		}
		if messages, r := drain(&d); len(messages) != i || r != resultNone {
			t.Errorf("%s: %d messages, result %d", s, len(messages), r)
		}
	}
}

// TestDeliverRandom has a Subscriber take random messages from which packets are
// missing. What has arrived whole is delivered, and nothing else; in the place of
// the rest are gaps.
func TestDeliverRandom(t *testing.T) {
	for s := range uint64(200) {
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(s, 2))
			messages, packets := publishRandom(t, rng)
			places := place(packets, messages)

			// The first packet arrives: messages before it would be nobody's.
			events := script{{Kind: pgm.EventJoin}}
			lost := make([]bool, len(packets))
			for i := 0; i < len(lost); i++ {
				if n := 1 + rng.IntN(3); i > 0 && rng.IntN(15) == 0 {
					n = min(n, len(lost)-i)
					for range n {
						lost[i] = true
						i++
					}
					i--
					events = append(events, pgm.Event{Kind: pgm.EventLoss, First: seq.Num(i - n + 1), Last: seq.Num(i), Cause: pgm.CauseTrail})
					continue
				}
				events = append(events, pgm.Event{Kind: pgm.EventMessage, First: seq.Num(i), Last: seq.Num(i), Data: packets[i].tsdu})
			}
			sub := newSubscriber(SubscriberConfig{MaxMessage: 1 << 20}, &events)
			sub.Subscribe("")
			next := 0
			var gaps []Event
			missing := func(until int) {
				t.Helper()
				for ; next < until; next++ {
					covered := false
					for _, g := range gaps {
						covered = covered || places[next].meets(int(g.First), int(g.Last))
					}
					if !covered {
						t.Fatalf("message %d, of packets %v, is missing; gaps %v", next, places[next], gaps)
					}
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
				switch ev.Kind {
				case EventGap:
					gaps = append(gaps, *ev)
				case EventMessage:
					i := next
					for i < len(places) && places[i].any(lost) {
						i++
					}
					if i == len(places) {
						t.Fatalf("a message after all, of %d frames", len(ev.Frames))
					}
					if i == next && len(gaps) > 0 {
						t.Fatalf("gaps %v before message %d, though the one before has come", gaps, i)
					}
					missing(i)
					compare(t, [][][]byte{ev.Frames}, messages[i:i+1])
					if got := (span{int(ev.First), int(ev.Last)}); got != places[i] {
						t.Errorf("message %d is in packets %v, want %v", i, got, places[i])
					}
					next, gaps = i+1, gaps[:0]
				}
			}
			missing(len(messages))
		})
	}
}

// span is the packets a message is in.
type span struct{ first, last int }

func (s span) meets(first, last int) bool { return first <= s.last && s.first <= last }

func (s span) any(lost []bool) bool {
	for i := s.first; i <= s.last; i++ {
		if lost[i] {
			return true
		}
	}
	return false
}

// place returns in which packets each message is.
func place(packets []packet, messages [][][]byte) []span {
	var where []int // of each byte of the stream
	for i, p := range packets {
		for range len(p.tsdu) - offsetLen {
			where = append(where, i)
		}
	}
	spans := make([]span, len(messages))
	at := 0
	for i, message := range messages {
		n := 0
		for _, f := range message {
			n += headerLen(len(f)) + len(f)
		}
		spans[i] = span{where[at], where[at+n-1]}
		at += n
	}
	return spans
}

// FuzzDecoder cuts a stream into packets and compares what a decoder finds with
// what is found in the whole.
func FuzzDecoder(f *testing.F) {
	for _, tt := range libzmqExamples(f) {
		var stream []byte
		for _, p := range tt.packets {
			stream = append(stream, p[offsetLen:]...)
		}
		f.Add(stream, []byte{1, 2, 9, 100})
	}
	f.Add(unhex(f, "0101 ff ffffffffffffffff 00 41"), []byte{7})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		const limit = 1 << 16
		want, broken := parse(stream, limit)
		d := decoder{limit: limit}
		var got [][][]byte
		var r result
		for num := seq.Num(0); len(stream) > 0 && r != resultBroken; num++ {
			n := len(stream)
			if len(cuts) > 0 {
				n, cuts = min(n, int(cuts[0])), cuts[1:]
			}
			pkt := append(make([]byte, offsetLen), stream[:n]...)
			stream = stream[n:]
			if !d.feed(num, pkt) {
				t.Fatalf("%x is refused", pkt)
			}
			var messages [][][]byte
			messages, r = drain(&d)
			got = append(got, messages...)
		}
		compare(t, got, want)
		if (r == resultBroken) != broken {
			t.Fatalf("result %d, want it broken: %v", r, broken)
		}
	})
}

// parse finds the messages of a stream, and whether it is broken after them.
func parse(stream []byte, limit int) (messages [][][]byte, broken bool) {
	var frames [][]byte
	size := 0 // of the message so far
	for len(stream) > 0 {
		head, length := shortHeader, uint64(stream[0])
		if stream[0] == 0 {
			return messages, true
		}
		if stream[0] == 0xff {
			head = longHeader
		}
		if len(stream) < head {
			return messages, false
		}
		if head == longHeader {
			length = binary.BigEndian.Uint64(stream[1:])
		}
		if length == 0 || length-1 > uint64(limit) || size+head+int(length-1) > limit {
			return messages, true
		}
		if uint64(len(stream)-head) < length-1 {
			return messages, false
		}
		size += head + int(length-1)
		frames = append(frames, stream[head:head+int(length-1)])
		more := stream[head-1]&1 != 0
		stream = stream[head+int(length-1):]
		if !more {
			messages = append(messages, frames)
			frames, size = nil, 0
		}
	}
	return messages, false
}
