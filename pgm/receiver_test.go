package pgm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// receiverScript drives a Receiver by hand.
type receiverScript struct {
	*Receiver
	t   *testing.T
	now mono.Time
	spm seq.Num
}

func newReceiverScript(t *testing.T, cfg ReceiverConfig) *receiverScript {
	t.Helper()
	cfg.Rand = rand.NewPCG(1, 1)
	r, err := NewReceiver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &receiverScript{Receiver: r, t: t, now: mono.Time(time.Second)}
}

func header(t wire.Type) wire.Header {
	return wire.Header{SrcPort: 1000, DstPort: 7500, Type: t, GSI: testTSI.GSI}
}

// events takes all events there are.
func (r *receiverScript) events() (log []string) {
	var ev Event
	for r.NextEvent(&ev) {
		log = append(log, eventString(ev))
	}
	return log
}

// sent takes all packets there are to send.
func (r *receiverScript) sent() (log []string) {
	for {
		tx, ok := r.NextTransmit(r.now)
		if !ok {
			return log
		}
		to := "group"
		if tx.To.IsValid() {
			to = tx.To.String()
		}
		if tx.LinkLocal != !tx.To.IsValid() {
			r.t.Errorf("to %s with LinkLocal %v", to, tx.LinkLocal)
		}
		log = append(log, describe(bytes.Join(tx.Data, nil))+" to "+to)
	}
}

func (r *receiverScript) recv(pkt []byte) error {
	return r.HandlePacket(r.now, sourceAddr, groupAddr, pkt)
}

func (r *receiverScript) recvData(t wire.Type, n, trail seq.Num, data string, set ...func(*wire.Data)) error {
	d := wire.Data{Header: header(t), SQN: n, Trail: trail, Payload: []byte(data)}
	for _, f := range set {
		f(&d)
	}
	return r.recv(wire.AppendData(nil, &d))
}

func (r *receiverScript) recvSPM(trail, lead seq.Num, set ...func(*wire.SPM)) error {
	p := wire.SPM{Header: header(wire.TypeSPM), SQN: r.spm, Trail: trail, Lead: lead, Path: sourceAddr}
	r.spm++
	for _, f := range set {
		f(&p)
	}
	return r.recv(wire.AppendSPM(nil, &p))
}

// advance lets time pass and takes what is sent meanwhile.
func (r *receiverScript) advance(d time.Duration) (log []string) {
	r.t.Helper()
	end := r.now.Add(d)
	for r.NextTimeout() <= end {
		r.now = max(r.now, r.NextTimeout())
		r.HandleTimeout(r.now)
		log = append(log, r.sent()...)
		if r.NextTimeout() <= r.now {
			r.t.Fatalf("at %v: the next timeout stays at %v", r.now, r.NextTimeout())
		}
	}
	r.now = end
	return log
}

func (r *receiverScript) want(got []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestJoinByODATA begins with the first data packet heard. RFC 3208 §6.1.
func TestJoinByODATA(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 90000, 80000, "a")
	r.recvData(wire.TypeODATA, 90001, 80000, "b")
	r.want(r.events(), "join 90000", `message 90000-90000 "a"`, `message 90001-90001 "b"`)
	if err := r.recvData(wire.TypeRDATA, 89999, 80000, "z"); err != DropDuplicate {
		t.Errorf("data from before the join: %v, want %v", err, DropDuplicate)
	}
}

// TestJoinBySPM begins behind the leading edge an SPM tells: what is lost from
// then on is noticed. RFC 3208 §6.2.
func TestJoinBySPM(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvSPM(80000, 90000)
	r.recvData(wire.TypeODATA, 90002, 80000, "b")
	r.want(r.events())
	r.want(r.advance(10 * time.Millisecond)[:1], "NAK 90001 [] to 10.0.0.1")
	r.recvData(wire.TypeRDATA, 90001, 80000, "a")
	r.want(r.events(), "join 90001", `message 90001-90001 "a"`, `message 90002-90002 "b"`)
}

