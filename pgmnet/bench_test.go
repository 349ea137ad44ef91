package pgmnet

import (
	"fmt"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// BenchmarkCarrier measures the bare writes and reads of full runs, on one
// core: the share of the sockets in what follows.
func BenchmarkCarrier(b *testing.B) {
	for _, mode := range modes() {
		b.Run(mode.String(), func(b *testing.B) {
			s := loopback(b)
			group := testGroup(1)
			in := openTest(b, s.with(group), mode)
			out := openTest(b, s.with(), mode)
			run := newRun(group, 1400, random(46*1400))
			b.SetBytes(46 * 1400)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := out.send(&run); err != nil {
					b.Fatal(err)
				}
				for {
					if ds, err := in.read(); err != nil {
						b.Fatal(err)
					} else if len(ds) == 0 {
						break
					}
				}
			}
		})
	}
}

// BenchmarkStream measures messages from a source to a receiver that runs at
// the same time.
func BenchmarkStream(b *testing.B) {
	for _, mode := range modes() {
		for _, size := range []int{100, 1400} {
			b.Run(fmt.Sprintf("%v/%dB", mode, size), func(b *testing.B) {
				cfg := testConfig(b, mode)
				r := newTestReceiver(b, cfg, pgm.ReceiverConfig{})
				s := newTestSource(b, cfg, pgm.SourceConfig{})
				r.SetDeadline(time.Time{})
				s.SetDeadline(time.Time{})
				done := make(chan error)
				go func() {
					for {
						ev, err := r.Recv()
						if err != nil || ev.Kind == pgm.EventFin {
							done <- err
							return
						}
					}
				}()
				msg := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := s.Queue(msg); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.Close(500 * time.Millisecond); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				st, rst := s.Stats(), r.Stats()
				b.ReportMetric(float64(rst.Messages)/float64(st.Messages), "delivered")
				b.ReportMetric(float64(st.RDATAPackets)/float64(st.ODATAPackets), "repairs")
			})
		}
	}
}

// BenchmarkRoundTripFloor is BenchmarkRoundTrip polling, with sockets alone.
func BenchmarkRoundTripFloor(b *testing.B) {
	there, back := loopback(b), loopback(b)
	group := testGroup(1)
	in1, out1 := openTest(b, there.with(group), Auto), openTest(b, there.with(), Auto)
	in2, out2 := openTest(b, back.with(group), Auto), openTest(b, back.with(), Auto)
	await := func(c carrier) (size int) {
		for {
			if ds, err := c.read(); err != nil || len(ds) > 0 {
				return len(ds[0].data)
			}
		}
	}
	tx := newRun(group, 124, random(124))
	done := make(chan bool)
	go func() {
		tx := tx
		for await(in1) > 1 {
			out2.send(&tx)
		}
		close(done)
	}()
	for b.Loop() {
		out1.send(&tx)
		await(in2)
	}
	last := newRun(group, 1, []byte{0})
	out1.send(&last)
	<-done
}

// BenchmarkRoundTrip measures a message of 100 bytes there and back, with both
// ends polling or sleeping.
func BenchmarkRoundTrip(b *testing.B) {
	for _, spin := range []time.Duration{-1, 0} {
		b.Run(fmt.Sprintf("spin=%v", spin < 0), func(b *testing.B) {
			ping, pong := testConfig(b, Auto), testConfig(b, Auto)
			ping.Spin, pong.Spin = spin, spin
			s1, r1 := newTestSource(b, ping, pgm.SourceConfig{}), newTestReceiver(b, ping, pgm.ReceiverConfig{})
			s2, r2 := newTestSource(b, pong, pgm.SourceConfig{}), newTestReceiver(b, pong, pgm.ReceiverConfig{})
			done := make(chan error)
			go func() {
				for {
					ev, err := r1.Recv()
					if err == nil && ev.Kind == pgm.EventMessage {
						err = s2.Send(ev.Data)
					}
					if err != nil || ev.Kind == pgm.EventFin {
						done <- err
						return
					}
				}
			}()
			msg := make([]byte, 100)
			b.ReportAllocs()
			for b.Loop() {
				if err := s1.Send(msg); err != nil {
					b.Fatal(err)
				}
				for {
					ev, err := r2.Recv()
					if err != nil {
						b.Fatal(err)
					}
					if ev.Kind == pgm.EventMessage {
						break
					}
				}
			}
			if err := s1.Close(10 * time.Millisecond); err != nil {
				b.Fatal(err)
			}
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
