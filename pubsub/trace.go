package pubsub

import (
	"iter"
	"time"

	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// NextCompletion sets c to the next completion of those that
// PublisherConfig.Completions asks for; false means there is none now, and leaves
// c alone. It allocates nothing and does not block. It drives nothing either:
// packets move on in Send, Flush, Poll and Close.
//
// Of each stage, ids come in increasing order, and each once. If StageTaken,
// StageKernel, StageWire and StageRetired are asked for, each message's come in
// this order.
//
// There is no queue: what is kept is a record for each packet that the transmit
// window has room for, rounded up to a power of two. Of packets older than that
// the times are forgotten, if they were not asked for: their messages come with
// ClockNone. A time stamp that has not come when its packet leaves the window, or
// 10 ms after Close, is unknown: ClockNone. So are those that the system had no
// room for, and all where it has none.
//
// After Close it goes on until all has been told.
func (p *Publisher) NextCompletion(c *Completion) bool {
	if p.trace == nil {
		return false
	}
	p.lock()
	defer p.unlock()
	return p.trace.next(c)
}

// Completions returns the completions that NextCompletion would, until there is
// none for now.
func (p *Publisher) Completions() iter.Seq[Completion] {
	return func(yield func(Completion) bool) {
		for c := (Completion{}); p.NextCompletion(&c) && yield(c); {
		}
	}
}

// maxDrops bounds how many runs of dropped messages are remembered until their
// completions, and those of the messages between them, were asked for. Beyond
// that, messages are refused rather than dropped.
const maxDrops = 4096

// A tracer is a Source that notes when packets pass the stages. It stands before
// the source of a Publisher that is to tell of completions.
//
// A stage is a cursor over the numbers of packets, between what was reported and
// what was reached; which messages ended in a packet, the Publisher's ring tells.
// Dropped messages have ids in between, so their runs are cut out.
type tracer struct {
	Source
	stamps stamped  // nil if the source has none
	stages Stage    // asked for
	last   []uint64 // Publisher.last
	recs   []record // likewise by number
	built  seq.Num  // up to here there are records
	unsent seq.Num  // up to here the kernel's times are noted
	left   seq.Num  // up to here what is known of time stamps is
	closed bool
	end    seq.Num // once closed: the number after the last packet there was

	cursors          []cursor // of the stages asked for but StageDropped, in order
	dropped          cursor
	runs             []run // modulo maxDrops
	oldest, runsNext int   // in runs
}

// stamped is a source that has time stamps.
type stamped interface {
	NextStamp() (pgmnet.Stamp, bool)
	ReadStamps() error
}

// A record is what is known of a packet, in nanoseconds of Unix time.
type record struct {
	taken, kernel int64
	wire          int64
	clock         Clock // of wire
}

// A cursor is how far a stage was reported.
type cursor struct {
	stage Stage
	num   seq.Num // of the packet to report next
	edge  seq.Num // the one after the last that has reached the stage, as far as is known
	id    uint64  // reported last, or a dropped one after it
	upto  uint64  // with id, what is being reported: of packets before num
	lost  uint64  // likewise, of packets whose records are no more
	at    int64   // of what is being reported
	clock Clock
	now   int64 // when edge was found
	run   int   // the first run of drops that may lie beyond id
}

// A run is messages dropped one after the other.
type run struct {
	first, last uint64
	at          int64
}

func newTracer(src Source, stages Stage, last []uint64) *tracer {
	t := &tracer{Source: src, stages: stages, last: last, recs: make([]record, len(last))}
	t.stamps, _ = src.(stamped)
	_, _, next := src.Progress()
	t.built, t.unsent, t.left = next, next, next
	for s := StageTaken; s < StageDropped; s <<= 1 {
		if stages&s != 0 {
			t.cursors = append(t.cursors, cursor{stage: s, num: next, edge: next})
		}
	}
	t.dropped.stage = StageDropped
	t.runs = make([]run, maxDrops)
	return t
}

func (t *tracer) index(n seq.Num) uint32 { return uint32(n) & uint32(len(t.recs)-1) }

// Commit makes a record for the packet, and for each number that the source has
// left out before it.
func (t *tracer) Commit(n int) seq.Num {
	num := t.Source.Commit(n)
	var now int64
	if t.stages&StageTaken != 0 {
		now = time.Now().UnixNano()
	}
	for ; t.built != num+1; t.built++ {
		*t.reuse(t.built) = record{taken: now}
	}
	return num
}

// reuse takes the record of a packet that has left the window long ago for that of
// packet num. Its messages are then reported without a time.
func (t *tracer) reuse(num seq.Num) *record {
	i := t.index(num)
	for j := range t.cursors {
		if k := &t.cursors[j]; num.Sub(k.num) == len(t.recs) {
			k.lost = t.last[i]
			k.num++
			k.edge = seq.Max(k.edge, k.num)
		}
	}
	return &t.recs[i]
}

func (t *tracer) Push(runs bool) error {
	err := t.Source.Push(runs)
	t.note()
	return err
}

func (t *tracer) Await() error {
	err := t.Source.Await()
	t.note()
	return err
}

// Poll looks more often while there is something to send: not to note it late.
func (t *tracer) Poll(d time.Duration) error {
	for end := time.Now().Add(d); ; {
		step := time.Until(end)
		if n, _ := t.Unsent(); n > 0 {
			step = min(step, pollStep)
		}
		err := t.Source.Poll(max(step, 0))
		t.note()
		if err != nil || !time.Now().Before(end) {
			return err
		}
	}
}

func (t *tracer) Close(linger time.Duration) error {
	for {
		if n, _ := t.Unsent(); n == 0 || t.Await() != nil {
			break // what is wrong, Close of the source will tell
		}
	}
	_, _, end := t.Source.Progress()
	err := t.Source.Close(linger)
	t.over(end)
	return err
}

// Abort takes back the numbers of packets that were not sent: their messages are
// told of all the same.
func (t *tracer) Abort(code uint8) error {
	_, _, end := t.Source.Progress()
	err := t.Source.Abort(code)
	t.over(end)
	return err
}

// over takes in that no packet follows from number end on.
func (t *tracer) over(end seq.Num) {
	t.note()
	if !t.closed {
		t.closed, t.end = true, end
	}
}

// note notes the time for the packets that the kernel has taken since the last
// time, and the stamps that are known.
func (t *tracer) note() {
	if _, unsent, _ := t.Source.Progress(); unsent != t.unsent {
		var now int64
		if t.stages&StageKernel != 0 {
			now = time.Now().UnixNano()
		}
		for ; t.unsent != unsent; t.unsent++ {
			t.recs[t.index(t.unsent)].kernel = now
		}
	}
	if t.stages&StageWire != 0 {
		t.stamp()
	}
}

// stamp notes the stamps that are known.
func (t *tracer) stamp() {
	if t.stamps == nil {
		t.left = t.unsent
		return
	}
	_, _, next := t.Source.Progress()
	for {
		st, ok := t.stamps.NextStamp()
		if !ok {
			return
		}
		clock := ClockDriver
		switch {
		case st.At == 0:
			clock = ClockNone
		case st.Hardware:
			clock = ClockNIC
		}
		for n := seq.Max(st.First, next.Add(-len(t.recs))); !n.After(st.Last); n++ {
			r := &t.recs[t.index(n)]
			r.wire, r.clock = st.At, clock
		}
		t.left = st.Last.Add(1)
	}
}

// drop takes in that a message is dropped. It reports false if that cannot be
// told later.
func (t *tracer) drop(id uint64) bool {
	now := time.Now().UnixNano()
	if t.runsNext > t.oldest {
		if r := t.at(t.runsNext - 1); r.last+1 == id {
			r.last, r.at = id, now
			return true
		}
	}
	if t.runsNext-t.oldest == maxDrops {
		if t.oldest = t.forget(); t.runsNext-t.oldest == maxDrops {
			return false
		}
	}
	*t.at(t.runsNext) = run{id, id, now}
	t.runsNext++
	return true
}

func (t *tracer) at(run int) *run { return &t.runs[run%maxDrops] }

// forget returns the oldest run that a cursor may still need.
func (t *tracer) forget() int {
	oldest := t.runsNext
	for i := range t.cursors {
		t.skip(&t.cursors[i])
		oldest = min(oldest, t.cursors[i].run)
	}
	if t.stages&StageDropped != 0 {
		t.skip(&t.dropped)
		oldest = min(oldest, t.dropped.run)
	}
	return oldest
}

// skip moves k on to the first run of drops that ends beyond k.id, and returns it;
// nil if there is none.
func (t *tracer) skip(k *cursor) *run {
	for k.run = max(k.run, t.oldest); k.run < t.runsNext; k.run++ {
		if r := t.at(k.run); r.last > k.id {
			return r
		} else if k.run == t.runsNext-1 {
			break // it may grow
		}
	}
	return nil
}

// next is NextCompletion.
func (t *tracer) next(c *Completion) bool {
	for i := range t.cursors {
		if t.report(&t.cursors[i], c) {
			return true
		}
	}
	return t.stages&StageDropped != 0 && t.reportDrops(c)
}

func (t *tracer) reportDrops(c *Completion) bool {
	k := &t.dropped
	r := t.skip(k)
	if r == nil {
		return false
	}
	*c = Completion{First: max(r.first, k.id+1), Last: r.last, Stage: StageDropped, At: time.Unix(0, r.at), Clock: ClockCaller}
	k.id = r.last
	return true
}

// report reports what comes next of one stage.
func (t *tracer) report(k *cursor, c *Completion) bool {
	for {
		if t.cut(k, c) {
			return true
		}
		switch {
		case k.lost > k.upto:
			k.upto, k.at, k.clock = k.lost, 0, ClockNone
		case k.num != k.edge || t.reach(k):
			t.advance(k)
		default:
			return false
		}
	}
}

// cut reports what k has to report of one stage and time, up to the next dropped
// message.
func (t *tracer) cut(k *cursor, c *Completion) bool {
	for k.id < k.upto {
		last := k.upto
		if r := t.skip(k); r != nil && r.first <= last {
			if r.first <= k.id+1 {
				k.id = r.last
				continue
			}
			last = r.first - 1
		}
		*c = Completion{First: k.id + 1, Last: last, Stage: k.stage, Clock: k.clock}
		if k.clock != ClockNone {
			c.At = time.Unix(0, k.at)
		}
		k.id = last
		return true
	}
	return false
}

// advance has k report the packets that have reached its stage at the same time
// as the first of them.
func (t *tracer) advance(k *cursor) {
	k.at, k.clock = t.told(k)
	for k.num != k.edge {
		if at, clock := t.told(k); at != k.at || clock != k.clock {
			break
		}
		k.upto = t.last[t.index(k.num)]
		k.num++
	}
}

// told returns when k's next packet reached its stage.
func (t *tracer) told(k *cursor) (at int64, by Clock) {
	r := &t.recs[t.index(k.num)]
	switch k.stage {
	case StageTaken:
		return r.taken, ClockCaller
	case StageKernel:
		return r.kernel, ClockCaller
	case StageWire:
		return r.wire, r.clock
	}
	if !k.num.Before(t.unsent) {
		return 0, ClockNone // never sent
	}
	return k.now, ClockCaller
}

// reach looks how far k's stage was reached. It reports whether there is
// something new.
func (t *tracer) reach(k *cursor) bool {
	trail, _, next := t.Source.Progress()
	if t.closed {
		next = t.end
	}
	switch k.stage {
	case StageTaken:
		k.edge = next
	case StageKernel:
		k.edge = t.unsent
	case StageWire:
		t.stamp()
		if t.stamps != nil && t.left != t.unsent && (!t.left.After(k.num) || t.left.Before(trail)) {
			t.stamps.ReadStamps() // a failure shows again elsewhere
			t.stamp()
		}
		k.edge = seq.Max(t.left, trail)
		if t.closed {
			k.edge = t.unsent
		}
	case StageRetired:
		k.edge = trail
		if t.closed {
			k.edge = next
		}
		if k.edge != k.num {
			k.now = time.Now().UnixNano()
		}
	}
	k.edge = seq.Max(k.edge, k.num)
	return k.edge != k.num
}
