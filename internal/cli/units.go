package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is a flag value in bytes per second.
type Rate int64

// Size is a flag value in bytes.
type Size int64

// Duration is a flag value: a Go duration, or a number of seconds.
type Duration time.Duration

// Percent is a flag value: 5, 0.5 or 5%.
type Percent float64

// Set parses s. A b is a bit and a B a byte; a bare number is in bytes.
func (r *Rate) Set(s string) error {
	number, unit := splitNumber(s)
	unit, _ = strings.CutSuffix(unit, "/s")
	unit, _ = strings.CutSuffix(unit, "ps")
	prefix, bits, ok := cutUnit(unit)
	if !ok || prefix != "" && prefix == unit { // 200M of what?
		return fmt.Errorf("want a rate such as 200Mb/s (bits) or 25MB/s (bytes)")
	}
	n, err := scale(number, prefix)
	if err != nil {
		return err
	}
	if bits {
		n /= 8
	}
	if n < 1 {
		return fmt.Errorf("want at least one byte per second")
	}
	*r = Rate(n)
	return nil
}

// String returns the rate in bits per second.
func (r Rate) String() string {
	if r == 0 {
		return "adaptive"
	}
	return FormatRate(float64(r))
}

// Type is how help calls the value.
func (Rate) Type() string { return "rate" }

// Set parses s. Prefixes are decimal, as in MB, or binary, as in MiB.
func (z *Size) Set(s string) error {
	number, unit := splitNumber(s)
	prefix, bits, ok := cutUnit(unit)
	if !ok || bits {
		return fmt.Errorf("want a size in bytes such as 64MB or 64MiB")
	}
	n, err := scale(number, prefix)
	if err != nil {
		return err
	}
	if n < 1 {
		return fmt.Errorf("want at least one byte")
	}
	*z = Size(n)
	return nil
}

// String returns the size with a binary prefix if it is round that way.
func (z Size) String() string {
	for i, prefix := range []string{"GiB", "MiB", "KiB"} {
		if unit := Size(1) << (30 - 10*i); z >= unit && z%unit == 0 {
			return strconv.FormatInt(int64(z/unit), 10) + prefix
		}
	}
	return FormatSize(int64(z))
}

// Type is how help calls the value.
func (Size) Type() string { return "size" }

// Set parses s.
func (d *Duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	if seconds, e := strconv.ParseFloat(s, 64); e == nil && math.Abs(seconds) < math.MaxInt64/1e9 {
		v, err = time.Duration(seconds*1e9), nil
	}
	if err != nil || v < 0 {
		return fmt.Errorf("want a duration such as 2s, 500ms or 1m30s")
	}
	*d = Duration(v)
	return nil
}

// String returns the duration as Go prints it.
func (d Duration) String() string {
	if d == 0 {
		return "0" // what help takes for no default
	}
	return time.Duration(d).String()
}

// Type is how help calls the value.
func (Duration) Type() string { return "duration" }

// Set parses s.
func (p *Percent) Set(s string) error {
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return fmt.Errorf("want a percentage from 0 to 100")
	}
	*p = Percent(v)
	return nil
}

// String returns the number without a sign.
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'g', -1, 64) }

// Type is how help calls the value.
func (Percent) Type() string { return "percent" }

// port is a flag value from 1 to 65535.
type port uint16

func (p *port) Set(s string) error {
	v, err := strconv.ParseUint(s, 10, 16)
	if err != nil || v == 0 {
		return fmt.Errorf("want a port from 1 to 65535")
	}
	*p = port(v)
	return nil
}

func (p port) String() string { return strconv.Itoa(int(p)) }
func (port) Type() string     { return "port" }

// splitNumber cuts s where its decimal number ends.
func splitNumber(s string) (number, unit string) {
	s = strings.TrimSpace(s)
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		i = len(s)
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// cutUnit takes the b or B, in any of its spellings, off a unit.
func cutUnit(unit string) (prefix string, bits, ok bool) {
	for _, u := range []struct {
		name string
		bits bool
	}{{"bytes", false}, {"byte", false}, {"bits", true}, {"bit", true}, {"B", false}, {"b", true}, {"", false}} {
		if p, found := strings.CutSuffix(unit, u.name); found {
			_, known := prefixes[p]
			return p, u.bits, known
		}
	}
	return "", false, false
}

var prefixes = map[string]float64{
	"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
	"ki": 1 << 10, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
}

func scale(number, prefix string) (int64, error) {
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number and a unit")
	}
	v *= prefixes[prefix]
	if v >= math.MaxInt64 {
		return 0, fmt.Errorf("too large")
	}
	return int64(v), nil
}
