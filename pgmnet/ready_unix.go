//go:build unix

package pgmnet

import "golang.org/x/sys/unix"

// pollFD is the system's form of an FD.
type pollFD = unix.PollFd

// poll returns the system's form.
func (f *FD) poll() pollFD {
	p := pollFD{Fd: int32(f.FD)}
	if f.Read {
		p.Events |= unix.POLLIN
	}
	if f.Write {
		p.Events |= unix.POLLOUT
	}
	return p
}

func isReady(p *pollFD) bool { return p.Revents != 0 }
