package pubsub

import (
	"errors"
	"fmt"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// ErrWouldBlock means that the backlog is at the high watermark.
var ErrWouldBlock = errors.New("pubsub: would block")

// A Policy says what Send does while the backlog is at the high watermark.
type Policy uint8

// The policies.
const (
	Block      Policy = iota // wait until it is at the low watermark, or the deadline
	WouldBlock               // return ErrWouldBlock
	DropNewest               // drop the message: counted, and a completion event if those are on
	numPolicies
)

// A Flush says when messages leave.
type Flush uint8

// The ways to flush. Whatever the way, messages that come while packets wait to
// be sent fill packets up: there is no hurry for them.
const (
	FlushEach Flush = iota // every message at once
	FlushFull              // when as many packets are full as one system call takes, at Flush, or once FlushAfter has passed
	numFlushes
)

// A Mark is a size of the backlog: that of what the network has not taken yet.
type Mark struct {
	Messages int
	Bytes    int // on the wire, the header of PGM included
}

// PublisherConfig configures a Publisher. A zero field means its default.
type PublisherConfig struct {
	// Endpoint, if not empty, sets Net.Network, Net.Port, Net.Native and
	// Source.Port, as a ZeroMQ endpoint: "epgm://IFACE;GROUP:PORT", or with pgm.
	Endpoint string

	Net    pgmnet.Config
	Source pgm.SourceConfig

	// High is where the backlog is full: Policy applies until it is down to Low.
	// Defaults: any number of messages and the smaller of a quarter of the
	// transmit window and 16 MiB; Low is half of High.
	High, Low Mark
	Policy    Policy

	Flush      Flush
	FlushAfter time.Duration // with FlushFull: how long a message waits at most; 0 is for ever

	// Completions are the stages that NextCompletion tells of; the default, none,
	// costs nothing. With StageWire, Net.Stamps is set.
	Completions Stage

	// Linger is how long Close waits for the backlog to leave. Default 30 s;
	// negative means not at all. Repair is how long it answers NAKs after that.
	// Default 1 s; negative means not at all.
	Linger, Repair time.Duration

	// Concurrent lets several goroutines use the Publisher at the same time, and
	// one of them run Serve. Each call then takes a lock, which none holds while
	// it waits.
	Concurrent bool
}

// SubscriberConfig configures a Subscriber. A zero field means its default.
type SubscriberConfig struct {
	// Endpoint, if not empty, sets Net.Network, Net.Port, Net.Native and
	// Receiver.Port.
	Endpoint string

	// Receiver.NAKNudge has a default of 2 ms here; negative means never.
	Net      pgmnet.Config
	Receiver pgm.ReceiverConfig

	// MaxMessage bounds the size in bytes of a message, headers of frames
	// included. Larger ones are dropped and reported. Default 32 MiB.
	MaxMessage int

	// PieceBytes bounds the memory, over all sources, for parts of messages that lie
	// across packets and wait for the other parts, if Receiver.Delivery is
	// pgm.Unordered. What has no room is lost: an EventGap with CausePieces tells.
	// Default 64 MiB, or twice MaxMessage if that is more.
	PieceBytes int

	// QueueBytes bounds the events that wait in memory for a Subscriber that
	// shares its receive, see Subscriber.Share. Default 16 MiB.
	QueueBytes int

	// Concurrent lets several goroutines use the Subscriber at the same time, and
	// one of them run Serve; only one at a time may receive. Each call then takes
	// a lock, which none holds while it waits, and messages are copied: frames
	// are valid until the next call that receives.
	Concurrent bool
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// fillNet fills in what belongs to the network.
func (c *PublisherConfig) fillNet() error {
	if c.Endpoint != "" {
		e, err := ParseEndpoint(c.Endpoint)
		if err != nil {
			return err
		}
		e.set(&c.Net)
		c.Source.Port = e.Port
	}
	if c.Source.MaxTPDU == 0 {
		return c.fillTPDU()
	}
	return nil
}

func (c *PublisherConfig) fill() error {
	c.Net.Stamps = c.Net.Stamps || c.Completions&StageWire != 0
	def(&c.Source.WindowBytes, 64<<20)
	def(&c.High.Bytes, min(c.Source.WindowBytes/4, 16<<20))
	def(&c.Source.MaxBacklog, max(c.High.Bytes, c.Source.WindowBytes/4))
	def(&c.Low.Bytes, c.High.Bytes/2)
	def(&c.Low.Messages, c.High.Messages/2)
	def(&c.Linger, 30*time.Second)
	def(&c.Repair, time.Second)
	switch {
	case c.High.Bytes < 0 || c.High.Messages < 0 || c.Low.Bytes < 0 || c.Low.Messages < 0:
		return fmt.Errorf("%w: High %+v and Low %+v must not be negative", pgm.ErrConfig, c.High, c.Low)
	case c.Low.Bytes > c.High.Bytes || c.Low.Messages > c.High.Messages:
		return fmt.Errorf("%w: Low %+v is above High %+v", pgm.ErrConfig, c.Low, c.High)
	case c.High.Bytes > c.Source.MaxBacklog:
		return fmt.Errorf("%w: High.Bytes is %d, want %d at most: Source.MaxBacklog", pgm.ErrConfig, c.High.Bytes, c.Source.MaxBacklog)
	case c.Policy >= numPolicies:
		return fmt.Errorf("%w: Policy is %d, want Block, WouldBlock or DropNewest", pgm.ErrConfig, c.Policy)
	case c.Flush >= numFlushes:
		return fmt.Errorf("%w: Flush is %d, want FlushEach or FlushFull", pgm.ErrConfig, c.Flush)
	case c.Completions&^AllStages != 0:
		return fmt.Errorf("%w: Completions is %#x, want a set of stages", pgm.ErrConfig, uint8(c.Completions))
	case c.FlushAfter < 0:
		return fmt.Errorf("%w: FlushAfter is %v, want 0 or more", pgm.ErrConfig, c.FlushAfter)
	}
	return nil
}

// fillTPDU makes packets as large as libzmq takes them by default, also where the
// interface would carry larger ones.
func (c *PublisherConfig) fillTPDU() error {
	if c.Net.Interface == nil {
		n, err := pgmnet.ParseNetwork(c.Net.Network.String())
		if err != nil {
			return err
		}
		c.Net.Network = n
	}
	mtu := 1500
	if m := c.Net.Interface.MTU; m > 0 {
		mtu = min(mtu, m)
	}
	c.Source.MaxTPDU = mtu - pgmnet.Overhead(c.Net.Native, c.Net.Send.Is6())
	return nil
}

// fillNet fills in what belongs to the network.
func (c *SubscriberConfig) fillNet() error {
	if c.Endpoint != "" {
		e, err := ParseEndpoint(c.Endpoint)
		if err != nil {
			return err
		}
		e.set(&c.Net)
		c.Receiver.Port = e.Port
	}
	return nil
}

func (c *SubscriberConfig) fill() error {
	def(&c.MaxMessage, 32<<20)
	def(&c.QueueBytes, 16<<20)
	def(&c.PieceBytes, max(64<<20, 2*c.MaxMessage))
	def(&c.Receiver.NAKNudge, 2*time.Millisecond)
	c.Receiver.NAKNudge = max(c.Receiver.NAKNudge, 0)
	if c.MaxMessage < 0 {
		return fmt.Errorf("%w: MaxMessage is %d, want 1 or more", pgm.ErrConfig, c.MaxMessage)
	}
	if c.PieceBytes < 0 {
		return fmt.Errorf("%w: PieceBytes is %d, want 1 or more", pgm.ErrConfig, c.PieceBytes)
	}
	if c.QueueBytes < 0 {
		return fmt.Errorf("%w: QueueBytes is %d, want 1 or more", pgm.ErrConfig, c.QueueBytes)
	}
	return nil
}
