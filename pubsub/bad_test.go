package pubsub

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/wire"
)

// TestBadPackets has a Subscriber get from the network what ends a process with
// libzmq in it, and more: each is told by an event or a counter, takes no memory
// for what it announces, and the next good message of the source arrives.
func TestBadPackets(t *testing.T) {
	const limit = 1 << 20 // MaxMessage
	for _, tt := range []struct {
		desc   string
		joined bool   // a message has come before
		data   string // of a packet of the source
		rest   int    // zeros after it
		gap    bool   // there is an EventGap
		count  int    // messages in it
	}{
		{desc: "no data", joined: true, gap: true},
		{desc: "no data, first", gap: true},
		{desc: "one octet", joined: true, data: "00", gap: true},
		{desc: "one octet, first", data: "00", gap: true},
		{desc: "offset beyond the end", joined: true, data: "0003 0100", gap: true},
		{desc: "offset beyond the end, first", data: "0003 0100", gap: true},
		{desc: "length 0", joined: true, data: "0000 0000", gap: true},
		{desc: "length 0, first", data: "0000 0000", gap: true},
		{desc: "length 0, long", joined: true, data: "0000 ff 0000000000000000 00", gap: true},
		{desc: "2^40 bytes", joined: true, data: "0000 ff 0000010000000000 00 41", gap: true},
		{desc: "2^40 bytes, first", data: "0000 ff 0000010000000000 00 41", gap: true},
		{desc: "2^63 bytes", joined: true, data: "0000 ff 8000000000000000 00 41", gap: true},
		{desc: "2^64-1 bytes", joined: true, data: "0000 ff ffffffffffffffff 00 41", gap: true},
		{desc: "one byte more than the limit", joined: true, data: "0000 ff 00000000000ffff8 00", gap: true},
		{desc: "at the limit, and nothing follows", joined: true, data: "0000 ff 00000000000ffff7 00", gap: true},
		{desc: "a fragmented APDU with messages", joined: true, data: "0000 0200 61 0200 62 ff 0000000000001389 00", rest: 5000, count: 3},
		{desc: "a fragmented APDU without", joined: true, data: "0000", rest: 5000, gap: true},
	} {
		t.Run(tt.desc, func(t *testing.T) {
			endpoint := freeEndpoint(t)
			sub := newSubscriberAt(t, endpoint, SubscriberConfig{MaxMessage: limit})
			e, err := ParseEndpoint(endpoint)
			if err != nil {
				t.Fatal(err)
			}
			src, err := pgmnet.NewSource(pgmnet.Config{Network: e.Network, Port: e.Port}, pgm.SourceConfig{Port: e.Port, MaxTPDU: 1472})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Abort(0)
			send := func(data []byte) {
				t.Helper()
				if err := src.Send(data); err != nil {
					t.Fatal(err)
				}
			}
			// gather takes events up to the message of a body, but the join.
			gather := func(last string) (messages, gaps int) {
				t.Helper()
				for {
					ev, err := sub.Recv()
					if err != nil {
						t.Fatalf("%v; %+v", err, sub.Stats())
					}
					switch {
					case ev.Kind == EventMessage && string(ev.Body()) == last:
						return messages, gaps
					case ev.Kind == EventMessage:
						messages++
					case ev.Kind == EventGap:
						if gaps++; ev.Cause != CauseFraming || ev.Source.TSI != src.TSI() {
							t.Errorf("%v of %v, want %v", ev.Cause, ev.Source, CauseFraming)
						}
					}
				}
			}
			if tt.joined {
				send(unhex(t, "0000 0200 41"))
				gather("A")
			}
			bad := append(unhex(t, tt.data), make([]byte, tt.rest)...)
			next := unhex(t, "0000 0200 42")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			send(bad)
			if tt.desc == "at the limit, and nothing follows" {
				send(nil) // ends it
			}
			send(next)
			messages, gaps := gather("B")
			runtime.ReadMemStats(&after)
			if want := map[bool]int{true: 1}[tt.gap]; messages != tt.count || gaps != want || sub.Stats().Gaps != uint64(want) {
				t.Errorf("%d messages and %d gaps, want %d and %d; %+v", messages, gaps, tt.count, want, sub.Stats())
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > limit/4 {
				t.Errorf("it took %d bytes of memory", took)
			}
		})
	}
}

// TestBadDatagrams sends datagrams that are no packets, or contradict themselves,
// while messages flow: they are counted, and nothing else comes of them.
func TestBadDatagrams(t *testing.T) {
	pub, sub := newPair(t, PublisherConfig{Repair: -1}, SubscriberConfig{})
	defer pub.Close()
	sub.Subscribe("")
	e, err := ParseEndpoint(sub.cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fragment := func(f wire.Fragment, data string) []byte {
		d := wire.Data{Header: wire.Header{SrcPort: 1, DstPort: e.Port, Type: wire.TypeODATA}, SQN: 5, Trail: 5, Payload: []byte(data)}
		d.Options.Set(wire.OptFragment)
		d.Options.Fragment = f
		return wire.AppendData(nil, &d)
	}
	damaged := fragment(wire.Fragment{First: 5, Length: 2}, "a")
	damaged[len(damaged)-1]++
	for i, tt := range []struct {
		desc string
		pkt  []byte
		drop pgm.Drop
	}{
		{"empty", nil, pgm.DropTruncated},
		{"one octet", []byte{0}, pgm.DropTruncated},
		{"a header cut off", fragment(wire.Fragment{First: 5, Length: 2}, "a")[:15], pgm.DropTruncated},
		{"a wrong checksum", damaged, pgm.DropChecksum},
		{"a fragment beyond the end", fragment(wire.Fragment{First: 5, Length: 1}, "ab"), pgm.DropMalformed},
		{"a fragment of a later message", fragment(wire.Fragment{First: 6, Offset: 1, Length: 4}, "ab"), pgm.DropMalformed},
		{"a fragment with nothing in it", fragment(wire.Fragment{First: 4, Offset: 1, Length: 4}, ""), pgm.DropMalformed},
	} {
		if _, err := conn.WriteToUDP(tt.pkt, &net.UDPAddr{IP: e.Send.AsSlice(), Port: int(e.Port)}); err != nil {
			t.Fatal(err)
		}
		if _, err := pub.Send([]byte("t"), numbered(i, 8)); err != nil {
			t.Fatal(err)
		}
		before := sub.Stats()
		for got := false; !got; {
			ev, err := sub.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if got = ev.Kind == EventMessage; !got && ev.Kind != EventJoin {
				t.Errorf("%s: %v", tt.desc, ev.Kind)
			}
		}
		was, is := before.Receiver.Drops[tt.drop], sub.Stats().Receiver.Drops[tt.drop]
		for end := time.Now().Add(time.Second); is == was && time.Now().Before(end); is = sub.Stats().Receiver.Drops[tt.drop] {
			if ev, err := sub.TryRecv(); ev != nil || err != nil {
				t.Fatalf("%s: %v, %v", tt.desc, ev, err)
			}
		}
		if is != was+1 {
			t.Errorf("%s: %d more counted as %v, want 1; %v", tt.desc, is-was, tt.drop, sub.Stats().Receiver.Drops)
		}
	}
}
