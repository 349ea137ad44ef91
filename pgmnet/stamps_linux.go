package pgmnet

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A stamper asks for the stamps of writes and reads them from the error queue of
// the socket. Each write that is to have one bears control messages that say so,
// and the number of the write: SPMs, NCFs and repairs cost nothing, and a write
// that fails takes no number.
//
// Linux before 6.13 does not take our number but counts the writes itself. Before
// 6.9 it may have counted those that failed. So after such a failure no stamps
// are asked for until none is under way, and then the count begins anew.
type stamper struct {
	fd      int
	stamps  *stamps
	counts  bool   // the kernel numbers the writes
	base    uint32 // the number of the write that the kernel calls 0
	unsure  bool   // what the kernel calls the next one is not known
	since   time.Time
	batch   [32]unix.Mmsghdr
	control [32][32]uint64
}

const (
	stampOptions = unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE | unix.SOF_TIMESTAMPING_OPT_TSONLY
	stampWrites  = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_TX_HARDWARE
	stampReads   = unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_RX_HARDWARE |
		unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE

	msgProbe = 0x10 // MSG_PROBE

	// A number whose stamp is not there after this long is not under way any more.
	stampLost = 100 * time.Millisecond
)

// setStamping asks for stamps that are the same on 32 and 64 bits.
func setStamping(fd, flags int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, flags)
}

// A writeControl is the control messages of one write.
type writeControl struct {
	segment segmentControl
	request numberControl // SO_TIMESTAMPING
	number  numberControl // SCM_TS_OPT_ID
}

type numberControl struct {
	head  unix.Cmsghdr
	value uint32
}

// newStamper returns a stamper for a socket, or nil if the system has no stamps.
// If it is not connected, an address is needed to find out what the kernel can.
func newStamper(fd int, s *stamps, to *sockaddr) *stamper {
	st := &stamper{fd: fd, stamps: s}
	if setStamping(fd, stampOptions|unix.SOF_TIMESTAMPING_OPT_ID) != nil {
		return nil
	}
	for i := range st.batch {
		st.batch[i].Hdr.Control = (*byte)(unsafe.Pointer(&st.control[i]))
	}
	// A probe that sends nothing: it ends after the control messages were read.
	var c writeControl
	st.fill(&c)
	var h unix.Msghdr
	h.Name, h.Namelen = to.pointer(), to.len
	h.Control = (*byte)(unsafe.Pointer(&c.request))
	h.SetControllen(int(unsafe.Sizeof(c.request) + unsafe.Sizeof(c.number)))
	_, _, errno := syscall.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&h)), unix.MSG_CONFIRM|msgProbe|unix.MSG_DONTWAIT)
	st.counts = errno != 0
	return st
}

// fill sets what is the same in the control messages of every write.
func (st *stamper) fill(c *writeControl) {
	c.segment.head.Level, c.segment.head.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	c.segment.head.SetLen(unix.CmsgLen(int(unsafe.Sizeof(c.segment.size))))
	c.request.head.Level, c.request.head.Type = unix.SOL_SOCKET, unix.SO_TIMESTAMPING
	c.request.head.SetLen(unix.CmsgLen(4))
	c.request.value = stampWrites
	c.number.head.Level, c.number.head.Type = unix.SOL_SOCKET, unix.SCM_TS_OPT_ID
	c.number.head.SetLen(unix.CmsgLen(4))
}

// ready reports whether stamps can be asked for now.
func (st *stamper) ready() bool {
	if !st.unsure {
		return true
	}
	if st.stamps.waiting() > 0 && time.Since(st.since) < stampLost {
		return false
	}
	st.stamps.skip()
	if setStamping(st.fd, stampOptions) != nil || setStamping(st.fd, stampOptions|unix.SOF_TIMESTAMPING_OPT_ID) != nil {
		return false
	}
	st.base, st.unsure = st.stamps.next, false
	return true
}

// attach puts on h the control messages of the i-th write to come.
func (st *stamper) attach(h *unix.Msghdr, c *writeControl, i int, segment int) {
	from, size := unsafe.Pointer(&c.request), unsafe.Sizeof(c.request)
	if segment > 0 {
		c.segment.size = uint16(segment)
		from, size = unsafe.Pointer(c), size+unsafe.Sizeof(c.segment)
	}
	if !st.counts {
		c.number.value = st.stamps.next + uint32(i)
		size += unsafe.Sizeof(c.number)
	}
	h.Control = (*byte)(from)
	h.SetControllen(int(size))
}

// failed takes in that a write that was to have a stamp failed.
func (st *stamper) failed() {
	if st.counts && !st.unsure {
		st.unsure, st.since = true, time.Now()
	}
}

// read takes what is in the error queue, a bounded number of stamps.
func (st *stamper) read() error {
	for range maxReads {
		for i := range st.batch {
			h := &st.batch[i].Hdr
			h.SetControllen(int(unsafe.Sizeof(st.control[i])))
			h.Flags = 0
		}
		n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(st.fd), uintptr(unsafe.Pointer(&st.batch[0])),
			uintptr(len(st.batch)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return nil
		case errno != 0:
			return fmt.Errorf("pgmnet: read time stamps: %w", errno)
		}
		for i := range int(n) {
			st.take(unsafe.Slice(st.batch[i].Hdr.Control, st.batch[i].Hdr.Controllen))
		}
		if int(n) < len(st.batch) {
			return nil
		}
	}
	return nil
}

// take takes in one entry of the error queue.
func (st *stamper) take(control []byte) {
	var at int64
	var hardware, named bool
	var id uint32
	for len(control) > 0 {
		level, kind, data := nextControl(&control)
		switch {
		case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPING_NEW:
			at, hardware = stampOf(data)
		case level == unix.SOL_IP && kind == unix.IP_RECVERR, level == unix.SOL_IPV6 && kind == unix.IPV6_RECVERR:
			if len(data) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
				break
			}
			e := (*unix.SockExtendedErr)(unsafe.Pointer(&data[0]))
			named = e.Origin == unix.SO_EE_ORIGIN_TIMESTAMPING && e.Info == unix.SCM_TSTAMP_SND
			id = e.Data
		}
	}
	if !named || at == 0 {
		return
	}
	if st.counts {
		if st.unsure && id >= st.stamps.next-st.base {
			return
		}
		id += st.base
	}
	st.stamps.came(id, at, hardware)
}

// nextControl takes the first control message off b. It makes b empty if there
// is none.
func nextControl(b *[]byte) (level, kind int32, data []byte) {
	const head = unix.SizeofCmsghdr
	if len(*b) < head {
		*b = nil
		return -1, -1, nil
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&(*b)[0]))
	size := int(h.Len)
	if size < head || size > len(*b) {
		*b = nil
		return -1, -1, nil
	}
	data = (*b)[head:size]
	*b = (*b)[min(unix.CmsgSpace(size-head), len(*b)):]
	return h.Level, h.Type, data
}

// stampOf reads a stamp, of 64 bits whatever the system: the network card's if
// there is one, or else the kernel's, in nanoseconds of Unix time; 0 if neither.
func stampOf(data []byte) (at int64, hardware bool) {
	if len(data) < 48 {
		return 0, false
	}
	ts := (*[6]int64)(unsafe.Pointer(&data[0]))
	if at = ts[4]*1e9 + ts[5]; at != 0 {
		return at, true
	}
	return ts[0]*1e9 + ts[1], false
}