// TestJoinMidMessage begins with the first message that begins after the join.
func TestJoinMidMessage(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	part := func(first seq.Num, off, length uint32) func(*wire.Data) {
		return func(d *wire.Data) {
			d.Options.Fragment = wire.Fragment{First: first, Offset: off, Length: length}
			d.Options.Set(wire.OptFragment)
		}
	}
	r.recvData(wire.TypeODATA, 11, 0, "bb", part(10, 2, 6))
	r.recvData(wire.TypeODATA, 12, 0, "cc", part(10, 4, 6))
	r.want(r.events())
	r.recvData(wire.TypeODATA, 13, 0, "dd", part(13, 0, 4))
	r.recvData(wire.TypeODATA, 14, 0, "ee", part(13, 2, 4))
	r.want(r.events(), "join 13", `message 13-14 "ddee"`)
}

// TestJoinHistory asks for what was sent before, as far back as OPT_JOIN allows.
// RFC 3208 §9.4.
func TestJoinHistory(t *testing.T) {
	p := newPair(t, SourceConfig{Join: true}, ReceiverConfig{Join: true})
	p.lose = func(pkt []byte) bool { return len(p.events) == 0 && p.src.Stats().Messages < 4 }
	for _, m := range []string{"a", "b", "c"} {
		p.send(m)
	}
	p.rcv, _ = NewReceiver(ReceiverConfig{Rand: rand.NewPCG(3, 3), Join: true})
	p.send("d")
	p.advance(time.Second)
	p.want("join 0", `message 0-0 "a"`, `message 1-1 "b"`, `message 2-2 "c"`, `message 3-3 "d"`)
}

// TestLossInMessage reports the numbers of a message that cannot be completed,
// and no more.
func TestLossInMessage(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	part := func(off uint32) func(*wire.Data) {
		return func(d *wire.Data) {
			d.Options.Fragment = wire.Fragment{First: 1, Offset: off, Length: 8}
			d.Options.Set(wire.OptFragment)
		}
	}
	r.recvData(wire.TypeODATA, 0, 0, "before")
	r.recvData(wire.TypeODATA, 1, 0, "aa", part(0))
	r.want(r.events(), "join 0", `message 0-0 "before"`)
	r.recvData(wire.TypeODATA, 3, 0, "cc", part(4))
	r.recvData(wire.TypeODATA, 4, 3, "dd", part(6)) // the trailing edge passes number 2
	r.recvData(wire.TypeODATA, 5, 3, "after")
	r.want(r.events(), "loss 1-2 left the source's window", "loss 3-4 part of an incomplete message", `message 5-5 "after"`)
}

// TestTooLarge reports a message larger than MaxMessage and goes on.
func TestTooLarge(t *testing.T) {
	p := newPair(t, SourceConfig{MaxTPDU: 200}, ReceiverConfig{MaxMessage: 500})
	p.send("a")
	p.send(strings.Repeat("x", 501))
	p.send("b")
	p.want("join 0", `message 0-0 "a"`, "loss 1-4 message too large", `message 5-5 "b"`)
}

// TestTrail gives up what the source no longer has, heard of or not, and not
// what it never asked about.
func TestTrail(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{WindowPackets: 64})
	r.recvData(wire.TypeODATA, 0, 0, "a")
	r.recvData(wire.TypeODATA, 3, 0, "d")
	r.want(r.events(), "join 0", `message 0-0 "a"`)
	r.recvSPM(2, 3)
	r.want(r.events(), "loss 1-1 left the source's window")
	r.recvSPM(1000, 1000) // far beyond the window, with data waiting
	r.want(r.events(), "loss 2-2 left the source's window", `message 3-3 "d"`, "loss 4-65 left the source's window", "loss 66-999 left the source's window")
	r.recvSPM(1000, 1001)
	r.recvData(wire.TypeODATA, 1000, 1000, "e")
	r.want(r.events(), `message 1000-1000 "e"`)
	if st := r.Stats(); st.Outstanding != 1 || st.Lost != 998 {
		t.Errorf("outstanding %d, lost %d, want 1 and 998", st.Outstanding, st.Lost)
	}
}

// TestNAKNeedsSPM asks for an SPM when data is missing and no SPM came, and for
// the data only then. RFC 3208 §6.2, §13.5.
func TestNAKNeedsSPM(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 0, 0, "a")
	r.recvData(wire.TypeODATA, 2, 0, "c")
	r.want(r.advance(26*time.Millisecond), "SPMR to group", "SPMR to 10.0.0.1")
	r.now = r.now.Add(time.Millisecond)
	r.recvSPM(0, 2)
	r.want(r.sent(), "NAK 1 [] to 10.0.0.1")
	if r.Stats().RTT == 0 {
		t.Error("SPMR to SPM gave no round trip")
	}
}

