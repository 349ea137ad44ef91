package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// Scenario is all there is to know about a run.
type Scenario struct {
	Seed      uint64
	Sources   []SourceSpec
	Receivers []ReceiverSpec

	// IPv6 gives the hosts addresses of IPv6; the sources' groups must be as well.
	IPv6 bool

	// Native has packets follow the IP header directly, with Router Alert where RFC
	// 3208 wants it, rather than in UDP.
	Native bool

	// Unicast has what a source sends to its group go to each receiver of it, a copy
	// each. Receivers have no way to the group.
	Unicast bool

	// Complete says that the faults leave no excuse for a loss: a receiver that
	// reports one has failed.
	Complete bool

	// Limit is the virtual time by which all sessions must have ended.
	// Default 30 min.
	Limit time.Duration

	MaxEvents int // after so many the run is taken to have no end. Default 20 million

	// Drop, if not nil, is asked for each packet a source puts on its uplink
	// whether to drop it there.
	Drop func(source int, typ wire.Type, sqn seq.Num) bool
}

// SourceSpec is a source, its host and its load.
type SourceSpec struct {
	Config pgm.SourceConfig // Addr is filled in
	Host   HostSpec
	Load   Load
	Pub    *PubSpec // if not nil, a Publisher is the application

	// Linger is how long after Close the source stays to answer NAKs. Zero
	// means until everybody has what it sent.
	Linger time.Duration
}

// ReceiverSpec is a receiver and its host.
type ReceiverSpec struct {
	Config pgm.ReceiverConfig // Rand is filled in
	Host   HostSpec
	Groups []netip.Addr // joined; default: the groups of all sources
	Sub    *SubSpec     // if not nil, a Subscriber is the application; all sources must have Publishers
}

// PubSpec has a source publish: the messages of its Load, whose sizes are those of
// their frames together, without the topic.
type PubSpec struct {
	Config pubsub.PublisherConfig // Source and Policy are filled in
	Topics []string               // at least one; each message begins with one of them
	Frames int                    // of a message, at most; default 1
}

// SubSpec has a receiver subscribe.
type SubSpec struct {
	Config   pubsub.SubscriberConfig
	Prefixes []string
}

// HostSpec is a host and what ails it.
type HostSpec struct {
	Up, Down LinkSpec

	Start time.Duration // when the host appears
	Stop  time.Duration // when it vanishes without a word, if not zero

	// Clock is what the host's clock shows at the start of the run.
	Clock time.Duration

	// Stalls are when the host does nothing: its timers are late, and packets
	// wait in the socket buffer.
	Stalls []Span

	// PerPacket is the time the host needs for each packet it receives.
	PerPacket time.Duration

	// SocketBuffer is how many bytes of packets may wait in the host before
	// more are dropped. Default 4 MiB.
	SocketBuffer int

	WakeLate time.Duration // timers fire up to this much late

	// Block is the fraction of writes that the kernel takes only in part or not
	// at all; it takes no more for up to BlockFor then.
	Block    float64
	BlockFor time.Duration
}

// Load is what the application of a source sends.
type Load struct {
	Messages         int
	MinSize, MaxSize int           // bytes; drawn, most of them small
	Start            time.Duration // of the first message, from the start of the host
	Interval         time.Duration // mean from one burst to the next; 0: as fast as it goes
	Burst            int           // messages at a time; default 1
	Cork             int           // messages sent before the packets are taken out; default 1
	CloseEarly       bool          // Close while packets wait to be sent
	Abort            bool          // Abort at the end, in place of Close
}

// SourceAddr returns the address of source i.
func (s *Scenario) SourceAddr(i int) netip.Addr { return s.addr(SourceAddr(i)) }

// ReceiverAddr returns the address of receiver i.
func (s *Scenario) ReceiverAddr(i int) netip.Addr { return s.addr(ReceiverAddr(i)) }

// addr returns the address of IPv6 that stands for one of IPv4, if it is to.
func (s *Scenario) addr(a netip.Addr) netip.Addr {
	if !s.IPv6 {
		return a
	}
	b := [16]byte{0xfd}
	v4 := a.As4()
	copy(b[12:], v4[:])
	return netip.AddrFrom16(b)
}

// overhead returns what the lower layers add to each packet.
func (s *Scenario) overhead() int {
	n := 20
	if s.IPv6 {
		n = 40
	}
	if !s.Native {
		n += 8
	}
	return n
}

// SourceAddr returns the IPv4 address of source i.
func SourceAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }

// ReceiverAddr returns the IPv4 address of receiver i.
func ReceiverAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)}) }

// String prints the scenario, one host a line.
func (s *Scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed=%d complete=%v limit=%v ipv6=%v native=%v unicast=%v\n", s.Seed, s.Complete, s.Limit, s.IPv6, s.Native, s.Unicast)
	for i := range s.Sources {
		x := &s.Sources[i]
		fmt.Fprintf(&b, "source %d: linger=%v load=%+v\n\tconfig=%+v\n\thost=%+v\n", i, x.Linger, x.Load, x.Config, x.Host)
		if x.Pub != nil {
			fmt.Fprintf(&b, "\tpub=%+v\n", *x.Pub)
		}
	}
	for i := range s.Receivers {
		x := &s.Receivers[i]
		fmt.Fprintf(&b, "receiver %d: groups=%v\n\tconfig=%+v\n\thost=%+v\n", i, x.Groups, x.Config, x.Host)
		if x.Sub != nil {
			fmt.Fprintf(&b, "\tsub=%+v\n", *x.Sub)
		}
	}
	return b.String()
}
