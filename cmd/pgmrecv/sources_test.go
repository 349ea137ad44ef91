//go:build linux

package main

import (
	"testing"
)

// TestToolUnicast sends to two receivers by unicast, one of which loses packets, and
// to an address where nobody is.
func TestToolUnicast(t *testing.T) {
	p := port()
	one := start(t, "pgmrecv", "-v", "-n", "127.0.0.2", "--unicast", "-p", p, "--count", "100")
	two := start(t, "pgmrecv", "-v", "-n", "127.0.0.3", "--unicast", "-p", p, "--count", "100", "--join", "--drop", "20")
	clash := start(t, "pgmrecv", "-n", "127.0.0.2", "--unicast", "-p", p)
	clash.wait(1)
	clash.wantStderr("address already in use: a Receiver with Unicast shares its address")

	send := start(t, "pgmsend", "-n", "127.0.0.1", "-p", p, "--to", "127.0.0.9,127.0.0.2", "--to", "127.0.0.3")
	want := ""
	for i := range 100 {
		line := string(rune('a'+i%26)) + "\n"
		want += line
		send.stdin.Write([]byte(line))
	}
	send.stdin.Close()
	send.wait(0)
	for _, r := range []*process{one, two} {
		r.wait(0)
		r.wantStdout(want)
		r.wantStderr("100 messages", "0 lost")
	}
}

// TestToolSources has receivers choose between two senders.
func TestToolSources(t *testing.T) {
	p := port()
	const group = ";239.192.0.1"
	only := start(t, "pgmrecv", "-v", "-n", "127.0.0.1"+group, "-p", p, "--count", "1", "--source", "127.0.0.2")
	block := start(t, "pgmrecv", "-v", "-n", "127.0.0.1"+group, "-p", p, "--count", "1", "--block", "127.0.0.1")
	ssm := start(t, "pgmrecv", "-v", "-n", "127.0.0.1;232.1.2.3", "-p", p, "--count", "1", "--source", "127.0.0.3,127.0.0.2")
	for _, s := range []struct{ from, text string }{
		{"127.0.0.1" + group, "not wanted"}, {"127.0.0.2" + group, "wanted"},
		{"127.0.0.1;232.1.2.3", "not wanted"}, {"127.0.0.2;232.1.2.3", "wanted"},
	} {
		start(t, "pgmsend", "-n", s.from, "-p", p, "--linger", "100ms", s.text).wait(0)
	}
	for _, r := range []*process{only, block, ssm} {
		r.wait(0)
		r.wantStdout("wanted\n")
	}
}
