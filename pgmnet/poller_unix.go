//go:build unix

package pgmnet

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A poller waits for several sockets at once, in the caller's goroutine.
type poller struct{ fds []unix.PollFd }

func (p *poller) add(conn *net.UDPConn) error {
	return control(conn, func(fd uintptr) error {
		p.fds = append(p.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		return nil
	})
}

// poll waits until a socket can be read, or with room until the first can be
// written, but no longer than d, rounded up to a millisecond. It sets ready
// for those that can be read.
func (p *poller) poll(ready []bool, d time.Duration, room bool) error {
	if room {
		p.fds[0].Events |= unix.POLLOUT
	}
	n, err := unix.Poll(p.fds, milliseconds(d))
	if room {
		p.fds[0].Events &^= unix.POLLOUT
	}
	if err != nil && err != unix.EINTR {
		return fmt.Errorf("pgmnet: poll: %w", err)
	}
	for i := range p.fds {
		ready[i] = n > 0 && p.fds[i].Revents&^unix.POLLOUT != 0
	}
	return nil
}

// milliseconds rounds a wait up to a millisecond.
func milliseconds(d time.Duration) int {
	return int((min(d, maxSleep) + time.Millisecond - 1) / time.Millisecond)
}

// reuseAddr lets the sockets of groups share a port.
func reuseAddr(fd uintptr) error {
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
}

// reusePort lets programs of several stacks share a port.
func reusePort(fd uintptr) error {
	if err := reuseAddr(fd); err != nil {
		return err
	}
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// grantedBuffer returns the size of a socket buffer.
func grantedBuffer(conn *net.UDPConn, send bool) int {
	option := unix.SO_RCVBUF
	if send {
		option = unix.SO_SNDBUF
	}
	size := 0
	control(conn, func(fd uintptr) (err error) {
		size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, option)
		return err
	})
	return size / bufferUnit
}

func (p *poller) fd(i int) uintptr { return uintptr(p.fds[i].Fd) }
