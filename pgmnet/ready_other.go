//go:build unix && !linux

package pgmnet

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// pollAll waits until one of fds is ready, but no longer than d, rounded up to a
// millisecond.
func pollAll(fds []pollFD, d time.Duration) error {
	_, err := unix.Poll(fds, milliseconds(d))
	if err == unix.EINTR {
		for i := range fds {
			fds[i].Revents = 0
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("pgmnet: poll: %w", err)
	}
	return nil
}
