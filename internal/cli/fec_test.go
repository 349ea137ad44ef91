package cli

import (
	"strings"
	"testing"
	"time"
)

func TestFEC(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want FEC
	}{
		{"16/20", FEC{K: 16, N: 20, Proactive: 4}},
		{"8/255,on-demand", FEC{K: 8, N: 255, OnDemand: true}},
		{"16/40,proactive=4,on-demand,flush=500us,delay=2", FEC{K: 16, N: 40, Proactive: 4, OnDemand: true, Flush: 500 * time.Microsecond, Delay: 2}},
		{"16/20,flush=0", FEC{K: 16, N: 20, Proactive: 4, Flush: -1}},
	} {
		var f FEC
		if err := f.Set(tt.in); err != nil || f != tt.want {
			t.Errorf("Set(%q) = %+v, %v, want %+v", tt.in, f, err, tt.want)
		}
		var again FEC
		if err := again.Set(f.String()); err != nil || again != f {
			t.Errorf("Set(%q) = %+v, %v, want %+v", f.String(), again, err, f)
		}
	}
	for _, in := range []string{"", "16", "16/", "x/20", "16/20,fast", "16/20,proactive", "16/20,on-demand=1", "15/20", "16/16", "16/256",
		"16/20,proactive=5", "16/20,flush=x", "16/20,proactive=0", "16/20,delay=99"} {
		var f FEC
		if err := f.Set(in); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("Set(%q): %v, want an error in one line", in, err)
		}
	}
}