// TestSPMRSuppression lets another receiver's SPMR serve. RFC 3208 §13.5.
func TestSPMRSuppression(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 0, 0, "a")
	h := wire.Header{SrcPort: 7500, DstPort: 1000, GSI: testTSI.GSI}
	r.HandlePacket(r.now, receiverAddr, groupAddr, wire.AppendSPMR(nil, &wire.SPMR{Header: h}))
	r.want(r.advance(25 * time.Millisecond))
	if got := r.advance(30 * time.Millisecond); len(got) != 2 {
		t.Errorf("sends %q after the SPM did not come, want an SPMR", got)
	}
}

// TestNAKList asks for all that is missing in as few packets as can hold it.
func TestNAKList(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvSPM(0, 0)
	r.recvSPM(0, 100)
	got := r.advance(5 * time.Millisecond)
	if len(got) < 2 || !strings.HasPrefix(got[0], "NAK 1 [2 3 ") || !strings.HasPrefix(got[1], "NAK 64 [65 ") {
		t.Errorf("sends %q", got)
	}
	if st := r.Stats(); st.NAKs != 2 || st.NAKNumbers != 100 {
		t.Errorf("%d NAKs for %d numbers, want 2 for 100", st.NAKs, st.NAKNumbers)
	}
}

// TestMulticastNAK sends each NAK to the group too. RFC 3208 §6.3.
func TestMulticastNAK(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{MulticastNAK: true})
	r.recvSPM(0, 0)
	r.recvSPM(0, 1)
	r.want(r.advance(5 * time.Millisecond)[:2], "NAK 1 [] to group", "NAK 1 [] to 10.0.0.1")
}

// TestPeerNAK holds back a NAK that another receiver has sent.
func TestPeerNAK(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{NAKBackoff: 10 * time.Millisecond, NAKRepeat: 50 * time.Millisecond})
	r.recvSPM(0, 0)
	r.recvSPM(0, 1)
	h := wire.Header{SrcPort: 7500, DstPort: 1000, Type: wire.TypeNAK, GSI: testTSI.GSI}
	nak := wire.AppendNAK(nil, &wire.NAK{Header: h, SQN: 1, Source: sourceAddr, Group: groupAddr})
	if err := r.HandlePacket(r.now, receiverAddr, groupAddr, nak); err != nil {
		t.Fatal(err)
	}
	r.want(r.advance(50 * time.Millisecond))
	if st := r.Stats(); st.Suppressed != 1 {
		t.Errorf("suppressed %d, want 1", st.Suppressed)
	}
	r.want(r.advance(11*time.Millisecond), "NAK 1 [] to 10.0.0.1")
}

// TestUnreachable sends no NAK after OPT_NBR_UNREACH until a regular SPM.
// RFC 3208 §15.3.2.
func TestUnreachable(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvSPM(0, 0)
	r.recvSPM(0, 0, func(p *wire.SPM) { p.Options.Set(wire.OptNbrUnreach) })
	r.recvData(wire.TypeODATA, 2, 0, "c")
	r.want(r.advance(20 * time.Millisecond))
	r.recvSPM(0, 2)
	r.want(r.sent(), "NAK 1 [] to 10.0.0.1")
}

// TestSPMOrder discards SPMs out of sequence. RFC 3208 §6.2.
func TestSPMOrder(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.spm = 3200
	r.recvSPM(0, 0)
	r.spm = 20
	if err := r.recvSPM(0, 5); err != DropSPMOrder {
		t.Errorf("an SPM from before: %v, want %v", err, DropSPMOrder)
	}
	r.want(r.advance(20 * time.Millisecond))
	r.spm = 0x90000000 // in the other half of the numbers: a first SPM may have any
	r2 := newReceiverScript(t, ReceiverConfig{})
	r2.spm = 0x90000000
	if err := r2.recvSPM(0, 0); err != nil {
		t.Errorf("a first SPM numbered %#x: %v", uint32(r2.spm-1), err)
	}
}

