package pgmnet
import ("testing";"time";"fmt";"github.com/gopgm/gopgm/pgm")
func TestZZ(t *testing.T) {
	cfg := testConfig(t, Auto)
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	r.SetDeadline(time.Time{})
	s.SetDeadline(time.Time{})
	done := make(chan error)
	go func() {
		for {
			ev, err := r.Recv()
			if err == nil && ev.Kind != pgm.EventMessage { fmt.Println(ev.Kind, ev.First, ev.Last, ev.Cause) }
			if err != nil || ev.Kind == pgm.EventFin {
				done <- err
				return
			}
		}
	}()
	msg := make([]byte, 100)
	start := time.Now()
	for range 3000000 { if err := s.Queue(msg); err != nil { t.Fatal(err) } }
	d := time.Since(start)
	s.Close(500*time.Millisecond)
	<-done
	fmt.Println(d)
	fmt.Printf("%+v\n%+v\n", s.Stats(), r.Stats())
}
