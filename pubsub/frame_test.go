package pubsub

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// unhex reads hexadecimal digits; a # begins a comment.
func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// padded returns a body of n bytes that begins with s: the rest are full stops.
func padded(s string, n int) []byte {
	return append([]byte(s), bytes.Repeat([]byte("."), n-len(s))...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// libzmqExamples were captured of Debian's libzmq 4.3.4: what it makes of messages
// that it has at once.
func libzmqExamples(tb testing.TB) []libzmqExample {
	x := func(s string) []byte { return unhex(tb, s) }
	burst := make([][][]byte, 40)
	for i := range burst {
		burst[i] = [][]byte{padded(fmt.Sprintf("A-burst%02d", i), 100)}
	}
	hundred := func(i int) []byte { return join(x("65 00"), burst[i][0]) }
	hundreds := func(from, to int) (b []byte) {
		for i := from; i < to; i++ {
			b = append(b, hundred(i)...)
		}
		return b
	}
	long := padded("A3000", 3000)
	return []libzmqExample{{
		desc:     "one frame",
		messages: [][][]byte{{[]byte("A-five")}},
		packets:  [][]byte{x("0000 07 00 412d66697665")},
	}, {
		desc:     "three frames, one empty",
		messages: [][][]byte{{[]byte("A"), {}, []byte("last")}},
		packets:  [][]byte{x("0000  02 01 41  01 01  05 00 6c617374")},
	}, {
		desc:     "largest short body",
		messages: [][][]byte{{padded("A253", 253)}},
		packets:  [][]byte{join(x("0000 fe 00"), padded("A253", 253))},
	}, {
		desc:     "smallest long body",
		messages: [][][]byte{{padded("A254", 254)}},
		packets:  [][]byte{join(x("0000 ff 00000000000000ff 00"), padded("A254", 254))},
	}, {
		desc:     "three packets, and nothing follows",
		messages: [][][]byte{{long}},
		packets: [][]byte{
			join(x("0000 ff 0000000000000bb9 00"), long[:1416]),
			join(x("ffff"), long[1416:2842]),
			join(x("009e"), long[2842:]), // offset 158, the length of what is left
		},
	}, {
		desc:     "offset beyond a frame that continues a message",
		messages: [][][]byte{{padded("A", 2000), []byte("tail")}, {[]byte("A-next")}},
		packets: [][]byte{
			join(x("0000 ff 00000000000007d1 01"), padded("A", 1416)),
			join(x("024e"), padded("", 584), x("05 00 7461696c  07 00 412d6e657874")), // offset 590
		},
	}, {
		desc:     "burst",
		messages: burst,
		packets: [][]byte{
			join(x("0000"), hundreds(0, 13), hundred(13)[:100]),
			join(x("0002"), hundred(13)[100:], hundreds(14, 27), hundred(27)[:98]),
			join(x("0004"), hundred(27)[98:], hundreds(28, 40)),
		},
	}, {
		desc:     "exactly full",
		messages: [][][]byte{{padded("A1416", 1416)}, {[]byte("A-end")}},
		packets: [][]byte{
			join(x("0000 ff 0000000000000589 00"), padded("A1416", 1416)),
			x("0000 06 00 412d656e64"),
		},
	}}
}

type libzmqExample struct {
	desc     string
	messages [][][]byte
	packets  [][]byte // offset and stream
}

func TestEncodeExamples(t *testing.T) {
	for _, tt := range libzmqExamples(t) {
		t.Run(tt.desc, func(t *testing.T) {
			p, m := newMachine(t, 1472, FlushEach)
			if m.MaxData() != 1428 {
				t.Fatalf("packets hold %d bytes, want 1428", m.MaxData())
			}
			m.hold = true // so that there is a packet already that waits to be sent
			send(t, p, [][]byte{[]byte("before")})
			p.complete()
			for _, message := range tt.messages {
				send(t, p, message)
			}
			m.hold = false
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			wantPackets(t, m.packets[1:], tt.packets)
		})
	}
}

func send(tb testing.TB, p *Publisher, message [][]byte) {
	tb.Helper()
	if _, err := p.SendFrames(message...); err != nil {
		tb.Fatal(err)
	}
}

func wantPackets(t *testing.T, got []packet, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d packets, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i].tsdu, want[i]) {
			t.Errorf("packet %d:\n got %.60x, %d bytes\nwant %.60x, %d bytes", i, got[i].tsdu, len(got[i].tsdu), want[i], len(want[i]))
		}
	}
}