// TestReset ends a session by OPT_RST, at once if NAKs would go unanswered.
// RFC 3208 §9.8.1.
func TestReset(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvSPM(0, 0xffffffff)
	r.recvData(wire.TypeODATA, 1, 0, "b")
	r.recvSPM(0, 1, func(p *wire.SPM) {
		p.Options.Set(wire.OptRst)
		p.Options.Rst = wire.Rst{NoNAKs: true, Code: 5}
	})
	r.want(r.events(), "join 0", "loss 0-0 session ended", `message 1-1 "b"`, "reset 2")
	if err := r.recvData(wire.TypeODATA, 2, 0, "c"); err != DropEnded {
		t.Errorf("data after the end: %v, want %v", err, DropEnded)
	}
}

// TestExpiry forgets a silent source and says so.
func TestExpiry(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{PeerExpiry: 10 * time.Second})
	r.recvData(wire.TypeODATA, 0, 0, "a")
	r.recvData(wire.TypeODATA, 2, 0, "c")
	r.want(r.events(), "join 0", `message 0-0 "a"`)
	r.advance(11 * time.Second)
	r.want(r.events(), "loss 1-1 session ended", `message 2-2 "c"`, "expired 3")
	if st := r.Stats(); st.Sources != 0 || st.Buffered != 0 || st.Outstanding != 0 {
		t.Errorf("stats %+v", st)
	}
	if r.NextTimeout() != mono.Never {
		t.Error("a timer runs with no source known")
	}
}

// TestPassive sends nothing, and reports what is missing.
func TestPassive(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{Passive: true})
	r.recvData(wire.TypeODATA, 0, 0, "a")
	r.recvData(wire.TypeODATA, 2, 0, "c")
	r.events()
	r.want(r.advance(time.Second))
	r.want(r.events(), "loss 1-1 passive receiver", `message 2-2 "c"`)
}

// TestManySources keeps sources apart by session and by address, and refuses
// more than it may know, unless one has ended.
func TestManySources(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{MaxSources: 3})
	from := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}) }
	data := func(port uint16, n seq.Num) []byte {
		d := wire.Data{Header: header(wire.TypeODATA), SQN: n, Payload: []byte{byte(port), byte(n)}}
		d.SrcPort = port
		return wire.AppendData(nil, &d)
	}
	for n := range seq.Num(3) {
		r.HandlePacket(r.now, from(1), groupAddr, data(1, n))
		r.HandlePacket(r.now, from(1), groupAddr, data(2, 100+n))
		r.HandlePacket(r.now, from(2), groupAddr, data(1, 200+n)) // the same session from another address
	}
	var got []string
	var ev Event
	for r.NextEvent(&ev) {
		if ev.Kind == EventMessage {
			got = append(got, fmt.Sprintf("%v %d %d", ev.Source.Addr, ev.Source.TSI.Port, ev.First))
		}
	}
	if len(got) != 9 {
		t.Fatalf("%q", got)
	}
	if err := r.HandlePacket(r.now, from(3), groupAddr, data(1, 0)); err != DropSources {
		t.Errorf("a fourth source: %v, want %v", err, DropSources)
	}
	fin := wire.SPM{Header: header(wire.TypeSPM), Lead: 2, Path: from(1)}
	fin.SrcPort = 1
	fin.Options.Set(wire.OptFin)
	r.HandlePacket(r.now, from(1), groupAddr, wire.AppendSPM(nil, &fin))
	r.want(r.events(), "fin 3")
	if err := r.HandlePacket(r.now, from(3), groupAddr, data(1, 0)); err != nil {
		t.Errorf("a fourth source after one ended: %v", err)
	}
}

// TestUndrained does not lose what was not taken out before the next packet.
func TestUndrained(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{BufferBytes: 1})
	var last []byte
	for n := range seq.Num(3) {
		d := wire.AppendData(nil, &wire.Data{Header: header(wire.TypeODATA), SQN: n, Payload: []byte("abc")})
		err := r.recv(d)
		clear(last) // its time is over
		last = d
		if want := []error{nil, DropBuffer, DropBuffer}[n]; err != want {
			t.Errorf("packet %d: %v, want %v", n, err, want)
		}
	}
	r.want(r.events(), "join 0", `message 0-0 "abc"`)
	r.recvSPM(0, 2)
	r.advance(10 * time.Millisecond)
	r.recvData(wire.TypeRDATA, 1, 0, "def")
	r.want(r.events(), `message 1-1 "def"`)
	r.recvData(wire.TypeRDATA, 2, 0, "ghi")
	r.want(r.events(), `message 2-2 "ghi"`)
}

