package pgmnet

import "syscall"

// RawConn returns the descriptor as code wants it that is written for those of
// package net: to set an option of the socket, or to wait for it. Read and Write
// call f until it reports true, and wait in between until the descriptor is ready;
// they do so in the caller's goroutine, without a deadline. The rules of
// [Source.FDs] hold: f is not to take packets off the socket, or to close it.
func (fd FD) RawConn() syscall.RawConn { return rawConn{fd.FD} }

type rawConn struct{ fd uintptr }

func (c rawConn) Control(f func(fd uintptr)) error {
	f(c.fd)
	return nil
}

func (c rawConn) Read(f func(fd uintptr) (done bool)) error {
	return c.wait(FD{FD: c.fd, Read: true}, f)
}

func (c rawConn) Write(f func(fd uintptr) (done bool)) error {
	return c.wait(FD{FD: c.fd, Write: true}, f)
}

func (c rawConn) wait(fd FD, f func(fd uintptr) (done bool)) error {
	var p Poller
	for fds := []FD{fd}; !f(c.fd); {
		if _, err := p.Wait(fds, maxSleep); err != nil {
			return err
		}
	}
	return nil
}