// TestEncodeEdges puts a message where the end of the packet comes 0 to 13 bytes
// after its beginning, and so its header of 2 or 10 bytes is split at every place.
func TestEncodeEdges(t *testing.T) {
	for _, size := range []int{0, 1, 253, 254, 3000} {
		for left := range 14 {
			p, m := newMachine(t, 1472, FlushFull)
			first := [][]byte{bytes.Repeat([]byte{'x'}, 1426-longHeader-left)}
			second := [][]byte{bytes.Repeat([]byte{'y'}, size)}
			send(t, p, first)
			send(t, p, second)
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			if got, want := m.packets, layout([][][]byte{first, second}, nil); !t.Failed() {
				wantPackets(t, got, want)
			}
			if t.Failed() {
				t.Fatalf("%d bytes of a message of %d in the first packet", left, size)
			}
		}
	}
}

// layout is a slow and obvious encoder: it makes the whole stream and cuts it into
// packets, which end where ends says, and each 1,426 bytes otherwise.
func layout(messages [][][]byte, ends []int) (packets [][]byte) {
	var stream []byte
	boundaries := map[int]bool{} // where messages begin, or the last ends
	for _, message := range messages {
		boundaries[len(stream)] = true
		for i, f := range message {
			flags := byte(0)
			if i < len(message)-1 {
				flags = 1
			}
			if len(f) < 254 {
				stream = append(stream, byte(len(f)+1), flags)
			} else {
				stream = append(binary.BigEndian.AppendUint64(append(stream, 0xff), uint64(len(f))+1), flags)
			}
			stream = append(stream, f...)
		}
	}
	boundaries[len(stream)] = true
	for begin := 0; begin < len(stream); {
		end := min(begin+1426, len(stream))
		if len(ends) > 0 {
			end, ends = ends[0], ends[1:]
		}
		offset := 0xffff
		for at := begin; at <= end; at++ {
			// A packet that is full tells nothing of the next one.
			if boundaries[at] && (at < end || end-begin < 1426) {
				offset = at - begin
				break
			}
		}
		packets = append(packets, append(binary.BigEndian.AppendUint16(nil, uint16(offset)), stream[begin:end]...))
		begin = end
	}
	return packets
}

// publishRandom publishes messages drawn by rng, some of them corked, and returns them
// and their packets.
func publishRandom(t *testing.T, rng *rand.Rand) (messages [][][]byte, packets []packet) {
	t.Helper()
	p, m := newMachine(t, 128+rng.IntN(1400), Flush(rng.IntN(2)))
	messages = randomMessages(rng, 100)
	for _, message := range messages {
		m.hold = rng.IntN(3) > 0
		send(t, p, message)
	}
	m.hold = false
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return messages, m.packets
}

// randomMessages draws messages of 1 to 4 frames, most of them small.
func randomMessages(rng *rand.Rand, count int) [][][]byte {
	messages := make([][][]byte, count)
	for i := range messages {
		frames := make([][]byte, 1+max(rng.IntN(7)-3, 0))
		for j := range frames {
			size := rng.IntN(1 << rng.IntN(13))
			switch rng.IntN(20) {
			case 0:
				size = 1426 - longHeader - rng.IntN(20)
			case 1:
				size = 250 + rng.IntN(8)
			}
			frames[j] = make([]byte, size)
			for k := range frames[j] {
				frames[j][k] = byte(rng.Uint32())
			}
		}
		messages[i] = frames
	}
	return messages
}

// TestEncodeRandom encodes random messages, in bursts and one by one.
func TestEncodeRandom(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			p, m := newMachine(t, 1472, Flush(rng.IntN(2)))
			messages := randomMessages(rng, 200)
			for _, message := range messages {
				m.hold = rng.IntN(3) > 0
				send(t, p, message)
				if rng.IntN(10) == 0 {
					m.hold = false
					if err := p.Flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
			m.hold = false
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			var ends []int
			end := 0
			for i, pkt := range m.packets {
				if int(pkt.num) != i {
					t.Fatalf("packet %d has number %d", i, pkt.num)
				}
				end += len(pkt.tsdu) - offsetLen
				ends = append(ends, end)
			}
			wantPackets(t, m.packets, layout(messages, ends))
		})
	}
}
