package pgmnet

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

// A carrier takes packets to the network and brings those that arrive. Only
// wait blocks.
type carrier interface {
	// send writes a run and reports how many of its packets, from the first
	// on, the kernel took. It is errFull when the socket has no room for one.
	send(tx *pgm.Transmit) (packets int, err error)

	// read returns what has arrived, or nothing. It is valid until the next
	// read.
	read() ([]datagram, error)

	// drained reports whether the last read returned all that had arrived when
	// it began.
	drained() bool

	// wait sleeps until something can be read, or with room until something
	// can be sent, but no longer than d. It may wake early.
	wait(d time.Duration, room bool) error

	// fds appends to dst the descriptors that wait watches, that for sending
	// with Write if full.
	fds(dst []FD, full bool) []FD

	// readStamps takes in the time stamps of writes that have come.
	readStamps() error

	// join begins to read from another group, and leave ends that.
	join(group netip.Addr) error
	leave(group netip.Addr) error

	// admit takes in that the filter admits a source, or does not any more.
	admit(source netip.Addr, on bool) error

	// pass passes on a packet that has come for another source of this host.
	pass(pkt []byte)

	stats() IOStats
	close() error
}

// maxSleep bounds one wait, so that any system can count its units.
const maxSleep = time.Hour

// errFull means that a socket's send buffer is full.
var errFull = errors.New("pgmnet: socket full")

// A datagram is one packet, or a run of them that the kernel joined.
type datagram struct {
	data    []byte
	segment int // size of each packet but the last, which may be smaller
	from    netip.Addr
	group   netip.Addr // not valid when it came by unicast

	arrived  int64 // when, in nanoseconds of Unix time; 0 if not known
	hardware bool  // the network card said so

	passed bool // another source of this host has passed it on
}

// next takes the first packet off d, which has at least one.
func (d *datagram) next() []byte {
	n := min(d.segment, len(d.data))
	pkt := d.data[:n:n]
	d.data = d.data[n:]
	return pkt
}

// sockets says what a carrier has to open: one socket for sending, bound to
// local, and one for each group to read from. When there are no groups the
// first is read as well; if peer is valid, it may have another beside it that
// only sends there, and with apart it has one that only sends.
type sockets struct {
	iface       *net.Interface
	local       netip.AddrPort
	groups      []netip.Addr
	filter      *sourceFilter // of the groups; nil for a source
	peer        netip.Addr    // the group that most is sent to
	apart       bool          // nothing is sent from the socket that is read
	alone       bool          // no other socket is to share the address and port of local
	source      wire.TSI      // who reads and sends; zero for a receiver
	port        uint16        // of the groups, and of every destination; 0 if raw
	raw         bool          // packets travel in IP itself, not in UDP
	hops        int           // of multicast packets
	dscp        int
	loop        bool
	stamps      *stamps // of writes, or nil
	arrivals    bool    // datagrams are to have the time when they arrived
	readBuffer  int     // of the sockets that are read
	writeBuffer int
}

// open opens the sockets in the way asked for.
func open(s *sockets, mode IO, log *slog.Logger) (carrier, error) {
	var c carrier
	var err error
	if s.raw && (mode == Portable || mode == GSO) {
		return nil, errNoRaw(mode)
	}
	if mode != Portable {
		c, err = openNative(s, mode)
	}
	if mode == Portable || mode == Auto && !s.raw && errors.Is(err, errors.ErrUnsupported) {
		c, err = openPortable(s)
	}
	if err != nil {
		return nil, err
	}
	if log != nil {
		st := c.stats()
		warnBuffer(log, "receive", st.ReadBufferAsked, st.ReadBuffer, readBufferLimit)
		warnBuffer(log, "send", st.WriteBufferAsked, st.WriteBuffer, writeBufferLimit)
	}
	return c, nil
}

// warnBuffer logs that a socket buffer is smaller than asked for.
func warnBuffer(log *slog.Logger, which string, asked, granted int, limit string) {
	if granted >= asked {
		return
	}
	log.Warn("pgmnet: the system limits the "+which+" buffer, so bursts may be lost: raise the limit or ask for less",
		"asked", asked, "granted", granted, "limit", limit)
}

// maxDatagram is the size in bytes that holds any datagram or run of them.
const maxDatagram = 64 << 10
