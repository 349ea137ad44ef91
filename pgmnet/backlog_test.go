package pgmnet

import (
	"testing"

	"github.com/gopgm/gopgm/mono"
)

func TestBacklog(t *testing.T) {
	b := backlog{size: 100}
	for i, tt := range []struct {
		now     mono.Time
		bytes   int
		drained bool
		want    mono.Time
	}{
		{10, 0, true, 10},
		{20, 60, false, 10},
		{30, 60, false, 10}, // what had arrived by 10 was read: nothing new
		{40, 99, false, 10},
		{50, 1, false, 30}, // and now what had arrived by 30
		{60, 50, false, 30},
		{70, 50, false, 50},
		{80, 5, true, 80},
	} {
		if got := b.handled(tt.now, tt.bytes, tt.drained); got != tt.want {
			t.Errorf("step %d: %d, want %d", i, got, tt.want)
		}
	}
}
