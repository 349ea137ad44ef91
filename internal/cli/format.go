package cli

import (
	"fmt"
	"strconv"
	"time"
)

// FormatSize prints a number of bytes for people: 268.4 MB.
func FormatSize(n int64) string { return decimal(float64(n)) + "B" }

// FormatRate prints a rate, in bytes per second, as bits: 2.1 Gb/s.
func FormatRate(bytes float64) string { return decimal(8*bytes) + "b/s" }

// FormatDuration prints a duration to three digits or so.
func FormatDuration(d time.Duration) string {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}

// Plural prints a number and what is counted.
func Plural[N int | uint64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func decimal(v float64) string {
	const prefixes = "kMGTPE"
	if v < 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " "
	}
	i := -1
	for v >= 999.95 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %c", v, prefixes[i])
}
