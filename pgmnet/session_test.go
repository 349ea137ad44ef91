package pgmnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// testConfig is of a session of its own on the loopback interface.
func testConfig(t testing.TB, mode IO) Config {
	t.Helper()
	n := Loopback()
	if n.Interface == nil {
		t.Skip("no loopback interface")
	}
	n.Receive = []netip.Addr{testGroup(9)}
	n.Send = n.Receive[0]
	return Config{Network: n, Port: freePort(t), IO: mode}
}

func newTestSource(t testing.TB, cfg Config, pc pgm.SourceConfig) *Source {
	t.Helper()
	s, err := NewSource(cfg, pc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Abort(0) })
	s.SetDeadline(time.Now().Add(10 * time.Second))
	return s
}

func newTestReceiver(t testing.TB, cfg Config, rc pgm.ReceiverConfig) *Receiver {
	t.Helper()
	r, err := NewReceiver(cfg, rc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	r.SetDeadline(time.Now().Add(10 * time.Second))
	return r
}

// pump drives both ends in turn until the receiver has an event of the kind.
func pump(t *testing.T, s *Source, r *Receiver, kind pgm.EventKind) pgm.Event {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if err := s.Poll(0); err != nil && err != pgm.ErrClosed {
			t.Fatal(err)
		}
		switch ev, ok, err := r.TryRecv(); {
		case err != nil:
			t.Fatal(err)
		case ok && ev.Kind == kind:
			return ev
		case ok && ev.Kind == pgm.EventLoss:
			t.Fatalf("lost %d to %d: %v", ev.First, ev.Last, ev.Cause)
		}
	}
	t.Fatalf("no %v event", kind)
	return pgm.Event{}
}

// TestSession sends messages of many sizes in every I/O mode and ends.
func TestSession(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) { testSession(t, testConfig(t, mode)) })
	}
}

func testSession(t *testing.T, cfg Config) {
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	for _, size := range []int{0, 1, 100, 1400, 1500, 5000, 70000, 1 << 20} {
		want := random(size)
		if err := s.Send(want); err != nil {
			t.Fatalf("Send of %d bytes: %v", size, err)
		}
		ev := pump(t, s, r, pgm.EventMessage)
		if !bytes.Equal(ev.Data, want) {
			t.Fatalf("a message of %d bytes came as one of %d", size, len(ev.Data))
		}
		if ev.Source.TSI != s.TSI() || ev.Source.Addr != s.Addr() || ev.Group != cfg.Send {
			t.Errorf("message from %v to %v, want %v@%v to %v", ev.Source, ev.Group, s.TSI(), s.Addr(), cfg.Send)
		}
	}
	if err := s.Close(0); err != nil {
		t.Fatal(err)
	}
	pump(t, s, r, pgm.EventFin)
	if err := s.Send(nil); err != pgm.ErrClosed {
		t.Errorf("Send after Close = %v", err)
	}
	if st := s.Stats(); st.Messages != 8 || st.IO.Sent == 0 || st.IO.SendErrors != 0 {
		t.Errorf("source's stats after Close: %+v", st)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Recv(); err != net.ErrClosed {
		t.Errorf("Recv after Close = %v", err)
	}
}

// TestQueue sends many small messages with Queue and Flush, more than most
// sockets' buffers hold, and repairs what that loses.
func TestQueue(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			cfg.ReadBuffer = 256 << 10
			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
			s := newTestSource(t, cfg, pgm.SourceConfig{})
			const count = 3000
			var msg [100]byte
			next := uint32(0)
			drain := func() {
				for {
					ev, ok, err := r.TryRecv()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						return
					}
					switch ev.Kind {
					case pgm.EventMessage:
						if n := binary.BigEndian.Uint32(ev.Data); n != next {
							t.Fatalf("message %d after %d", n, next)
						}
						next++
					case pgm.EventLoss:
						t.Fatalf("lost %d to %d: %v", ev.First, ev.Last, ev.Cause)
					}
				}
			}
			for i := range uint32(count) {
				binary.BigEndian.PutUint32(msg[:], i)
				if err := s.Queue(msg[:]); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(10 * time.Second); next < count && time.Now().Before(end); {
				drain()
				if err := s.Poll(0); err != nil {
					t.Fatal(err)
				}
			}
			if next != count {
				t.Fatalf("%d of %d messages arrived: %+v, %+v", next, count, s.Stats(), r.Stats())
			}
			st := s.Stats()
			if mode == GSO && st.IO.Writes > st.IO.Sent/8 {
				t.Errorf("%d system calls to send %d packets", st.IO.Writes, st.IO.Sent)
			}
		})
	}
}

