package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A test runs this binary again on a host, as a sender.
const senderEnv = "LAB_TEST_SEND"

func TestMain(m *testing.M) {
	if dst := os.Getenv(senderEnv); dst != "" {
		if err := send(netip.MustParseAddrPort(dst)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// The sender sends rounds super-packets, each of batch packets of size bytes,
// and every packet starts with its number. A receive buffer holds them all, so
// that a busy machine loses none.
const (
	rounds = 100
	batch  = 40
	size   = 200
)

func send(dst netip.AddrPort) error {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{})
	if err != nil {
		return err
	}
	if err := setsockopt(conn, unix.IPPROTO_UDP, unix.UDP_SEGMENT, size); err != nil {
		return err
	}
	buf := make([]byte, batch*size)
	for i := range rounds {
		for j := range batch {
			binary.BigEndian.PutUint32(buf[j*size:], uint32(i*batch+j))
		}
		if _, _, err := conn.WriteMsgUDPAddrPort(buf, nil, dst); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func setsockopt(conn *net.UDPConn, level, option, value int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, value) })
	return errors.Join(failed, err)
}

// join opens a socket on the host that hears a group.
func join(t *testing.T, h *Host, group netip.AddrPort) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	err := h.Enter(func() error {
		ifi, err := net.InterfaceByName(Interface)
		if err != nil {
			return err
		}
		conn, err = net.ListenMulticastUDP("udp", ifi, net.UDPAddrFromAddrPort(group))
		if err != nil {
			return err
		}
		t.Cleanup(func() { conn.Close() })
		return setsockopt(conn, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchange sends from one host to a group and then reads what the socket received.
// It counts packets, and the gaps between their numbers by length.
func exchange(t *testing.T, from *Host, group netip.AddrPort, conn *net.UDPConn) (received int, gaps map[int]int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := from.Command(self)
	cmd.Env = append(os.Environ(), senderEnv+"="+group.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("sender: %v: %s", err, &stderr)
	}
	gaps = map[int]int{}
	buf := make([]byte, 1<<16)
	for next := 0; ; received++ {
		conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := conn.Read(buf)
		if err != nil {
			return received, gaps
		}
		if n != size {
			t.Fatalf("received %d bytes, want %d", n, size)
		}
		number := int(binary.BigEndian.Uint32(buf))
		if number != next {
			gaps[number-next]++
		}
		next = number + 1
	}
}

func TestMulticast(t *testing.T) {
	l := Require(t, 3)
	for _, group := range []string{"239.7.7.7:7777", "[ff15::77%eth0]:7777"} {
		t.Run(group, func(t *testing.T) {
			dst := netip.MustParseAddrPort(group)
			first := join(t, l.Hosts[1], netip.AddrPortFrom(dst.Addr().WithZone(""), dst.Port()))
			second := join(t, l.Hosts[2], netip.AddrPortFrom(dst.Addr().WithZone(""), dst.Port()))
			if got, gaps := exchange(t, l.Hosts[0], dst, first); got != rounds*batch {
				t.Errorf("first receiver: %d packets, want %d; gaps %v", got, rounds*batch, gaps)
			}
			second.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := second.Read(make([]byte, 1<<16)); err != nil {
				t.Errorf("second receiver: %v", err)
			}
		})
	}
}

func TestLossIsPerPacket(t *testing.T) {
	l := Require(t, 3)
	group := netip.MustParseAddrPort("239.7.7.7:7777")
	if err := l.Hosts[1].Loss(5); err != nil {
		Skip(t, err)
	}
	hurt, whole := join(t, l.Hosts[1], group), join(t, l.Hosts[2], group)
	got, gaps := exchange(t, l.Hosts[0], group, hurt)
	t.Logf("received %d of %d, gaps by length %v", got, rounds*batch, gaps)
	if lost := 100 * (1 - float64(got)/(rounds*batch)); lost < 3.5 || lost > 6.5 {
		t.Errorf("lost %.2f %%, want 5", lost)
	}
	total := 0
	for _, n := range gaps {
		total += n
	}
	if gaps[1] < total*8/10 {
		t.Errorf("%d of %d gaps are of one packet, want nearly all", gaps[1], total)
	}
	buf := make([]byte, 1<<16)
	for i := range rounds * batch {
		whole.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := whole.Read(buf); err != nil {
			t.Fatal(err)
		}
		if number := int(binary.BigEndian.Uint32(buf)); number != i {
			t.Fatalf("the other host received %d, want %d", number, i)
		}
	}

	for _, none := range []struct {
		desc string
		set  func(float64) error
		by   float64
	}{{"FeignLoss", l.Hosts[1].FeignLoss, 50}, {"Loss(0)", l.Hosts[1].Loss, 0}} {
		if err := none.set(none.by); err != nil {
			t.Fatal(err)
		}
		if got, gaps := exchange(t, l.Hosts[0], group, hurt); got != rounds*batch {
			t.Errorf("%s: %d packets, want %d; gaps %v", none.desc, got, rounds*batch, gaps)
		}
	}
}

func TestRate(t *testing.T) {
	l := Require(t, 2)
	group := netip.MustParseAddrPort("239.7.7.7:7777")
	if err := l.Hosts[0].Rate(8e5); err != nil {
		Skip(t, err)
	}
	conn := join(t, l.Hosts[1], group)
	// The sender takes about 0.2 s for 800 kB. The limit has it lose most of them.
	if got, _ := exchange(t, l.Hosts[0], group, conn); got == 0 || got == rounds*batch {
		t.Errorf("received %d of %d packets at 100 kB/s", got, rounds*batch)
	}
	if err := l.Hosts[0].Rate(0); err != nil {
		t.Fatal(err)
	}
	if got, _ := exchange(t, l.Hosts[0], group, conn); got != rounds*batch {
		t.Errorf("without a limit: %d packets, want %d", got, rounds*batch)
	}
}

func TestNames(t *testing.T) {
	l := Require(t, 2)
	self, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		db, name string
		want     netip.Addr
	}{
		{"ahostsv4", self, l.Hosts[0].Addr4},
		{"ahostsv6", self, l.Hosts[0].Addr6},
		{"ahostsv4", "h2", l.Hosts[1].Addr4},
	} {
		out, err := l.Hosts[0].Command("getent", tt.db, tt.name).Output()
		if err != nil || !strings.HasPrefix(string(out), tt.want.String()+" ") {
			t.Errorf("getent %s %s: %v, %q; want %v", tt.db, tt.name, err, out, tt.want)
		}
	}
}

func TestCapture(t *testing.T) {
	l := Require(t, 2)
	group := netip.MustParseAddrPort("239.7.7.7:7777")
	if err := l.Hosts[1].SplitGSO(true); err != nil {
		Skip(t, err)
	}
	file := filepath.Join(t.TempDir(), "c.pcapng")
	stop, err := l.Hosts[1].Capture(file)
	if err != nil {
		Skip(t, err)
	}
	exchange(t, l.Hosts[0], group, join(t, l.Hosts[1], group))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(rounds * batch * size); info.Size() < want || info.Size() > 2*want {
		t.Errorf("the file has %d bytes, want %d and up to as much for headers", info.Size(), want)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	l := Require(t, 2)
	sleep := l.Hosts[0].Command("sh", "-c", "echo there; exec sleep 60")
	stdout, err := sleep.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sleep.Wait(); err == nil {
		t.Error("a command outlived the lab")
	}
	for _, dir := range []string{netnsDir, netnsEtcDir} {
		for _, ns := range []string{l.bridge, l.Hosts[0].ns, l.Hosts[1].ns} {
			if _, err := os.Stat(filepath.Join(dir, ns)); err == nil {
				t.Errorf("%s/%s is left", dir, ns)
			}
		}
	}
}

func TestNewRemovesLeftovers(t *testing.T) {
	Require(t, 1)
	const stale = prefix + "4194305-1-h1" // above the highest process id Linux has
	if err := run("", "ip", "netns", "add", stale); err != nil {
		t.Fatal(err)
	}
	Require(t, 1)
	if _, err := os.Stat(filepath.Join(netnsDir, stale)); err == nil {
		t.Error("a dead process's namespace is left")
	}
}

func TestOwner(t *testing.T) {
	for _, tt := range []struct {
		ns  string
		pid int
		ok  bool
	}{
		{prefix + "12-1-h1", 12, true},
		{namespace(3, "bridge"), os.Getpid(), true},
		{prefix + "x-1-h1", 0, false},
		{prefix + "12", 12, false},
		{"other-12-1-h1", 0, false},
	} {
		if pid, ok := owner(tt.ns); ok != tt.ok || ok && pid != tt.pid {
			t.Errorf("owner(%q) = %d, %v, want %d, %v", tt.ns, pid, ok, tt.pid, tt.ok)
		}
	}
}
