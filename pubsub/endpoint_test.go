package pubsub

import (
	"strings"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	for _, tt := range []struct {
		in     string
		port   uint16
		native bool
		groups string
	}{
		{"epgm://127.0.0.1;239.192.0.1:5555", 5555, false, "[239.192.0.1]"},
		{"pgm://127.0.0.1;239.192.0.1:5555", 5555, true, "[239.192.0.1]"},
		{"pgm://127.0.0.1;239.192.0.1,239.192.0.2;239.192.0.3:65535", 65535, true, "[239.192.0.1 239.192.0.2]"},
		{"pgm://127.0.0.1:1", 1, true, "[239.192.0.1]"},
	} {
		e, err := ParseEndpoint(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		var groups []string
		for _, g := range e.Receive {
			groups = append(groups, g.String())
		}
		if got := "[" + strings.Join(groups, " ") + "]"; e.Port != tt.port || e.Native != tt.native || got != tt.groups {
			t.Errorf("ParseEndpoint(%q) = port %d, native %v, groups %s", tt.in, e.Port, e.Native, got)
		}
		pc, sc := PublisherConfig{Endpoint: tt.in}, SubscriberConfig{Endpoint: tt.in}
		if err := pc.fillNet(); err != nil {
			t.Fatal(err)
		}
		if err := sc.fillNet(); err != nil {
			t.Fatal(err)
		}
		if pc.Net.Native != tt.native || pc.Source.Port != tt.port || sc.Net.Native != tt.native || sc.Receiver.Port != tt.port {
			t.Errorf("%q: %+v, %+v", tt.in, pc, sc)
		}
		if want := 1500 - map[bool]int{false: 28, true: 24}[tt.native]; pc.Source.MaxTPDU != want {
			t.Errorf("%q: packets of %d bytes, want %d", tt.in, pc.Source.MaxTPDU, want)
		}
	}
	for _, tt := range []struct{ in, want string }{
		{"", "want epgm://IFACE;GROUP:PORT"},
		{"tcp://127.0.0.1:5555", "want epgm://IFACE;GROUP:PORT"},
		{"pgm:127.0.0.1;239.192.0.1:5555", "want epgm://IFACE;GROUP:PORT"},
		{"pgm://127.0.0.1;239.192.0.1", "no port: want pgm://IFACE;GROUP:PORT"},
		{"epgm://127.0.0.1;[ff08::1]", "no port: want epgm://IFACE;GROUP:PORT"},
		{"pgm://127.0.0.1;239.192.0.1:0", `port "0" is not a number from 1 to 65535`},
		{"pgm://127.0.0.1;10.0.0.1:5555", "10.0.0.1 is not a multicast group"},
	} {
		if e, err := ParseEndpoint(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("ParseEndpoint(%q) = %v, %v, want %q", tt.in, e, err, tt.want)
		}
	}
}
