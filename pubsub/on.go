package pubsub

import (
	"fmt"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// A Source is what a Publisher needs of the sending end of a session: a transmit
// window in which packets are built in their place, and a transport that takes
// them. [pgmnet.Source] is one. One over a transport of the caller's own drives a
// [pgm.Source], whose methods of the same names do most of it, and gives it the
// time.
type Source interface {
	// Room reports whether so many packets can be built with Reserve and Commit,
	// one after the other: nil, or pgm.ErrWouldBlock, pgm.ErrMessageTooLarge or
	// pgm.ErrClosed.
	Room(packets int) error

	// Reserve begins a packet for which Room has reported place, and returns where
	// its data goes: MaxData bytes or more.
	Reserve() []byte

	// Commit completes it with the first n bytes of data. The packet waits to be
	// sent. It returns the packet's number: each is greater than the one before, by
	// more than one if numbers were left out.
	Commit(n int) seq.Num

	// MaxData returns how many bytes of data any packet holds. It never changes.
	MaxData() int

	// Push sends what waits, as far as that goes without blocking; with runs, only
	// as long as there is as much as is best sent at once. What is left is sent by
	// later calls, of Poll among others.
	Push(runs bool) error

	// Await waits until some of what waits was sent, or something else was done
	// that may make room. It returns os.ErrDeadlineExceeded once the deadline has
	// passed. Where nothing may block it returns that at once, and the Publisher is
	// to have a Policy other than Block.
	Await() error

	// Poll sends what waits, answers NAKs and runs timers for a time; with d = 0
	// it does so once.
	Poll(d time.Duration) error

	// Unsent returns how many packets, and bytes of them, wait to be sent.
	Unsent() (packets, bytes int)

	// Progress returns where the session is: trail is the oldest number that can
	// be repaired, unsent the first that was not sent, next the one that the next
	// packet will get.
	Progress() (trail, unsent, next seq.Num)

	// SetDeadline sets when Await and Close give up. The zero time is never.
	SetDeadline(t time.Time)

	// Finish announces the end of the session: nothing more will be committed. It
	// does not block.
	Finish() error

	// Close sends what waits, until the deadline, announces the end of the session
	// if Finish did not, answers NAKs for as long as linger, and releases the
	// transport. Where nothing may block it leaves all that to those who drive the
	// session.
	Close(linger time.Duration) error

	// Abort ends the session at once, with a reason from 0 to 63: what waits is
	// dropped.
	Abort(code uint8) error

	// Stats returns the counters, as far as there are any.
	Stats() pgmnet.SourceStats

	// FDs and Due are for Poll and Serve, and for loops of the caller's own, see
	// Publisher.FDs. A transport without descriptors has none to append.
	FDs(dst []pgmnet.FD) []pgmnet.FD
	Due() time.Duration
}

// A Receiver is what a Subscriber needs of the receiving end of sessions: their
// events. [pgmnet.Receiver] is one; one over a transport of the caller's own
// drives a [pgm.Receiver]. If it has Groups, Join, Leave, Block and Allow as well, as
// that has, those of the Subscriber call them.
type Receiver interface {
	// TryRecv returns the next event; ok is false if there is none now. Its Data is
	// valid until the next call of a method of the Receiver.
	TryRecv() (ev pgm.Event, ok bool, err error)

	// Recv waits for the next event. It returns os.ErrDeadlineExceeded if there is
	// none until the deadline, or at once where nothing may block.
	Recv() (pgm.Event, error)

	// SetDeadline sets when Recv gives up. The zero time is never.
	SetDeadline(t time.Time)

	// Close releases the transport.
	Close() error

	// Stats returns the counters, as far as there are any.
	Stats() pgmnet.ReceiverStats

	// FDs and Due are for Poll, and for loops of the caller's own, see
	// Subscriber.FDs. TakeIn and TakeInDue are for Serve: TakeIn takes in what has
	// arrived, and runs timers, without delivering anything, and TakeInDue tells in
	// what time that must be done again.
	FDs(dst []pgmnet.FD) []pgmnet.FD
	Due() time.Duration
	TakeIn() error
	TakeInDue() time.Duration
}

// NewPublisherOn returns a Publisher on a Source of the caller's own, such as one
// over another transport or a simulated network. Of cfg.Source it uses
// WindowPackets, WindowBytes, MaxBacklog, which must be what the window has; it
// uses neither Endpoint nor Net.
//
// The Publisher reads the system's clock for FlushAfter, Linger, completions and
// the durations given to Poll. What runs on another clock leaves these alone, and
// calls Poll(0), or Flush, when it wants packets that are not full to leave.
func NewPublisherOn(src Source, cfg PublisherConfig) (*Publisher, error) {
	if cfg.Endpoint != "" {
		return nil, fmt.Errorf("%w: Endpoint is %q, but the source has its network: leave it empty", pgm.ErrConfig, cfg.Endpoint)
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	return newPublisher(cfg, src), nil
}

// NewSubscriberOn returns a Subscriber on a Receiver of the caller's own. It uses
// neither Endpoint nor Net of cfg, and of cfg.Receiver only Delivery, which must be
// what the receiver does.
func NewSubscriberOn(rcv Receiver, cfg SubscriberConfig) (*Subscriber, error) {
	if cfg.Endpoint != "" {
		return nil, fmt.Errorf("%w: Endpoint is %q, but the receiver has its network: leave it empty", pgm.ErrConfig, cfg.Endpoint)
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	return newSubscriber(cfg, rcv), nil
}
