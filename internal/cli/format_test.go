package cli

import (
	"testing"
	"time"
)

func TestFormat(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{FormatSize(0), "0 B"},
		{FormatSize(999), "999 B"},
		{FormatSize(1000), "1.0 kB"},
		{FormatSize(999_949), "999.9 kB"},
		{FormatSize(999_950), "1.0 MB"},
		{FormatSize(268_435_456), "268.4 MB"},
		{FormatSize(1 << 62), "4.6 EB"},
		{FormatRate(25e6), "200.0 Mb/s"},
		{FormatRate(0), "0 b/s"},
		{FormatDuration(0), "0s"},
		{FormatDuration(1234567 * time.Microsecond), "1.23s"},
		{FormatDuration(1234567 * time.Nanosecond), "1.23ms"},
		{FormatDuration(90 * time.Second), "1m30s"},
		{Plural(0, "packet"), "0 packets"},
		{Plural(1, "packet"), "1 packet"},
		{Plural(uint64(2), "packet"), "2 packets"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
