package pgm

import (
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

func isData(pkt []byte, t wire.Type, n uint32) bool {
	d, err := wire.ParseData(pkt)
	return err == nil && d.Type == t && uint32(d.SQN) == n
}

// TestRepair loses one packet: it is asked for once, confirmed, repaired, and
// everything is delivered in order. RFC 3208 §5.2, §5.3, §6.3.
func TestRepair(t *testing.T) {
	p := newPair(t, SourceConfig{FirstSQN: 0xfffffffe}, ReceiverConfig{})
	p.lose = func(pkt []byte) bool { return isData(pkt, wire.TypeODATA, 0xffffffff) }
	p.send("a")
	p.send("b")
	p.send("c")
	p.send("d")
	p.want("join 4294967294", `message 4294967294-4294967294 "a"`)
	p.log = nil
	p.advance(20 * time.Millisecond)
	p.want(`message 4294967295-4294967295 "b"`, `message 0-0 "c"`, `message 1-1 "d"`)
	log := strings.Join(p.log, "\n")
	want := "NAK 4294967295 []\nNCF 4294967295 []\nRDATA 4294967295 trail 4294967294, 1 bytes"
	if !strings.Contains(log, want) || strings.Count(log, "NAK") != 1 {
		t.Errorf("on the wire:\n%s\nwant, once:\n%s", log, want)
	}
	st := p.rcv.Stats()
	if st.Repairs != 1 || st.Lost != 0 || st.Missing != 1 || st.Outstanding != 0 || st.Buffered != 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestGiveUp loses a packet and all its repairs: the loss is reported, with its
// cause, between what came before and after. RFC 3208 §6.3, "Cancellation of
// NAK generation".
func TestGiveUp(t *testing.T) {
	p := newPair(t, SourceConfig{}, ReceiverConfig{DataRetries: 3, NCFRetries: 3})
	p.lose = func(pkt []byte) bool {
		return isData(pkt, wire.TypeODATA, 1) || isData(pkt, wire.TypeRDATA, 1) || isData(pkt, wire.TypeODATA, 2) || isData(pkt, wire.TypeRDATA, 2)
	}
	for _, m := range []string{"a", "b", "c", "d"} {
		p.send(m)
	}
	p.advance(5 * time.Second)
	p.want("join 0", `message 0-0 "a"`, "loss 1-2 no repair", `message 3-3 "d"`)
}

// TestFin closes a session with a loss at its end: it is repaired, then the end
// is reported. RFC 3208 §9.7.
func TestFin(t *testing.T) {
	p := newPair(t, SourceConfig{}, ReceiverConfig{})
	p.lose = func(pkt []byte) bool { return isData(pkt, wire.TypeODATA, 1) }
	p.send("a")
	p.send("b")
	p.src.Close(p.now)
	p.flush()
	p.want("join 0", `message 0-0 "a"`)
	p.advance(time.Second)
	p.want(`message 1-1 "b"`, "fin 2")
}

// TestFragments sends messages larger than a packet, with a packet lost.
func TestFragments(t *testing.T) {
	p := newPair(t, SourceConfig{MaxTPDU: 200}, ReceiverConfig{})
	p.lose = func(pkt []byte) bool { return isData(pkt, wire.TypeODATA, 3) }
	big := strings.Repeat("0123456789", 100)
	p.send("a")
	p.send(big)
	p.send("c")
	p.advance(time.Second)
	var got []string
	for _, ev := range p.events {
		if ev.Kind == EventMessage {
			got = append(got, string(ev.Data))
		}
	}
	if len(got) != 3 || got[0] != "a" || got[1] != big || got[2] != "c" {
		t.Errorf("got %.40q", got)
	}
}

// TestRepairTurns has a source of a low rate with a backlog of full packets, and
// repairs that go out one at a time, because each is larger than the one before.
// They have their share of the rate all the same.
//
// "[...] a source MUST [...] only send ODATA or RDATA when no NCFs or SPMs are
// pending." RFC 3208 §5.1.3: it leaves open who of these two comes first.
func TestRepairTurns(t *testing.T) {
	const repairs = 10
	s := newSourceScript(t, SourceConfig{Rate: 300e3})
	var nums []seq.Num
	for i := range repairs {
		n, _, err := s.Send(s.now, make([]byte, 100+i))
		if err != nil {
			t.Fatal(err)
		}
		nums = append(nums, n)
	}
	s.take()
	s.now = s.now.Add(time.Second) // the token bucket is full again
	for range 400 {
		if _, _, err := s.Send(s.now, make([]byte, 1400)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.nak(nums...); err != nil {
		t.Fatal(err)
	}
	data, repaired := 0, 0
	for range 1000 {
		for _, p := range s.take() {
			switch {
			case strings.HasPrefix(p, "ODATA"):
				data++
			case strings.HasPrefix(p, "RDATA"):
				repaired++
			}
		}
		if repaired == repairs {
			break
		}
		s.now = s.now.Add(time.Millisecond)
	}
	if repaired != repairs || data > 2*repairs {
		t.Errorf("%d repairs beside %d packets of data, want %d and as many or so", repaired, data, repairs)
	}
}
