// Package txwindow keeps what a source has sent and can still repair, and what
// it has yet to send: the transmit window of RFC 3208 §3.3.
//
// Packets are encoded in place, once, back to back in one ring of bytes. They
// are numbered one after the other, and two indices cut the numbers in spans:
//
//	trail ──── sent, can be repaired ──── unsent ──── to be sent ──── next
//
// So the send queue is a part of the window, and a run of packets that leaves
// in one write is one slice of it. The window has no policy: when a packet may
// leave is its owner's to say.
//
// A ring of bytes takes what the packets take, whatever their size, and keeps
// runs contiguous; slots of a fixed size would do neither.
package txwindow

import (
	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

// MaxPackets is the most packets a window can hold: RFC 3208 §3.3 wants less
// than half the number space, and the tables must fit in memory.
const MaxPackets = 1 << 24

// Window is a transmit window. It is not safe for concurrent use.
type Window struct {
	buf   []byte // the packets; none wraps around the end
	head  int    // where the next packet goes
	slots []Slot // by number, modulo their count, a power of two
	limit int    // packets

	trail, unsent, next seq.Num
	bytes               int // of the packets from trail to next
	backlog             int // of those, from unsent to next
}

// Slot is what is known of one packet, for its owner to read and write.
type Slot struct {
	Sent      mono.Time // when it was first sent
	Asked     mono.Time // when the first NAK for it came; 0 if none has
	Confirmed mono.Time // when an NCF for it was last made; 0 if none was
	Repaired  mono.Time // when it was last sent as a repair; 0 if it was not
	Queued    bool      // it waits to be sent as a repair
	Void      bool      // no packet has this number: Skip left it out
	Repeats   uint8     // NAKs for it while its repair was on its way

	off, size uint32
}

// New returns an empty window of at most packets packets (1 to MaxPackets), kept
// in the memory buf, whose first packet will be number first.
func New(packets int, buf []byte, first seq.Num) *Window {
	n := 1
	for n < packets {
		n *= 2
	}
	return &Window{
		buf:    buf,
		slots:  make([]Slot, n),
		limit:  packets,
		trail:  first,
		unsent: first,
		next:   first,
	}
}

// Trail returns the number of the oldest packet (TXW_TRAIL).
func (w *Window) Trail() seq.Num { return w.trail }

// Unsent returns the number of the first packet not yet sent.
func (w *Window) Unsent() seq.Num { return w.unsent }

// Next returns the number the next packet will get: TXW_LEAD plus one, once all
// are sent.
func (w *Window) Next() seq.Num { return w.next }

// Len returns how many packets the window holds.
func (w *Window) Len() int { return w.next.Sub(w.trail) }

// Bytes returns the sum of their sizes.
func (w *Window) Bytes() int { return w.bytes }

// Backlog returns how many packets wait for their first transmission, and the
// sum of their sizes.
func (w *Window) Backlog() (packets, bytes int) { return w.next.Sub(w.unsent), w.backlog }

// Repairable reports whether packet n was sent and is still in the window.
func (w *Window) Repairable(n seq.Num) bool { return w.sent(n) && !w.Slot(n).Void }

// Void reports whether number n is one in the window that was left out.
func (w *Window) Void(n seq.Num) bool { return w.sent(n) && w.Slot(n).Void }

func (w *Window) sent(n seq.Num) bool { return !n.Before(w.trail) && n.Before(w.unsent) }

// Slot returns the slot of packet n, which must be in the window. It is valid
// until the packet is retired.
func (w *Window) Slot(n seq.Num) *Slot { return &w.slots[uint32(n)&uint32(len(w.slots)-1)] }

// Packet returns the bytes of packet n, which must be in the window. They are
// the window's own: changes to them stay.
func (w *Window) Packet(n seq.Num) []byte {
	s := w.Slot(n)
	return w.buf[s.off : s.off+s.size : s.off+s.size]
}

// span returns how many bytes of the ring are taken, waste at its end included.
func (w *Window) span() int {
	if w.Len() == 0 {
		return 0
	}
	if n := w.head - int(w.Slot(w.trail).off); n > 0 {
		return n
	} else {
		return n + len(w.buf)
	}
}

// Fits reports whether packets packets, of size bytes each at most and bytes
// together, can be added now.
func (w *Window) Fits(packets, size, bytes int) bool {
	if w.Len()+packets > w.limit {
		return false
	}
	if w.Len() == 0 {
		return bytes <= len(w.buf)
	}
	// The end of the ring may be too short for a packet: up to size-1 wasted.
	return w.span()+bytes+size-1 <= len(w.buf)
}

// Reserve returns room for one packet of up to size bytes, to be filled and
// given to Commit. It returns nil when it does not fit; after Fits it does.
func (w *Window) Reserve(size int) []byte {
	if w.Len() >= w.limit {
		return nil
	}
	if w.Len() == 0 {
		w.head = 0
	}
	tail := int(w.Slot(w.trail).off)
	switch {
	case w.Len() == 0 || w.head > tail:
		if w.head+size <= len(w.buf) {
			break
		}
		if w.Len() == 0 || size > tail {
			return nil
		}
		w.head = 0
	case w.head+size > tail:
		return nil
	}
	return w.buf[w.head : w.head+size : w.head+size]
}

// Commit adds the packet that was built in the first size bytes of what Reserve
// returned last, and returns its number.
func (w *Window) Commit(size int) seq.Num {
	n := w.next
	*w.Slot(n) = Slot{off: uint32(w.head), size: uint32(size)}
	w.head += size
	w.bytes += size
	w.backlog += size
	w.next++
	w.warm(size)
	return n
}

// ahead is how many packets before it is written the memory of one is fetched: soon
// enough to be there then, and not so soon that it is gone.
const ahead = 3

// warm fetches the memory of a packet to come, if that is as large as the last. The ring
// is longer than the processor's caches: without it, each packet would wait for memory as
// long as it takes to write.
func (w *Window) warm(size int) {
	if from := w.head + (ahead-1)*size; prefetching && from+size <= len(w.buf) {
		prefetch(w.buf[from : from+size])
	}
}

// Run returns the longest run of packets that starts with number from, lies in
// one piece, ends before number end, and has at most packets packets and bytes
// bytes: all of the size of the first, but the last, which may be smaller. The
// first packet is in the run even when it is larger than bytes.
func (w *Window) Run(from, end seq.Num, packets, bytes int) (data []byte, segment, n int) {
	first := w.Slot(from)
	segment = int(first.size)
	off := first.off + first.size
	for n = 1; n < packets && from.Add(n).Before(end); n++ {
		s := w.Slot(from.Add(n))
		if s.off != off || int(s.size) > segment || int(off-first.off+s.size) > bytes {
			break
		}
		off += s.size
		if int(s.size) < segment {
			n++
			break
		}
	}
	return w.buf[first.off:off:off], segment, n
}

// MarkSent tells that the next n unsent packets were sent at now.
func (w *Window) MarkSent(n int, now mono.Time) {
	for range n {
		s := w.Slot(w.unsent)
		s.Sent = now
		w.backlog -= int(s.size)
		w.unsent++
	}
}

// Skip leaves out the next n numbers: no packet will have them. All packets must
// have been sent. It reports false, and does nothing, if the window would hold too
// many numbers.
func (w *Window) Skip(n int) bool {
	if w.Len() == 0 {
		w.next = w.next.Add(n)
		w.trail, w.unsent = w.next, w.next
		return true
	}
	if w.Len()+n > w.limit {
		return false
	}
	for range n {
		*w.Slot(w.next) = Slot{Void: true}
		w.next++
	}
	w.unsent = w.next
	return true
}

// Retire removes the oldest packet, which must exist and have been sent, and the
// numbers after it that were left out.
func (w *Window) Retire() {
	w.bytes -= int(w.Slot(w.trail).size)
	for w.trail++; w.trail != w.unsent && w.Slot(w.trail).Void; {
		w.trail++
	}
}

// DropUnsent removes all packets that were not sent, and their numbers with
// them.
func (w *Window) DropUnsent() {
	if w.unsent != w.next {
		w.head = int(w.Slot(w.unsent).off)
	}
	w.bytes -= w.backlog
	w.backlog = 0
	w.next = w.unsent
}
