package pgmnet

import (
	"net"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
)

// The methods in this file are for programs that wait in a loop of their own,
// for many Sources and Receivers at once and for other things. Such a loop
// watches the descriptors that FDs returns, and calls Poll(0) of a Source or
// TryRecv of a Receiver, until that has no event, when one of them is ready or
// when Due has passed.
//
// That is right for level-triggered and edge-triggered watching alike: such a
// call takes in all that has arrived, or else Due is 0 after it. With the latter,
// a descriptor whose Write changes must be registered anew, as with
// EPOLL_CTL_MOD, so that an edge that has passed is not waited for.

// An FD is a file descriptor to watch; on Windows it is a socket's handle.
type FD struct {
	FD    uintptr
	Read  bool // watch for something to read
	Write bool // watch for room to write: the socket had none
	Ready bool // Poller.Wait found it ready, or in error
}

// FDs appends to dst the descriptors to watch. They and their order are the same
// for as long as s is open; what Read and Write say holds until the next call of
// another method. Once s is closed there are none. The descriptors remain the
// property of s: they are only to be watched.
func (s *Source) FDs(dst []FD) []FD {
	if s.net == nil {
		return dst
	}
	return s.net.fds(dst, s.full)
}

// Due returns in what time Poll must be called though no descriptor is ready: 0
// means at once, and it is never more than an hour.
func (s *Source) Due() time.Duration {
	if s.net == nil || !s.net.drained() {
		return 0
	}
	due := mono.Never
	if !s.full { // else it is in the past, for the run that does not go out
		due = s.engine.NextTimeout(s.now)
	}
	return remaining(due, s.clock.now())
}

// Finish sends what waits without blocking and announces the end of the session;
// NAKs are answered as before, by Poll, until Close.
func (s *Source) Finish() error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	s.tick()
	s.engine.Close(s.now)
	return s.Poll(0)
}

// FDs appends to dst the descriptors to watch, as that of a Source does, except that
// there are others after Join and Leave: one for each group. That of a group that was
// left is closed, and one joined later may have its number: a loop that registers
// descriptors, as with epoll, registers all anew after either.
func (r *Receiver) FDs(dst []FD) []FD {
	if r.net == nil {
		return dst
	}
	return r.net.fds(dst, false)
}

// Due returns in what time TryRecv must be called though no descriptor is ready:
// 0 means at once, as when it returned an event last time, and it is never more
// than an hour.
func (r *Receiver) Due() time.Duration {
	if r.net == nil || r.pending || r.kept || r.delivered > 0 || r.at < len(r.batch) || !r.net.drained() {
		return 0
	}
	return remaining(r.engine.NextTimeout(), r.clock.now())
}

// TakeIn takes in what has arrived and runs timers without delivering anything:
// packets wait in the receive window, as far as pgm.ReceiverConfig.BufferBytes
// goes, until TryRecv or Recv is called. It is for when those are not called for
// a while; TakeInDue tells how long it may not be called itself.
func (r *Receiver) TakeIn() error {
	if r.net == nil {
		return net.ErrClosed
	}
	if r.pending {
		return nil // the event that Poll found lies where packets are read to
	}
	r.kept, r.delivered = true, 0
	for range maxReads {
		for r.handle() {
		}
		if _, err := r.settle(); err != nil {
			return err
		}
		if err := r.read(1); err != nil || len(r.batch) == 0 {
			return err
		}
	}
	for r.handle() {
	}
	_, err := r.settle()
	return err
}

// TakeInDue is Due for one who calls TakeIn.
func (r *Receiver) TakeInDue() time.Duration {
	if r.net == nil || r.pending {
		return maxSleep
	}
	if r.at < len(r.batch) || !r.net.drained() {
		return 0
	}
	return remaining(r.engine.NextTimeout(), r.clock.now())
}

// remaining returns how long it is from now to due, an hour at most.
func remaining(due, now mono.Time) time.Duration {
	return min(max(due.Sub(now), 0), maxSleep)
}

// A Poller waits for many descriptors with one system call, in the caller's
// goroutine. Its zero value is ready for use. It is not safe for concurrent use,
// except for Wake.
type Poller struct {
	fds  []pollFD
	wake waker
}

// Wakeable makes Wake work, until Close. The error wraps errors.ErrUnsupported
// where the system has no means, which is so on Windows.
func (p *Poller) Wakeable() error { return p.wake.open() }

// Wake ends the Wait that runs, or else the next one, at once. Any goroutine may
// call it, but not while Close runs or after it.
func (p *Poller) Wake() { p.wake.wake() }

// Close releases what Wakeable has opened.
func (p *Poller) Close() { p.wake.close() }

// Wait waits until one of fds is ready, but no longer than d, and sets Ready of
// each. It returns how many are; it may be none before d has passed. On Linux d
// is exact to some microseconds, elsewhere it is rounded up to a millisecond. It
// allocates nothing unless fds has grown.
func (p *Poller) Wait(fds []FD, d time.Duration) (n int, err error) {
	p.fds = p.fds[:0]
	for i := range fds {
		p.fds = append(p.fds, fds[i].poll())
	}
	if fd, ok := p.wake.fd(); ok {
		p.fds = append(p.fds, fd)
	}
	if err := pollAll(p.fds, min(max(d, 0), maxSleep)); err != nil {
		return 0, err
	}
	for i := range fds {
		fds[i].Ready = isReady(&p.fds[i])
		if fds[i].Ready {
			n++
		}
	}
	if len(p.fds) > len(fds) && isReady(&p.fds[len(fds)]) {
		p.wake.drain()
	}
	return n, nil
}
