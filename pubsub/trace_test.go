package pubsub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// A fakeSource has a window and takes packets, stamps them and lets them go as a
// random generator wants.
type fakeSource struct {
	Source              // for the methods that no test here calls
	rng                 *rand.Rand
	window              int
	trail, unsent, next seq.Num
	sizes               []int // of the packets not sent
	buf                 [200]byte
	closed              bool
	stuck               bool // the network takes no more

	pending, known []pgmnet.Stamp // in the error queue, and read
	stamped        map[seq.Num]int64
	clock          int64
}

func (f *fakeSource) Room(packets int) error {
	if f.closed {
		return pgm.ErrClosed
	}
	if packets > f.window {
		return pgm.ErrMessageTooLarge
	}
	for ; f.next.Sub(f.trail)+packets > f.window; f.trail++ {
		if f.trail == f.unsent {
			return pgm.ErrWouldBlock
		}
	}
	return nil
}
func (f *fakeSource) Reserve() []byte { return f.buf[:] }
func (f *fakeSource) Commit(n int) seq.Num {
	f.sizes = append(f.sizes, n)
	f.next++
	return f.next - 1
}

// send sends up to most packets.
func (f *fakeSource) send(most int) (wrote bool) {
	for n := f.rng.IntN(most + 1); n > 0 && len(f.sizes) > 0 && !f.stuck; wrote = true {
		k := min(1+f.rng.IntN(3), n, len(f.sizes))
		f.clock++
		st := pgmnet.Stamp{First: f.unsent, Last: f.unsent.Add(k - 1), At: f.clock}
		f.unsent, f.sizes, n = f.unsent.Add(k), f.sizes[k:], n-k
		switch f.rng.IntN(10) {
		case 0: // never told
		case 1: // told to be unknown
			st.At = 0
			fallthrough
		default:
			f.pending = append(f.pending, st)
		}
	}
	return wrote
}
func (f *fakeSource) Push(runs bool) error {
	f.send(6)
	if f.rng.IntN(4) == 0 {
		f.ReadStamps()
	}
	if f.trail != f.unsent && f.rng.IntN(3) == 0 {
		f.trail++
	}
	return nil
}
func (f *fakeSource) Await() error {
	if !f.send(6) && f.stuck {
		return os.ErrDeadlineExceeded
	}
	return nil
}
func (f *fakeSource) Poll(time.Duration) error { f.send(20); return nil }
func (f *fakeSource) Unsent() (packets, bytes int) {
	for _, n := range f.sizes {
		bytes += n
	}
	return len(f.sizes), bytes
}
func (f *fakeSource) Progress() (trail, unsent, next seq.Num) { return f.trail, f.unsent, f.next }
func (f *fakeSource) MaxData() int                            { return len(f.buf) }
func (f *fakeSource) SetDeadline(time.Time)                   {}
func (f *fakeSource) Stats() (st pgmnet.SourceStats)          { return st }
func (f *fakeSource) Close(time.Duration) error {
	f.closed = true
	f.ReadStamps()
	if len(f.sizes) > 0 {
		return os.ErrDeadlineExceeded
	}
	return nil
}
func (f *fakeSource) ReadStamps() error {
	n := f.rng.IntN(len(f.pending) + 1)
	if f.closed {
		n = len(f.pending)
	}
	for _, st := range f.pending[:n] {
		for k := st.First; !k.After(st.Last); k++ {
			f.stamped[k] = st.At
		}
	}
	f.known = append(f.known, f.pending[:n]...)
	f.pending = f.pending[n:]
	return nil
}
func (f *fakeSource) NextStamp() (st pgmnet.Stamp, ok bool) {
	if len(f.known) == 0 {
		return st, false
	}
	st, f.known = f.known[0], f.known[1:]
	return st, true
}

// checker checks completions against what happened.
type checker struct {
	t       *testing.T
	p       *Publisher
	src     *fakeSource
	stages  Stage
	began   time.Time
	packet  map[uint64]seq.Num // in which a message ended
	dropped map[uint64]bool
	at      seq.Num // up to here packet is filled in
	id      uint64  // likewise
	told    map[Stage]uint64
	count   map[Stage]int
}

// look fills in what packets have become of messages.
func (k *checker) look() {
	for ; k.at != k.src.next; k.at++ {
		for last := k.p.last[uint32(k.at)&uint32(len(k.p.last)-1)]; k.id < last; {
			k.id++
			k.packet[k.id] = k.at
		}
	}
}

