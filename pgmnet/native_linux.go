package pgmnet

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// Where the limits of the socket buffers are set.
const (
	readBufferLimit  = "net.core.rmem_max"
	writeBufferLimit = "net.core.wmem_max"
)

// native is the carrier for Linux: non-blocking sockets and system calls made
// directly, on memory that is allocated once.
type native struct {
	out     writer
	alert   *writer // for packets with IP Router Alert; nil if there are none
	sib     sibling
	sockets *sockets
	buf     reader
	in      []input
	polls   []unix.PollFd // one for each of in, and one for out
	apart   bool          // out is a socket of its own that is waited for
	ready   uint32        // a bit for each of in that may have something to read
	waits   uint64

	stamps *stamps // if the system has none, to say so
	asked  struct{ read, granted, write int }
}

// An input is a socket to read from.
type input struct {
	fd     int
	group  netip.Addr
	passed bool // it is that of sibling
}

func openNative(s *sockets, mode IO) (carrier, error) {
	c := &native{}
	c.out.fd, c.sib.fd = -1, -1
	if err := c.open(s, mode); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *native) open(s *sockets, mode IO) error {
	c.sockets = s
	fd, err := openUnicast(s, s.local.Port())
	if err != nil {
		return err
	}
	c.out.init(fd, s)
	if s.raw && len(s.groups) > 0 {
		if err := refuseReads(fd); err != nil {
			return err
		}
	}
	for _, g := range s.groups {
		fd, err := openGroup(s, g)
		if err != nil {
			return err
		}
		c.in = append(c.in, input{fd: fd, group: g})
	}
	if len(s.groups) == 0 {
		c.in = append(c.in, input{fd: fd})
		if s.filtered() {
			s.filter.attach(fd, s.local.Addr().Is6())
		}
		if s.peer.IsValid() || s.apart {
			if fd, err = openOut(s); err != nil {
				return err
			}
			c.out.init(fd, s)
			c.apart = true
			if !s.raw {
				c.out.peer = s.peer
			}
			if s.stamps != nil {
				c.out.stampWith(s)
			}
		}
	}
	if c.out.stamper == nil {
		c.stamps = s.stamps
	}
	if s.raw && s.source != (wire.TSI{}) {
		if err := c.openAlert(s); err != nil {
			return err
		}
	}
	if s.source != (wire.TSI{}) && !s.raw && c.sib.open(s.source, s.port) {
		c.in = append(c.in, input{fd: c.sib.fd, passed: true})
	}
	offload := !s.raw && (mode == Auto || mode == GSO)
	gro := offload
	for _, in := range c.in {
		if s.arrivals {
			setStamping(in.fd, stampReads) // without, datagrams have no stamps
		}
		c.polls = append(c.polls, unix.PollFd{Fd: int32(in.fd), Events: unix.POLLIN})
		if gro && !in.passed && s.gro(in.fd) != nil {
			gro = false
		}
	}
	c.polls = append(c.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT})
	if s.arrivals {
		settleArrivals()
	}
	c.buf.init(mode, gro, s.arrivals)
	c.buf.header = s.raw && s.local.Addr().Is4()
	gso := offload && hasSegment(fd)
	c.out.mode = Mmsg
	if gso {
		c.out.mode = GSO
	} else if mode == Single {
		c.out.mode = Single
	}
	if c.alert != nil {
		c.alert.mode = c.out.mode
	}
	if mode == GSO && !(gro && gso) {
		return fmt.Errorf("pgmnet: this kernel lacks UDP_SEGMENT or UDP_GRO, choose another I/O mode: %w", errors.ErrUnsupported)
	}
	c.asked.read, c.asked.write = max(s.readBuffer, 0), max(s.writeBuffer, 0)
	c.asked.granted = bufferSize(c.in[0].fd, unix.SO_RCVBUF)
	return nil
}

