package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Host is one network namespace with one interface.
type Host struct {
	Name  string     // "h1", "h2", ...; the other hosts' commands can resolve it
	Addr4 netip.Addr // in 10.77.x.0/24
	Addr6 netip.Addr // in fd77::/64

	ns     string // namespace
	bridge string // namespace of the bridge
	port   string // the bridge's end of the cable
}

// Command returns a command that will run on the host, like [exec.Command].
// It is killed if the process that started it dies.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	// "ip netns exec" replaces itself by the command, so signals reach it.
	cmd := exec.Command("ip", append([]string{"netns", "exec", h.ns, name}, args...)...)
	dieWithParent(cmd)
	return cmd
}

// Rate limits what the host sends to so many bits a second; 0 lifts the limit.
func (h *Host) Rate(bits int) error {
	if bits <= 0 {
		// Deleting what is not there is an error; replacing it by the default is not.
		return run("", "tc", "-n", h.ns, "qdisc", "replace", "dev", Interface, "root", "noqueue")
	}
	return run("", "tc", "-n", h.ns, "qdisc", "replace", "dev", Interface, "root",
		"tbf", "rate", fmt.Sprintf("%dbit", bits), "burst", "100kb", "latency", "50ms")
}

// quickIPv6 lets addresses be used at once, not after a second of duplicate
// address detection. It precedes the interface, which copies the default.
func (h *Host) quickIPv6() error {
	return h.Enter(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0)
	})
}

func (h *Host) configure() error {
	return run(fmt.Sprintf(`
link set lo up
link set %[1]s up
addr add %[2]s/24 dev %[1]s
addr add %[3]s/64 dev %[1]s nodad
route add 224.0.0.0/4 dev %[1]s
`, Interface, h.Addr4, h.Addr6), "ip", "-n", h.ns, "-batch", "-")
}

// waitReady waits for the link-local IPv6 address, which the kernel adds last.
func (h *Host) waitReady() error {
	return h.Enter(func() error {
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
			ifi, err := net.InterfaceByName(Interface)
			if err != nil {
				return err
			}
			if addrs, err := ifi.Addrs(); err != nil || len(addrs) >= 3 {
				return err
			}
		}
		return fmt.Errorf("lab: no link-local IPv6 address on %s after 5 s; is IPv6 disabled?", h.Name)
	})
}

// writeNames gives the host a hosts file, and nothing else to ask for names: a
// resolver out of reach would take seconds to say so. The machine's own name has
// the host's addresses, IPv4 and IPv6, which is what OpenPGM looks up to find
// its interface.
func (h *Host) writeNames(all []*Host) error {
	self, err := os.Hostname()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n%s %s\n127.0.0.1 localhost\n::1 localhost\n", h.Addr4, self, h.Addr6, self)
	for _, o := range all {
		fmt.Fprintf(&b, "%s %s\n%s %s\n", o.Addr4, o.Name, o.Addr6, o.Name)
	}
	dir := filepath.Join(netnsEtcDir, h.ns)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "hosts"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "nsswitch.conf"), []byte("hosts: files\n"), 0o644)
}
