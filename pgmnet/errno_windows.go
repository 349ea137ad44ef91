package pgmnet

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// mayPass reports whether an error of a socket is like the loss of a packet:
// no reason to give up, and repaired in the same way.
func mayPass(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case windows.WSAEACCES, windows.WSAENOBUFS,
		windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTUNREACH, windows.WSAEHOSTDOWN,
		windows.WSAECONNREFUSED, windows.WSAECONNRESET, windows.WSAENETRESET:
		return true
	}
	return false
}

// lacks reports whether an error means that the system does not know an option.
func lacks(errno syscall.Errno) bool {
	return errno == windows.WSAENOPROTOOPT || errno == windows.WSAEOPNOTSUPP
}