func (c *native) send(tx *pgm.Transmit) (int, error) {
	w := &c.out
	if c.alert != nil {
		if tx.RouterAlert {
			w = c.alert
		}
		c.polls[len(c.in)].Fd = int32(w.fd) // that to wait for should it be full
	}
	n, err := w.send(tx)
	if c.stamps != nil {
		c.stamps.note(tx, n)
	}
	return n, err
}

func (c *native) readStamps() error {
	if c.out.stamper == nil {
		return nil
	}
	return c.out.stamper.read()
}

// read reads each socket that has something once before any of them again.
func (c *native) read() ([]datagram, error) {
	if c.ready == 0 {
		if len(c.in) == 1 {
			c.ready = 1 // the read itself will tell
		} else if err := c.poll(0, len(c.in)); err != nil {
			return nil, err
		} else if c.ready == 0 {
			c.buf.backlog = false
		}
	}
	for c.ready != 0 {
		in := &c.in[bits.TrailingZeros32(c.ready)]
		c.ready &= c.ready - 1
		ds, err := c.buf.read(in)
		if err != nil || len(ds) > 0 {
			return ds, err
		}
	}
	return nil, nil
}

func (c *native) drained() bool { return c.ready == 0 && !c.buf.backlog }

func (c *native) wait(d time.Duration, room bool) error {
	d = min(d, maxSleep)
	c.waits++
	c.buf.streak = 0
	if room {
		return c.poll(d, len(c.polls))
	}
	return c.poll(d, len(c.in))
}

// poll finds out which sockets can be read, and waits no longer than d for one
// of the first count of polls.
func (c *native) poll(d time.Duration, count int) error {
	n, errno := ppoll(c.polls[:count], d)
	if errno != 0 {
		return fmt.Errorf("pgmnet: ppoll: %w", errno)
	}
	if n == 0 {
		return nil
	}
	for i := range c.in {
		if c.polls[i].Revents != 0 {
			c.ready |= 1 << i
		}
	}
	if count > len(c.in) && c.polls[len(c.in)].Revents&unix.POLLERR != 0 {
		return c.readStamps() // while there are any, no wait for room would last
	}
	return nil
}

func (c *native) pass(pkt []byte) {
	c.sib.pass(pkt, c.in[0].fd, c.sockets.local.Addr(), c.sockets.local.Port())
}

func (c *native) stats() IOStats {
	s := IOStats{
		SendMethod:       [...]string{GSO: "UDP_SEGMENT", Mmsg: "sendmmsg", Single: "sendmsg"}[c.out.mode],
		ReceiveMethod:    "recvmsg",
		ReadBufferAsked:  c.asked.read,
		ReadBuffer:       c.asked.granted,
		WriteBufferAsked: c.asked.write,
		WriteBuffer:      bufferSize(c.out.fd, unix.SO_SNDBUF),
		Writes:           c.out.writes,
		Sent:             c.out.sent,
		Full:             c.out.full,
		Reads:            c.buf.reads,
		ReadErrors:       c.buf.errors,
		Waits:            c.waits,
		Batches:          c.buf.batches,
		Truncated:        c.buf.truncated,
		Malformed:        c.buf.malformed,
		Passed:           c.sib.passed,
	}
	if c.alert != nil {
		s.Writes += c.alert.writes
		s.Sent += c.alert.sent
		s.Full += c.alert.full
	}
	if c.buf.gro {
		s.ReceiveMethod = "UDP_GRO"
	} else if c.buf.batch {
		s.ReceiveMethod = "recvmmsg"
	}
	for _, in := range c.in {
		if in.passed {
			continue
		}
		s.Overflow += uint64(dropped(in.fd))
	}
	return s
}

func (c *native) close() error {
	var errs []error
	for _, in := range c.in {
		if in.fd != c.out.fd {
			errs = append(errs, unix.Close(in.fd))
		}
	}
	if c.out.fd >= 0 {
		errs = append(errs, unix.Close(c.out.fd))
	}
	if c.alert != nil {
		errs = append(errs, unix.Close(c.alert.fd))
	}
	return errors.Join(errs...)
}
