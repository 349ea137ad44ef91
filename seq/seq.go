// Package seq implements the circular 32-bit sequence numbers of PGM
// (RFC 3208 §3.2).
//
// Numbers are compared within half the number space: a is before b when
// counting up from a reaches b in fewer than 2³¹ steps. Two numbers exactly
// 2³¹ apart have no order that means anything; no PGM window may be that wide
// (RFC 3208 §3.3), so they are never compared.
package seq

// Num is a sequence number. It wraps from 0xffffffff to 0.
type Num uint32

// Add returns the number n steps after s; n may be negative.
func (s Num) Add(n int) Num { return s + Num(uint32(n)) }

// Sub returns how many steps s is after t: negative when s is before t.
func (s Num) Sub(t Num) int { return int(int32(s - t)) }

// Before reports whether s is older than t.
func (s Num) Before(t Num) bool { return int32(s-t) < 0 }

// After reports whether s is more recent than t.
func (s Num) After(t Num) bool { return int32(s-t) > 0 }

// Max returns the more recent of s and t.
func Max(s, t Num) Num {
	if s.Before(t) {
		return t
	}
	return s
}

// Min returns the older of s and t.
func Min(s, t Num) Num {
	if t.Before(s) {
		return t
	}
	return s
}