// TestDeadlines checks the calls that block, with nothing to end them but
// their deadline.
func TestDeadlines(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
			s := newTestSource(t, cfg, pgm.SourceConfig{
				Rate:          1000, // bytes per second: a packet takes seconds
				WindowPackets: 64,
				MaxBacklog:    4096,
			})
			const wait = 20 * time.Millisecond
			took := func(what string, f func() error, want error) {
				t.Helper()
				start := time.Now()
				deadline := start.Add(wait)
				s.SetDeadline(deadline)
				r.SetDeadline(deadline)
				if err := f(); err != want {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
				if d := time.Since(start); d < wait || d > 2*time.Second {
					t.Errorf("%s took %v, want %v", what, d, wait)
				}
			}
			recv := func() error {
				_, err := r.Recv()
				return err
			}
			// drain takes in all that was sent: a busy machine may be late with it.
			drain := func() {
				t.Helper()
				sent := s.Stats()
				for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
					_, ok, err := r.TryRecv()
					if err != nil {
						t.Fatal(err)
					}
					if got := r.Stats(); !ok && got.SPMs+got.DataPackets == sent.SPMs+sent.ODATAPackets {
						return
					}
				}
				t.Fatalf("not all arrived: sent %+v, received %+v", sent, r.Stats())
			}
			drain()
			took("Recv", recv, os.ErrDeadlineExceeded)
			took("Receiver.Poll", func() error { _, err := r.Poll(wait); return err }, nil)
			took("Source.Poll", func() error { return s.Poll(wait) }, nil)
			msg := make([]byte, 1000)
			for s.TrySend(msg) == nil {
			}
			if err := s.TrySend(msg); err != pgm.ErrWouldBlock {
				t.Errorf("TrySend without room = %v", err)
			}
			took("Send", func() error { return s.Send(msg) }, os.ErrDeadlineExceeded)
			took("Queue", func() error { return s.Queue(msg) }, os.ErrDeadlineExceeded)
			took("Flush", s.Flush, os.ErrDeadlineExceeded)
			if st := s.Stats(); st.Backlog == 0 {
				t.Error("no backlog at the end")
			}
			drain()
			r.SetDeadline(time.Now().Add(-time.Second))
			if err := recv(); err != os.ErrDeadlineExceeded {
				t.Errorf("Recv with a deadline in the past = %v", err)
			}
			if ready, err := r.Poll(0); ready || err != nil {
				t.Errorf("Poll(0) = %v, %v", ready, err)
			}
			if _, ok, err := r.TryRecv(); ok || err != nil {
				t.Errorf("TryRecv = %v, %v", ok, err)
			}
		})
	}
}

// TestReceiverPoll checks that the event Poll finds is not lost.
func TestReceiverPoll(t *testing.T) {
	cfg := testConfig(t, Auto)
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	for i := range byte(10) {
		if err := s.Send([]byte{i}); err != nil {
			t.Fatal(err)
		}
	}
	for next := byte(0); next < 10; {
		if ready, err := r.Poll(time.Second); !ready || err != nil {
			t.Fatalf("Poll = %v, %v", ready, err)
		}
		ready, err := r.Poll(0)
		ev, ok, err2 := r.TryRecv()
		if err := errors.Join(err, err2); !ready || !ok || err != nil {
			t.Fatalf("%v, %v, %v", ready, ok, err)
		}
		if ev.Kind == pgm.EventMessage {
			if !bytes.Equal(ev.Data, []byte{next}) {
				t.Fatalf("message %v, want %d", ev.Data, next)
			}
			next++
		}
	}
}

func TestSessionAllocs(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) { testSessionAllocs(t, testConfig(t, mode)) })
	}
}

func testSessionAllocs(t *testing.T, cfg Config) {
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{WindowPackets: 1024})
	s := newTestSource(t, cfg, pgm.SourceConfig{WindowPackets: 1024, WindowBytes: 4 << 20})
	msg := random(100)
	step := func() {
		for range 20 {
			if err := s.Queue(msg); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Send(msg); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 21; {
			ev, err := r.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == pgm.EventMessage {
				n++
			}
		}
	}
	for range 200 { // until the windows have gone round
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations for 21 messages, want 0", n)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Hops = 256 },
		func(c *Config) { c.Hops = -1 },
		func(c *Config) { c.DSCP = 64 },
		func(c *Config) { c.IO = 9 },
	} {
		cfg := testConfig(t, Auto)
		change(&cfg)
		if _, err := NewSource(cfg, pgm.SourceConfig{}); !errors.Is(err, pgm.ErrConfig) {
			t.Errorf("NewSource with %+v: %v", cfg, err)
		}
		if _, err := NewReceiver(cfg, pgm.ReceiverConfig{}); !errors.Is(err, pgm.ErrConfig) {
			t.Errorf("NewReceiver with %+v: %v", cfg, err)
		}
	}
}

func TestIOText(t *testing.T) {
	for m := range numIO {
		var got IO
		text, err := m.MarshalText()
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if got != m || err != nil {
			t.Errorf("%v came back as %v, %v", m, got, err)
		}
	}
	var m IO
	if err := m.UnmarshalText([]byte("fast")); err == nil {
		t.Error(`UnmarshalText("fast") worked`)
	}
}

// TestLateJoin has a receiver ask for all that was sent before it came.
func TestLateJoin(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) { testLateJoin(t, testConfig(t, mode)) })
	}
}

func testLateJoin(t *testing.T, cfg Config) {
	s := newTestSource(t, cfg, pgm.SourceConfig{Join: true})
	for i := range byte(100) {
		if err := s.Send([]byte{i}); err != nil {
			t.Fatal(err)
		}
	}
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{Join: true})
	for i := range byte(100) {
		if ev := pump(t, s, r, pgm.EventMessage); !bytes.Equal(ev.Data, []byte{i}) {
			t.Fatalf("message %v, want %d", ev.Data, i)
		}
	}
	if st := s.Stats(); st.RDATAPackets == 0 || st.NAKs == 0 {
		t.Errorf("no repairs: %+v", st)
	}
}

// TestDrop has a tenth of all packets dropped at both ends, and everything
// delivered all the same.
func TestDrop(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(mode)))
			cfg := testConfig(t, mode)
			cfg.Drop = func([]byte) bool { return rng.IntN(10) == 0 }
			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{Join: true})
			s := newTestSource(t, cfg, pgm.SourceConfig{Join: true})
			for i := range byte(200) {
				if err := s.Send([]byte{i}); err != nil {
					t.Fatal(err)
				}
				if ev := pump(t, s, r, pgm.EventMessage); !bytes.Equal(ev.Data, []byte{i}) {
					t.Fatalf("message %v, want %d", ev.Data, i)
				}
			}
			if st := r.Stats(); st.Repairs == 0 {
				t.Errorf("no repairs: %+v", st)
			}
		})
	}
}
