package pubsub

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// A Publisher sends messages to a group. It is not safe for concurrent use, unless
// PublisherConfig.Concurrent is set.
type Publisher struct {
	cfg  PublisherConfig
	src  Source
	name pgm.SourceID

	open   []byte    // the packet begun, as much of it as is used; nil if there is none
	n      int       // bytes of it filled, the offset included
	offset int       // in it, of the first frame that begins a message, or noBoundary
	since  time.Time // when the oldest message that may wait was taken, if FlushAfter is set
	hole   hole      // what Reserve returned, for Commit

	size  int      // bytes that a packet has for offset and stream
	id    uint64   // of the message taken last
	ended uint64   // of the message that ended last in a packet, this one included
	last  []uint64 // by packet number, modulo its length: what ended was when the packet was complete
	first seq.Num  // of the session
	next  seq.Num  // after the packet built last

	trace *tracer // nil without completions

	pushed uint64 // with FlushFull: how many packets were built at the last Push

	full  bool // the backlog was at the high watermark, and is not yet down to the low one
	stats PublisherStats

	polling *pollState // of Poll, while it does not run

	guard   guard
	user    time.Time // the deadline the user has set
	closing bool      // Close or Abort was called
}

// PublisherStats counts what a Publisher did.
type PublisherStats struct {
	Messages uint64 // accepted
	Bytes    uint64 // of their frames
	Packets  uint64 // built
	Blocked  uint64 // times Send found the backlog at the high watermark
	Dropped  uint64 // messages dropped there
	Source   pgmnet.SourceStats
}

// NewPublisher opens a Publisher.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	if err := cfg.fillNet(); err != nil {
		return nil, err
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	src, err := pgmnet.NewSource(cfg.Net, cfg.Source)
	if err != nil {
		return nil, err
	}
	p := newPublisher(cfg, src)
	p.name = pgm.SourceID{TSI: src.TSI(), Addr: src.Addr()}
	return p, nil
}

func newPublisher(cfg PublisherConfig, src Source) *Publisher {
	def(&cfg.Source.WindowPackets, 65536)
	n := 1
	for n <= cfg.Source.WindowPackets {
		n *= 2
	}
	p := &Publisher{cfg: cfg, src: src, size: src.MaxData(), last: make([]uint64, n)}
	p.guard.on = cfg.Concurrent
	_, _, p.first = src.Progress()
	p.next = p.first
	if cfg.Completions != 0 {
		p.trace = newTracer(src, cfg.Completions, p.last)
		p.src = p.trace
	}
	return p
}

// Source returns the name of the session, which subscribers find in
// Event.Source.
func (p *Publisher) Source() pgm.SourceID { return p.name }

// SetDeadline sets when the calls that block give up with
// os.ErrDeadlineExceeded. The zero time, which is the default, means never.
func (p *Publisher) SetDeadline(t time.Time) {
	p.lock()
	defer p.unlock()
	p.user = t
	p.src.SetDeadline(t)
	p.guard.hurry(0, false)
}

// Stats returns the counters.
func (p *Publisher) Stats() PublisherStats {
	p.lock()
	defer p.unlock()
	st := p.stats
	st.Source = p.src.Stats()
	return st
}

// Send publishes a message of two frames: topic and body. It copies both. The
// returned id counts the messages of this Publisher, from 1.
//
// After an error the message was not accepted, unless the error is a failure of
// the socket: ErrWouldBlock, os.ErrDeadlineExceeded, pgm.ErrMessageTooLarge or
// pgm.ErrClosed.
func (p *Publisher) Send(topic, body []byte) (id uint64, err error) {
	p.lock()
	defer p.unlock()
	size := headerLen(len(topic)) + len(topic) + headerLen(len(body)) + len(body)
	if ok, err := p.admit(size); !ok {
		return p.refused(err)
	}
	return p.put(topic, body)
}

// put puts a message that was admitted in the window, and sends what is to be
// sent.
func (p *Publisher) put(topic, body []byte) (id uint64, err error) {
	p.begin()
	p.frame(topic, true)
	p.frame(body, false)
	return p.end(len(topic) + len(body))
}

// SendFrames publishes a message of any number of frames, at least one: the
// first begins with the topic. Otherwise it is like Send.
func (p *Publisher) SendFrames(frames ...[]byte) (id uint64, err error) {
	if len(frames) == 0 {
		return 0, errors.New("pubsub: a message needs at least one frame")
	}
	p.lock()
	defer p.unlock()
	size, bytes := 0, 0
	for _, f := range frames {
		size += headerLen(len(f)) + len(f)
		bytes += len(f)
	}
	if ok, err := p.admit(size); !ok {
		return p.refused(err)
	}
	p.begin()
	for i, f := range frames {
		p.frame(f, i < len(frames)-1)
	}
	return p.end(bytes)
}

