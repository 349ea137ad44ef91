package cli

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Rate // 0: an error
	}{
		{"200Mb/s", 25e6},
		{"25MB/s", 25e6},
		{"1Gb/s", 125e6},
		{"500kb/s", 62500},
		{"500Kb/s", 62500},
		{"500 kbit/s", 62500},
		{"1.5Gbit/s", 187.5e6},
		{"200Mbits/s", 25e6},
		{"200Mbps", 25e6},
		{"10MiB/s", 10 << 20},
		{"2Tb/s", 250e9},
		{"1000", 1000},
		{"1000/s", 1000},
		{"8b/s", 1},
		{" 1 MB/s ", 1e6},
		{"10Mbytes/s", 10e6},

		{"", 0},
		{"fast", 0},
		{"200M", 0}, // of what?
		{"200M/s", 0},
		{"7b/s", 0},
		{"0", 0},
		{"-1MB/s", 0},
		{"1.2.3MB/s", 0},
		{"1MB/m", 0},
		{"1QB/s", 0},
		{"99999999999TB/s", 0},
		{"NaN", 0},
		{"1e6", 0},
	} {
		var r Rate
		if err := r.Set(tt.in); r != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("Rate.Set(%q) = %d, %v, want %d", tt.in, r, err, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Size // 0: an error
	}{
		{"64MB", 64e6},
		{"64MiB", 64 << 20},
		{"64M", 64e6},
		{"64Mi", 64 << 20},
		{"1.5GiB", 3 << 29},
		{"100k", 100e3},
		{"65536", 65536},
		{"65536B", 65536},
		{"2 kB", 2000},

		{"", 0},
		{"0", 0},
		{"-1", 0},
		{"64Mb", 0}, // bits
		{"64MB/s", 0},
		{"lots", 0},
		{"99999999999TB", 0},
	} {
		var z Size
		if err := z.Set(tt.in); z != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("Size.Set(%q) = %d, %v, want %d", tt.in, z, err, tt.want)
		}
	}
}

func TestDuration(t *testing.T) {
	const bad = -1
	for _, tt := range []struct {
		in   string
		want time.Duration
	}{
		{"2s", 2 * time.Second},
		{"1m30s", 90 * time.Second},
		{"10", 10 * time.Second},
		{"0.5", 500 * time.Millisecond},
		{"0", 0},
		{"-1s", bad},
		{"-1", bad},
		{"soon", bad},
		{"", bad},
		{"1e300", bad},
		{"NaN", bad},
	} {
		d := Duration(bad)
		if err := d.Set(tt.in); time.Duration(d) != tt.want || (err == nil) != (tt.want != bad) {
			t.Errorf("Duration.Set(%q) = %v, %v, want %v", tt.in, d, err, tt.want)
		}
	}
}

func TestPercent(t *testing.T) {
	const bad = -1
	for _, tt := range []struct {
		in   string
		want Percent
	}{
		{"5", 5}, {"5%", 5}, {"0.5", 0.5}, {"0", 0}, {"100%", 100},
		{"101", bad}, {"-1", bad}, {"", bad}, {"NaN", bad}, {"a few", bad},
	} {
		p := Percent(bad)
		if err := p.Set(tt.in); p != tt.want || (err == nil) != (tt.want != bad) {
			t.Errorf("Percent.Set(%q) = %v, %v, want %v", tt.in, p, err, tt.want)
		}
	}
}

// What a value prints as, in the help and in messages, it also takes.
func TestValuesReadBack(t *testing.T) {
	rate, size, binary, duration, percent := Rate(25e6), Size(64e6), Size(64<<20), Duration(90*time.Second), Percent(0.5)
	for _, v := range []pflag.Value{&rate, &size, &binary, &duration, &percent} {
		before := v.String()
		if err := v.Set(before); err != nil || v.String() != before {
			t.Errorf("%T.Set(%q) = %v, and is %v", v, before, err, v)
		}
	}
}
