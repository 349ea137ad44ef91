package pubsub

import (
	"encoding/binary"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// CausePieces is the cause of a gap for parts of messages that lie across packets,
// of which too many wait for others, with pgm.Unordered delivery: see
// [SubscriberConfig].PieceBytes.
const CausePieces = pgm.CausePieces

// A stitcher makes messages of the packets of one source in whatever order they
// come. Messages that lie wholly in a packet it finds at once. Of one that lies
// across packets, the first has the beginning, which opens it; each other has a
// piece, the bytes before its offset, or all of its bytes when it has none. An open
// message takes pieces one after the other, and those for which it is too early
// wait.
//
// Memory is bounded by what waits, which is counted, and by the numbers that the
// receive window can hold.
type stitcher struct {
	decoder // of the packet at hand
	pool    *piecePool

	// All numbers before floor were taken in, were lost, or do not exist.
	floor  seq.Num
	target seq.Num // up to here floor may go

	opens  map[seq.Num]*openMessage // by the number of the packet that each needs next
	pieces map[seq.Num]*piece       // by number, from floor on

	packet piece // the one at hand, of which data is borrowed
	at     seq.Num
	todo   step

	grow  *openMessage // may have a piece to take
	found *openMessage // was delivered, or is nil when a message of the packet at hand was

	gap  Event     // with resultBroken: First, Last, Cause
	loss pgm.Event // to be reported
	end  *Event    // EventLeave to be reported once all is
}

// step is what is to be done with the event at hand.
type step uint8

const (
	stepRest  step = iota // nothing
	stepPiece             // the piece of the packet
	stepScan              // the messages in it
	stepBad               // the packet is malformed
	stepLoss
	stepEnd
)

// An openMessage is one of which the beginning has come, in buf.
type openMessage struct {
	decoder
	cost int
}

// A piece is the part of a packet that belongs to a message begun before it.
type piece struct {
	last seq.Num // number of the packet, or of the last that brought it
	data []byte
	all  bool // no message begins after it: it may not be the end
	lost bool // it is not there, which was reported
	used bool
	cost int
}

// A piecePool bounds the memory for what waits, over all sources.
type piecePool struct {
	held, limit int
	spare       [][]byte
	discarded   uint64
}

// slipCost is what an open message or a piece takes besides its bytes, about.
const slipCost = 160

const (
	maxSpare     = 64 // buffers that the pool keeps
	maxSpareSize = 64 << 10
)

func (p *piecePool) take(n int) bool {
	if p.held+n > p.limit {
		p.discarded++
		return false
	}
	p.held += n
	return true
}

// buffer returns a buffer for n bytes, of length 0.
func (p *piecePool) buffer(n int) []byte {
	if k := len(p.spare) - 1; k >= 0 && cap(p.spare[k]) >= n {
		b := p.spare[k]
		p.spare = p.spare[:k]
		return b[:0]
	}
	return make([]byte, 0, n)
}

func (p *piecePool) give(b []byte) {
	if cap(b) > 0 && cap(b) <= maxSpareSize && len(p.spare) < maxSpare {
		p.spare = append(p.spare, b)
	}
}

func newStitcher(pool *piecePool, limit int) *stitcher {
	return &stitcher{
		pool: pool, decoder: decoder{limit: limit, joined: true},
		opens: make(map[seq.Num]*openMessage), pieces: make(map[seq.Num]*piece),
	}
}

// reset begins anew, with number first.
func (t *stitcher) reset(first seq.Num) {
	t.drop()
	t.floor, t.target = first, first
}

// drop forgets everything.
func (t *stitcher) drop() {
	for _, o := range t.opens {
		t.close(o)
	}
	for _, p := range t.pieces {
		t.free(p)
	}
	clear(t.opens)
	clear(t.pieces)
	t.recycle()
	t.grow, t.todo, t.end = nil, stepRest, nil
	t.decoder.lose()
	t.joined = true
}

// feed takes in the message of PGM in ev, a packet. It borrows its data until the
// next call.
func (t *stitcher) feed(ev *pgm.Event) {
	t.advanceTo(ev.Floor)
	t.at, t.packet = ev.First, piece{last: ev.Last}
	t.num, t.data = ev.Last, nil
	t.todo = stepBad
	if len(ev.Data) < offsetLen {
		return
	}
	offset, data := binary.BigEndian.Uint16(ev.Data), ev.Data[offsetLen:]
	switch {
	case offset == noBoundary:
		t.packet.data, t.packet.all = data, true
	case int(offset) <= len(data):
		t.packet.data, t.data = data[:offset], data[offset:]
	default:
		return
	}
	t.todo = stepPiece
}

// lose takes in that packets are lost: all before them are accounted for.
func (t *stitcher) lose(ev *pgm.Event) {
	t.advanceTo(ev.First)
	t.loss, t.todo = *ev, stepLoss
}

// finish takes in that the session ends before number end, of which leave is to
// tell.
func (t *stitcher) finish(end seq.Num, leave Event) {
	t.advanceTo(end)
	t.end, t.todo = &leave, stepEnd
}

func (t *stitcher) advanceTo(n seq.Num) { t.target = seq.Max(t.target, n) }

// keep copies what feed has borrowed.
func (t *stitcher) keep() {
	switch t.todo {
	case stepPiece:
		n := len(t.packet.data)
		b := append(append(t.spare[:0], t.packet.data...), t.data...)
		t.spare, t.packet.data, t.data = b, b[:n:n], b[n:]
	case stepScan:
		t.decoder.keep()
	}
}

// next finds the next message, which spanned and frames tell of, or gap.
func (t *stitcher) next() result {
	t.recycle()
	for {
		if t.grow != nil {
			if r := t.growOne(); r != resultNone {
				return r
			}
			continue
		}
		if t.climb() {
			continue
		}
		if t.todo == stepRest {
			return resultNone
		}
		if r := t.step(); r != resultNone {
			return r
		}
	}
}

// climb moves floor on by one number, if it may. It reports false if not.
func (t *stitcher) climb() bool {
	p, o := t.pieces[t.floor], t.opens[t.floor]
	switch {
	case p != nil: // an open message would have taken it
		delete(t.pieces, t.floor)
		t.free(p)
		t.floor = p.last.Add(1)
	case t.floor.Before(t.target): // there is no such number
		if o != nil {
			delete(t.opens, t.floor)
			t.await(o, t.floor.Add(1))
		} else if len(t.pieces) == 0 && len(t.opens) == 0 {
			t.floor = t.target
			return true
		}
		t.floor++
	default:
		return false
	}
	return true
}

// step goes on with the event at hand.
func (t *stitcher) step() result {
	switch t.todo {
	case stepPiece:
		t.todo = stepScan
		return t.takePiece()
	case stepScan:
		if r := t.decoder.next(); r == resultMessage {
			return r
		} else if r == resultBroken {
			t.decoder.lose()
			t.joined, t.todo = true, stepRest
			t.settle()
			return t.broken(t.at, t.num, CauseFraming)
		}
		t.todo = stepRest
		r := t.openTail()
		t.settle()
		return r
	case stepBad:
		t.todo = stepRest
		t.packet.lost = true
		first := t.at
		if o := t.opens[t.at]; o != nil {
			delete(t.opens, t.at)
			first = o.first
			t.close(o)
		}
		t.store()
		t.settle()
		return t.broken(first, t.num, CauseFraming)
	case stepLoss:
		t.todo = stepRest
		first := t.loss.First
		if o := t.opens[first]; o != nil {
			delete(t.opens, first)
			first = o.first
			t.close(o)
		}
		t.floor = t.loss.Last.Add(1)
		t.advanceTo(t.floor)
		return t.broken(first, t.loss.Last, t.loss.Cause)
	case stepEnd:
		t.todo = stepRest
		if o := t.opens[t.target]; o != nil {
			delete(t.opens, t.target)
			first := o.first
			t.close(o)
			return t.broken(first, t.target-1, pgm.CauseEnd)
		}
	}
	return resultNone
}

// takePiece hands the piece of the packet at hand to the message that waits for it.
// Without one it waits, unless that cannot come any more.
func (t *stitcher) takePiece() result {
	if o := t.opens[t.at]; o != nil {
		delete(t.opens, t.at)
		p := t.packet
		t.packet.used = true
		t.store()
		return t.extend(o, &p)
	}
	if t.at == t.floor {
		return resultNone // the rest of a message that is lost, or began before the first packet
	}
	if len(t.packet.data) > 0 && !t.pool.take(len(t.packet.data)) {
		t.packet.lost = true
		t.store()
		return t.broken(t.at, t.packet.last, CausePieces)
	}
	t.store()
	return resultNone
}

// settle moves floor past the packet at hand, if it is next in order.
func (t *stitcher) settle() {
	if t.at == t.floor {
		t.floor = t.packet.last.Add(1)
		t.advanceTo(t.floor)
	}
}

// store notes that the packet at hand has come, with its piece if that is not used,
// unless it is next in order.
func (t *stitcher) store() {
	if t.at == t.floor {
		return
	}
	p := new(piece)
	*p = t.packet
	p.data = nil
	if !p.used && !p.lost && len(t.packet.data) > 0 {
		p.cost = len(t.packet.data)
		p.data = append(t.pool.buffer(len(t.packet.data)), t.packet.data...)
	}
	t.pieces[t.at] = p
}

// openTail opens the message that the packet at hand ends with, if there is one.
func (t *stitcher) openTail() result {
	if !t.decoder.begun() {
		return resultNone
	}
	if !t.pool.take(len(t.buf) + slipCost) {
		t.decoder.lose()
		t.joined = true
		return t.broken(t.at, t.num, CausePieces)
	}
	o := &openMessage{decoder: t.decoder, cost: len(t.buf) + slipCost}
	o.buf = append(t.pool.buffer(len(t.buf)), t.buf...)
	o.first, o.frames, o.spare, o.data = t.at, nil, nil, nil
	t.decoder.lose()
	t.joined = true
	t.await(o, t.num.Add(1))
	return resultNone
}

// await has o wait for packet n, which may be there.
func (t *stitcher) await(o *openMessage, n seq.Num) {
	t.opens[n] = o
	if p := t.pieces[n]; p != nil && !p.used {
		t.grow = o
		o.num = n
	}
}

// growOne gives the message in grow the piece that it waits for.
func (t *stitcher) growOne() result {
	o := t.grow
	n := o.num
	t.grow = nil
	p := t.pieces[n]
	delete(t.opens, n)
	if p.lost {
		t.close(o) // the gap told of the piece is one of this message
		return resultNone
	}
	q := *p
	q.cost = 0
	p.data, p.used = nil, true
	t.pool.held -= p.cost
	p.cost = 0
	r := t.extend(o, &q)
	t.pool.give(q.data)
	return r
}

// extend adds a piece to an open message.
func (t *stitcher) extend(o *openMessage, p *piece) result {
	if !t.pool.take(len(p.data)) {
		first := o.first
		t.close(o)
		return t.broken(first, p.last, CausePieces)
	}
	o.cost += len(p.data)
	o.num, o.data = p.last, p.data
	r := o.decoder.next()
	rest := len(o.data)
	o.data = nil
	switch {
	case r == resultMessage && rest == 0:
		t.found = o
		return resultMessage
	case r == resultNone && p.all:
		t.await(o, p.last.Add(1))
		return resultNone
	}
	// It is no framing, or the offset says that another message begins before this
	// one ends.
	first := o.first
	t.close(o)
	return t.broken(first, p.last, CauseFraming)
}

// broken makes a gap.
func (t *stitcher) broken(first, last seq.Num, why pgm.Cause) result {
	t.gap.First, t.gap.Last, t.gap.Cause = first, last, why
	return resultBroken
}

// message returns the frames of the message found last, and its packets.
func (t *stitcher) message() (frames [][]byte, first, last seq.Num) {
	if o := t.found; o != nil {
		return o.frames, o.first, o.num
	}
	return t.frames, t.at, t.num
}

// recycle takes back the memory of the message delivered last.
func (t *stitcher) recycle() {
	if t.found != nil {
		t.close(t.found)
		t.found = nil
	}
}

func (t *stitcher) close(o *openMessage) {
	t.pool.held -= o.cost
	t.pool.give(o.buf)
	o.buf = nil
}

func (t *stitcher) free(p *piece) {
	t.pool.held -= p.cost
	t.pool.give(p.data)
	p.data = nil
}
