package pgmnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/gopgm/gopgm/pgm"
)

// portable is the carrier for any system: package net's sockets, a packet a
// call.
type portable struct {
	sockets *sockets
	out     *net.UDPConn
	in      []*net.UDPConn
	groups  []netip.Addr // of each of in; empty for out
	poller  poller
	ready   []bool // for each of in: it may have something to read
	backlog bool   // the last read may have left something
	zone    string
	port    uint16
	memory  []byte // of the datagram that was read
	scratch []byte // of a packet to write that lies across two slices
	one     [1]datagram
	stamps  *stamps // all unknown
	count   IOStats

	patience time.Duration // with a read from a socket that has something
}

func openPortable(s *sockets) (carrier, error) {
	c := &portable{
		sockets: s,
		zone:    s.iface.Name,
		port:    s.port,
		stamps:  s.stamps,
		memory:  make([]byte, maxDatagram),

		patience: time.Millisecond,
	}
	if err := c.open(s); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *portable) open(s *sockets) error {
	var err error
	if c.out, err = listen(s, s.local); err != nil {
		return err
	}
	if err := setMulticast(c.out, s); err != nil {
		return err
	}
	askBuffer(c.out.SetWriteBuffer, s.writeBuffer)
	for _, g := range s.groups {
		conn, err := openPortableGroup(s, g)
		if err != nil {
			return err
		}
		c.in, c.groups = append(c.in, conn), append(c.groups, g)
	}
	if len(s.groups) == 0 {
		c.in, c.groups = append(c.in, c.out), make([]netip.Addr, 1)
		askBuffer(c.out.SetReadBuffer, s.readBuffer)
	}
	if err := c.watch(); err != nil {
		return err
	}
	c.count = IOStats{
		SendMethod:       "net",
		ReceiveMethod:    "net",
		ReadBufferAsked:  max(s.readBuffer, 0),
		ReadBuffer:       grantedBuffer(c.in[0], false),
		WriteBufferAsked: max(s.writeBuffer, 0),
		WriteBuffer:      grantedBuffer(c.out, true),
	}
	return nil
}

// listen opens a socket. Package net binds it to the wildcard address when
// addr is a group, which does on systems where a socket receives only what is
// sent to groups it joined. What kind of sharing a socket of a group is bound with
// matters on Linux, see newSocket there.
func listen(s *sockets, addr netip.AddrPort) (*net.UDPConn, error) {
	if !addr.Addr().IsMulticast() {
		return listenWith(s, addr, reusePort)
	}
	conn, err := listenWith(s, addr, reuseAddr)
	if err != nil {
		return listenWith(s, addr, reusePort)
	}
	return conn, control(conn, reusePort)
}

// listenWith opens a socket that shares its port in a way.
func listenWith(s *sockets, addr netip.AddrPort, reuse func(fd uintptr) error) (*net.UDPConn, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
		if addr.Addr().IsLinkLocalUnicast() || addr.Addr().IsMulticast() {
			addr = netip.AddrPortFrom(addr.Addr().WithZone(s.iface.Name), addr.Port())
		}
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		ctlErr := raw.Control(func(fd uintptr) {
			if !s.alone || addr.Addr().IsMulticast() {
				err = reuse(fd)
			}
			if err == nil && addr.Addr().IsMulticast() {
				err = onlyJoined(fd, network == "udp6")
			}
		})
		return errors.Join(ctlErr, err)
	}}
	conn, err := config.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, fmt.Errorf("pgmnet: %w", err)
	}
	return conn.(*net.UDPConn), nil
}

// control calls f with the file descriptor of conn.
func control(conn *net.UDPConn, f func(fd uintptr) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := raw.Control(func(fd uintptr) { err = f(fd) })
	return errors.Join(ctlErr, err)
}

func setMulticast(conn *net.UDPConn, s *sockets) error {
	var errs [4]error
	if s.local.Addr().Is4() {
		p := ipv4.NewPacketConn(conn)
		errs[0] = p.SetMulticastInterface(s.iface)
		errs[1] = p.SetMulticastTTL(s.hops)
		errs[2] = p.SetMulticastLoopback(s.loop)
		if s.dscp != 0 {
			errs[3] = p.SetTOS(s.dscp << 2)
		}
	} else {
		p := ipv6.NewPacketConn(conn)
		errs[0] = p.SetMulticastInterface(s.iface)
		errs[1] = p.SetMulticastHopLimit(s.hops)
		errs[2] = p.SetMulticastLoopback(s.loop)
		if s.dscp != 0 {
			errs[3] = p.SetTrafficClass(s.dscp << 2)
		}
	}
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("pgmnet: multicast on %s: %w", s.iface.Name, err)
		}
	}
	return nil
}

