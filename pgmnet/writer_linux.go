package pgmnet

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/pgm"
)

// A writer writes runs of packets to a socket.
type writer struct {
	fd    int
	port  uint16
	index int // of the interface
	mode  IO  // GSO, Mmsg or Single: the best that works
	raw   bool

	peer    netip.Addr // what the socket is connected to, if it is
	to      netip.Addr // the destination that name is
	name    sockaddr   // empty for peer
	control segmentControl
	head    unix.Msghdr
	heads   [pgm.MaxRunPackets]unix.Mmsghdr
	iovs    []unix.Iovec

	stamper  *stamper // nil without stamps
	controls []writeControl

	// The system calls for runs. Tests replace them.
	sendmsg  func(fd int, h *unix.Msghdr) syscall.Errno
	sendmmsg func(fd int, hs []unix.Mmsghdr) (int, syscall.Errno)

	writes, sent, full uint64
}

// segmentControl is the control message with which UDP_SEGMENT is told the
// packet size.
type segmentControl struct {
	head unix.Cmsghdr
	size uint16
}

func (w *writer) init(fd int, s *sockets) {
	w.fd, w.port, w.index, w.raw = fd, s.port, s.iface.Index, s.raw
	w.sendmsg, w.sendmmsg = sendmsg, sendmmsg
	w.control.head.Level = unix.IPPROTO_UDP
	w.control.head.Type = unix.UDP_SEGMENT
	w.control.head.SetLen(unix.CmsgLen(int(unsafe.Sizeof(w.control.size))))
}

// send writes a run by the best method that works.
func (w *writer) send(tx *pgm.Transmit) (int, error) {
	to := tx.To
	if !to.IsValid() {
		to = tx.Group
	}
	if to != w.to {
		w.to = to
		w.name.set(to, w.port, w.index)
		if to == w.peer {
			w.name.len = 0
		}
		w.head.Name, w.head.Namelen = w.name.pointer(), w.name.len
	}
	n, errno := w.write(tx, w.stamper != nil && tx.Original > 0 && w.stamper.ready())
	if errno != 0 && errno != unix.EAGAIN && !mayPass(errno) {
		// An ICMP message, which anybody can forge, makes the next call fail, and
		// no other.
		n, errno = w.write(tx, w.stamper != nil && tx.Original > 0 && w.stamper.ready())
	}
	w.sent += uint64(n)
	switch {
	case n > 0 || errno == 0:
		return n, nil
	case errno == unix.EAGAIN, errno == unix.ENOBUFS && w.raw: // the latter of a raw socket
		w.full++
		return 0, errFull
	}
	return 0, fmt.Errorf("pgmnet: send to %v: %w", to, errno)
}

// stampWith makes the writer's writes of new data bear time stamps.
func (w *writer) stampWith(s *sockets) {
	var to sockaddr
	if !w.peer.IsValid() {
		to.set(s.local.Addr(), w.port, w.index) // any will do
	}
	if w.stamper = newStamper(w.fd, s.stamps, &to); w.stamper == nil {
		return
	}
	w.controls = make([]writeControl, pgm.MaxRunPackets)
	for i := range w.controls {
		w.stamper.fill(&w.controls[i])
	}
}

// write writes a run, or the first part of it; with stamped, each write that
// succeeds gets a time stamp.
func (w *writer) write(tx *pgm.Transmit, stamped bool) (int, syscall.Errno) {
	if tx.Packets == 1 {
		return w.writeOne(tx, stamped)
	}
	if w.mode == GSO && tx.Packets <= pgm.MaxRunPackets && tx.Bytes <= pgm.MaxRunBytes {
		switch errno := w.writeRun(tx, stamped); errno {
		case 0:
			return tx.Packets, 0
		case unix.EMSGSIZE: // too large for the interface: only in this call
		case unix.EINVAL, unix.EIO:
			w.mode = Mmsg
		default:
			return 0, errno
		}
	}
	packets := w.cut(tx)
	if stamped {
		for i := range min(len(packets), tx.Original) {
			w.stamper.attach(&packets[i].Hdr, &w.controls[i], i, 0)
		}
		defer w.detach(packets)
	}
	n, errno := w.writeEach(packets)
	if stamped {
		for i := range min(n, tx.Original) {
			w.stamper.stamps.wrote(tx.First.Add(i), 1)
		}
		if n < min(len(packets), tx.Original) {
			w.stamper.failed()
		}
	}
	return n, errno
}

// writeEach writes packets, or the first of them, one by one for the kernel.
func (w *writer) writeEach(packets []unix.Mmsghdr) (int, syscall.Errno) {
	if w.mode != Single {
		w.writes++
		n, errno := w.sendmmsg(w.fd, packets)
		if errno != unix.ENOSYS {
			return n, errno
		}
		w.mode = Single
	}
	for i := range packets {
		w.writes++
		if errno := w.sendmsg(w.fd, &packets[i].Hdr); errno != 0 {
			return i, errno
		}
	}
	return len(packets), 0
}

