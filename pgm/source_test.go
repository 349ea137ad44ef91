package pgm

import (
	"bytes"
	"errors"
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

// sourceScript drives a Source by hand.
type sourceScript struct {
	*Source
	t   *testing.T
	now mono.Time
}

func newSourceScript(t *testing.T, cfg SourceConfig) *sourceScript {
	t.Helper()
	cfg.TSI, cfg.Addr, cfg.Group = testTSI, sourceAddr, groupAddr
	s := &sourceScript{t: t, now: mono.Time(time.Second)}
	var err error
	if s.Source, err = NewSource(s.now, cfg); err != nil {
		t.Fatal(err)
	}
	s.take() // the first SPMs
	return s
}

// take takes all packets there are now.
func (s *sourceScript) take() (log []string) {
	s.t.Helper()
	for {
		tx, ok := s.NextTransmit(s.now)
		if !ok {
			return log
		}
		run := bytes.Join(tx.Data, nil)
		for i := 0; i < len(run); i += tx.Segment {
			switch h, err := wire.ParseHeader(run[i:]); {
			case err != nil:
				s.t.Error(err)
			// "SPMs, NCFs, and RDATA MUST be transmitted with the IP Router Alert
			// Option." RFC 3208 §4
			case tx.RouterAlert != (h.Type == wire.TypeSPM || h.Type == wire.TypeNCF || h.Type == wire.TypeRDATA):
				s.t.Errorf("%v with RouterAlert %v", h.Type, tx.RouterAlert)
			}
			log = append(log, describe(run[i:min(i+tx.Segment, len(run))]))
		}
		s.Sent(s.now, tx.Packets)
	}
}

func (s *sourceScript) advance(d time.Duration) (log []string) {
	s.t.Helper()
	end := s.now.Add(d)
	for s.NextTimeout(s.now) <= end {
		s.now = max(s.now, s.NextTimeout(s.now))
		s.HandleTimeout(s.now)
		log = append(log, s.take()...)
	}
	s.now = end
	return log
}

func (s *sourceScript) send(n int) {
	s.t.Helper()
	for range n {
		if _, _, err := s.Send(s.now, []byte("x")); err != nil {
			s.t.Fatal(err)
		}
		s.take()
	}
}

func (s *sourceScript) nak(nums ...seq.Num) error {
	h := wire.Header{SrcPort: 7500, DstPort: testTSI.Port, Type: wire.TypeNAK, GSI: testTSI.GSI}
	p := wire.NAK{Header: h, SQN: nums[0], Source: sourceAddr, Group: groupAddr}
	for _, n := range nums[1:] {
		p.Options.NAKList = wire.AppendNum(p.Options.NAKList, n)
		p.Options.Set(wire.OptNAKList)
	}
	return s.HandlePacket(s.now, receiverAddr, wire.AppendNAK(nil, &p))
}

func (s *sourceScript) want(got []string, want ...string) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("sends\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestNCFAndRDATA answers a NAK list at once: the NCF with the same list first,
// then the repairs. RFC 3208 §5.1.3, §5.2, §9.3.4.
func TestNCFAndRDATA(t *testing.T) {
	s := newSourceScript(t, SourceConfig{FirstSQN: 0xfffffffe})
	s.send(5)
	if err := s.nak(0xffffffff, 0, 2); err != nil {
		t.Fatal(err)
	}
	s.want(s.take(), "NCF 4294967295 [0 2]",
		"RDATA 4294967295 trail 4294967294, 1 bytes", "RDATA 0 trail 4294967294, 1 bytes", "RDATA 2 trail 4294967294, 1 bytes")
	// A NAK that crossed the repair is confirmed, but the repair is on its way.
	s.now += 50_000
	s.nak(0)
	s.want(s.take(), "NCF 0 []")
	s.now += mono.Time(eliminate)
	s.nak(0)
	s.want(s.take(), "NCF 0 []", "RDATA 0 trail 4294967294, 1 bytes")
	st := s.Stats()
	if st.NAKs != 3 || st.NAKNumbers != 5 || st.NAKDuplicate != 1 || st.RDATAPackets != 4 || st.NCFs != 3 {
		t.Errorf("stats %+v", st)
	}
}

// TestNAKOutside confirms what is outside the window too, and tells with an SPM
// where the window is.
func TestNAKOutside(t *testing.T) {
	s := newSourceScript(t, SourceConfig{WindowPackets: 4, MinRepair: -1, FirstSQN: 10})
	s.send(6)
	s.advance(6 * time.Millisecond)
	s.nak(10)
	s.want(s.take(), "NCF 10 []")
	s.want(s.advance(5*time.Millisecond), "SPM 4 trail 12 lead 15")
	s.nak(99)
	s.want(s.take(), "NCF 99 []")
	if st := s.Stats(); st.NAKOutside != 2 || st.RDATAPackets != 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestHeartbeats sends SPMs at a decaying rate after data, and at a steady one
// while it flows. RFC 3208 §5.1.4, §5.1.5.
func TestHeartbeats(t *testing.T) {
	s := newSourceScript(t, SourceConfig{HeartbeatMin: 10 * time.Millisecond, HeartbeatMax: 100 * time.Millisecond, AmbientSPM: 50 * time.Millisecond})
	s.send(1)
	start := s.now
	var at []time.Duration
	for len(at) < 7 {
		s.now = s.NextTimeout(s.now)
		s.HandleTimeout(s.now)
		if got := s.take(); len(got) != 1 || !strings.HasPrefix(got[0], "SPM") {
			t.Fatalf("sends %q", got)
		}
		at = append(at, s.now.Sub(start)/time.Millisecond)
	}
	if want := []time.Duration{10, 30, 70, 150, 250, 350, 450}; !slices.Equal(at, want) {
		t.Errorf("heartbeats after %v ms, want %v", at, want)
	}
	spms := s.Stats().SPMs
	for range 1000 { // a message each millisecond: no heartbeat, ambient SPMs alone
		s.send(1)
		s.advance(time.Millisecond)
	}
	if n := s.Stats().SPMs - spms; n < 18 || n > 21 {
		t.Errorf("%d SPMs in a second of data, want one each 50 ms", n)
	}
}

// TestSPMR answers a request for an SPM at once, but not more often than
// IHB_MIN. RFC 3208 §13.4.
func TestSPMR(t *testing.T) {
	s := newSourceScript(t, SourceConfig{})
	s.advance(time.Second) // seven heartbeats
	spmr := wire.AppendSPMR(nil, &wire.SPMR{Header: wire.Header{SrcPort: 7500, DstPort: testTSI.Port, GSI: testTSI.GSI}})
	for range 10 {
		if err := s.HandlePacket(s.now, receiverAddr, spmr); err != nil {
			t.Fatal(err)
		}
	}
	s.want(s.take(), "SPM 10 trail 0 lead 4294967295")
	s.HandlePacket(s.now, receiverAddr, spmr)
	s.want(s.take())
	s.want(s.advance(5*time.Millisecond), "SPM 11 trail 0 lead 4294967295")
}

// TestTrailBySize advances the trailing edge when the room is needed, but not
// past a packet whose repair is under way, within a bound.
func TestTrailBySize(t *testing.T) {
	s := newSourceScript(t, SourceConfig{Rate: 1e9, WindowPackets: 4, RepairHold: 300 * time.Millisecond})
	s.send(8)
	s.now += mono.Time(time.Millisecond)
	s.nak(4)
	s.want(s.take(), "NCF 4 []", "RDATA 4 trail 4, 1 bytes")
	start := s.now
	if _, _, err := s.Send(s.now, nil); err != ErrWouldBlock {
		t.Fatalf("Send while the oldest packet is under repair: %v, want %v", err, ErrWouldBlock)
	}
	// Its receiver goes on asking.
	for s.now.Sub(start) < 290*time.Millisecond {
		s.advance(5 * time.Millisecond)
		s.nak(4)
		s.take()
		if _, _, err := s.Send(s.now, nil); err != ErrWouldBlock {
			t.Fatalf("after %v: %v, want %v", s.now.Sub(start), err, ErrWouldBlock)
		}
	}
	if at := s.NextTimeout(s.now); at > start.Add(300*time.Millisecond) {
		t.Errorf("next timeout %v after the first NAK, want 300ms at most", at.Sub(start))
	}
	s.advance(20 * time.Millisecond)
	if _, _, err := s.Send(s.now, nil); err != nil {
		t.Errorf("after the bound: %v", err)
	}
	s.take()
	if trail := s.win.Trail(); trail != 5 {
		t.Errorf("trail %d, want 5", trail)
	}
}

// TestMinRepair keeps each packet for a while when no rate is configured.
func TestMinRepair(t *testing.T) {
	s := newSourceScript(t, SourceConfig{WindowPackets: 4, MinRepair: 20 * time.Millisecond})
	s.send(4)
	if _, _, err := s.Send(s.now, nil); err != ErrWouldBlock {
		t.Fatalf("%v, want %v", err, ErrWouldBlock)
	}
	if got := s.NextTimeout(s.now).Sub(s.now); got > 20*time.Millisecond {
		t.Errorf("next timeout in %v, want 20ms at most", got)
	}
	s.advance(20 * time.Millisecond)
	s.send(4)
}

// TestTrailByTime advances it when the packets are old: TXW_SECS.
func TestTrailByTime(t *testing.T) {
	s := newSourceScript(t, SourceConfig{WindowTime: 100 * time.Millisecond})
	s.send(2)
	s.advance(60 * time.Millisecond)
	s.send(1)
	s.advance(39 * time.Millisecond)
	if st := s.Stats(); st.Window != 3 {
		t.Errorf("%d packets in the window after 99 ms, want 3", st.Window)
	}
	s.advance(time.Millisecond)
	if st := s.Stats(); st.Window != 1 {
		t.Errorf("%d packets in the window after 100 ms, want 1", st.Window)
	}
	s.advance(time.Second)
	if log := s.advance(6 * time.Second); !strings.HasSuffix(log[len(log)-1], "trail 3 lead 2") {
		t.Errorf("last SPM %q, want an empty window", log[len(log)-1])
	}
}

// TestRate never sends more than the bucket holds plus the rate times the time,
// over any interval, whatever is sent. RFC 3208 §5.1.2.
func TestRate(t *testing.T) {
	const rate, burst = 1_000_000, 20_000
	s := newSourceScript(t, SourceConfig{Rate: rate, Burst: burst, RepairHold: -1})
	s.advance(time.Second)
	type sent struct {
		at    mono.Time
		bytes int
	}
	var all []sent
	rng := rand.New(rand.NewPCG(1, 1))
	msg := make([]byte, 1400)
	end := s.now.Add(2 * time.Second)
	for s.now < end {
		for range 20 {
			if _, _, err := s.Send(s.now, msg[:rng.IntN(len(msg))]); err != nil {
				break
			}
		}
		if rng.IntN(10) == 0 {
			s.nak(s.win.Unsent().Add(-1 - rng.IntN(50)))
		}
		for {
			tx, ok := s.NextTransmit(s.now)
			if !ok {
				break
			}
			if b := tx.Bytes + 28*tx.Packets; b > burst {
				t.Fatalf("a run of %d bytes, more than the bucket holds", b)
			}
			all = append(all, sent{s.now, tx.Bytes + 28*tx.Packets})
			s.Sent(s.now, tx.Packets)
		}
		s.now = max(s.now+1, s.NextTimeout(s.now))
		s.HandleTimeout(s.now)
	}
	total := 0
	for i := range all {
		sum := 0
		for j := i; j < min(i+200, len(all)); j++ {
			sum += all[j].bytes
			if limit := burst + rate*all[j].at.Sub(all[i].at).Seconds(); float64(sum) > limit+1 {
				t.Fatalf("%d bytes in %v, more than %.0f", sum, all[j].at.Sub(all[i].at), limit)
			}
		}
		total += all[i].bytes
	}
	if total < 2*rate*9/10 {
		t.Errorf("%d bytes in 2 s, want most of %d", total, 2*rate)
	}
	if s.Stats().RDATAPackets == 0 {
		t.Error("no repair was sent: the test tests less than it says")
	}
}

// TestBacklog refuses messages beyond MaxBacklog, takes a large one when
// nothing waits, and says ErrMessageTooLarge to one that never fits.
func TestBacklog(t *testing.T) {
	s := newSourceScript(t, SourceConfig{Rate: 1e6, WindowBytes: 100_000, MaxBacklog: 10_000})
	if _, _, err := s.Send(s.now, make([]byte, 60_000)); err != ErrMessageTooLarge {
		t.Errorf("60,000 bytes: %v, want %v", err, ErrMessageTooLarge)
	}
	if _, _, err := s.Send(s.now, make([]byte, 40_000)); err != nil {
		t.Errorf("40,000 bytes with nothing waiting: %v", err)
	}
	if _, _, err := s.Send(s.now, nil); err != ErrWouldBlock {
		t.Errorf("an empty message behind 40,000 bytes: %v, want %v", err, ErrWouldBlock)
	}
	if packets, bytes := s.Unsent(); packets < 28 || bytes < 40_000 {
		t.Errorf("unsent %d, %d", packets, bytes)
	}
	s.advance(time.Second)
	if _, _, err := s.Send(s.now, nil); err != nil {
		t.Errorf("when all is sent: %v", err)
	}
	if !s.advanceQuiet() {
		t.Error("not quiet in the end")
	}
}

func (s *sourceScript) advanceQuiet() bool {
	s.take()
	return s.Quiet()
}

// TestClose sends what was accepted first, then SPMs with OPT_FIN, and goes on
// answering NAKs. RFC 3208 §9.7.2.
func TestClose(t *testing.T) {
	s := newSourceScript(t, SourceConfig{Rate: 1e5, Burst: 3000, MaxTPDU: 1000})
	for range 6 {
		s.Send(s.now, make([]byte, 900))
	}
	s.Close(s.now)
	if _, _, err := s.Send(s.now, nil); err != ErrClosed {
		t.Errorf("Send after Close: %v, want %v", err, ErrClosed)
	}
	s.take()
	if s.fin {
		t.Error("announces the end before all is sent")
	}
	log := s.advance(100 * time.Millisecond)
	if n := len(log); n < 3 || !strings.HasPrefix(log[n-1], "SPM") || !strings.HasSuffix(log[n-1], "lead 5") || !s.fin {
		t.Errorf("sends %q, want SPMs last", log)
	}
	s.nak(5)
	s.advance(10 * time.Millisecond)
	if s.Stats().RDATAPackets != 1 {
		t.Error("no repair after Close")
	}
}

// TestAbort drops what was not sent and says so with OPT_RST. RFC 3208 §9.8.2.
func TestAbort(t *testing.T) {
	s := newSourceScript(t, SourceConfig{})
	s.send(2)
	s.Send(s.now, []byte("never sent"))
	s.Abort(s.now, 7)
	tx, ok := s.NextTransmit(s.now)
	if !ok {
		t.Fatal("sends nothing")
	}
	p, err := wire.ParseSPM(tx.Data[0])
	if err != nil || !p.Options.Has(wire.OptRst) || p.Options.Rst != (wire.Rst{Code: 7}) || p.Lead != 1 {
		t.Errorf("sends %+v, %v", p, err)
	}
}

// TestSyn marks the first packet of a session, and no other. RFC 3208 §9.6.
func TestSyn(t *testing.T) {
	for _, size := range []int{1, 1440, 1441, 1448, 5000} {
		s := newSourceScript(t, SourceConfig{})
		s.Send(s.now, make([]byte, size))
		s.Send(s.now, make([]byte, size))
		var total int
		for n := s.win.Trail(); n != s.win.Next(); n++ {
			if len(s.win.Packet(n)) > 1472 {
				t.Errorf("%d bytes: a packet of %d", size, len(s.win.Packet(n)))
			}
			d, err := wire.ParseData(s.win.Packet(n))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Options.Has(wire.OptSyn); got != (n == 0) {
				t.Errorf("%d bytes: packet %d: OPT_SYN %v", size, n, got)
			}
			total += len(d.Payload)
		}
		if total != 2*size {
			t.Errorf("%d bytes: packets hold %d, want %d", size, total, 2*size)
		}
	}
}

// TestPartialSend offers again what the network did not take.
func TestPartialSend(t *testing.T) {
	s := newSourceScript(t, SourceConfig{})
	for range 10 {
		s.Send(s.now, []byte("x"))
	}
	var got []string
	for {
		tx, ok := s.NextTransmit(s.now)
		if !ok {
			break
		}
		n := min(tx.Packets, 3)
		run := bytes.Join(tx.Data, nil)
		for i := range n {
			got = append(got, describe(run[i*tx.Segment:min((i+1)*tx.Segment, len(run))]))
		}
		s.Sent(s.now, n)
	}
	if len(got) != 10 {
		t.Fatalf("sends %q", got)
	}
	for i, g := range got {
		d := s.win.Packet(seq.Num(i))
		if g != describe(d) {
			t.Errorf("packet %d: %q, want %q", i, g, describe(d))
		}
	}
}

func TestSourceDrops(t *testing.T) {
	nak := func(change func(*wire.NAK)) []byte {
		p := wire.NAK{Header: wire.Header{SrcPort: 7500, DstPort: 1000, Type: wire.TypeNAK, GSI: testTSI.GSI}, Source: sourceAddr, Group: groupAddr}
		change(&p)
		return wire.AppendNAK(nil, &p)
	}
	for _, tt := range []struct {
		desc string
		pkt  []byte
		want error
	}{
		{"empty", nil, DropTruncated},
		{"good", nak(func(*wire.NAK) {}), nil},
		{"cut", nak(func(*wire.NAK) {})[:30], DropChecksum},
		{"other session", nak(func(p *wire.NAK) { p.DstPort = 1 }), DropSession},
		{"other port", nak(func(p *wire.NAK) { p.SrcPort = 1 }), DropPort},
		{"other group", nak(func(p *wire.NAK) { p.Group = netip.MustParseAddr("239.0.0.9") }), DropSession},
		{"parity", nak(func(p *wire.NAK) { p.Flags = wire.FlagParity }), DropParity},
		{"NNAK", nak(func(p *wire.NAK) { p.Type = wire.TypeNNAK }), DropUnsupported},
		{"NCF", nak(func(p *wire.NAK) { p.Type = wire.TypeNCF; p.SrcPort, p.DstPort = 1000, 7500 }), DropRole},
	} {
		s := newSourceScript(t, SourceConfig{})
		if err := s.HandlePacket(s.now, receiverAddr, tt.pkt); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.desc, err, tt.want)
		}
		drops := s.Stats().Drops
		if want := uint64(1); tt.want != nil && (drops.Total() != want || drops[tt.want.(Drop)] != want) {
			t.Errorf("%s: drops %v", tt.desc, drops)
		}
	}
}

func TestSourceConfigErrors(t *testing.T) {
	good := SourceConfig{TSI: testTSI, Addr: sourceAddr, Group: groupAddr}
	for _, tt := range []struct {
		want   string
		change func(*SourceConfig)
	}{
		{"Addr is missing", func(c *SourceConfig) { c.Addr = netip.Addr{} }},
		{"Group is missing", func(c *SourceConfig) { c.Group = netip.Addr{} }},
		{"address families", func(c *SourceConfig) { c.Group = netip.MustParseAddr("ff08::1") }},
		{"MaxTPDU is 100", func(c *SourceConfig) { c.MaxTPDU = 100 }},
		{"MaxTPDU is 70000", func(c *SourceConfig) { c.MaxTPDU = 70000 }},
		{"Overhead is -1", func(c *SourceConfig) { c.Overhead = -1 }},
		{"WindowPackets is 1", func(c *SourceConfig) { c.WindowPackets = 1 }},
		{"WindowBytes is 1000", func(c *SourceConfig) { c.WindowBytes = 1000 }},
		{"Rate is -5", func(c *SourceConfig) { c.Rate = -5 }},
		{"MaxRate 9", func(c *SourceConfig) { c.MaxRate = 9 }},
		{"Burst is 1500", func(c *SourceConfig) { c.Burst = 1500 }},
		{"HeartbeatMax 1ms", func(c *SourceConfig) { c.HeartbeatMax = time.Millisecond }},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := NewSource(1, cfg)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, tt.want)
		}
	}
	if _, err := NewSource(1, good); err != nil {
		t.Errorf("defaults: %v", err)
	}
}
