package pgm

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
)

// hotPath drives a message through both machines: sent, in runs, and received
// in order.
type hotPath struct {
	src *Source
	rcv *Receiver
	now mono.Time
	msg []byte
	run []byte
	ev  Event
}

func newHotPath(tb testing.TB, size int, fec FEC, cfg ReceiverConfig) *hotPath {
	p := newPair(tb, SourceConfig{FEC: fec, Rate: 1e12, Burst: 1 << 20, WindowPackets: 4096, WindowBytes: 4 << 20, MaxBacklog: 1 << 20}, cfg)
	p.send("first")
	return &hotPath{src: p.src, rcv: p.rcv, now: p.now, msg: bytes.Repeat([]byte{7}, size)}
}

// send sends n messages and moves the runs to the receiver, as a GRO read would.
func (h *hotPath) send(tb testing.TB, n int) (delivered int) {
	h.fill(tb, n)
	for size, ok := h.next(); ok; size, ok = h.next() {
		delivered += h.receive(h.rcv.HandlePacket, size)
	}
	return delivered
}

// fill sends n messages, which wait in the window.
func (h *hotPath) fill(tb testing.TB, n int) {
	for range n {
		if _, _, err := h.src.Send(h.now, h.msg); err != nil {
			tb.Fatal(err)
		}
	}
}

// next moves the next run to h.run, and returns the size of its packets; false means
// there is none.
func (h *hotPath) next() (size int, ok bool) {
	h.now += 1000
	tx, ok := h.src.NextTransmit(h.now)
	if !ok {
		return 0, false
	}
	h.run = h.run[:0]
	for _, d := range tx.Data {
		h.run = append(h.run, d...)
	}
	size = tx.Segment
	h.src.Sent(h.now, tx.Packets)
	return size, true
}

// receive has the receiver take h.run with HandlePacket or Lend.
func (h *hotPath) receive(handle func(now mono.Time, from, group netip.Addr, pkt []byte) error, size int) (delivered int) {
	for run := h.run; len(run) > 0; {
		pkt := run[:min(size, len(run))]
		run = run[len(pkt):]
		handle(h.now, sourceAddr, groupAddr, pkt)
		for h.rcv.NextEvent(&h.ev) {
			delivered++
		}
	}
	return delivered
}

// TestAllocs asserts that sending and receiving in order allocate nothing, with
// and without fragments, whatever the delivery.
func TestAllocs(t *testing.T) {
	for _, mode := range deliveryModes {
		for _, size := range []int{0, 100, 1400, 20000} {
			h := newHotPath(t, size, FEC{}, mode.cfg)
			h.send(t, 16)
			if n := testing.AllocsPerRun(200, func() {
				if got := h.send(t, 16); got != 16 {
					t.Fatalf("delivered %d of 16", got)
				}
			}); n != 0 {
				t.Errorf("%s, %d bytes: %v allocs per 16 messages, want 0", mode.name, size, n)
			}
		}
	}
}

// TestRepairAllocs asserts that neither loss nor repair allocates, once the
// tables have grown, whatever the delivery, with and without fragments.
func TestRepairAllocs(t *testing.T) {
	for _, mode := range deliveryModes {
		for _, size := range []int{1000, 4000} {
			t.Run(fmt.Sprintf("%s/%dB", mode.name, size), func(t *testing.T) { repairAllocs(t, mode.cfg, size) })
		}
	}
}

