package pgmnet

import (
	"time"

	"golang.org/x/sys/unix"
)

// settleArrivals waits until the kernel stamps what arrives: it begins to a moment
// after the first socket of the system has asked for it, and else the first
// packets would have no stamps. A socket that sends to itself over the loopback
// interface tells; where there is none, nothing is waited for.
func settleArrivals() {
	const patience = 200 * time.Millisecond
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if setStamping(fd, stampReads) != nil || unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) != nil {
		return
	}
	self, err := unix.Getsockname(fd)
	if err != nil || unix.Connect(fd, self) != nil {
		return
	}
	var data [1]byte
	var control [256]byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		if _, err := unix.Write(fd, data[:]); err != nil {
			return
		}
		_, n, _, _, err := unix.Recvmsg(fd, data[:], control[:], 0)
		if err == nil && hasStamp(control[:n]) {
			return
		}
	}
}

// hasStamp reports whether there is a time stamp among control messages.
func hasStamp(control []byte) bool {
	for len(control) > 0 {
		if level, kind, data := nextControl(&control); level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPING_NEW {
			if at, _ := stampOf(data); at != 0 {
				return true
			}
		}
	}
	return false
}
