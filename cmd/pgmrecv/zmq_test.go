//go:build unix

package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

// endpoint is a ZeroMQ endpoint that stays on this machine.
func endpoint() string { return "epgm://127.0.0.1;239.192.0.1:" + port() }

func TestZMQ(t *testing.T) {
	t.Parallel()
	at := endpoint()
	all := start(t, "pgmrecv", "-v", "-n", at, "--count", "4", "--timeout", "20")
	some := start(t, "pgmrecv", "-v", "-n", at, "--subscribe", "EU", "--subscribe", "GBP", "--count", "2", "--timeout", "20")
	raw := start(t, "pgmrecv", "-v", "-n", at, "--subscribe", "EUR", "--raw", "--count", "1", "--timeout", "20")
	usd := start(t, "pgmsend", "-v", "-n", at, "--topic", "USD", "1.25", "two\nlines")
	usd.wait(0)
	eur := start(t, "pgmsend", "-n", at, "--topic", "EUR", "1.08")
	eur.wait(0)
	alone := start(t, "pgmsend", "-n", at, "GBP 0.9")
	alone.wait(0)
	all.wait(0)
	some.wait(0)
	raw.wait(0)
	all.wantStdout("USD\t1.25\nUSD\t\"two\\nlines\"\nEUR\t1.08\nGBP 0.9\n")
	some.wantStdout("EUR\t1.08\nGBP 0.9\n")
	raw.wantStdout("EUR1.08")
	all.wantStderr("pgmrecv: received 4 messages (33 B) in ", " 0 lost\n")
	some.wantStderr("pgmrecv: received 2 messages (14 B) in ")
	usd.wantStderr("pgmsend: sent 2 messages (19 B) in ", ": 1 packet, ")
}

func TestZMQJSON(t *testing.T) {
	t.Parallel()
	at := port()
	r := recv(t, at, "--zmq", "--json", "--timeout", "3")
	s := send(t, at, "--zmq", "--json", "--topic", "a\"\n", "\x01", "", strings.Repeat("x", 2000))
	s.wait(0)
	r.wait(0)
	lines := r.jsonLines()
	var events []string
	for _, l := range lines {
		events = append(events, l["event"].(string))
	}
	if got := strings.Join(events, " "); got != "join message message message fin summary" {
		t.Fatalf("events are %s", got)
	}
	for i, want := range []string{"\x01", "", strings.Repeat("x", 2000)} {
		m := lines[1+i]
		frames := fmt.Sprint([]string{"YSIK", base64.StdEncoding.EncodeToString([]byte(want))})
		if m["topic"] != "a\"\n" || fmt.Sprint(m["frames"]) != frames || m["source"] != lines[0]["source"] {
			t.Errorf("message is %v, want frames %s", m, frames)
		}
	}
	if m := lines[3]; m["last"] != m["first"].(float64)+1 {
		t.Errorf("the message of two packets is %v", m)
	}
	if m := lines[5]; m["messages"] != 3.0 || m["packets"] != 2.0 || m["lost"] != 0.0 {
		t.Errorf("summary is %v", m)
	}
	if l := s.jsonLines(); len(l) != 1 || l[0]["event"] != "summary" || l[0]["messages"] != 3.0 {
		t.Errorf("summary of the sender is %v", l)
	}
}

// Lines of any length arrive as they are, though a fifth of the packets is lost
// and standard input stays open.
func TestZMQStandardInput(t *testing.T) {
	t.Parallel()
	at := endpoint()
	var in, want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", i*i%5000))
		in.WriteString(line)
		want.WriteString("all\t" + line)
	}
	r := start(t, "pgmrecv", "-v", "-n", at, "--count", "1000", "--timeout", "20", "--drop", "20")
	s := start(t, "pgmsend", "-n", at, "--topic", "all", "--linger", "500ms")
	io.WriteString(s.stdin, in.String())
	r.wait(0)
	r.wantStdout(want.String())
	s.stdin.Close()
	s.wait(0)
}