// TestBufferBound keeps no more early packets than allowed, and gets those it
// dropped again.
func TestBufferBound(t *testing.T) {
	p := newPair(t, SourceConfig{}, ReceiverConfig{BufferBytes: 16 * 64})
	p.lose = func(pkt []byte) bool { return isData(pkt, wire.TypeODATA, 0) }
	for range 100 {
		p.send("0123456789")
	}
	if got, want := p.rcv.Stats().Buffered, 15*64; got != want {
		t.Errorf("%d bytes buffered, want %d: all but the room for what is missing", got, want)
	}
	p.advance(time.Second)
	n := 0
	for _, ev := range p.events {
		if ev.Kind == EventMessage {
			if ev.First != seq.Num(n) {
				t.Fatalf("message %d, want %d", ev.First, n)
			}
			n++
		}
	}
	if n != 100 {
		t.Errorf("%d messages, want 100", n)
	}
}

// TestWindowBound does not look farther ahead than WindowPackets, whatever a
// packet says: one forged SPM costs no more than that.
func TestWindowBound(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{WindowPackets: 1000})
	r.recvSPM(0, 0)
	r.recvSPM(0, 1<<28)
	if got := r.Stats().Missing; got != 1024 {
		t.Errorf("%d numbers missing, want 1024", got)
	}
	if err := r.recvData(wire.TypeODATA, 1<<28, 0, "x"); err != DropWindow {
		t.Errorf("data beyond the window: %v, want %v", err, DropWindow)
	}
}

func TestReceiverDrops(t *testing.T) {
	data := func(change func(*wire.Data)) []byte {
		d := wire.Data{Header: header(wire.TypeODATA), SQN: 5, Payload: []byte("x")}
		change(&d)
		return wire.AppendData(nil, &d)
	}
	spm := func(change func(*wire.SPM)) []byte {
		p := wire.SPM{Header: header(wire.TypeSPM), Lead: 5, Path: sourceAddr}
		change(&p)
		return wire.AppendSPM(nil, &p)
	}
	fragment := func(f wire.Fragment) []byte {
		return data(func(d *wire.Data) { d.Options.Set(wire.OptFragment); d.Options.Fragment = f })
	}
	noSum := data(func(*wire.Data) {})
	noSum[6], noSum[7] = 0, 0
	for _, tt := range []struct {
		desc string
		pkt  []byte
		want error
	}{
		{"empty", nil, DropTruncated},
		{"good", data(func(*wire.Data) {}), nil},
		{"no checksum", noSum, DropNoChecksum},
		{"other port", data(func(d *wire.Data) { d.DstPort = 1 }), DropPort},
		{"parity", data(func(d *wire.Data) { d.Flags = wire.FlagParity }), DropParity},
		{"trail beyond the number", data(func(d *wire.Data) { d.Trail = 6 }), DropMalformed},
		{"fragment beyond its message", fragment(wire.Fragment{First: 5, Length: 0}), DropMalformed},
		{"fragment offset beyond", fragment(wire.Fragment{First: 4, Offset: 9, Length: 9}), DropMalformed},
		{"fragment offset overflow", fragment(wire.Fragment{First: 4, Offset: 0xffffffff, Length: 0}), DropMalformed},
		{"fragment after its message", fragment(wire.Fragment{First: 6, Offset: 1, Length: 9}), DropMalformed},
		{"first fragment, other first", fragment(wire.Fragment{First: 4, Length: 9}), DropMalformed},
		{"later fragment is the first", fragment(wire.Fragment{First: 5, Offset: 1, Length: 9}), DropMalformed},
		{"single fragment", fragment(wire.Fragment{First: 5, Length: 1}), nil},
		{"SPM with its window reversed", spm(func(p *wire.SPM) { p.Trail = 7 }), DropMalformed},
		{"SPM of an unknown session that ended", spm(func(p *wire.SPM) { p.Options.Set(wire.OptFin) }), DropSession},
		{"SPM with no window", spm(func(p *wire.SPM) { p.Lead = 0x80000000 }), DropSession},
		{"NCF of an unknown session", wire.AppendNAK(nil, &wire.NAK{Header: header(wire.TypeNCF)}), DropSession},
		{"POLL", wire.AppendPOLL(nil, &wire.POLL{Header: header(wire.TypePOLL)}), DropUnsupported},
	} {
		r := newReceiverScript(t, ReceiverConfig{})
		if err := r.recv(tt.pkt); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.desc, err, tt.want)
		}
		drops := r.Stats().Drops
		if tt.want != nil && (drops.Total() != 1 || drops[tt.want.(Drop)] != 1) {
			t.Errorf("%s: drops %v", tt.desc, drops)
		}
	}
}