// detach removes the control messages that asked for stamps.
func (w *writer) detach(packets []unix.Mmsghdr) {
	for i := range packets {
		packets[i].Hdr.Control = nil
		packets[i].Hdr.SetControllen(0)
	}
}

// wrote takes in what came of one write of a run that was to have a stamp.
func (w *writer) wrote(tx *pgm.Transmit, errno syscall.Errno) {
	if errno != 0 {
		w.stamper.failed()
		return
	}
	w.stamper.stamps.wrote(tx.First, tx.Original)
}

// writeOne writes a single packet.
func (w *writer) writeOne(tx *pgm.Transmit, stamped bool) (int, syscall.Errno) {
	var errno syscall.Errno
	w.writes++
	if stamped {
		w.gather(tx)
		w.stamper.attach(&w.head, &w.controls[0], 0, 0)
		errno = w.sendmsg(w.fd, &w.head)
		w.wrote(tx, errno)
	} else if len(tx.Data) == 1 {
		errno = sendto(w.fd, tx.Data[0], &w.name)
	} else {
		w.gather(tx)
		w.head.Control = nil
		w.head.SetControllen(0)
		errno = w.sendmsg(w.fd, &w.head)
	}
	if errno != 0 {
		return 0, errno
	}
	return 1, 0
}

// writeRun writes a run as one, for the kernel or the network card to cut.
func (w *writer) writeRun(tx *pgm.Transmit, stamped bool) syscall.Errno {
	w.gather(tx)
	if stamped {
		w.stamper.attach(&w.head, &w.controls[0], 0, tx.Segment)
		w.writes++
		errno := w.sendmsg(w.fd, &w.head)
		w.wrote(tx, errno)
		return errno
	}
	w.control.size = uint16(tx.Segment)
	w.head.Control = (*byte)(unsafe.Pointer(&w.control))
	w.head.SetControllen(int(unsafe.Sizeof(w.control)))
	w.writes++
	return w.sendmsg(w.fd, &w.head)
}

// gather makes head hold the whole run.
func (w *writer) gather(tx *pgm.Transmit) {
	w.iovs = w.iovs[:0]
	for _, b := range tx.Data {
		w.iovs = appendIovec(w.iovs, b)
	}
	w.head.Iov = &w.iovs[0]
	w.head.SetIovlen(len(w.iovs))
}

// cut makes heads hold the packets of the run, or as many as fit, and returns
// those. A packet may lie across two slices.
func (w *writer) cut(tx *pgm.Transmit) []unix.Mmsghdr {
	packets := w.heads[:min(tx.Packets, pgm.MaxRunPackets)]
	// Not to move while it is pointed into: at most one for each slice, and
	// one more for each packet.
	if need := len(tx.Data) + len(packets); cap(w.iovs) < need {
		w.iovs = make([]unix.Iovec, 0, 2*need)
	}
	w.iovs = w.iovs[:0]
	slice, rest := 0, tx.Data[0]
	for i := range packets {
		first := len(w.iovs)
		for want := tx.Segment; want > 0; {
			if len(rest) == 0 {
				if slice++; slice == len(tx.Data) {
					break // the last packet is smaller
				}
				rest = tx.Data[slice]
				continue
			}
			n := min(want, len(rest))
			w.iovs = appendIovec(w.iovs, rest[:n])
			rest, want = rest[n:], want-n
		}
		h := &packets[i].Hdr
		h.Name, h.Namelen = w.head.Name, w.head.Namelen
		h.Iov = &w.iovs[first]
		h.SetIovlen(len(w.iovs) - first)
	}
	return packets
}

func appendIovec(iovs []unix.Iovec, b []byte) []unix.Iovec {
	if len(b) == 0 {
		return iovs
	}
	iovs = append(iovs, unix.Iovec{Base: &b[0]})
	iovs[len(iovs)-1].SetLen(len(b))
	return iovs
}

// sendto is for the lowest latency: the scheduler is not told of the call.
func sendto(fd int, b []byte, to *sockaddr) syscall.Errno {
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(to.pointer())), uintptr(to.len))
		if errno != unix.EINTR {
			return errno
		}
	}
}

func sendmsg(fd int, h *unix.Msghdr) syscall.Errno {
	for {
		_, _, errno := syscall.Syscall6(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(h)), unix.MSG_DONTWAIT, 0, 0, 0)
		if errno != unix.EINTR {
			return errno
		}
	}
}

func sendmmsg(fd int, hs []unix.Mmsghdr) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&hs[0])), uintptr(len(hs)), unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}
