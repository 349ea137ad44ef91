//go:build unix

package pgmnet

import (
	"errors"
	"syscall"
)

// mayPass reports whether an error of a socket is like the loss of a packet:
// no reason to give up, and repaired in the same way.
func mayPass(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.EPERM, syscall.EACCES, // a packet filter
		syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTUNREACH, syscall.EHOSTDOWN,
		syscall.ECONNREFUSED:
		return true
	}
	return false
}

// lacks reports whether an error means that the system does not know an option.
func lacks(errno syscall.Errno) bool {
	return errno == syscall.ENOPROTOOPT || errno == syscall.EOPNOTSUPP
}