// Flush sends what waits in a packet that is not full, and blocks until the
// network has taken everything, or the deadline.
func (p *Publisher) Flush() error {
	p.lock()
	defer p.unlock()
	p.complete()
	p.since = time.Time{}
	for {
		if err := p.src.Push(false); err != nil {
			return err
		}
		if n, _ := p.src.Unsent(); n == 0 {
			return nil
		}
		if err := p.await(); err != nil {
			return err
		}
	}
}

// Poll answers NAKs, runs timers and sends what waits, for a time; with d = 0 it
// does so once.
func (p *Publisher) Poll(d time.Duration) error {
	p.lock()
	defer p.unlock()
	if p.guard.on {
		return p.pollFor(d)
	}
	for end := time.Now().Add(d); ; {
		if p.open != nil && (p.cfg.Flush == FlushEach || p.late()) {
			if err := p.flush(); err != nil {
				return err
			}
		}
		left := time.Until(end)
		step := left
		if p.open != nil && (p.cfg.Flush == FlushEach || p.cfg.FlushAfter > 0) {
			step = min(left, pollStep)
		}
		if err := p.src.Poll(max(step, 0)); err != nil || step >= left {
			return err
		}
	}
}

// pollStep is how often Poll looks whether a packet that is not full can leave.
const pollStep = 100 * time.Microsecond

// Close sends the backlog, for Linger at most, announces the end, and answers
// NAKs for as long as Repair. It returns os.ErrDeadlineExceeded if not all was
// sent by then.
func (p *Publisher) Close() error {
	p.lock()
	defer p.unlock()
	if p.guard.on {
		return p.closeShared()
	}
	p.closing = true
	p.complete()
	p.src.SetDeadline(time.Now().Add(max(p.cfg.Linger, 0)))
	return p.src.Close(max(p.cfg.Repair, 0))
}

// Abort ends the session at once and closes the sockets: what has not left is
// dropped, NAKs are answered no more, and subscribers are told so with a reason, 0
// to 63; a larger one becomes 63. Theirs end with an EventLeave by pgm.EventReset
// that has it as its Code. With Concurrent, calls that block return pgm.ErrClosed,
// and Close sooner.
func (p *Publisher) Abort(code uint8) error {
	p.lock()
	defer p.unlock()
	p.closing = true
	p.complete() // what was begun is told of, too, by completions
	err := p.src.Abort(code)
	p.guard.shut()
	return err
}

// admit makes sure that a message of size bytes, headers of frames included, can
// be taken. It reports false if not, with an error unless it was dropped.
func (p *Publisher) admit(size int) (ok bool, err error) { return p.admitBy(p.cfg.Policy, size) }

// admitBy is admit with a policy of its own.
func (p *Publisher) admitBy(policy Policy, size int) (ok bool, err error) {
	if p.open != nil && size <= len(p.open)-p.n && !p.full {
		return true, nil
	}
	packets := 1 + p.packets(size)
	for tries := 0; ; tries++ {
		if p.closing {
			return false, pgm.ErrClosed
		}
		err := p.above()
		if err == nil {
			err = p.src.Room(packets)
		}
		switch {
		case err == nil:
			return true, nil
		case err != ErrWouldBlock && err != pgm.ErrWouldBlock:
			return false, err
		}
		p.full = true
		if tries == 0 {
			p.stats.Blocked++
		}
		if policy == Block {
			if err := p.await(); err != nil {
				return false, err
			}
			continue
		}
		// Room may be there but for the time that has passed.
		if err := p.src.Push(false); err != nil {
			return false, err
		}
		if p.above() == nil && p.src.Room(packets) == nil {
			continue
		}
		if policy == WouldBlock {
			return false, ErrWouldBlock
		}
		return false, nil
	}
}

// refused counts a message that was not admitted; without an error it is dropped,
// and has an id all the same.
func (p *Publisher) refused(err error) (id uint64, _ error) {
	if err != nil {
		return 0, err
	}
	if p.trace != nil && !p.trace.drop(p.id+1) {
		return 0, ErrWouldBlock
	}
	p.id++
	p.ended = p.id
	p.stats.Dropped++
	return p.id, nil
}

// packets returns how many packets are needed, beyond the one begun, for size
// more bytes.
func (p *Publisher) packets(size int) int {
	if p.open != nil {
		size -= len(p.open) - p.n
	}
	room := p.size - offsetLen
	return (max(size, 0) + room - 1) / room
}

