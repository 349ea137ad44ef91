package main

import (
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	const hint = " (see pgmsend --help)\n"
	for _, tt := range []struct {
		args []string
		code int
		want string // on standard error, or a part of it
	}{
		{[]string{"--color"}, 2, "pgmsend: unknown flag: --color" + hint},
		{[]string{"-x"}, 2, "pgmsend: unknown shorthand flag: 'x' in -x" + hint},
		{[]string{"-r"}, 2, "pgmsend: flag needs an argument: 'r' in -r" + hint},
		{[]string{"-r", "fast"}, 2, `pgmsend: invalid argument "fast" for "-r, --rate" flag: want a rate such as 200Mb/s (bits) or 25MB/s (bytes)` + hint},
		{[]string{"--window", "64Mb"}, 2, "want a size in bytes such as 64MB or 64MiB"},
		{[]string{"--window", "1k"}, 2, "pgmsend: --window is 1.0 kB: want 64KiB to"},
		{[]string{"--linger", "soon"}, 2, "want a duration such as 2s, 500ms or 1m30s"},
		{[]string{"--tpdu", "100"}, 2, "pgmsend: --tpdu is 100: want 176 to 65028 bytes" + hint},
		{[]string{"--tpdu", "65536"}, 2, "pgmsend: --tpdu is 65536: want 176 to 65028 bytes" + hint},
		{[]string{"-s", "0"}, 2, `pgmsend: invalid argument "0" for "-s, --service" flag: want a port from 1 to 65535` + hint},
		{[]string{"-s", "65536"}, 2, "want a port from 1 to 65535"},
		{[]string{"-p", "0"}, 2, `pgmsend: invalid argument "0" for "-p, --port" flag: want a port from 1 to 65535` + hint},
		{[]string{"-q", "-v"}, 2, "pgmsend: --quiet and --verbose contradict each other" + hint},
		{[]string{"--file", "a", "hello"}, 2, `pgmsend: both --file and a message ("hello"): want one of them` + hint},
		{[]string{"--zmq", "--file", "a"}, 2, "pgmsend: --file and --zmq contradict each other" + hint},
		{[]string{"--topic", "a", "hello"}, 2, "pgmsend: --topic needs --zmq, or an endpoint as --network" + hint},
		{[]string{"--completions", "hello"}, 2, "pgmsend: --completions needs --zmq, or an endpoint as --network" + hint},
		{[]string{"--zmq", "-s", "7501", "hello"}, 2, "pgmsend: --service and --zmq contradict each other: ZeroMQ has one port, --port" + hint},
		{[]string{"-n", "epgm://127.0.0.1;239.192.0.1:5555", "-p", "5556", "hello"}, 2, "pgmsend: --port and the port of epgm://127.0.0.1;239.192.0.1:5555 contradict each other" + hint},
		{[]string{"-n", "epgm://127.0.0.1;239.192.0.1:5555", "--zmq=false"}, 2, "pgmsend: --zmq=false and epgm://127.0.0.1;239.192.0.1:5555 contradict each other" + hint},
		{[]string{"-n", "epgm://127.0.0.1;239.192.0.1", "hello"}, 2, `pgmsend: endpoint "epgm://127.0.0.1;239.192.0.1": no port: want epgm://IFACE;GROUP:PORT` + hint},
		{[]string{"-n", "pgm://127.0.0.1;239.192.0.1", "hello"}, 2, `pgmsend: endpoint "pgm://127.0.0.1;239.192.0.1": no port: want pgm://IFACE;GROUP:PORT` + hint},
		{[]string{"-n", "pgm://127.0.0.1;239.192.0.1:5555", "--native=false"}, 2, "pgmsend: --native=false and pgm://127.0.0.1;239.192.0.1:5555 contradict each other: pgm:// is native, epgm:// is in UDP" + hint},
		{[]string{"-n", "epgm://127.0.0.1;239.192.0.1:5555", "--native"}, 2, "pgmsend: --native=true and epgm://127.0.0.1;239.192.0.1:5555 contradict each other: pgm:// is native, epgm:// is in UDP" + hint},
		{[]string{"--native", "-p", "5555", "hello"}, 2, "pgmsend: --native and --port contradict each other: that is a port of UDP, --service is that of PGM" + hint},
		{[]string{"-n", "tcp://127.0.0.1:5555", "hello"}, 2, `pgmsend: endpoint "tcp://127.0.0.1:5555": want epgm://IFACE;GROUP:PORT, or pgm:// for native PGM/IP` + hint},
		{[]string{"-n", "nosuch0;239.192.0.1", "hello"}, 2, `pgmsend: network "nosuch0;239.192.0.1": no interface is named nosuch0: there are `},
		{[]string{"-n", "192.0.2.99;239.192.0.1", "hello"}, 2, `no interface has the address 192.0.2.99`},
		{[]string{"-n", ";10.0.0.1", "hello"}, 2, `pgmsend: network ";10.0.0.1": 10.0.0.1 is not a multicast group`},
		{[]string{"-n", ";everyone", "hello"}, 2, `group "everyone" is not an IP address`},
		{[]string{"-p", "42099", "--window", "64KiB", strings.Repeat("a", 33000)}, 1, "pgmsend: message 1 is too long: it has to be smaller than 32KiB, half the --window\n"},
		{[]string{"--zmq", "-p", "42098", "--window", "64KiB", strings.Repeat("a", 33000)}, 1, "pgmsend: message 1 is too long: it has to be smaller than 32KiB, half the --window\n"},
		{[]string{"--to", "10.0.0.1,239.1.1.1", "hello"}, 2, "want addresses of hosts such as 10.0.0.1,10.0.0.2" + hint},
		{[]string{"--to", "::1", "hello"}, 2, "pgmsend: --to has ::1, and the network has 127.0.0.1: want addresses of one family" + hint},
		{[]string{"--to", "127.0.0.2,127.0.0.1", "hello"}, 2, "pgmsend: --to has 127.0.0.1, this sender's own address: give the receiver another one, or name another in --network" + hint},
		{[]string{"--file", "missing"}, 1, "pgmsend: stat missing: no such file or directory\n"},
	} {
		var stdout, stderr strings.Builder
		code := run(tt.args, strings.NewReader(""), &stdout, &stderr)
		got := stderr.String()
		if code != tt.code || !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 || stdout.Len() > 0 {
			t.Errorf("pgmsend %q = %d, %q, want %d, %q", tt.args, code, got, tt.code, tt.want)
		}
	}
}

