package main

import (
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

func TestUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	const hint = " (see pgmrecv --help)\n"
	for _, tt := range []struct {
		args []string
		code int
		want string // on standard error, or a part of it
	}{
		{[]string{"--color"}, 2, "pgmrecv: unknown flag: --color" + hint},
		{[]string{"hello"}, 2, `pgmrecv: unexpected argument "hello"` + hint},
		{[]string{"--count", "-1"}, 2, `invalid argument "-1" for "--count" flag`},
		{[]string{"--count", "0"}, 2, "pgmrecv: --count is 0: want at least 1" + hint},
		{[]string{"--timeout", "never"}, 2, "want a duration such as 2s, 500ms or 1m30s"},
		{[]string{"--drop", "120"}, 2, "want a percentage from 0 to 100"},
		{[]string{"--window", "64Mb"}, 2, "want a size in bytes such as 64MB or 64MiB"},
		{[]string{"--tpdu", "100"}, 2, "pgmrecv: --tpdu is 100: want 176 to 65028 bytes" + hint},
		{[]string{"--raw", "--json"}, 2, "pgmrecv: --raw and --json contradict each other" + hint},
		{[]string{"--raw", "-o", "in"}, 2, "pgmrecv: --raw and --output contradict each other" + hint},
		{[]string{"-o", ""}, 2, "pgmrecv: --output is empty: want a directory" + hint},
		{[]string{"--unordered", "-o", "in"}, 2, "pgmrecv: --unordered and --output contradict each other: the parts of a file come in order" + hint},
		{[]string{"--max-gap", "-1s"}, 2, "want a duration such as 2s, 500ms or 1m30s"},
		{[]string{"--zmq", "-o", "in"}, 2, "pgmrecv: --output and --zmq contradict each other" + hint},
		{[]string{"--subscribe", "a"}, 2, "pgmrecv: --subscribe needs --zmq, or an endpoint as --network" + hint},
		{[]string{"-n", "epgm://127.0.0.1;239.192.0.1:0"}, 2, `pgmrecv: endpoint "epgm://127.0.0.1;239.192.0.1:0": port "0" is not a number from 1 to 65535` + hint},
		{[]string{"-n", "epgm://nosuch0;239.192.0.1:5555"}, 2, `no interface is named nosuch0: there are `},
		{[]string{"-n", "nosuch0;239.192.0.1"}, 2, `pgmrecv: network "nosuch0;239.192.0.1": no interface is named nosuch0: there are `},
		{[]string{"-n", ";10.0.0.1"}, 2, `pgmrecv: network ";10.0.0.1": 10.0.0.1 is not a multicast group`},
		{[]string{"--source", "10.0.0.1", "--block", "10.0.0.2"}, 2, "pgmrecv: --source and --block contradict each other" + hint},
		{[]string{"--source", "here"}, 2, `pgmrecv: invalid argument "here" for "--source" flag: want addresses of hosts such as 10.0.0.1,10.0.0.2` + hint},
		{[]string{"--block", "::1"}, 2, "pgmrecv: --block has ::1, and the network has 127.0.0.1: want addresses of one family" + hint},
		{[]string{"-n", "127.0.0.1;232.1.2.3"}, 2, "pgmrecv: group 232.1.2.3 is for source-specific multicast alone: name its sources with --source" + hint},
		{[]string{"-o", "missing"}, 1, "pgmrecv: open missing: no such file or directory\n"},
	} {
		var stdout, stderr strings.Builder
		code := run(tt.args, &stdout, &stderr)
		got := stderr.String()
		if code != tt.code || !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 || stdout.Len() > 0 {
			t.Errorf("pgmrecv %q = %d, %q, want %d, %q", tt.args, code, got, tt.code, tt.want)
		}
	}
}

func TestInformation(t *testing.T) {
	for _, tt := range []struct{ arg, want string }{
		{"--help", "Usage: pgmrecv [flags]"},
		{"-h", "--timeout duration"},
		{"--list", "loopback"},
		{"--version", "pgmrecv "},
	} {
		var stdout, stderr strings.Builder
		code := run([]string{tt.arg}, &stdout, &stderr)
		if code != 0 || !strings.Contains(stdout.String(), tt.want) || stderr.Len() > 0 {
			t.Errorf("pgmrecv %s = %d, %q, %q, want %q", tt.arg, code, stdout.String(), stderr.String(), tt.want)
		}
	}
}

func TestReceiverConfig(t *testing.T) {
	o, _, err := parse([]string{"-s", "7501", "--window", "256MiB", "--tpdu", "1400", "--timeout", "5"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := o.receiver()
	if c.Port != 7501 || c.BufferBytes != 256<<20 || c.MaxTPDU != 1372 || c.MaxMessage != 128<<20 || c.Join {
		t.Errorf("configuration is %+v", c)
	}
	// Data need not bear Router Alert.
	if o, _, err := parse([]string{"--native", "--tpdu", "1400"}, nil); err != nil || o.receiver().MaxTPDU != 1380 {
		t.Errorf("with --native: %v, %+v", err, o.receiver())
	}
	now := time.Now()
	if got := o.deadline(now).Sub(now); got != 5*time.Second {
		t.Errorf("deadline in %v, want 5s", got)
	}
	if o.socket().Drop != nil {
		t.Error("packets are dropped unasked")
	}

	for _, tt := range []struct {
		args []string
		want bool
	}{{nil, false}, {[]string{"-j"}, true}, {[]string{"-o", "in"}, true}, {[]string{"-o", "in", "--join=false"}, false}} {
		o, _, err := parse(tt.args, nil)
		if err != nil {
			t.Fatal(err)
		}
		if o.receiver().Join != tt.want {
			t.Errorf("%q: Join is %v, want %v", tt.args, !tt.want, tt.want)
		}
	}
}

func TestDelivery(t *testing.T) {
	for _, tt := range []struct {
		args []string
		mode pgm.Delivery
		gap  time.Duration
	}{
		{nil, pgm.Ordered, 0},
		{[]string{"--unordered"}, pgm.Unordered, 0},
		{[]string{"--max-gap", "20ms"}, pgm.Ordered, 20 * time.Millisecond},
		{[]string{"--max-gap", "0", "--unordered"}, pgm.Unordered, -1},
		{[]string{"--max-gap", "1s", "-o", "in"}, pgm.Ordered, time.Second},
	} {
		o, _, err := parse(tt.args, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := o.receiver(); c.Delivery != tt.mode || c.MaxGap != tt.gap {
			t.Errorf("%q: %v, MaxGap %v, want %v, %v", tt.args, c.Delivery, c.MaxGap, tt.mode, tt.gap)
		}
	}
}

func TestDrop(t *testing.T) {
	o, _, err := parse([]string{"--drop", "5%", "--seed", "7"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	one, other := o.socket().Drop, o.socket().Drop
	dropped := 0
	for range 10000 {
		a, b := one(nil), other(nil)
		if a != b {
			t.Fatal("the same seed drops other packets")
		}
		if a {
			dropped++
		}
	}
	if dropped < 400 || dropped > 600 {
		t.Errorf("%d of 10000 dropped, want about 500", dropped)
	}
}
