package pgmnet

import (
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A poller waits for several sockets at once, in the caller's goroutine.
type poller struct{ fds []pollFD }

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
	return control(conn, func(fd uintptr) error {
		p.fds = append(p.fds, pollFD{fd: windows.Handle(fd), events: pollIn})
		return nil
	})
}

// poll waits until a socket can be read, or with room until the first can be
// written, but no longer than d, rounded up to a millisecond. It sets ready
// for those that can be read.
func (p *poller) poll(ready []bool, d time.Duration, room bool) error {
	if room {
		p.fds[0].events |= pollOut
	}
	n, err := wsaPoll(p.fds, d)
	if room {
		p.fds[0].events &^= pollOut
	}
	if err != nil {
		return err
	}
	for i := range p.fds {
		ready[i] = n > 0 && p.fds[i].revents&^pollOut != 0
	}
	return nil
}

// wsaPoll waits until one of fds is ready, but no longer than d, rounded up to a
// millisecond.
func wsaPoll(fds []pollFD, d time.Duration) (int, error) {
	if len(fds) == 0 { // which WSAPoll refuses
		time.Sleep(min(d, maxSleep))
		return 0, nil
	}
	ms := int32((min(d, maxSleep) + time.Millisecond - 1) / time.Millisecond)
	r, _, err := procWSAPoll.Call(uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(ms))
	if int32(r) < 0 {
		return 0, fmt.Errorf("pgmnet: WSAPoll: %w", err)
	}
	return int(int32(r)), nil
}

var procWSAPoll = windows.NewLazySystemDLL("ws2_32.dll").NewProc("WSAPoll")

// reusePort lets several programs share a port.
func reusePort(fd uintptr) error {
	return windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
}

// reuseAddr is the same here.
func reuseAddr(fd uintptr) error { return reusePort(fd) }

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

func (p *poller) fd(i int) uintptr { return uintptr(p.fds[i].fd) }
