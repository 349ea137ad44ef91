package pgmnet

import (
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// TestReady runs a session that loses packets by descriptors and deadlines
// alone, and checks that neither end asks to be called for nothing.
func TestReady(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			cfg := testConfig(t, mode)
			n := 0
			cfg.Drop = func([]byte) bool { n++; return n%11 == 0 }
			r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
			s := newTestSource(t, cfg, pgm.SourceConfig{})
			var p Poller
			var fds []FD
			const count = 300
			sent, received, turns := 0, 0, 0
			for end := time.Now().Add(10 * time.Second); received < count; turns++ {
				if time.Now().After(end) {
					t.Fatalf("%d of %d messages; %+v", received, count, r.Stats())
				}
				wait := min(s.Due(), r.Due())
				if sent < count && sent == received {
					if err := s.TrySend([]byte{byte(sent)}); err != nil {
						t.Fatal(err)
					}
					sent++
					wait = 0
				}
				fds = r.FDs(s.FDs(fds[:0]))
				if _, err := p.Wait(fds, wait); err != nil {
					t.Fatal(err)
				}
				if err := s.Poll(0); err != nil {
					t.Fatal(err)
				}
				for {
					ev, ok, err := r.TryRecv()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					if ev.Kind == pgm.EventLoss {
						t.Fatalf("lost %d to %d: %v", ev.First, ev.Last, ev.Cause)
					}
					if ev.Kind == pgm.EventMessage {
						if ev.Data[0] != byte(received) {
							t.Fatalf("message %d, want %d", ev.Data[0], byte(received))
						}
						received++
					}
				}
			}
			if turns > 20*count {
				t.Errorf("%d turns for %d messages", turns, count)
			}
			r.Close()
			s.Abort(0)
			if fds = r.FDs(s.FDs(fds[:0])); len(fds) != 0 || s.Due() != 0 || r.Due() != 0 {
				t.Errorf("closed: %v, %v, %v", fds, s.Due(), r.Due())
			}
		})
	}
}
