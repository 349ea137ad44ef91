package seq

import "testing"

func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		desc   string
		a, b   Num
		diff   int // a - b
		before bool
	}{
		{"equal", 7, 7, 0, false},
		{"older", 7, 9, -2, true},
		{"newer", 9, 7, 2, false},
		{"older across the wrap", 0xfffffffe, 1, -3, true},
		{"newer across the wrap", 1, 0xfffffffe, 3, false},
		{"farthest older", 0, 0x7fffffff, -0x7fffffff, true},
		{"farthest newer", 0x7fffffff, 0, 0x7fffffff, false},
		{"farthest older across the wrap", 0x90000000, 0x0fffffff, -0x7fffffff, true},
	} {
		if got := tt.a.Sub(tt.b); got != tt.diff {
			t.Errorf("%s: %#x.Sub(%#x) = %d, want %d", tt.desc, tt.a, tt.b, got, tt.diff)
		}
		if got := tt.b.Add(tt.diff); got != tt.a {
			t.Errorf("%s: %#x.Add(%d) = %#x, want %#x", tt.desc, tt.b, tt.diff, got, tt.a)
		}
		if got := tt.a.Before(tt.b); got != tt.before {
			t.Errorf("%s: %#x.Before(%#x) = %v, want %v", tt.desc, tt.a, tt.b, got, tt.before)
		}
		if got, want := tt.a.After(tt.b), tt.diff > 0; got != want {
			t.Errorf("%s: %#x.After(%#x) = %v, want %v", tt.desc, tt.a, tt.b, got, want)
		}
		newest, oldest := tt.a, tt.b
		if tt.before {
			newest, oldest = tt.b, tt.a
		}
		if got := Max(tt.a, tt.b); got != newest {
			t.Errorf("%s: Max(%#x, %#x) = %#x, want %#x", tt.desc, tt.a, tt.b, got, newest)
		}
		if got := Min(tt.a, tt.b); got != oldest {
			t.Errorf("%s: Min(%#x, %#x) = %#x, want %#x", tt.desc, tt.a, tt.b, got, oldest)
		}
	}
}