func TestInformation(t *testing.T) {
	for _, tt := range []struct{ arg, want string }{
		{"--help", "Usage: pgmsend [flags] [MESSAGE...]"},
		{"-h", "--linger duration"},
		{"--list", "loopback"},
		{"-i", "mtu"},
		{"--version", "pgmsend "},
	} {
		var stdout, stderr strings.Builder
		code := run([]string{tt.arg}, strings.NewReader(""), &stdout, &stderr)
		if code != 0 || !strings.Contains(stdout.String(), tt.want) || stderr.Len() > 0 {
			t.Errorf("pgmsend %s = %d, %q, %q, want %q", tt.arg, code, stdout.String(), stderr.String(), tt.want)
		}
	}
}

func TestSourceConfig(t *testing.T) {
	o, _, err := parse([]string{"-n", "127.0.0.1;239.192.0.1", "-s", "7501", "-p", "3056", "-r", "200Mb/s", "--window", "256MiB", "--tpdu", "1400", "hello"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := o.source()
	if c.Port != 7501 || o.Config.Port != 3056 || c.Rate != 25e6 || c.WindowBytes != 256<<20 || c.MaxTPDU != 1372 || c.Overhead != 28 {
		t.Errorf("configuration is %+v, port %d", c, o.Config.Port)
	}
	if c.WindowPackets < c.WindowBytes/1372 {
		t.Errorf("a window of %d bytes has room for %d packets only", c.WindowBytes, c.WindowPackets)
	}
	if got := o.maxAlone(); got != 1400-20-8-24 {
		t.Errorf("maxAlone = %d", got)
	}
	if o.Config.Loop {
		t.Error("Loop is on")
	}

	o, _, err = parse([]string{"hello"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := o.source(); c.MaxTPDU != 1472 || c.Rate != 0 || !o.Config.Loop || !o.Config.Addr.IsLoopback() {
		t.Errorf("default configuration is %+v, %+v", c, o.Config)
	}
}

func TestEndpoint(t *testing.T) {
	for _, tt := range []struct {
		args     []string
		zmq      bool
		port     uint16
		native   bool
		overhead int
	}{
		{[]string{"-n", "epgm://127.0.0.1;239.192.0.1:5555"}, true, 5555, false, 28},
		{[]string{"-n", "pgm://127.0.0.1;239.192.0.1:5555"}, true, 5555, true, 24},
		{[]string{"--zmq", "-p", "5556"}, true, 5556, false, 28},
		{[]string{"-z"}, true, 3055, false, 28},
		{[]string{"-z", "--native", "-s", "5556"}, true, 5556, true, 24},
		{[]string{"--native", "-s", "5556"}, false, 5556, true, 24},
	} {
		o, _, err := parse(tt.args, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := o.source(); o.Config.Native != tt.native || c.Overhead != tt.overhead || c.MaxTPDU != 1500-tt.overhead {
			t.Errorf("%q: native %v, %d bytes and %d of overhead", tt.args, o.Config.Native, c.MaxTPDU, c.Overhead)
		}
		if c := o.source(); o.ZMQ != tt.zmq || !tt.native && o.Config.Port != tt.port || c.Port != tt.port || o.Config.Network.Send.String() != "239.192.0.1" {
			t.Errorf("%q: zmq %v, port %d, service %d, network %v", tt.args, o.ZMQ, o.Config.Port, c.Port, o.Config.Network)
		}
	}
}