func TestReceiverConfigErrors(t *testing.T) {
	for _, tt := range []struct {
		want   string
		change func(*ReceiverConfig)
	}{
		{"Rand is missing", func(c *ReceiverConfig) { c.Rand = nil }},
		{"WindowPackets is 1", func(c *ReceiverConfig) { c.WindowPackets = 1 }},
		{"BufferBytes is -1", func(c *ReceiverConfig) { c.BufferBytes = -1 }},
		{"MaxTPDU is 65508", func(c *ReceiverConfig) { c.MaxTPDU = 65508 }},
		{"MaxSources is -1", func(c *ReceiverConfig) { c.MaxSources = -1 }},
		{"MaxMessage is -1", func(c *ReceiverConfig) { c.MaxMessage = -1 }},
		{"NAKBackoff -1ns", func(c *ReceiverConfig) { c.NAKBackoff = -1 }},
		{"MaxInterval 1ns", func(c *ReceiverConfig) { c.MaxInterval = 1 }},
		{"GroupSize is -1", func(c *ReceiverConfig) { c.GroupSize = -1 }},
		{"NCFRetries is 251", func(c *ReceiverConfig) { c.NCFRetries = 251 }},
	} {
		cfg := ReceiverConfig{Rand: rand.NewPCG(1, 1)}
		tt.change(&cfg)
		_, err := NewReceiver(cfg)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, tt.want)
		}
	}
}

// TestArrived checks that messages bear the time of their last packet, whatever
// way that took: as it came, waiting for others, as a repair, or kept.
func TestArrived(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	fragment := func(first seq.Num, offset, length uint32) func(*wire.Data) {
		return func(d *wire.Data) {
			d.Options.Set(wire.OptFragment)
			d.Options.Fragment = wire.Fragment{First: first, Offset: offset, Length: length}
		}
	}
	recv := func(at int64, typ wire.Type, n seq.Num, data string, set ...func(*wire.Data)) {
		t.Helper()
		r.SetArrival(at, at%2 == 1)
		if err := r.recvData(typ, n, 0, data, set...); err != nil {
			t.Fatal(err)
		}
	}
	recv(10, wire.TypeODATA, 0, "first")
	r.Keep()
	recv(11, wire.TypeODATA, 1, "kept")
	recv(13, wire.TypeODATA, 3, "waits")
	recv(15, wire.TypeODATA, 5, "ef", fragment(4, 4, 6))
	recv(24, wire.TypeRDATA, 4, "abcd", fragment(4, 0, 6))
	recv(22, wire.TypeRDATA, 2, "repaired")
	recv(16, wire.TypeODATA, 6, "gh", fragment(6, 0, 4))
	recv(17, wire.TypeODATA, 7, "ij", fragment(6, 2, 4))
	r.SetArrival(99, true)
	want := map[string]int64{"first": 10, "kept": 11, "repaired": 22, "waits": 13, "abcdef": 15, "ghij": 17}
	var ev Event
	for r.NextEvent(&ev) {
		if ev.Kind != EventMessage {
			continue
		}
		at, ok := want[string(ev.Data)]
		if !ok || ev.Arrived != at || ev.Hardware != (at%2 == 1) {
			t.Errorf("message %q arrived at %d, hardware %v, want %d", ev.Data, ev.Arrived, ev.Hardware, at)
		}
		delete(want, string(ev.Data))
	}
	if len(want) > 0 {
		t.Errorf("not delivered: %v", want)
	}
}
