package pgmnet

import (
	"time"

	"golang.org/x/sys/windows"
)

// poll returns the system's form.
func (f *FD) poll() pollFD {
	p := pollFD{fd: windows.Handle(f.FD)}
	if f.Read {
		p.events |= pollIn
	}
	if f.Write {
		p.events |= pollOut
	}
	return p
}

func isReady(p *pollFD) bool { return p.revents != 0 }

// pollAll waits until one of fds is ready, but no longer than d, rounded up to a
// millisecond.
func pollAll(fds []pollFD, d time.Duration) error {
	if len(fds) == 0 {
		time.Sleep(d)
		return nil
	}
	_, err := wsaPoll(fds, d)
	return err
}