// take takes in a completion.
func (k *checker) take(c *Completion) {
	k.t.Helper()
	if c.First <= k.told[c.Stage] || c.Last < c.First || c.Stage&k.stages == 0 {
		k.t.Fatalf("%+v after %d", *c, k.told[c.Stage])
	}
	if (c.Clock == ClockNone) != c.At.IsZero() {
		k.t.Fatalf("%+v: a time of no clock", *c)
	}
	for id := k.told[c.Stage] + 1; id < c.First; id++ {
		if k.dropped[id] == (c.Stage == StageDropped) {
			k.t.Fatalf("%+v: %d is left out", *c, id)
		}
	}
	k.told[c.Stage] = c.Last
	trail, unsent, _ := k.src.Progress()
	for id := c.First; id <= c.Last; id++ {
		k.count[c.Stage]++
		if k.dropped[id] != (c.Stage == StageDropped) {
			k.t.Fatalf("%+v: %d was dropped: %v", *c, id, k.dropped[id])
		}
		num, ok := k.packet[id]
		switch {
		case c.Stage == StageDropped:
			continue
		case !ok:
			k.t.Fatalf("%+v: %d is in no packet", *c, id)
		case c.Stage != StageTaken && c.Stage != StageRetired && !num.Before(unsent):
			k.t.Fatalf("%+v: packet %d was not sent", *c, num)
		case c.Stage == StageRetired && !num.Before(trail) && !k.src.closed:
			k.t.Fatalf("%+v: packet %d is in the window", *c, num)
		case c.Stage == StageRetired && (c.Clock == ClockNone) != !num.Before(unsent) && num.Add(len(k.p.last)).After(k.src.next):
			k.t.Fatalf("%+v: packet %d, unsent %d, next %d", *c, num, unsent, k.src.next)
		case c.Stage == StageWire && c.Clock != ClockNone && c.At.UnixNano() != k.src.stamped[num]:
			k.t.Fatalf("%+v: packet %d was stamped %d", *c, num, k.src.stamped[num])
		case c.Stage == StageWire && c.Clock == ClockNone && k.src.stamped[num] != 0 && !num.Before(trail):
			k.t.Fatalf("%+v: packet %d was stamped %d, and is in the window", *c, num, k.src.stamped[num])
		case c.Stage != StageWire && c.Clock != ClockNone && (c.At.Before(k.began.Round(0)) || c.At.After(time.Now().Round(0))):
			k.t.Fatalf("%+v: it began at %v", *c, k.began)
		}
	}
}

// TestCompletions sends random messages, drops some, fetches completions now and
// then, or never, and closes with or without a backlog left. Numbers of packets
// wrap.
func TestCompletions(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			first := seq.Num(0xffffffff - rng.Uint32N(300))
			src := &fakeSource{rng: rng, window: 2 + rng.IntN(40), trail: first, unsent: first, next: first, stamped: map[seq.Num]int64{}}
			cfg := PublisherConfig{Policy: Policy(rng.IntN(3)), Flush: Flush(rng.IntN(2)), Completions: AllStages}
			if rng.IntN(3) == 0 {
				cfg.Completions = Stage(rng.Uint32()) & AllStages
			}
			cfg.Source.WindowPackets = src.window
			cfg.High.Bytes = 200 + rng.IntN(4000)
			cfg.Low.Bytes = rng.IntN(cfg.High.Bytes)
			p := newPublisher(cfg, src)
			k := &checker{t: t, p: p, src: src, stages: cfg.Completions, began: time.Now(), packet: map[uint64]seq.Num{}, dropped: map[uint64]bool{},
				at: first, told: map[Stage]uint64{}, count: map[Stage]int{}}
			var c Completion
			fetch := rng.IntN(300)
			var id uint64
			body := make([]byte, 2000)
			for range 3000 {
				switch op := rng.IntN(20); {
				case op < 17:
					size := rng.IntN(1 + rng.IntN(1+rng.IntN(300)))
					if rng.IntN(30) == 0 {
						size = rng.IntN(len(body))
					}
					dropped := p.stats.Dropped
					got, err := p.Send(nil, body[:size])
					if err != nil {
						if !errors.Is(err, ErrWouldBlock) && !errors.Is(err, pgm.ErrMessageTooLarge) {
							t.Fatal(err)
						}
						continue
					}
					if id++; got != id {
						t.Fatalf("id %d, want %d", got, id)
					}
					k.dropped[id] = p.stats.Dropped != dropped
				case op == 17:
					p.Poll(0)
				case op == 18:
					p.Flush()
				default:
					if b, err := p.Reserve(nil, 10); err == nil && rng.IntN(2) == 0 {
						if id, err = p.Commit(len(b)); err != nil {
							t.Fatal(err)
						}
					}
				}
				k.look()
				if rng.IntN(300) < fetch {
					for n := rng.IntN(50); n > 0 && p.NextCompletion(&c); n-- {
						k.take(&c)
					}
				}
			}
			src.stuck = rng.IntN(2) == 0
			p.Close()
			k.look()
			for p.NextCompletion(&c) {
				k.take(&c)
			}
			drops := 0
			for _, dropped := range k.dropped {
				if dropped {
					drops++
				}
			}
			if drops+int(p.stats.Messages) != int(id) {
				t.Fatalf("%d messages, %d dropped, last id %d", p.stats.Messages, drops, id)
			}
			unsent := 0
			for _, num := range k.packet {
				if !num.Before(src.unsent) {
					unsent++
				}
			}
			for id := range k.dropped {
				if num, ok := k.packet[id]; ok && k.dropped[id] && !num.Before(src.unsent) {
					unsent--
				}
			}
			for s, want := range map[Stage]int{StageTaken: int(id) - drops, StageKernel: int(id) - drops - unsent,
				StageWire: int(id) - drops - unsent, StageRetired: int(id) - drops, StageDropped: drops} {
				if k.stages&s != 0 && k.count[s] != want {
					t.Errorf("stage %#x: %d messages, want %d", s, k.count[s], want)
				}
			}
		})
	}
}

