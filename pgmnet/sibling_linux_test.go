package pgmnet

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// TestSiblings runs sources that share an address and a port: the kernel gives the
// NAKs of a receiver all to one of them.
func TestSiblings(t *testing.T) {
	for _, mode := range []IO{GSO, Mmsg, Single} {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			lossy := cfg
			rng := rand.New(rand.NewPCG(1, 1))
			lossy.Drop = func([]byte) bool { return rng.IntN(10) == 0 }
			r := newTestReceiver(t, lossy, pgm.ReceiverConfig{})
			next := map[wire.TSI]uint32{}
			var sources []*Source
			for range 3 {
				s := newTestSource(t, cfg, pgm.SourceConfig{})
				sources = append(sources, s)
				next[s.TSI()] = 0
			}
			const count = 200
			received := 0
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
					case pgm.EventLoss:
						t.Fatalf("%v: lost %d to %d: %v", ev.Source, ev.First, ev.Last, ev.Cause)
					case pgm.EventMessage:
						if n := binary.BigEndian.Uint32(ev.Data); n != next[ev.Source.TSI] {
							t.Fatalf("message %d of %v, want %d", n, ev.Source, next[ev.Source.TSI])
						}
						next[ev.Source.TSI]++
						received++
					}
				}
			}
			sent := uint32(0)
			for end := time.Now().Add(5 * time.Second); received < count*len(sources); drain() {
				for _, s := range sources {
					if sent < count {
						if err := s.Send(binary.BigEndian.AppendUint32(nil, sent)); err != nil {
							t.Fatal(err)
						}
					}
					if err := s.Poll(0); err != nil {
						t.Fatal(err)
					}
				}
				sent++
				if time.Now().After(end) {
					for _, s := range sources {
						t.Logf("%v: %d NAKs", s.TSI(), s.Stats().NAKs)
					}
					t.Fatalf("%d of %d messages", received, count*len(sources))
				}
			}
			passed := uint64(0)
			for _, s := range sources {
				if s.Stats().NAKs == 0 {
					t.Errorf("%v got no NAK", s.TSI())
				}
				passed += s.Stats().IO.Passed
			}
			if passed == 0 {
				t.Error("no NAK was passed on")
			}
		})
	}
}

// TestSiblingElsewhere has a NAK come for a source of another stack, which is
// bound to the port at all addresses.
func TestSiblingElsewhere(t *testing.T) {
	enterNamespace(t)
	n, err := ParseNetwork("v0;239.192.66.1")
	if err != nil {
		t.Fatal(err)
	}
	s := newTestSource(t, Config{Network: n, Port: 7000}, pgm.SourceConfig{})
	fd, err := newSocket(false, netip.IPv4Unspecified(), 7000, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	other := fileConn(t, fd)
	defer other.Close()
	conn, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: n.Addr.AsSlice(), Port: 7000})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	nak := wire.AppendNAK(nil, &wire.NAK{
		Header: wire.Header{SrcPort: 7000, DstPort: 99, Type: wire.TypeNAK, GSI: wire.GSI{1}},
		Source: n.Addr, Group: n.Send,
	})
	if _, err := conn.Write(nak); err != nil {
		t.Fatal(err)
	}
	if err := s.Poll(20 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	other.SetReadDeadline(time.Now().Add(2 * time.Second))
	buf := make([]byte, 100)
	size, _, err := other.ReadFrom(buf)
	if err != nil || string(buf[:size]) != string(nak) {
		t.Errorf("%x, %v; want %x", buf[:size], err, nak)
	}
	if st := s.Stats(); st.IO.Passed != 1 {
		t.Errorf("%d packets passed on, want 1", st.IO.Passed)
	}
}

func fileConn(t *testing.T, fd int) net.PacketConn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	conn, err := net.FilePacketConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
