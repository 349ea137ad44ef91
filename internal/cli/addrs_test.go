package cli

import "testing"

func TestAddrs(t *testing.T) {
	var a Addrs
	for _, s := range []string{"10.0.0.1", "10.0.0.2, 10.0.0.3", "::ffff:10.0.0.4", "[2001:db8::1],2001:db8::2"} {
		if err := a.Set(s); err != nil {
			t.Errorf("Set(%q): %v", s, err)
		}
	}
	const want = "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,2001:db8::1,2001:db8::2"
	if a.String() != want {
		t.Errorf("addresses %s, want %s", a, want)
	}
	for _, s := range []string{"", ",", "10.0.0.1,", "10.0.0", "localhost", "239.1.1.1", "ff02::1", "0.0.0.0", "fe80::1%eth0", "10.0.0.0/8"} {
		if err := a.Set(s); err == nil {
			t.Errorf("Set(%q) works", s)
		}
	}
}
