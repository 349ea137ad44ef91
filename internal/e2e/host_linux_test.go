package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// The networks of the tests, one of each address family.
const (
	network4 = lab.Interface + ";239.192.0.1"
	network6 = lab.Interface + ";ff15::77"
)

// A carriage is a way for packets to travel.
type carriage struct {
	name    string
	network string
	native  bool // in IP itself, not in UDP
}

var carriages = []carriage{
	{"UDP/IPv4", network4, false},
	{"UDP/IPv6", network6, false},
	{"native/IPv4", network4, true},
	{"native/IPv6", network6, true},
}

// flags are what tells a tool of it.
func (c *carriage) flags() []string {
	return []string{"--network", c.network, fmt.Sprintf("--native=%v", c.native)}
}

// port is what waitListening waits for.
func (c *carriage) port() int {
	if c.native {
		return protocolPGM
	}
	return pgmnet.DefaultPort
}

// protocolPGM is the number of PGM in IP, which the kernel shows as the port of a
// raw socket.
const protocolPGM = 113

// hurt makes a host lose packets. Without loss the packets come in one by one
// nevertheless, so that times can be compared.
func hurt(t *testing.T, h *lab.Host, percent float64) {
	t.Helper()
	if err := h.SplitGSO(true); err != nil {
		lab.Skip(t, err)
	}
	if err := h.Loss(percent); err != nil {
		lab.Skip(t, err)
	}
}

// openSource opens a source on a host, in this process.
func openSource(t *testing.T, h *lab.Host, network string, c pgm.SourceConfig) *pgmnet.Source {
	t.Helper()
	return openSourceOn(t, h, &carriage{network: network}, c)
}

func openSourceOn(t *testing.T, h *lab.Host, way *carriage, c pgm.SourceConfig) *pgmnet.Source {
	t.Helper()
	var s *pgmnet.Source
	err := h.Enter(func() error {
		n, err := pgmnet.ParseNetwork(way.network)
		if err == nil {
			s, err = pgmnet.NewSource(pgmnet.Config{Network: n, Native: way.native}, c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Abort(0) })
	return s
}

// openReceiver opens a receiver on a host, in this process.
func openReceiver(t *testing.T, h *lab.Host, network string, c pgm.ReceiverConfig) *pgmnet.Receiver {
	t.Helper()
	return openReceiverOn(t, h, &carriage{network: network}, c)
}

func openReceiverOn(t *testing.T, h *lab.Host, way *carriage, c pgm.ReceiverConfig) *pgmnet.Receiver {
	t.Helper()
	var r *pgmnet.Receiver
	err := h.Enter(func() error {
		n, err := pgmnet.ParseNetwork(way.network)
		if err == nil {
			r, err = pgmnet.NewReceiver(pgmnet.Config{Network: n, Native: way.native}, c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// killAfter ends a process that has been started when it takes too long, or the
// test is over.
func killAfter(t *testing.T, d time.Duration, cmd *exec.Cmd) {
	kill := func() { cmd.Process.Signal(os.Kill) } // no more than an error once it has ended
	timer := time.AfterFunc(d, kill)
	t.Cleanup(func() {
		timer.Stop()
		kill()
	})
}

// waitListening waits until receivers on hosts 1 to n have their sockets open.
func waitListening(t *testing.T, l *lab.Lab, n, port int) {
	t.Helper()
	for _, h := range l.Hosts[1 : n+1] {
		deadline := time.Now().Add(10 * time.Second)
		for !listens(t, h, port) {
			if time.Now().After(deadline) {
				t.Fatalf("nobody listens on %s", h.Name)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// listens reports whether a socket on the host is bound to a UDP port, or a raw
// socket to a protocol.
func listens(t *testing.T, h *lab.Host, port int) (found bool) {
	t.Helper()
	want := fmt.Sprintf(":%04X ", port)
	err := h.Enter(func() error {
		files := []string{"udp", "udp6"}
		if port == protocolPGM {
			files = []string{"raw", "raw6"}
		}
		for _, file := range files {
			b, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil {
				return err
			}
			found = found || strings.Contains(string(b), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
