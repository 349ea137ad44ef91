//go:build unix

package pgmnet

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A waker is a pipe, of which one end is polled.
type waker struct {
	pipe   [2]int
	opened bool
}

func (w *waker) open() error {
	if w.opened {
		return nil
	}
	if err := unix.Pipe(w.pipe[:]); err != nil {
		return fmt.Errorf("pgmnet: pipe: %w", err)
	}
	w.opened = true
	for _, fd := range w.pipe {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			w.close()
			return fmt.Errorf("pgmnet: pipe: %w", err)
		}
	}
	return nil
}

// wake writes to the pipe. Should it be full, that wakes as well.
func (w *waker) wake() {
	if w.opened {
		unix.Write(w.pipe[1], []byte{0})
	}
}

func (w *waker) drain() {
	var b [64]byte
	unix.Read(w.pipe[0], b[:])
}

func (w *waker) close() {
	if w.opened {
		unix.Close(w.pipe[0])
		unix.Close(w.pipe[1])
		w.opened = false
	}
}

func (w *waker) fd() (pollFD, bool) {
	return pollFD{Fd: int32(w.pipe[0]), Events: unix.POLLIN}, w.opened
}