// TestZMQDelivery has receivers that lose a fifth of the packets. One prints every
// line, in another order, the other those that came, in order, and says so.
func TestZMQDelivery(t *testing.T) {
	t.Parallel()
	at := endpoint()
	var in strings.Builder
	want := map[string]bool{}
	for i := range 1000 {
		line := fmt.Sprintf("%04d %s", i, strings.Repeat("x", i*i%5000))
		in.WriteString(line + "\n")
		want["all\t"+line] = true
	}
	unordered := start(t, "pgmrecv", "-v", "-n", at, "--subscribe", "al", "--unordered", "--join", "--count", "1000", "--timeout", "20", "--drop", "20")
	skip := start(t, "pgmrecv", "-n", at, "--subscribe", "al", "--max-gap", "0", "--count", "100", "--timeout", "20", "--drop", "20")
	s := start(t, "pgmsend", "-v", "-n", at, "--topic", "all", "--linger", "500ms")
	io.WriteString(s.stdin, in.String())
	unordered.wait(0)
	skip.wait(3)
	s.stdin.Close()
	s.wait(0)
	late, newest := 0, ""
	for line := range strings.Lines(unordered.stdout.String()) {
		line = strings.TrimSuffix(line, "\n")
		if !want[line] {
			t.Fatalf("%.40q was not sent, or came before", line)
		}
		delete(want, line)
		if line < newest {
			late++
		}
		newest = max(newest, line)
	}
	if len(want) > 0 || late == 0 {
		t.Errorf("unordered: %d lines did not come; %d came late", len(want), late)
	}
	skip.wantStderr("pgmrecv: received 100 messages", " given up\n", "pgmrecv: lost what was in ")
	newest = ""
	for line := range strings.Lines(skip.stdout.String()) {
		if line < newest {
			t.Errorf("%.40q after %.40q", line, newest)
		}
		newest = line
	}
}

// A receiver that stalls while more passes than the source can repair loses it,
// says so, and goes on.
func TestZMQLoss(t *testing.T) {
	t.Parallel()
	at := endpoint()
	r := start(t, "pgmrecv", "-v", "-n", at, "--subscribe", "e", "--count", "2", "--timeout", "25")
	s := start(t, "pgmsend", "-v", "-n", at, "--window", "64KiB", "-r", "2Gb/s", "--linger", "2s")
	io.WriteString(s.stdin, "early\n")
	eventually(t, func() bool { return strings.Contains(r.log.String(), "msg=join") })
	r.cmd.Process.Signal(syscall.SIGSTOP)
	line := strings.Repeat("x", 1000) + "\n"
	io.WriteString(s.stdin, strings.Repeat(line, 112<<10)) // more than a socket holds
	io.WriteString(s.stdin, "end\n")
	s.stdin.Close()
	r.cmd.Process.Signal(syscall.SIGCONT)
	r.wait(3)
	s.wait(0)
	r.wantStdout("early\nend\n")
	r.wantStderr("pgmrecv: lost what was in ", "pgmrecv: what was in ", " lost for good\n")
}

func TestZMQTimeout(t *testing.T) {
	t.Parallel()
	r := start(t, "pgmrecv", "-v", "-n", endpoint(), "--timeout", "300ms", "--count", "2")
	r.wait(1)
	r.wantStderr("pgmrecv: timed out after 300ms with 0 of 2 messages\n")
}

// TestCompletions publishes three messages and checks that the sender tells of
// each of them once a stage.
func TestCompletions(t *testing.T) {
	t.Parallel()
	s := start(t, "pgmsend", "--zmq", "-p", port(), "--json", "--completions", "--linger", "100ms", "one", "two", "three")
	s.wait(0)
	upto := make(map[any]float64)
	for _, l := range s.jsonLines() {
		if l["event"] != "completion" {
			continue
		}
		if l["first"] != upto[l["stage"]]+1 {
			t.Errorf("%v comes after %v", l, upto[l["stage"]])
		}
		upto[l["stage"]] = l["last"].(float64)
	}
	for _, stage := range []string{"taken", "kernel", "wire", "retired"} {
		if upto[stage] != 3 {
			t.Errorf("%s is told of %v messages, want 3", stage, upto[stage])
		}
	}
}
