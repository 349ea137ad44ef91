package pgm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/txwindow"
	"github.com/gopgm/gopgm/wire"
)

// ErrConfig is what every error of a Config unwraps to.
var ErrConfig = errors.New("pgm: bad configuration")

func configError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
}

// SourceConfig configures a Source. A zero field means its default; TSI, Addr and
// Group are required.
type SourceConfig struct {
	TSI   wire.TSI   // the session; must be unique on the network
	Addr  netip.Addr // the source's own address, sent as SPM_PATH: where NAKs go
	Group netip.Addr // the multicast group

	Port     uint16  // data-destination port; default 7500
	FirstSQN seq.Num // number of the first packet; default 0

	// MaxTPDU is the size in bytes of the largest packet, PGM header included,
	// 128 to 65000. Default 1472: UDP over IPv4 on Ethernet.
	MaxTPDU int

	// Overhead is how many bytes of lower layers the rate limit counts for each
	// packet. Default 28: UDP over IPv4.
	Overhead int

	// WindowPackets and WindowBytes bound the transmit window, and so what can
	// be repaired. Defaults 65,536 packets (TXW_SQNS) and 64 MiB. A message may
	// be at most half of either.
	WindowPackets int
	WindowBytes   int

	// Memory returns the memory for the window, of so many bytes. NewSource calls
	// it once. Default make.
	Memory func(bytes int) []byte

	// WindowTime is how long a packet can be repaired after it was sent
	// (TXW_SECS); then it leaves the window. Default 0: until the room is needed.
	WindowTime time.Duration

	// MaxBacklog is how many bytes may wait unsent in the window before Send
	// reports ErrWouldBlock. Default a quarter of WindowBytes.
	MaxBacklog int

	// Rate limits everything sent, in bytes per second (TXW_MAX_RTE). With the
	// default, 0, the source adapts between MinRate and MaxRate (defaults 1 MB/s
	// and 12.5 GB/s) from 100 MB/s on: NAKs slow it down, unless slowing down does
	// not help; their absence speeds it up.
	Rate             int64
	MinRate, MaxRate int64

	// Burst is the size in bytes of the token bucket: how much may be sent at
	// once after a pause. Default 65,536 with a Rate; when adapting, also at
	// least 0.5 ms of the rate. At least one packet.
	Burst int

	// MinRepair is how long a packet stays in the window at least when the
	// source adapts its rate: sending stalls rather than retire a packet sooner,
	// so that a receiver has time to ask, be it held up for a while. Default
	// 100 ms: the rate is at most WindowBytes in 100 ms. Negative means none. It
	// does not apply with a fixed Rate.
	MinRepair time.Duration

	// RepairHold is how long, from the first NAK for a packet, the trailing edge
	// waits for its repair to succeed when the room is needed. Default 3 s;
	// negative means not at all.
	RepairHold time.Duration

	// AmbientSPM is the interval of SPMs while data flows. Default 1 s.
	AmbientSPM time.Duration

	// HeartbeatMin and HeartbeatMax are the first and the longest interval of
	// SPMs after data (IHB_MIN, IHB_MAX); each is twice the one before. Defaults
	// 5 ms and 5 s.
	HeartbeatMin, HeartbeatMax time.Duration

	// Join lets late receivers ask for everything in the window (OPT_JOIN).
	Join bool

	// FEC is the forward error correction that the source provides.
	FEC FEC

	// NAKBackoff is the back-off interval announced to receivers in SPMs and
	// NCFs (OPT_NAK_BO_IVL, RFC 3208 §15). With the default, 0, one is announced
	// only once receivers that share a loss turn out not to suppress each other,
	// and adapted from then on. Negative never announces one.
	NAKBackoff time.Duration
}

