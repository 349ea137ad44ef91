package pgmnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/internal/lab"
)

// TestWriterFallback has system calls fail and checks which one is used next,
// now and for the run after.
func TestWriterFallback(t *testing.T) {
	for _, tt := range []struct {
		desc  string
		mode  IO
		gso   syscall.Errno // what sendmsg of a run says
		mmsg  syscall.Errno
		calls string
		then  IO
	}{
		{"all works", GSO, 0, 0, "run", GSO},
		{"too large for the interface", GSO, unix.EMSGSIZE, 0, "run mmsg3", GSO},
		{"no GSO here", GSO, unix.EINVAL, 0, "run mmsg3", Mmsg},
		{"no checksum offload", GSO, unix.EIO, 0, "run mmsg3", Mmsg},
		{"nothing but sendmsg", GSO, unix.EINVAL, unix.ENOSYS, "run mmsg3 one one one", Single},
		{"no sendmmsg", Mmsg, 0, unix.ENOSYS, "mmsg3 one one one", Single},
		{"single", Single, 0, 0, "one one one", Single},
	} {
		w, calls := newTestWriter(tt.mode)
		w.sendmsg = func(_ int, h *unix.Msghdr) syscall.Errno {
			if h.Control != nil {
				*calls = append(*calls, "run")
				return tt.gso
			}
			*calls = append(*calls, "one")
			return 0
		}
		w.sendmmsg = func(_ int, hs []unix.Mmsghdr) (int, syscall.Errno) {
			*calls = append(*calls, fmt.Sprintf("mmsg%d", len(hs)))
			if tt.mmsg != 0 {
				return 0, tt.mmsg
			}
			return len(hs), 0
		}
		tx := newRun(testGroup(1), 100, random(250))
		if n, err := w.send(&tx); n != 3 || err != nil {
			t.Errorf("%s: send = %d, %v, want 3", tt.desc, n, err)
		}
		if got := strings.Join(*calls, " "); got != tt.calls || w.mode != tt.then {
			t.Errorf("%s: calls %q then %v, want %q then %v", tt.desc, got, w.mode, tt.calls, tt.then)
		}
	}
}

// TestWriterErrors checks what send makes of errors.
func TestWriterErrors(t *testing.T) {
	for _, tt := range []struct {
		desc    string
		mode    IO
		errnos  []syscall.Errno // of successive calls; then 0
		n       int
		full    bool
		mayPass bool
		fails   bool
	}{
		{"full", GSO, []syscall.Errno{unix.EAGAIN}, 0, true, false, true},
		{"full after two", Single, []syscall.Errno{0, 0, unix.EAGAIN}, 2, false, false, false},
		{"filtered", GSO, []syscall.Errno{unix.EPERM}, 0, false, true, true},
		{"no buffers", Single, []syscall.Errno{unix.ENOBUFS}, 0, false, true, true},
		{"no route", GSO, []syscall.Errno{unix.ENETUNREACH}, 0, false, true, true},
		{"ICMP said so", GSO, []syscall.Errno{unix.ENOPROTOOPT}, 3, false, false, false},
		{"closed", GSO, []syscall.Errno{unix.EBADF, unix.EBADF}, 0, false, false, true},
	} {
		w, _ := newTestWriter(tt.mode)
		calls := 0
		w.sendmsg = func(int, *unix.Msghdr) syscall.Errno {
			calls++
			if calls <= len(tt.errnos) {
				return tt.errnos[calls-1]
			}
			return 0
		}
		tx := newRun(testGroup(1), 100, random(300))
		n, err := w.send(&tx)
		if n != tt.n || (err != nil) != tt.fails || errors.Is(err, errFull) != tt.full || mayPass(err) != tt.mayPass {
			t.Errorf("%s: send = %d, %v", tt.desc, n, err)
		}
	}
}

func newTestWriter(mode IO) (*writer, *[]string) {
	w := &writer{}
	w.init(-1, &sockets{iface: Loopback().Interface, port: 7500})
	w.mode = mode
	return w, new([]string)
}

func TestSockaddr(t *testing.T) {
	for _, tt := range []struct {
		addr  string
		scope uint32
	}{
		{"192.0.2.1", 0},
		{"2001:db8::1", 0},
		{"fe80::1", 3},
		{"ff02::1", 3},
	} {
		var s sockaddr
		addr := netip.MustParseAddr(tt.addr)
		s.set(addr, 0x1234, 3)
		if got := s.addr(); got != addr || s.raw.Scope_id != tt.scope && addr.Is6() {
			t.Errorf("set(%v): addr %v, scope %d, want scope %d", addr, got, s.raw.Scope_id, tt.scope)
		}
		if got := binary.BigEndian.AppendUint16(nil, 0x1234); *(*[2]byte)(unsafe.Pointer(&s.raw.Port)) != [2]byte(got) {
			t.Errorf("set(%v): port %#x in memory", addr, s.raw.Port)
		}
	}
}

// TestReadBufferCapped opens a socket without the privilege to exceed the
// system's limit, and asks for more.
func TestReadBufferCapped(t *testing.T) {
	dropNetAdmin(t)
	var log bytes.Buffer
	s := loopback(t).with(testGroup(1))
	s.readBuffer = 1 << 29
	c, err := open(s, Auto, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	st := c.stats()
	if st.ReadBufferAsked != s.readBuffer || st.ReadBuffer >= s.readBuffer || st.ReadBuffer == 0 {
		t.Errorf("asked for %d, got %d", st.ReadBufferAsked, st.ReadBuffer)
	}
	if n := strings.Count(log.String(), "limit=net.core.rmem_max"); n != 1 {
		t.Errorf("%d warnings, want 1: %s", n, log.String())
	}
}

// dropNetAdmin takes CAP_NET_ADMIN from this thread for the test.
func dropNetAdmin(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&head, &caps[0]); err != nil {
		lab.Skip(t, fmt.Errorf("capget: %w", err))
	}
	less := caps
	less[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	if err := unix.Capset(&head, &less[0]); err != nil {
		lab.Skip(t, fmt.Errorf("capset: %w", err))
	}
	t.Cleanup(func() {
		if err := unix.Capset(&head, &caps[0]); err != nil {
			t.Errorf("capset: %v", err)
		}
	})
}