// newFake returns a Publisher of a fakeSource that sends nothing by itself.
func newFake(window int, policy Policy, stages Stage) (*Publisher, *fakeSource) {
	src := &fakeSource{rng: rand.New(rand.NewPCG(1, 1)), window: window, stamped: map[seq.Num]int64{}, stuck: true}
	cfg := PublisherConfig{Policy: policy, Completions: stages}
	cfg.Source.WindowPackets = window
	cfg.High.Bytes, cfg.Low.Bytes = 1<<20, 1<<20
	return newPublisher(cfg, src), src
}

// completions returns those there are now, in short.
func completions(p *Publisher) (got []string) {
	for c := range p.Completions() {
		at := "-"
		if c.Clock != ClockNone {
			at = "T"
		}
		if c.Clock == ClockDriver || c.Clock == ClockNIC {
			at = fmt.Sprint(c.At.UnixNano())
		}
		got = append(got, fmt.Sprintf("%d-%d %s %d %s", c.First, c.Last, [...]string{1: "taken", 2: "kernel", 4: "wire", 8: "retired", 16: "dropped"}[c.Stage], c.Clock, at))
	}
	return got
}

// TestCompletionSteps goes through the life of a few messages.
func TestCompletionSteps(t *testing.T) {
	p, src := newFake(8, Block, AllStages)
	want := func(want ...string) {
		t.Helper()
		if got := completions(p); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	flow := func(unsent, trail seq.Num, stamps ...pgmnet.Stamp) {
		src.sizes = src.sizes[unsent-src.unsent:]
		src.unsent, src.trail = unsent, trail
		src.known = append(src.known, stamps...)
		p.trace.note()
	}
	body := make([]byte, 150)
	for range 6 { // a packet each
		p.Send(nil, body)
		p.complete()
	}
	for n := range 6 { // the clock may be the same for some
		p.trace.recs[n].taken = int64(n/3 + 1)
	}
	want("1-3 taken 1 T", "4-6 taken 1 T")
	want()
	flow(2, 0)
	want("1-2 kernel 1 T")
	flow(5, 0, pgmnet.Stamp{First: 0, Last: 1, At: 70})
	want("3-5 kernel 1 T", "1-2 wire 2 70")
	flow(5, 0, pgmnet.Stamp{First: 3, Last: 3, At: 71, Hardware: true}) // that of 2 will not come
	want("3-3 wire 0 -", "4-4 wire 3 71")
	flow(5, 5) // and that of 4 has not come by now
	want("5-5 wire 0 -", "1-5 retired 1 T")
	flow(5, 5, pgmnet.Stamp{First: 4, Last: 4, At: 72}) // too late
	want()
	p.Close() // the last is never sent
	want("6-6 retired 0 -")
	want()
}

// TestCompletionsDropped drops a message between every two, and has nobody ask:
// what is dropped and what is not are told apart, in bounded memory.
func TestCompletionsDropped(t *testing.T) {
	p, src := newFake(8, DropNewest, AllStages)
	body := make([]byte, 150)
	refused := 0
	var last uint64
	for range maxDrops + 100 {
		src.stuck = false
		for src.trail = src.unsent; src.next.Sub(src.trail) > 4; src.trail = src.unsent {
			p.Poll(0)
		}
		src.stuck = true
		if _, err := p.Send(nil, body); err != nil {
			t.Fatal(err)
		}
		p.full, p.cfg.High.Bytes, p.cfg.Low.Bytes = true, 0, 0
		p.complete()
		if id, err := p.Send(nil, make([]byte, 2000)); err != nil {
			refused++
		} else {
			last = id
		}
		p.full, p.cfg.High.Bytes, p.cfg.Low.Bytes = false, 1<<20, 1<<20
	}
	if refused != 100 || len(p.trace.runs) != maxDrops {
		t.Errorf("%d refused, want 100; %d runs", refused, len(p.trace.runs))
	}
	p.Close()
	told := map[uint64]Stage{}
	for c := range p.Completions() {
		for id := c.First; id <= c.Last; id++ {
			if told[id]&c.Stage != 0 {
				t.Fatalf("%d told twice", id)
			}
			told[id] |= c.Stage
		}
	}
	for id := uint64(1); id <= last; id++ {
		if dropped := id%2 == 0; (told[id] == StageDropped) != dropped || !dropped && told[id]&StageRetired == 0 {
			t.Fatalf("%d: %#x", id, told[id])
		}
	}
}