// ReceiverConfig configures a Receiver. A zero field means its default; Rand is
// required.
type ReceiverConfig struct {
	Rand rand.Source

	Port uint16 // data-destination port; default 7500. Packets for others are dropped

	// WindowPackets bounds how far beyond the next number to deliver a packet is
	// kept, per source; rounded up to a power of two. Default 65,536. It should
	// not be below the source's.
	WindowPackets int

	// BufferBytes bounds the memory for early packets, over all sources.
	// Default 64 MiB.
	BufferBytes int

	// MaxTPDU is the size in bytes of the largest packet kept. Default 65,507.
	MaxTPDU int

	// MaxSources bounds how many sources are known at a time. Default 256.
	MaxSources int

	// MaxMessage bounds the size of a message that comes in fragments. Larger
	// ones are reported lost. Default 32 MiB.
	MaxMessage int

	// NoFEC makes no use of parity: packets are asked for one by one, as of a source
	// that has none.
	NoFEC bool

	// Delivery says when a message is delivered. Default Ordered.
	Delivery Delivery

	// MaxGap is how long a missing number is waited for, from when it was found
	// missing; then it is given up and reported with CauseSkip, so that newer
	// messages need not wait for it. Negative gives up at once, without asking for
	// it, what turns out to be missing, and what comes out of order; what Join asks
	// for is missing, too. Default 0: as long as the source may have it.
	MaxGap time.Duration

	// NAKBackoff, NAKRepeat and NAKData are NAK_BO_IVL, NAK_RPT_IVL and
	// NAK_RDATA_IVL (RFC 3208 §6.3). The default, 0, scales each to the round
	// trip to the source, as measured, and the back-off also to the number of
	// receivers that share a loss, as the source announces or as the NCFs show.
	// Scaled intervals grow with each retry and stay within MinInterval and
	// MaxInterval.
	NAKBackoff, NAKRepeat, NAKData time.Duration

	// NAKNudge is how long after an NCF a NAK is repeated once if no repair has
	// come, however long repairs take. Some sources, those of libzmq among them,
	// send none until another packet reaches them. Default 0: never.
	NAKNudge time.Duration

	// MinInterval and MaxInterval bound scaled NAK_RPT_IVL and NAK_RDATA_IVL.
	// Defaults 200 µs and 200 ms.
	MinInterval, MaxInterval time.Duration

	// InitialRTT is assumed until a round trip was measured. Default 1 ms, or a
	// tenth of MaxGap if that is less: time to ask must be left.
	InitialRTT time.Duration

	// GroupSize is how many receivers are at first assumed to share a loss.
	// Default 50.
	GroupSize int

	// NCFRetries and DataRetries are NAK_NCF_RETRIES and NAK_DATA_RETRIES, 1 to
	// 255. Default 50.
	NCFRetries, DataRetries int

	// SPMRBackoff is the interval from which the delay of an SPMR is drawn
	// (SPMR_BO_IVL, RFC 3208 §13.5). Default 25 ms.
	SPMRBackoff time.Duration

	// PeerExpiry is how long a source may be silent before it is forgotten.
	// Default 5 min.
	PeerExpiry time.Duration

	// Join asks for what a source sent before it was first heard, as far back as
	// it allows (OPT_JOIN).
	Join bool

	// MulticastNAK also sends each NAK to the group with a time-to-live of 1, so
	// that other receivers on the link hold theirs back (RFC 3208 §6.3).
	MulticastNAK bool

	// Passive receivers send nothing: what is missing is reported lost once
	// later data has arrived and NAKBackoff has passed.
	Passive bool
}

// Limits of what can be configured.
const (
	minTPDU = 128
	maxTPDU = 65507
)

// withDefaults returns c with its zero fields filled in, or an error that says
// what to change.
func (c SourceConfig) withDefaults() (SourceConfig, error) {
	def(&c.Port, 7500)
	def(&c.MaxTPDU, 1472)
	def(&c.Overhead, 28)
	def(&c.WindowPackets, 65536)
	def(&c.WindowBytes, 64<<20)
	def(&c.MaxBacklog, c.WindowBytes/4)
	def(&c.MinRate, 1e6)
	def(&c.MaxRate, 12.5e9)
	def(&c.Burst, 65536)
	def(&c.MinRepair, 100*time.Millisecond)
	def(&c.RepairHold, 3*time.Second)
	def(&c.AmbientSPM, time.Second)
	def(&c.HeartbeatMin, 5*time.Millisecond)
	def(&c.HeartbeatMax, max(5*time.Second, c.HeartbeatMin))
	if c.Memory == nil {
		c.Memory = func(bytes int) []byte { return make([]byte, bytes) }
	}
	c.Addr, c.Group = c.Addr.Unmap().WithZone(""), c.Group.Unmap().WithZone("")
	switch {
	case !c.Addr.IsValid():
		return c, configError("Addr is missing: the address receivers send NAKs to")
	case !c.Group.IsValid():
		return c, configError("Group is missing")
	case c.Addr.Is4() != c.Group.Is4():
		return c, configError("Addr %v and Group %v are of different address families", c.Addr, c.Group)
	case c.MaxTPDU < minTPDU || c.MaxTPDU > 65000:
		return c, configError("MaxTPDU is %d, want %d to 65000", c.MaxTPDU, minTPDU)
	case c.Overhead < 0:
		return c, configError("Overhead is %d, want 0 or more", c.Overhead)
	case c.WindowPackets < 2 || c.WindowPackets > txwindow.MaxPackets:
		return c, configError("WindowPackets is %d, want 2 to %d", c.WindowPackets, txwindow.MaxPackets)
	case c.WindowBytes < 4*c.MaxTPDU || c.WindowBytes > 1<<31-1:
		return c, configError("WindowBytes is %d, want %d (four packets) to %d", c.WindowBytes, 4*c.MaxTPDU, 1<<31-1)
	case c.MaxBacklog < 0:
		return c, configError("MaxBacklog is %d, want 0 or more", c.MaxBacklog)
	case c.Rate < 0:
		return c, configError("Rate is %d, want 0 (adapt) or more", c.Rate)
	case c.MinRate < 1 || c.MaxRate < c.MinRate:
		return c, configError("MinRate is %d and MaxRate %d, want 1 or more, in order", c.MinRate, c.MaxRate)
	case c.Burst < c.MaxTPDU+c.Overhead+controlReserve:
		return c, configError("Burst is %d, want %d or more: one packet and room for an SPM and an NCF", c.Burst, c.MaxTPDU+c.Overhead+controlReserve)
	case c.WindowTime < 0 || c.AmbientSPM < 0 || c.HeartbeatMin < 0 || c.HeartbeatMax < c.HeartbeatMin:
		return c, configError("WindowTime %v, AmbientSPM %v, HeartbeatMin %v and HeartbeatMax %v must not be negative, the last two in order",
			c.WindowTime, c.AmbientSPM, c.HeartbeatMin, c.HeartbeatMax)
	case c.NAKBackoff > time.Hour:
		return c, configError("NAKBackoff is %v, want an hour at most", c.NAKBackoff)
	}
	return c, c.FEC.fill(c.WindowPackets)
}

