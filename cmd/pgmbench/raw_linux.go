package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// Raw UDP is the floor: the fewest and cheapest system calls that move a
// message, with nothing to tell what was lost. The socket buffers are those
// that pgmnet asks for by default; TestQuick compares.
const (
	rawPort        = pgmnet.DefaultPort
	rawReadBuffer  = 32 << 20
	rawWriteBuffer = 4 << 20

	// rawQuiet is the silence that ends a measurement.
	rawQuiet = 200 * time.Millisecond

	// What one call of UDP_SEGMENT can send.
	rawRunPackets = 64
	rawRunBytes   = 65000
)

// A rawSocket is a UDP socket that sends to a group or receives from one.
type rawSocket struct {
	fd  int
	err error
}

func (s *rawSocket) set(level, option, value int) {
	s.do("setsockopt", unix.SetsockoptInt(s.fd, level, option, value))
}

func (s *rawSocket) do(what string, err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("%s: %w", what, err)
	}
}

// timeout makes calls that block give up after d, so that nothing hangs.
func (s *rawSocket) timeout(d time.Duration) {
	tv := unix.NsecToTimeval(int64(d))
	s.do("SO_RCVTIMEO", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

func newRawSocket() *rawSocket {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	s := &rawSocket{fd: fd}
	s.do("socket", err)
	return s
}

// rawSender opens a socket that sends to the network's group.
func rawSender(n *pgmnet.Network) *rawSocket {
	s := newRawSocket()
	s.do("IP_MULTICAST_IF", unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF,
		&unix.IPMreqn{Ifindex: int32(n.Interface.Index)}))
	s.set(unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0)
	s.set(unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, rawWriteBuffer)
	s.do("connect", unix.Connect(s.fd, &unix.SockaddrInet4{Addr: n.Send.As4(), Port: rawPort}))
	return s
}

// rawReceiver opens a socket that receives what is sent to the network's group.
func rawReceiver(n *pgmnet.Network) *rawSocket {
	s := newRawSocket()
	group := n.Receive[0].As4()
	s.set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	s.set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, rawReadBuffer)
	s.do("bind", unix.Bind(s.fd, &unix.SockaddrInet4{Addr: group, Port: rawPort}))
	s.do("join", unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
		&unix.IPMreqn{Multiaddr: group, Ifindex: int32(n.Interface.Index)}))
	s.timeout(patience)
	return s
}

// send sends b, and recv receives into it; with poll they do not block. Poll
// is for a caller that spins: the Go scheduler is not told of the call.
func (s *rawSocket) send(b []byte, poll bool) error {
	_, errno := s.call(unix.SYS_SENDTO, b, poll)
	if errno != 0 {
		return fmt.Errorf("send: %w", errno)
	}
	return nil
}

func (s *rawSocket) recv(b []byte, poll bool) (int, error) {
	for spins, deadline := 0, (time.Time{}); ; spins++ {
		n, errno := s.call(unix.SYS_RECVFROM, b, poll)
		switch {
		case errno == 0:
			return n, nil
		case errno == unix.EINTR:
		case errno != unix.EAGAIN:
			return 0, fmt.Errorf("receive: %w", errno)
		case !poll:
			return 0, os.ErrDeadlineExceeded
		case spins%(1<<14) == 0:
			if deadline.IsZero() {
				deadline = time.Now().Add(patience)
			} else if time.Now().After(deadline) {
				return 0, os.ErrDeadlineExceeded
			}
		}
	}
}

func (s *rawSocket) call(trap uintptr, b []byte, poll bool) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if poll {
		n, _, errno = syscall.RawSyscall6(trap, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(trap, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	}
	return int(n), errno
}

// rawSend sends messages as fast as they go, many or one a call.
func rawSend(t *task, ready func()) (r result, err error) {
	n, err := pgmnet.ParseNetwork(t.Network)
	if err != nil {
		return r, err
	}
	s, run, pack := rawSender(&n), 1, max(t.Pack, 1)
	if t.Batch {
		run = min(rawRunPackets, rawRunBytes/(pack*t.Size))
		s.set(unix.IPPROTO_UDP, unix.UDP_SEGMENT, pack*t.Size)
	}
	if s.err != nil {
		return r, s.err
	}
	ready()
	buf := make([]byte, run*pack*t.Size)
	start := time.Now()
	for time.Since(start) < t.Duration {
		if err := s.send(buf, false); err != nil {
			return r, err
		}
		r.Messages += uint64(run * pack)
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// rawReceive counts messages until none come any more.
func rawReceive(t *task, ready func()) (r result, err error) {
	n, err := pgmnet.ParseNetwork(t.Network)
	if err != nil {
		return r, err
	}
	s := rawReceiver(&n)
	if t.Batch {
		s.set(unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	}
	if s.err != nil {
		return r, s.err
	}
	ready()
	buf := make([]byte, 64<<10)
	var first, last time.Time
	for {
		n, err := s.recv(buf, false)
		if errors.Is(err, os.ErrDeadlineExceeded) && !first.IsZero() {
			r.Seconds = last.Sub(first).Seconds()
			return r, nil
		}
		if err != nil {
			return r, err
		}
		last = time.Now()
		if first.IsZero() {
			first = last
			s.timeout(rawQuiet)
		}
		r.Messages += uint64(n / t.Size)
	}
}

// A rawOutlet is a socket that sends one message a call.
type rawOutlet struct {
	*rawSocket
	spin bool
}

func openRawOutlet(t *task, _ bool) (outlet, error) {
	n, err := pgmnet.ParseNetwork(t.Network)
	if err != nil {
		return nil, err
	}
	s := rawSender(&n)
	return rawOutlet{s, t.Spin}, s.err
}

func (o rawOutlet) queue(msg []byte) error     { return o.send(msg) }
func (o rawOutlet) send(msg []byte) error      { return o.rawSocket.send(msg, o.spin) }
func (o rawOutlet) Flush() error               { return nil }
func (o rawOutlet) close() error               { return unix.Close(o.fd) }
func (o rawOutlet) stats() *pgmnet.SourceStats { return nil }

// Poll does nothing for a time, awake or asleep.
func (o rawOutlet) Poll(d time.Duration) error {
	if !o.spin {
		ts := unix.NsecToTimespec(max(int64(d), 0))
		unix.Nanosleep(&ts, nil)
		return nil
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
	return nil
}

// A rawInlet is a socket that receives one message a call.
type rawInlet struct {
	*rawSocket
	spin bool
	buf  [maxSize]byte
	ev   pgm.Event
}

func openRawInlet(t *task) (inlet, error) {
	n, err := pgmnet.ParseNetwork(t.Network)
	if err != nil {
		return nil, err
	}
	s := rawReceiver(&n)
	return &rawInlet{rawSocket: s, spin: t.Spin, ev: pgm.Event{Kind: pgm.EventMessage}}, s.err
}

func (i *rawInlet) take() (*pgm.Event, error) {
	n, err := i.recv(i.buf[:], i.spin)
	i.ev.Data = i.buf[:n]
	return &i.ev, err
}

func (i *rawInlet) SetDeadline(at time.Time)     { i.timeout(time.Until(at)) }
func (i *rawInlet) Close() error                 { return unix.Close(i.fd) }
func (i *rawInlet) stats() *pgmnet.ReceiverStats { return nil }

// monotonic reads CLOCK_MONOTONIC.
func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano()), err
}
