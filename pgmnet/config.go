package pgmnet

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// DefaultPort is the UDP port used when Config.Port is zero.
const DefaultPort = 3055

// Config configures the sockets of a Source or Receiver. A zero field means its
// default.
type Config struct {
	// Network says which interface and groups to use. The zero Network is
	// what ParseNetwork makes of "".
	Network

	// Native carries packets in IP itself, protocol 113, and not in UDP: what
	// RFC 3208 describes, and what routers that know PGM look for. It has to be
	// the same at the source and its receivers. It needs Linux, and the privilege
	// CAP_NET_RAW when the sockets are opened, but not after that.
	Native bool

	// Port is the UDP port of all packets but those receivers send from. It
	// has to be the same at the source and its receivers. Default 3055. With
	// Native there is none.
	Port uint16

	// Sources are the only hosts a Receiver takes packets from: it joins each
	// group source-specifically, so that networks bring what these send alone.
	// Groups in 232.0.0.0/8 and ff3x::/32 need it (RFC 4607). Block are hosts it
	// takes none from; both at a time are an error. The system drops what others
	// send before it costs anything; where it cannot, it is dropped when read, see
	// IOStats.Blocked. A Receiver changes them by Allow and Block.
	Sources, Block []netip.Addr

	// To are the hosts a Source sends to, each by unicast, in place of the group:
	// for networks without multicast. The group remains the name of the session,
	// which both ends must know. Each host gets the rate of pgm.SourceConfig: this
	// one sends as many times as much. Repairs go to all of them too.
	To []netip.Addr

	// Unicast has a Receiver take what is sent to Addr and Port, by a Source
	// with To, and join no group: that of the sessions is the first of
	// Network.Receive. No other socket of this host, of a Source for example, can
	// have the same address and port, unless both are Native.
	Unicast bool

	// Loop delivers what is sent also to receivers on this host. On a loopback
	// interface that is always so.
	Loop bool

	// Hops is the time-to-live of multicast packets, 1 to 255. Default 16.
	Hops int

	// DSCP is the Differentiated Services codepoint of all packets, 0 to 63.
	DSCP int

	// ReadBuffer and WriteBuffer are the sizes in bytes to ask for the socket
	// buffers. ReadBuffer has a default of 32 MiB for each group of a Receiver
	// and of 1 MiB for a Source, to which only NAKs come. WriteBuffer has a
	// default of 4 MiB for a Source; a Receiver has the system's. Negative
	// means the system's default. What was granted is in the stats; less than
	// asked is logged.
	ReadBuffer, WriteBuffer int

	// Spin is how long a call that blocks polls the socket before it sleeps.
	// Default 0: it sleeps at once. Negative means it never sleeps. Polling
	// takes a whole core and saves the time to wake up, tens of microseconds.
	Spin time.Duration

	// Stamps asks the system when packets left and came: a Source has NextStamp,
	// and a Receiver's events have Arrived, in nanoseconds of Unix time. The time
	// is the network card's where it tells one, by its own clock, and else the
	// kernel's. On Linux only; elsewhere no time is known. The default is off,
	// which costs nothing.
	Stamps bool

	// IO chooses how sockets are read and written. Default Auto.
	IO IO

	// Drop, if not nil, is called with every packet that arrives, and drops
	// those it reports true for: a lossy network, for trials. It must not keep
	// the packet.
	Drop func(pkt []byte) bool

	// Logger, if not nil, is told what an administrator should know, such as
	// a socket buffer smaller than asked for.
	Logger *slog.Logger
}

// check reports what is wrong with c.
func (c *Config) check() error {
	switch {
	case c.Hops < 0 || c.Hops > 255:
		return fmt.Errorf("%w: Hops is %d, want 1 to 255", pgm.ErrConfig, c.Hops)
	case c.DSCP < 0 || c.DSCP > 63:
		return fmt.Errorf("%w: DSCP is %d, want 0 to 63", pgm.ErrConfig, c.DSCP)
	case c.IO >= numIO:
		return fmt.Errorf("%w: IO is %v", pgm.ErrConfig, c.IO)
	}
	return nil
}

// fill checks c and puts the defaults in place of what is zero. The buffer
// sizes have other defaults at a source than at a receiver.
func (c *Config) fill(readBuffer, writeBuffer int) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := c.Network.fill(); err != nil {
		return err
	}
	if c.Native {
		c.Port = 0
	} else if c.Port == 0 {
		c.Port = DefaultPort
	}
	if c.Hops == 0 {
		c.Hops = 16
	}
	if c.ReadBuffer == 0 {
		c.ReadBuffer = readBuffer
	}
	if c.WriteBuffer == 0 {
		c.WriteBuffer = writeBuffer
	}
	if err := c.fillHosts(); err != nil {
		return err
	}
	c.Loop = c.Loop || c.loopback()
	return nil
}

// overhead is how many bytes IP and UDP add to a packet, or IP alone. Every packet
// may be sent again with Router Alert, so there is room for that in any case.
func (c *Config) overhead() int { return Overhead(c.Native, c.Addr.Is6()) }

// Overhead returns how many bytes IP and UDP add to a packet at most: with native,
// IP alone, and the Router Alert option that repairs bear.
func Overhead(native, v6 bool) int {
	switch {
	case native && v6:
		return ip6Header + ip6Alert
	case native:
		return ip4Header + ip4Alert
	case v6:
		return ip6Header + udpHeader
	}
	return ip4Header + udpHeader
}

// maxTPDU is the size in bytes of the largest packet that fits the interface
// unfragmented. A loopback interface counts as Ethernet: its MTU of 64 KiB
// would make every lost packet a large one.
func (c *Config) maxTPDU() int {
	mtu := c.Interface.MTU
	if mtu == 0 || c.loopback() {
		mtu = 1500
	}
	return min(mtu-c.overhead(), 65000)
}