// withDefaults returns c with its zero fields filled in, or an error that says
// what to change.
func (c ReceiverConfig) withDefaults() (ReceiverConfig, error) {
	def(&c.Port, 7500)
	def(&c.WindowPackets, 65536)
	def(&c.BufferBytes, 64<<20)
	def(&c.MaxTPDU, maxTPDU)
	def(&c.MaxSources, 256)
	def(&c.MaxMessage, 32<<20)
	def(&c.MinInterval, 200*time.Microsecond)
	def(&c.MaxInterval, max(200*time.Millisecond, c.MinInterval))
	if c.MaxGap > 0 {
		def(&c.InitialRTT, min(max(c.MaxGap/10, time.Microsecond), time.Millisecond))
	}
	def(&c.InitialRTT, time.Millisecond)
	def(&c.GroupSize, 50)
	def(&c.NCFRetries, 50)
	def(&c.DataRetries, 50)
	def(&c.SPMRBackoff, 25*time.Millisecond)
	def(&c.PeerExpiry, 5*time.Minute)
	switch {
	case c.Rand == nil:
		return c, configError("Rand is missing")
	case c.WindowPackets < 2 || c.WindowPackets > 1<<24:
		return c, configError("WindowPackets is %d, want 2 to %d", c.WindowPackets, 1<<24)
	case c.BufferBytes < 0:
		return c, configError("BufferBytes is %d, want 0 or more", c.BufferBytes)
	case c.MaxTPDU < minTPDU || c.MaxTPDU > maxTPDU:
		return c, configError("MaxTPDU is %d, want %d to %d", c.MaxTPDU, minTPDU, maxTPDU)
	case c.MaxSources < 1:
		return c, configError("MaxSources is %d, want 1 or more", c.MaxSources)
	case c.Delivery > Unordered:
		return c, configError("Delivery is %v, want Ordered or Unordered", c.Delivery)
	case c.MaxMessage < 1:
		return c, configError("MaxMessage is %d, want 1 or more", c.MaxMessage)
	case c.NAKBackoff < 0 || c.NAKRepeat < 0 || c.NAKData < 0 || c.SPMRBackoff < 0 || c.PeerExpiry < 0:
		return c, configError("NAKBackoff %v, NAKRepeat %v, NAKData %v, SPMRBackoff %v and PeerExpiry %v must not be negative",
			c.NAKBackoff, c.NAKRepeat, c.NAKData, c.SPMRBackoff, c.PeerExpiry)
	case c.NAKNudge < 0:
		return c, configError("NAKNudge is %v, want 0 or more", c.NAKNudge)
	case c.MinInterval < 0 || c.MaxInterval < c.MinInterval || c.InitialRTT < 0:
		return c, configError("MinInterval %v, MaxInterval %v and InitialRTT %v must not be negative, the first two in order", c.MinInterval, c.MaxInterval, c.InitialRTT)
	case c.GroupSize < 1:
		return c, configError("GroupSize is %d, want 1 or more", c.GroupSize)
	case c.NCFRetries < 1 || c.NCFRetries > 250 || c.DataRetries < 1 || c.DataRetries > 250:
		return c, configError("NCFRetries is %d and DataRetries %d, want 1 to 250", c.NCFRetries, c.DataRetries)
	}
	for n := 2; ; n *= 2 {
		if n >= c.WindowPackets {
			c.WindowPackets = n
			return c, nil
		}
	}
}

// def sets *v to d if it is zero.
func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
