package pgmnet

import (
	"net"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// TestEmpty sends datagrams with nothing in them to both ends: they are counted
// like other packets that are none.
func TestEmpty(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
			s := newTestSource(t, cfg, pgm.SourceConfig{})
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			const count = 3
			for range count {
				for _, to := range []net.IP{cfg.Network.Send.AsSlice(), s.Addr().AsSlice()} {
					if _, err := conn.WriteToUDP(nil, &net.UDPAddr{IP: to, Port: int(cfg.Port)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			dropped := func() (at [2]uint64) {
				return [2]uint64{s.Stats().Drops[pgm.DropTruncated], r.Stats().Drops[pgm.DropTruncated]}
			}
			for end := time.Now().Add(5 * time.Second); dropped() != [2]uint64{count, count}; {
				if time.Now().After(end) {
					t.Fatalf("%v counted, want %d at each end", dropped(), count)
				}
				if err := s.Send([]byte("x")); err != nil {
					t.Fatal(err)
				}
				if _, err := r.Poll(time.Millisecond); err != nil {
					t.Fatal(err)
				}
				r.TryRecv()
			}
		})
	}
}
