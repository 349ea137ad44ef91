package pgmnet

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

// machine is a made-up list of interfaces.
func machine() []Interface {
	make := func(index int, name string, flags net.Flags, prefixes ...string) Interface {
		i := Interface{Interface: net.Interface{Index: index, Name: name, MTU: 1500, Flags: flags}}
		for _, p := range prefixes {
			i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(p))
		}
		return i
	}
	return []Interface{
		make(1, "lo", net.FlagUp|net.FlagLoopback, "127.0.0.1/8", "::1/128"),
		make(2, "down0", net.FlagMulticast, "10.1.0.1/16"),
		make(3, "tun0", net.FlagUp|net.FlagPointToPoint, "10.2.0.1/16"),
		make(4, "eth0", net.FlagUp|net.FlagMulticast, "192.0.2.7/24", "192.0.2.8/24", "fe80::7/64", "2001:db8::7/64"),
		make(5, "eth1", net.FlagUp|net.FlagMulticast, "198.51.100.9/24", "fe80::7/64"),
	}
}

func TestParseNetwork(t *testing.T) {
	for _, tt := range []struct {
		in   string
		name string // of the interface
		addr string
		recv string
		send string
	}{
		{"", "eth0", "192.0.2.7", "239.192.0.1", "239.192.0.1"},
		{";;", "eth0", "192.0.2.7", "239.192.0.1", "239.192.0.1"},
		{"eth1", "eth1", "198.51.100.9", "239.192.0.1", "239.192.0.1"},
		{" eth1 ; 239.1.1.1 , 239.1.1.2 ; 239.1.1.3 ", "eth1", "198.51.100.9", "239.1.1.1 239.1.1.2", "239.1.1.3"},
		{";239.1.1.1,239.1.1.2", "eth0", "192.0.2.7", "239.1.1.1 239.1.1.2", "239.1.1.1"},
		{";;239.1.1.3", "eth0", "192.0.2.7", "239.192.0.1", "239.1.1.3"},
		{"192.0.2.8;239.1.1.1", "eth0", "192.0.2.8", "239.1.1.1", "239.1.1.1"},
		{"198.51.100.0/24", "eth1", "198.51.100.9", "239.192.0.1", "239.192.0.1"},
		{"198.51.100.77/24", "eth1", "198.51.100.9", "239.192.0.1", "239.192.0.1"},
		{"10.2.0.1", "tun0", "10.2.0.1", "239.192.0.1", "239.192.0.1"},
		{"lo;239.1.1.1", "lo", "127.0.0.1", "239.1.1.1", "239.1.1.1"},
		{"127.0.0.1", "lo", "127.0.0.1", "239.192.0.1", "239.192.0.1"},
		{"127.9.0.2", "lo", "127.9.0.2", "239.192.0.1", "239.192.0.1"},
		{";ff08::1", "eth0", "2001:db8::7", "ff08::1", "ff08::1"},
		{";[ff08::2],ff08::3;[ff08::4]", "eth0", "2001:db8::7", "ff08::2 ff08::3", "ff08::4"},
		{"eth1;ff02::1", "eth1", "fe80::7", "ff02::1", "ff02::1"},
		{"2001:db8::7", "eth0", "2001:db8::7", "ff08::1", "ff08::1"},
		{"[2001:db8::7]", "eth0", "2001:db8::7", "ff08::1", "ff08::1"},
		{"fe80::7%eth1", "eth1", "fe80::7", "ff08::1", "ff08::1"},
		{"::1", "lo", "::1", "ff08::1", "ff08::1"},
	} {
		n, err := parseNetwork(tt.in, machine())
		if err != nil {
			t.Errorf("parseNetwork(%q): %v", tt.in, err)
			continue
		}
		var recv []string
		for _, g := range n.Receive {
			recv = append(recv, g.String())
		}
		if n.Interface.Name != tt.name || n.Addr.String() != tt.addr ||
			strings.Join(recv, " ") != tt.recv || n.Send.String() != tt.send {
			t.Errorf("parseNetwork(%q) = %s %v %v %v, want %s %s [%s] %s", tt.in,
				n.Interface.Name, n.Addr, n.Receive, n.Send, tt.name, tt.addr, tt.recv, tt.send)
		}
		again, err := parseNetwork(n.String(), machine())
		if err != nil || again.String() != n.String() {
			t.Errorf("parseNetwork(%q) = %v, %v, want %v", n.String(), again, err, n)
		}
	}
}

