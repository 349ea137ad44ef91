package pgmnet

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/pgm"
)

func TestSourceFilter(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for _, tt := range []struct {
		desc   string
		f      sourceFilter
		ab     [2]bool // admitted
		change bool    // what admitting a, or not, is
		admit  bool
		then   [2]bool
	}{
		{"any", sourceFilter{}, [2]bool{true, true}, true, false, [2]bool{false, true}},
		{"any, as it is", sourceFilter{}, [2]bool{true, true}, false, true, [2]bool{true, true}},
		{"blocked", sourceFilter{list: []netip.Addr{a}}, [2]bool{false, true}, true, true, [2]bool{true, true}},
		{"blocked, as it is", sourceFilter{list: []netip.Addr{a}}, [2]bool{false, true}, false, false, [2]bool{false, true}},
		{"only", sourceFilter{only: true, list: []netip.Addr{b}}, [2]bool{false, true}, true, true, [2]bool{true, true}},
		{"only, the last", sourceFilter{only: true, list: []netip.Addr{a}}, [2]bool{true, false}, true, false, [2]bool{false, false}},
		{"only, as it is", sourceFilter{only: true, list: []netip.Addr{a}}, [2]bool{true, false}, false, true, [2]bool{true, false}},
		{"none", sourceFilter{only: true}, [2]bool{false, false}, false, false, [2]bool{false, false}},
	} {
		f := tt.f
		if got := [2]bool{f.admits(a), f.admits(b)}; got != tt.ab {
			t.Errorf("%s: admits %v, want %v", tt.desc, got, tt.ab)
		}
		if got := f.set(a, tt.admit); got != tt.change {
			t.Errorf("%s: set = %v, want %v", tt.desc, got, tt.change)
		}
		if got := [2]bool{f.admits(a), f.admits(b)}; got != tt.then {
			t.Errorf("%s: then admits %v, want %v", tt.desc, got, tt.then)
		}
	}
}

// TestSSM checks the ranges of RFC 4607 §1.
func TestSourceSpecific(t *testing.T) {
	for s, want := range map[string]bool{
		"231.255.255.255": false, "232.0.0.0": true, "232.255.255.255": true, "233.0.0.0": false, "239.232.0.1": false,
		"ff3e::1": true, "ff35::8000:1": true, "ff3e:0:1::1": true, "ff3e:1::1": false, "ff3e:30:2001:db8::1": false, "ff0e::1": false, "ff15::77": false,
	} {
		if got := SourceSpecific(netip.MustParseAddr(s)); got != want {
			t.Errorf("SourceSpecific(%s) = %v, want %v", s, got, want)
		}
	}
}

// TestHostErrors checks that each mistake is told in one line that says what to
// change.
func TestHostErrors(t *testing.T) {
	addr := func(s ...string) (list []netip.Addr) {
		for _, a := range s {
			list = append(list, netip.MustParseAddr(a))
		}
		return list
	}
	for _, tt := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Sources, c.Block = addr("127.0.0.1"), addr("127.0.0.2") }, "both Sources and Block are set: want one of them"},
		{func(c *Config) { c.Sources = addr("::1") }, "Sources has ::1, want an IPv4 address as 127.0.0.1 is"},
		{func(c *Config) { c.Block = addr("239.1.1.1") }, "Block has 239.1.1.1, want the address of a host"},
		{func(c *Config) { c.To = addr("127.0.0.3", "0.0.0.0") }, "To has 0.0.0.0, want the address of a host"},
		{func(c *Config) { c.To = []netip.Addr{{}} }, "To has invalid IP, want the address of a host"},
		{func(c *Config) { c.To = addr("127.0.0.2", "::ffff:127.0.0.1") }, "To has this source's own address 127.0.0.1, where NAKs come: give the receiver another"},
	} {
		cfg := testConfig(t, Auto)
		tt.change(&cfg)
		_, err := NewSource(cfg, pgm.SourceConfig{})
		if !errors.Is(err, pgm.ErrConfig) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("NewSource: %v, want %s", err, tt.want)
		}
	}

	cfg := testConfig(t, Auto)
	cfg.Receive = addr("239.192.77.9", "232.1.2.3")
	const want = "group 232.1.2.3 is for source-specific multicast alone: name its sources in Sources"
	for _, block := range [][]netip.Addr{nil, addr("127.0.0.9")} {
		cfg.Block = block
		if _, err := NewReceiver(cfg, pgm.ReceiverConfig{}); !errors.Is(err, pgm.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("NewReceiver: %v, want %s", err, want)
		}
	}
}
