package pgmnet

import "github.com/gopgm/gopgm/pgm"

// SourceStats counts what a Source and its sockets did.
type SourceStats struct {
	pgm.SourceStats
	IO IOStats
}

// ReceiverStats counts what a Receiver and its sockets did.
type ReceiverStats struct {
	pgm.ReceiverStats
	IO IOStats
}

// IOStats counts what was done to sockets.
type IOStats struct {
	// The system's mechanism in use now: UDP_SEGMENT, sendmmsg, sendmsg or
	// net, and UDP_GRO, recvmmsg, recvmsg or net.
	SendMethod, ReceiveMethod string

	// The sizes in bytes of the socket buffers, as asked for and as granted;
	// asked is 0 for the system's default.
	ReadBufferAsked, ReadBuffer   int
	WriteBufferAsked, WriteBuffer int

	Writes  uint64 // system calls that sent, or found the socket full
	Sent    uint64 // packets the kernel took
	Full    uint64 // times the socket was full
	Reads   uint64 // system calls that received, or found nothing
	Waits   uint64 // system calls that waited
	Batches uint64 // datagrams and runs of them received

	// SendErrors counts packets that the system refused for a reason that may
	// pass, such as a route that is gone. They count as sent, and as lost on the way.
	SendErrors uint64

	// ReadErrors counts reads that failed for such a reason.
	ReadErrors uint64

	// Passed counts packets that came for another source of this host, which
	// has the same address and port, and were passed on to it. Linux only.
	Passed uint64

	// Blocked counts packets from sources that are not wanted, which the system
	// has let through nevertheless.
	Blocked uint64

	// Truncated counts datagrams that were larger than a packet can be.
	Truncated uint64

	// Malformed counts datagrams of native PGM/IP whose IP header was no good.
	Malformed uint64

	// Overflow counts the datagrams, or runs of them, that the kernel dropped
	// because a receive buffer was full. Linux only.
	Overflow uint64
}
