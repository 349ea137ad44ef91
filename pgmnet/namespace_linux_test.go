package pgmnet

import (
	"fmt"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/internal/lab"
)

// enterNamespace puts the test's thread in a network namespace of its own with
// an interface v0, which has the loopback none of the real ones: IPv6
// multicast. A test in it must not start subtests, they run on other threads.
func enterNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lab.Skip(t, fmt.Errorf("no network namespace: %w", err))
	}
	for _, line := range []string{
		"link set lo up",
		"link add v0 type veth peer name v1",
		"link set v0 up",
		"link set v1 up",
		"addr add 198.51.100.1/24 dev v0",
		"addr add 2001:db8::1/64 dev v0 nodad",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			lab.Skip(t, fmt.Errorf("ip %s: %w: %s", line, err, out))
		}
	}
}

// TestIPv6 sends between every two implementations over IPv6, to receivers on
// the same host.
func TestIPv6(t *testing.T) {
	enterNamespace(t)
	n, err := ParseNetwork("v0;ff08::77:1")
	if err != nil {
		t.Fatal(err)
	}
	s := sockets{
		iface:      n.Interface,
		local:      netip.AddrPortFrom(n.Addr, 0),
		hops:       1,
		loop:       true,
		readBuffer: 4 << 20,
	}
	port := uint16(7000)
	for _, from := range modes() {
		for _, to := range modes() {
			t.Logf("%v to %v", from, to)
			port++
			s.port = port
			testCarrier(t, s, from, to, n.Send)
		}
	}
	for _, mode := range modes() {
		t.Logf("session, %v", mode)
		port++
		testSession(t, Config{Network: n, Port: port, Loop: true, Hops: 1, DSCP: 46, IO: mode})
	}
}

// TestLinkLocal runs a session between link-local addresses, whose sockets need
// the interface as well.
func TestLinkLocal(t *testing.T) {
	enterNamespace(t)
	if out, err := exec.Command("ip", "addr", "del", "2001:db8::1/64", "dev", "v0").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("ip", "addr", "add", "fe80::1/64", "dev", "v0", "nodad").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n, err := ParseNetwork("fe80::1%v0;ff02::77:1")
	if err != nil {
		t.Fatal(err)
	}
	for i, mode := range modes() {
		cfg := Config{Network: n, Port: 7000 + uint16(i), Loop: true, IO: mode}
		testSession(t, cfg)
		testLateJoin(t, cfg)
	}
}