func repairAllocs(t *testing.T, cfg ReceiverConfig, size int) {
	if cfg.MaxGap > 0 {
		cfg.MaxGap = time.Minute
	}
	p := newPair(t, SourceConfig{Rate: 1e12, WindowPackets: 128, WindowBytes: 1 << 20}, cfg)
	out, run := 0, make([]byte, 0, 1<<17)
	var ev Event
	step := func() {
		for range 16 {
			p.src.Send(p.now, run[:size])
		}
		for range 400 {
			p.now += 100_000
			p.src.HandleTimeout(p.now)
			p.rcv.HandleTimeout(p.now)
			for {
				tx, ok := p.src.NextTransmit(p.now)
				if !ok {
					break
				}
				b := run[:0]
				for _, d := range tx.Data {
					b = append(b, d...)
				}
				seg := tx.Segment
				p.src.Sent(p.now, tx.Packets)
				for len(b) > 0 {
					pkt := b[:min(seg, len(b))]
					b = b[len(pkt):]
					if out++; out%3 != 0 {
						p.rcv.HandlePacket(p.now, sourceAddr, groupAddr, pkt)
					}
					for p.rcv.NextEvent(&ev) {
					}
				}
			}
			for {
				tx, ok := p.rcv.NextTransmit(p.now)
				if !ok {
					break
				}
				p.src.HandlePacket(p.now, receiverAddr, tx.Data[0])
			}
		}
	}
	step()
	if n := testing.AllocsPerRun(50, step); n != 0 {
		t.Errorf("%v allocs per 16 messages, a third of the packets lost, want 0", n)
	}
	switch st := p.rcv.Stats(); {
	case cfg.MaxGap < 0 && st.Skipped > 0:
	case st.Repairs == 0 || st.Lost != 0:
		t.Errorf("%d repairs, %d lost: the test tests nothing", st.Repairs, st.Lost)
	}
}

func BenchmarkMessage(b *testing.B) {
	for _, bb := range []struct {
		name string
		size int
	}{{"100B", 100}, {"1400B", 1400}, {"20kB", 20000}} {
		b.Run(bb.name, func(b *testing.B) {
			h := newHotPath(b, bb.size, FEC{}, ReceiverConfig{})
			b.SetBytes(int64(bb.size))
			b.ReportAllocs()
			for b.Loop() {
				h.send(b, 1)
			}
		})
	}
}

// BenchmarkUnordered is BenchmarkMessage with unordered delivery.
func BenchmarkUnordered(b *testing.B) {
	h := newHotPath(b, 100, FEC{}, ReceiverConfig{Delivery: Unordered, MaxGap: time.Second})
	b.SetBytes(100)
	b.ReportAllocs()
	for b.Loop() {
		h.send(b, 1)
	}
}

func BenchmarkSend(b *testing.B) {
	for _, bb := range []struct {
		name string
		size int
	}{{"100B", 100}, {"1400B", 1400}} {
		b.Run(bb.name, func(b *testing.B) {
			s, err := NewSource(1, SourceConfig{TSI: testTSI, Addr: sourceAddr, Group: groupAddr, Rate: 1e12, Burst: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			msg, now, n := make([]byte, bb.size), mono.Time(1), 0
			b.SetBytes(int64(bb.size))
			b.ReportAllocs()
			for b.Loop() {
				s.Send(now, msg)
				if n++; n%44 == 0 {
					now += 10000
					for tx, ok := s.NextTransmit(now); ok; tx, ok = s.NextTransmit(now) {
						s.Sent(now, tx.Packets)
					}
				}
			}
		})
	}
}

// BenchmarkLend receives the packets of a source with parity in runs, lent and not, by
// turns. It reports the time for a message, and the ratio.
func BenchmarkLend(b *testing.B) {
	const messages = 36 // of a run
	fec := FEC{K: 16, N: 20, Proactive: 4}
	var paths [2]*hotPath
	for i := range paths {
		paths[i] = newHotPath(b, fec.MaxData(1472), fec, ReceiverConfig{})
	}
	var took [2]time.Duration
	turn := func() {
		for i, h := range paths {
			handle := h.rcv.HandlePacket
			if i == 0 {
				handle = h.rcv.Lend
			}
			h.fill(b, messages)
			for size, ok := h.next(); ok; size, ok = h.next() {
				start := time.Now()
				h.receive(handle, size)
				h.rcv.Keep()
				took[i] += time.Since(start)
			}
		}
	}
	turn()
	took = [2]time.Duration{}
	for b.Loop() {
		turn()
	}
	all := float64(b.N * messages)
	b.ReportMetric(float64(took[0])/all, "ns/lent")
	b.ReportMetric(float64(took[1])/all, "ns/not")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
	b.ReportMetric(0, "ns/op")
}
