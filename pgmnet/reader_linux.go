package pgmnet

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/wire"
)

const (
	// batchSize is how many datagrams one recvmmsg takes at most.
	batchSize = 16

	// runBatch is the same when they are runs of packets: as many as stay in the
	// processor's second cache until they are handled.
	runBatch = 4
)

// A reader has the memory that datagrams are received into.
type reader struct {
	heads     [batchSize]unix.Mmsghdr
	names     [batchSize]sockaddr
	controls  [batchSize]groControl
	stamped   *[batchSize][32]uint64 // in place of controls where datagrams bear time stamps
	iovs      [batchSize]unix.Iovec
	datagrams [batchSize]datagram
	memory    []byte

	gro, batch bool // UDP_GRO, recvmmsg
	backlog    bool // there may be more to read than was read
	streak     int  // reads in a row that found something
	runs       bool // the last datagram was one: the next will be
	header     bool // datagrams begin with that of IPv4

	reads, batches, truncated, malformed, errors uint64
}

// groControl is the control message with which UDP_GRO tells the packet size.
type groControl struct {
	head unix.Cmsghdr
	size int32
}

func (r *reader) init(mode IO, gro, stamped bool) {
	if stamped {
		r.stamped = new([batchSize][32]uint64)
	}
	r.gro, r.batch = gro, mode != Single
	r.memory = make([]byte, batchSize*maxDatagram)
	for i := range r.heads {
		r.iovs[i].Base = &r.memory[i*maxDatagram]
		r.iovs[i].SetLen(maxDatagram)
		h := &r.heads[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&r.names[i].raw))
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&r.controls[i]))
		if stamped {
			h.Control = (*byte)(unsafe.Pointer(&r.stamped[i]))
		}
		r.reset(i)
	}
}

// reset prepares message i for the next call: the kernel overwrites the
// lengths.
func (r *reader) reset(i int) {
	h := &r.heads[i].Hdr
	h.Namelen = uint32(unsafe.Sizeof(r.names[i].raw))
	h.SetControllen(int(unsafe.Sizeof(r.controls[i])))
	if r.stamped != nil {
		h.SetControllen(int(unsafe.Sizeof(r.stamped[i])))
	}
	h.Flags = 0
}

// read takes what has arrived at a socket. When it was found empty not long ago,
// it tries one datagram, for the lowest latency; it is when there is more that
// a batch pays.
func (r *reader) read(in *input) ([]datagram, error) {
	r.reads++
	if r.streak < 2 || !r.batch {
		return r.readOne(in)
	}
	most := batchSize
	if r.runs {
		most = runBatch
	}
	n, errno := recvmmsg(in.fd, r.heads[:most])
	if errno != 0 {
		return nil, r.failed(errno)
	}
	r.backlog = n == most
	r.streak++
	for i := range n {
		r.take(i, in)
	}
	r.batches += uint64(n)
	return r.datagrams[:n], nil
}

// readOne takes one datagram. Recvfrom, the quickest call there is, tells nothing
// of the packets that UDP_GRO joined, but the first of them does: they are all of
// its length.
func (r *reader) readOne(in *input) ([]datagram, error) {
	if r.stamped != nil {
		return r.readStamped(in)
	}
	name := &r.names[0]
	name.len = uint32(unsafe.Sizeof(name.raw))
	b := r.memory[:maxDatagram]
	size, errno := recvfrom(in.fd, b, name)
	if errno != 0 {
		return nil, r.failed(errno)
	}
	r.backlog = true
	r.streak++
	r.batches++
	d := &r.datagrams[0]
	*d = datagram{data: b[:size:size], segment: size, from: name.addr(), group: in.group, passed: in.passed}
	if n, ok := wire.PacketLen(d.data); ok && r.gro {
		d.segment = n
	}
	r.runs = d.segment < size
	if r.header {
		r.unwrap(d)
	}
	return r.datagrams[:1], nil
}

// readStamped is readOne for a datagram with a time stamp, which recvfrom does not
// tell.
func (r *reader) readStamped(in *input) ([]datagram, error) {
	n, errno := recvmsg(in.fd, &r.heads[0].Hdr)
	if errno != 0 {
		return nil, r.failed(errno)
	}
	r.heads[0].Len = uint32(n)
	r.backlog = true
	r.streak++
	r.batches++
	r.take(0, in)
	return r.datagrams[:1], nil
}

// failed says what to make of an error of a read.
func (r *reader) failed(errno syscall.Errno) error {
	// Only EAGAIN tells that nothing is left.
	r.backlog, r.streak = errno != unix.EAGAIN, 0
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno == unix.ENOSYS && r.batch:
		r.batch = false
		return nil
	case mayPass(errno):
		r.errors++
		return nil
	}
	return fmt.Errorf("pgmnet: receive: %w", errno)
}

// take makes message i, as the kernel filled it, a datagram.
func (r *reader) take(i int, in *input) {
	h := &r.heads[i].Hdr
	size := int(r.heads[i].Len)
	d := &r.datagrams[i]
	d.data = r.memory[i*maxDatagram:][:size:size]
	d.segment = size
	d.from = r.names[i].addr()
	d.group, d.passed = in.group, in.passed
	c := &r.controls[i]
	if r.stamped != nil {
		r.takeControl(d, unsafe.Slice(h.Control, h.Controllen))
	} else if uintptr(h.Controllen) >= unsafe.Offsetof(c.size)+unsafe.Sizeof(c.size) &&
		c.head.Level == unix.IPPROTO_UDP && c.head.Type == unix.UDP_GRO && c.size > 0 {
		d.segment = int(c.size)
	}
	r.runs = d.segment < size
	if h.Flags&unix.MSG_TRUNC != 0 {
		r.truncated++
	}
	if r.header {
		r.unwrap(d)
	}
	r.reset(i)
}

// takeControl takes the segment size and the time stamp of d from its control
// messages.
func (r *reader) takeControl(d *datagram, control []byte) {
	d.arrived, d.hardware = 0, false
	for len(control) > 0 {
		level, kind, data := nextControl(&control)
		switch {
		case level == unix.IPPROTO_UDP && kind == unix.UDP_GRO && len(data) >= 4:
			if n := *(*int32)(unsafe.Pointer(&data[0])); n > 0 {
				d.segment = int(n)
			}
		case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPING_NEW:
			d.arrived, d.hardware = stampOf(data)
		}
	}
}

func recvmsg(fd int, h *unix.Msghdr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(h)), unix.MSG_DONTWAIT)
	return int(n), errno
}

func recvfrom(fd int, b []byte, from *sockaddr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from.raw)), uintptr(unsafe.Pointer(&from.len)))
	return int(n), errno
}

func recvmmsg(fd int, hs []unix.Mmsghdr) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&hs[0])), uintptr(len(hs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
