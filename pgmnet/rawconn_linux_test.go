package pgmnet

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/pgm"
)

// TestRawConn asks for an option, and waits for a packet and for room.
func TestRawConn(t *testing.T) {
	cfg := testConfig(t, Auto)
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	for _, fd := range append(r.FDs(nil), s.FDs(nil)...) {
		size := 0
		if err := fd.RawConn().Control(func(fd uintptr) {
			size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		}); err != nil || size == 0 {
			t.Errorf("descriptor %d: a buffer of %d bytes, %v", fd.FD, size, err)
		}
	}
	for { // the SPMs that came so far
		if _, ok, err := r.TryRecv(); err != nil {
			t.Fatal(err)
		} else if !ok && r.Due() > 0 {
			break
		}
	}
	sent := make(chan error, 1)
	start := time.Now()
	go func() {
		time.Sleep(20 * time.Millisecond)
		sent <- s.Send([]byte("x"))
	}()
	calls, size := 0, 0
	if err := r.FDs(nil)[0].RawConn().Read(func(fd uintptr) bool {
		calls++
		var err error
		size, _, err = unix.Recvfrom(int(fd), make([]byte, 2000), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return err == nil
	}); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 20*time.Millisecond || calls < 2 || calls > 5 || size == 0 {
		t.Errorf("%d bytes after %v in %d calls", size, d, calls)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	calls = 0
	fds := s.FDs(nil)
	if err := fds[len(fds)-1].RawConn().Write(func(uintptr) bool { calls++; return calls == 3 }); err != nil || calls != 3 {
		t.Errorf("waited for room %d times, %v", calls, err)
	}
}
