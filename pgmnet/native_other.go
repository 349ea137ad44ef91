//go:build !linux

package pgmnet

import (
	"errors"
	"fmt"
	"runtime"
)

// openNative reports that there is none for this system.
func openNative(s *sockets, mode IO) (carrier, error) {
	if s.raw {
		return nil, errNoRaw(mode)
	}
	return nil, fmt.Errorf("pgmnet: I/O mode %v on %s: %w", mode, runtime.GOOS, errors.ErrUnsupported)
}

// onlyJoined has nothing to do: a socket receives only the groups it joined.
func onlyJoined(fd uintptr, v6 bool) error { return nil }

// bufferUnit is what the system multiplies the size of a socket buffer by.
const bufferUnit = 1

// Where the limits of the socket buffers are set.
const (
	readBufferLimit  = "kern.ipc.maxsockbuf"
	writeBufferLimit = "kern.ipc.maxsockbuf"
)
