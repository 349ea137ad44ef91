// Package lab makes hosts that are real Linux network namespaces on one
// software bridge, for tests and benchmarks that want the kernel's own sockets,
// multicast, segmentation and loss.
//
// A lab needs root and iproute2; [Host.Loss] needs nftables and ethtool as well,
// and [Host.Capture] dumpcap. Everything, the bridge included, lives in
// namespaces of its own: the namespace the caller runs in gets no interface, no
// address, no rule and no changed sysctl, and no packet leaves the lab.
//
//	l, err := lab.New(2)
//	if err != nil {
//		return err
//	}
//	defer l.Close()
//	out, err := l.Hosts[0].Command("ping", "-c1", l.Hosts[1].Addr4.String()).Output()
//
// Each host has one interface, [Interface], with an IPv4 and an IPv6 address,
// and a multicast route. A test calls [Require], which skips where there can be
// no lab.
package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
)

// Interface is the name of the interface every host has.
const Interface = "eth0"

// Lab is a set of hosts on one bridge.
type Lab struct {
	Hosts []*Host

	bridge string // namespace of the bridge
}

// made numbers the labs of this process, to tell their namespaces apart.
var made atomic.Int32

// New makes a lab of 1 to 250 hosts, ready to send and receive when it returns.
// It first removes what labs of processes that no longer exist left behind.
func New(hosts int) (*Lab, error) {
	if err := possible(hosts); err != nil {
		return nil, err
	}
	removeLeftovers()
	n := int(made.Add(1))
	l := &Lab{bridge: namespace(n, "bridge")}
	for i := 1; i <= hosts; i++ {
		name := fmt.Sprintf("h%d", i)
		l.Hosts = append(l.Hosts, &Host{
			Name:   name,
			Addr4:  netip.AddrFrom4([4]byte{10, 77, byte(n), byte(i)}),
			Addr6:  netip.MustParseAddr(fmt.Sprintf("fd77::%x", i)),
			ns:     namespace(n, name),
			bridge: l.bridge,
			port:   "to-" + name,
		})
	}
	if err := l.build(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// possible reports what stands in the way of a lab.
func possible(hosts int) error {
	if runtime.GOOS != "linux" {
		return errors.New("lab: network namespaces need Linux")
	}
	if os.Geteuid() != 0 {
		return errors.New("lab: making network namespaces needs root; run as root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("lab: no ip command; install iproute2")
	}
	if hosts < 1 || hosts > 250 {
		return fmt.Errorf("lab: %d hosts; ask for 1 to 250", hosts)
	}
	return nil
}

func (l *Lab) build() error {
	var names, bridge strings.Builder
	fmt.Fprintf(&names, "netns add %s\n", l.bridge)
	// Without snooping the bridge floods every group to every port, as nothing
	// here answers as a multicast router; without delay a port forwards at once.
	bridge.WriteString("link add br0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0\n")
	bridge.WriteString("link set br0 up\n")
	for _, h := range l.Hosts {
		fmt.Fprintf(&names, "netns add %s\n", h.ns)
		fmt.Fprintf(&bridge, "link add %s mtu 1500 type veth peer name %s mtu 1500 netns %s\n", h.port, Interface, h.ns)
		fmt.Fprintf(&bridge, "link set %s master br0 up\n", h.port)
	}
	if err := run(names.String(), "ip", "-batch", "-"); err != nil {
		return err
	}
	for _, h := range l.Hosts {
		if err := h.quickIPv6(); err != nil {
			return err
		}
		if err := h.writeNames(l.Hosts); err != nil {
			return err
		}
	}
	if err := run(bridge.String(), "ip", "-n", l.bridge, "-batch", "-"); err != nil {
		return err
	}
	for _, h := range l.Hosts {
		if err := h.configure(); err != nil {
			return err
		}
	}
	for _, h := range l.Hosts {
		if err := h.waitReady(); err != nil {
			return err
		}
	}
	return nil
}

// Close kills what still runs on the hosts and removes every trace of the lab.
func (l *Lab) Close() error {
	var errs []error
	for _, h := range l.Hosts {
		errs = append(errs, remove(h.ns))
	}
	return errors.Join(append(errs, remove(l.bridge))...)
}

// run runs a command with input, and puts what it printed into the error.
func run(input, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lab: %s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