// askBuffer asks for a buffer size, and for less where the system refuses
// rather than gives what it can.
func askBuffer(set func(int) error, size int) {
	for ; size > 0 && set(size) != nil; size /= 2 {
	}
}

func (c *portable) send(tx *pgm.Transmit) (int, error) {
	to := tx.To
	if !to.IsValid() {
		to = tx.Group
	}
	if to.IsLinkLocalUnicast() || to.Is6() && to.IsMulticast() {
		to = to.WithZone(c.zone)
	}
	dest := netip.AddrPortFrom(to, c.port)
	next := cutter{tx: tx}
	for i := range tx.Packets {
		c.count.Writes++
		if _, err := c.out.WriteToUDPAddrPort(next.packet(&c.scratch), dest); err != nil {
			c.stamps.note(tx, i)
			if i > 0 {
				return i, nil // the rest is offered again, and fails then
			}
			return 0, fmt.Errorf("pgmnet: %w", err)
		}
		c.count.Sent++
	}
	c.stamps.note(tx, tx.Packets)
	return tx.Packets, nil
}

func (c *portable) read() ([]datagram, error) {
	for range 2 { // what is known to be ready, and else what a poll finds
		for i, ready := range c.ready {
			if ready {
				c.ready[i] = false
				c.backlog = true
				return c.readFrom(i)
			}
		}
		c.count.Reads++
		if err := c.poller.poll(c.ready, 0, false); err != nil {
			return nil, err
		}
	}
	c.backlog = false
	return nil, nil
}

func (c *portable) drained() bool { return !c.backlog }

// readFrom takes one datagram. It may turn out that there was none, as after a
// wrong UDP checksum, so it gives up after a moment; but not while the socket still
// has something, for then it was this goroutine that had no processor for so long.
func (c *portable) readFrom(i int) ([]datagram, error) {
	for patience := c.patience; ; patience *= 2 {
		c.count.Reads++
		c.in[i].SetReadDeadline(time.Now().Add(patience))
		n, from, err := c.in[i].ReadFromUDPAddrPort(c.memory)
		switch {
		case err == nil:
			c.count.Batches++
			c.one[0] = datagram{
				data:    c.memory[:n:n],
				segment: n,
				from:    from.Addr().Unmap().WithZone(""),
				group:   c.groups[i],
			}
			return c.one[:], nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := c.poller.poll(c.ready, 0, false); err != nil || !c.ready[i] {
				return nil, err
			}
			c.ready[i] = false
		case mayPass(err):
			c.count.ReadErrors++
			return nil, nil
		default:
			return nil, fmt.Errorf("pgmnet: %w", err)
		}
	}
}

func (c *portable) wait(d time.Duration, room bool) error {
	c.count.Waits++
	return c.poller.poll(c.ready, d, room)
}

// fds appends the sockets that are read; for one that is written nobody waits, as
// package net does.
func (c *portable) fds(dst []FD, _ bool) []FD {
	for i := range c.poller.fds {
		dst = append(dst, FD{FD: c.poller.fd(i), Read: true})
	}
	return dst
}

func (c *portable) readStamps() error { return nil }

func (c *portable) pass([]byte) {}

func (c *portable) stats() IOStats { return c.count }

func (c *portable) close() error {
	var errs []error
	for _, conn := range c.in {
		if conn != c.out {
			errs = append(errs, conn.Close())
		}
	}
	if c.out != nil {
		errs = append(errs, c.out.Close())
	}
	return errors.Join(errs...)
}

// A cutter cuts a run into its packets.
type cutter struct {
	tx    *pgm.Transmit
	slice int // of tx.Data
	off   int // in that
}

// packet returns the next packet. It is copied to scratch only when it lies
// across slices.
func (c *cutter) packet(scratch *[]byte) []byte {
	*scratch = (*scratch)[:0]
	for c.slice < len(c.tx.Data) {
		rest := c.tx.Data[c.slice][c.off:]
		n := min(c.tx.Segment-len(*scratch), len(rest))
		c.off += n
		if n == len(rest) {
			c.slice, c.off = c.slice+1, 0
		}
		if n == c.tx.Segment {
			return rest[:n]
		}
		*scratch = append(*scratch, rest[:n]...)
		if len(*scratch) == c.tx.Segment {
			break
		}
	}
	return *scratch
}
