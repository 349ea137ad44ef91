package pgmnet

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fds appends the sockets that are read, and that which is written if it is
// ever waited for.
func (c *native) fds(dst []FD, full bool) []FD {
	written := false
	for _, in := range c.in {
		own := in.fd == c.out.fd
		written = written || own
		dst = append(dst, FD{FD: uintptr(in.fd), Read: true, Write: own && full})
	}
	waited := c.polls[len(c.in)].Fd // the one that would be full
	if !written && c.apart {
		dst = append(dst, FD{FD: uintptr(c.out.fd), Write: full && waited == int32(c.out.fd)})
	}
	if c.alert != nil {
		dst = append(dst, FD{FD: uintptr(c.alert.fd), Write: full && waited == int32(c.alert.fd)})
	}
	return dst
}

// pollAll waits until one of fds is ready, but no longer than d.
func pollAll(fds []pollFD, d time.Duration) error {
	if _, errno := ppoll(fds, d); errno != 0 {
		return fmt.Errorf("pgmnet: ppoll: %w", errno)
	}
	return nil
}

// ppoll waits until one of fds is ready, but no longer than d, and reports how
// many are. A signal may end it early.
func ppoll(fds []pollFD, d time.Duration) (n int, errno syscall.Errno) {
	if d > 0 && d < 10*time.Millisecond {
		// A protocol timer. By default Linux lets a thread sleep 50 µs longer
		// than asked; the setting is the thread's own, so it is made each time.
		syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, 1, 0)
	}
	ts := unix.NsecToTimespec(int64(d))
	r, _, errno := syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)),
		uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno == unix.EINTR {
		for i := range fds {
			fds[i].Revents = 0
		}
		return 0, 0
	}
	return int(r), errno
}