// above returns ErrWouldBlock while the backlog is not below the high watermark,
// or was not and is still above the low one.
func (p *Publisher) above() error {
	mark := &p.cfg.High
	if p.full {
		mark = &p.cfg.Low
	}
	packets, bytes := p.src.Unsent()
	if packets > 0 && (bytes > mark.Bytes || p.cfg.High.Messages > 0 && p.backlog() > mark.Messages) {
		return ErrWouldBlock
	}
	p.full = false
	return nil
}

// Backlog returns how many messages, or their ends, the network has not taken
// yet.
func (p *Publisher) Backlog() int {
	p.lock()
	defer p.unlock()
	return p.backlog()
}

func (p *Publisher) backlog() int {
	_, unsent, _ := p.src.Progress()
	unsent = seq.Min(unsent, p.next) // the source may have left out numbers after it
	if unsent == p.first {
		return int(p.id)
	}
	return int(p.id - p.last[p.index(unsent-1)])
}

// begin begins a message.
func (p *Publisher) begin() {
	p.id++
	p.hole = hole{}
	if p.open == nil || p.n == len(p.open) {
		p.reserve()
	}
	if p.offset == noBoundary {
		p.offset = p.n - offsetLen
	}
	if p.cfg.FlushAfter > 0 && p.since.IsZero() {
		p.since = time.Now()
	}
}

// reserve completes the packet begun, if there is one, and begins another.
func (p *Publisher) reserve() {
	p.complete()
	b := p.src.Reserve()
	p.open, p.n, p.offset = b[:p.size], offsetLen, noBoundary
}

// index returns the place of packet n in last.
func (p *Publisher) index(n seq.Num) uint32 { return uint32(n) & uint32(len(p.last)-1) }

// frame adds a frame to the message.
func (p *Publisher) frame(body []byte, more bool) {
	if room := p.open[p.n:]; len(body) <= maxShort && len(room) >= shortHeader+len(body) {
		room[0], room[1] = byte(len(body)+1), 0
		if more {
			room[1] = flagMore
		}
		copy(room[shortHeader:], body)
		p.n += shortHeader + len(body)
		return
	}
	var head [longHeader]byte
	p.write(appendHeader(head[:0], len(body), more))
	p.write(body)
}

// write adds part of a frame to the message.
func (p *Publisher) write(b []byte) {
	for len(b) > 0 {
		if p.n == len(p.open) {
			p.reserve()
		}
		n := copy(p.open[p.n:], b)
		p.n, b = p.n+n, b[n:]
	}
}

// complete makes the packet begun ready to be sent.
func (p *Publisher) complete() {
	if p.open == nil {
		return
	}
	if p.n == offsetLen { // all that was to be in it was given up
		p.open = nil
		return
	}
	if p.offset == noBoundary && p.ended == p.id && p.n < len(p.open) {
		p.offset = p.n - offsetLen // a message ended here, and none begins: the next packet does
	}
	binary.BigEndian.PutUint16(p.open, uint16(p.offset))
	num := p.src.Commit(p.n)
	for ; p.next != num; p.next++ { // numbers that the source has left out
		p.last[p.index(p.next)] = p.last[p.index(p.next-1)]
	}
	p.last[p.index(num)] = p.ended
	p.next++
	p.open = nil
	p.stats.Packets++
}

// end ends a message with so many bytes in its frames, and sends what is to be
// sent.
func (p *Publisher) end(bytes int) (id uint64, err error) {
	p.ended = p.id
	p.stats.Messages++
	p.stats.Bytes += uint64(bytes)
	if p.cfg.Flush == FlushEach || p.late() {
		return p.id, p.flush()
	}
	if p.n == len(p.open) {
		p.complete()
	}
	if p.stats.Packets == p.pushed {
		return p.id, nil
	}
	p.pushed = p.stats.Packets
	return p.id, p.src.Push(true)
}

// late reports whether a message has waited for as long as it may.
func (p *Publisher) late() bool {
	return p.cfg.FlushAfter > 0 && !p.since.IsZero() && time.Since(p.since) >= p.cfg.FlushAfter
}

// flush sends what waits. As long as packets wait to be sent, the one begun is
// kept, to take more messages.
func (p *Publisher) flush() error {
	if n, _ := p.src.Unsent(); n > 0 {
		if err := p.src.Push(false); err != nil {
			return err
		}
		if n, _ := p.src.Unsent(); n > 0 {
			return nil
		}
	}
	p.complete()
	p.since = time.Time{}
	return p.src.Push(false)
}
