package mono

import (
	"testing"
	"time"
)

func TestAdd(t *testing.T) {
	for _, tt := range []struct {
		desc string
		t    Time
		d    time.Duration
		want Time
	}{
		{"forward", 5, 10, 15},
		{"back", 5, -10, -5},
		{"never stays", Never, time.Second, Never},
		{"never stays, going back", Never, -time.Second, Never},
		{"past the end", Never - 5, 10, Never},
	} {
		if got := tt.t.Add(tt.d); got != tt.want {
			t.Errorf("%s: %d.Add(%d) = %d, want %d", tt.desc, tt.t, tt.d, got, tt.want)
		}
	}
	if got := Time(15).Sub(5); got != 10 {
		t.Errorf("Time(15).Sub(5) = %v, want 10ns", got)
	}
}