func TestParseNetworkErrors(t *testing.T) {
	const there = ": there are lo [127.0.0.1/8 ::1/128], down0 "
	for _, tt := range []struct{ in, want string }{
		{"eth7", "no interface is named eth7" + there},
		{"192.0.2.99", "no interface has the address 192.0.2.99" + there},
		{"203.0.113.0/24", "no interface has the address 203.0.113.0/24" + there},
		{"eth0,eth1", "more than one interface (eth0,eth1): want one"},
		{"fe80::/64", "more than one interface has an address in fe80::/64 (eth0, eth1): give a name"},
		{"tun0;ff08::1", "interface tun0 has no IPv6 address: add one or use a group of the other family"},
		{"eth0;192.0.2.1", "192.0.2.1 is not a multicast group: want one in 224.0.0.0/4 or ff00::/8"},
		{"eth0;239.1.1.1;10.0.0.1", "10.0.0.1 is not a multicast group: want one in 224.0.0.0/4 or ff00::/8"},
		{"eth0;239.1.1.1,ff08::1", "IPv4 and IPv6 are mixed (239.1.1.1, ff08::1): use one"},
		{"eth0;239.1.1.1;ff08::1", "IPv4 and IPv6 are mixed (239.1.1.1, ff08::1): use one"},
		{"192.0.2.7;ff08::1", "IPv4 and IPv6 are mixed (192.0.2.7, ff08::1): use one"},
		{"eth0;" + strings.Repeat("239.1.1.1,", 20) + "239.1.1.1", "21 groups to receive: at most 20"},
		{"eth0;market", `group "market" is not an IP address`},
		{"eth0;239.1.1.1,", `group "" is not an IP address`},
		{"eth0;ff02::1%eth0", `group "ff02::1%eth0" has a zone: name the interface in the first part instead`},
		{"eth0;;239.1.1.1,239.1.1.2", "more than one group to send to: want one"},
		{";;;", `more than 3 parts: want "IFACE;GROUP,GROUP;SENDGROUP"`},
	} {
		n, err := parseNetwork(tt.in, machine())
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("parseNetwork(%q) = %v, %v, want error %q", tt.in, n, err, tt.want)
		}
	}
}

func TestParseNetworkNoMulticast(t *testing.T) {
	list := machine()[:3] // only the loopback is of use
	if n, err := parseNetwork("", list); err != nil || n.Interface.Name != "lo" {
		t.Errorf("parseNetwork with no other interface = %v, %v, want lo", n, err)
	}
	if n, err := parseNetwork("", list[1:]); err == nil {
		t.Errorf("parseNetwork with no interface of use = %v, want an error", n)
	}
}

func TestNetworkGone(t *testing.T) {
	n := Network{Interface: &net.Interface{Index: 99, Name: "eth9"}}
	const want = "interface eth9 (index 99) is gone: there are "
	if err := n.complete(machine()); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("complete() = %v, want %q", err, want)
	}
}

func TestLoopback(t *testing.T) {
	n := Loopback()
	if n.Interface == nil {
		t.Skip("no loopback interface")
	}
	if n.Interface.Flags&net.FlagLoopback == 0 || !n.Addr.IsLoopback() || !n.Send.IsMulticast() {
		t.Errorf("Loopback() = %v", n)
	}
	if _, err := ParseNetwork(n.String()); err != nil {
		t.Error(err)
	}
}

func TestInterfaceString(t *testing.T) {
	const want = "4: eth0 192.0.2.7/24 192.0.2.8/24 fe80::7/64 2001:db8::7/64 up multicast mtu 1500"
	if got := machine()[3].String(); got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}
