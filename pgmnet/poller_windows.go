package pgmnet

import (
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A poller waits for several sockets at once, in the caller's goroutine.
type poller struct {
	fds     []pollFD
	wsaPoll *windows.LazyProc
}

// pollFD is WSAPOLLFD.
type pollFD struct {
	fd      windows.Handle
	events  int16
	revents int16
}

const (
	pollIn  = 0x0300 // POLLIN
	pollOut = 0x0010 // POLLOUT
)

func (p *poller) add(conn *net.UDPConn) error {
	if p.wsaPoll == nil {
		p.wsaPoll = windows.NewLazySystemDLL("ws2_32.dll").NewProc("WSAPoll")
	}
	return control(conn, func(fd uintptr) error {
		p.fds = append(p.fds, pollFD{fd: windows.Handle(fd), events: pollIn})
		return nil
	})
}

// poll waits until a socket can be read, or with room until the first can be
// written, but no longer than d, rounded up to a millisecond. It sets ready
// for those that can be read.
func (p *poller) poll(ready []bool, d time.Duration, room bool) error {
	ms := int32((min(d, maxSleep) + time.Millisecond - 1) / time.Millisecond)
	if room {
		p.fds[0].events |= pollOut
	}
	r, _, err := p.wsaPoll.Call(uintptr(unsafe.Pointer(&p.fds[0])), uintptr(len(p.fds)), uintptr(ms))
	p.fds[0].events &^= pollOut
	n := int32(r)
	if n < 0 {
		return fmt.Errorf("pgmnet: WSAPoll: %w", err)
	}
	for i := range p.fds {
		ready[i] = n > 0 && p.fds[i].revents&^pollOut != 0
	}
	return nil
}

// reusePort lets several programs share a port.
func reusePort(fd uintptr) error {
	return windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
}

// grantedBuffer returns the size of a socket buffer.
func grantedBuffer(conn *net.UDPConn, send bool) int {
	option := windows.SO_RCVBUF
	if send {
		option = windows.SO_SNDBUF
	}
	size := 0
	control(conn, func(fd uintptr) (err error) {
		size, err = windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, option)
		return err
	})
	return size
}
