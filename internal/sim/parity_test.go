package sim

import (
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// TestParityWithoutRoom has a receiver that has no room for a parity packet, and a
// source that sends parity on demand. It is repaired by the data itself.
func TestParityWithoutRoom(t *testing.T) {
	for _, buffer := range []int{1, 2000, 5000} {
		sc := lan(1, 1, Load{Messages: 2000, MinSize: 1000, MaxSize: 1000, Interval: 100 * time.Microsecond})
		sc.Sources[0].Config.FEC = pgm.FEC{K: 8, OnDemand: true}
		sc.Receivers[0].Config.BufferBytes = buffer
		sc.Receivers[0].Config.Join = true
		sc.Sources[0].Config.Join = true
		sc.Receivers[0].Host.Down.Loss = 0.02
		sc.Limit = time.Minute
		r := play(t, sc)
		x := &r.Receivers[0]
		t.Logf("buffer %d: %d of %d messages in %v", buffer, x.Messages, r.Sources[0].Messages, x.End)
		if x.Messages != r.Sources[0].Messages {
			t.Errorf("buffer %d: got %d of %d messages", buffer, x.Messages, r.Sources[0].Messages)
		}
	}
}
