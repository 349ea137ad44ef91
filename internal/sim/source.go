package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// maxRun bounds how often output is taken out at one instant; a machine that
// has more never stops.
const maxRun = 1 << 17

// source drives a pgm.Source and is the application that sends with it.
type source struct {
	*host
	spec   *SourceSpec
	index  int
	cfg    pgm.SourceConfig
	pgm    *pgm.Source
	ledger *ledger
	pub    *publisher // or nil
	rng    *rand.Rand
	result *SourceResult

	sent    int       // messages accepted
	due     mono.Time // when the next is to be sent
	burst   int       // messages left in the burst
	pending []byte    // the next message, once drawn
	blocked bool      // Send reported ErrWouldBlock

	drained bool      // all output was taken
	busy    mono.Time // until when the kernel takes nothing
	closed  bool
	closeAt mono.Time

	spms   int     // sent
	spmSQN seq.Num // of the last
	asked  []int   // for each number, the NAKs that asked for it less the repairs sent
	tokens float64 // what a fixed Rate allows at the time filled
	filled mono.Time

	numbers []seq.Num // scratch
}

func (s *source) start(now mono.Time) {
	var err error
	if s.pgm, err = pgm.NewSource(now, s.cfg); err != nil {
		s.sim.fail(s.host, nil, "NewSource: %v", err)
		return
	}
	if s.pub != nil {
		if err := s.pub.start(); err != nil {
			s.sim.fail(s.host, nil, "NewPublisherOn: %v", err)
			return
		}
	}
	s.due = now.Add(s.spec.Load.Start)
	s.burst = max(1, s.spec.Load.Burst)
	s.tokens, s.filled = float64(s.cfg.Burst), s.sim.now
	s.pump(now)
}

func (s *source) handle(now mono.Time, p *packet) {
	s.count(p)
	scratch := s.sim.borrow(p)
	err := s.pgm.HandlePacket(now, p.from.addr, scratch)
	s.sim.handled(s.host, p, err)
	scribble(scratch)
	s.pump(now)
}

// count keeps the statistics of the NAKs that reach the source.
func (s *source) count(p *packet) {
	if p.bad || p.kind() != wire.TypeNAK {
		return
	}
	s.numbers = p.numbers(s.numbers[:0])
	if p.parity() {
		s.result.ParityNAKs++
		for _, n := range s.numbers {
			s.countGroup(n)
		}
		return
	}
	for _, n := range s.numbers {
		i := n.Sub(s.ledger.first)
		if m := s.ledger.at(n); s.ledger.group > 0 && (m == nil || m.void) {
			s.countGroup(n) // parity is to tell that the number was left out
		}
		if i < 0 || i >= len(s.asked) {
			continue // to another source of the same group
		}
		s.asked[i]++
		if p.to.IsValid() {
			s.result.NAKsFor[i]++
		}
	}
	if p.to.IsValid() {
		s.result.NAKs++
	}
}

// countGroup notes that parity was asked for, of the group of n. Where there is not
// enough of it the source sends the data instead.
func (s *source) countGroup(n seq.Num) {
	k := s.cfg.FEC.K
	first := (n &^ seq.Num(k-1)).Sub(s.ledger.first)
	for i := max(first, 0); i < min(first+k, len(s.asked)); i++ {
		s.asked[i]++
	}
}

func (s *source) timeout(now mono.Time) {
	if s.spec.Linger > 0 && s.closed && now >= s.closeAt.Add(s.spec.Linger) {
		s.sim.stopSource(s)
		return
	}
	// What the application sends may make a timer due that was not before.
	for range 4 {
		if s.pgm.NextTimeout(now) <= now {
			s.pgm.HandleTimeout(now)
		}
		s.pump(now)
		if !s.drained || s.pgm.NextTimeout(now) > now {
			return
		}
	}
	s.sim.fail(s.host, nil, "spins: all output was taken, and NextTimeout is %v before now", now.Sub(s.pgm.NextTimeout(now)))
}

func (s *source) wake(now mono.Time) mono.Time {
	if !s.running || s.sim.failed() {
		return mono.Never
	}
	at := s.pgm.NextTimeout(now)
	if now < s.busy {
		at = s.busy
	}
	if s.sent < s.spec.Load.Messages && !s.blocked {
		at = min(at, s.due)
	}
	if s.pub != nil && !s.closed {
		at = min(at, s.pub.due(now))
	}
	if s.closed && s.spec.Linger > 0 {
		at = min(at, s.closeAt.Add(s.spec.Linger))
	}
	return at
}

// pump takes out what there is to send, and lets the application send more.
func (s *source) pump(now mono.Time) {
	s.drain(now)
	for s.load(now) {
		s.drain(now)
	}
	if s.pub != nil && !s.closed && !s.sim.failed() {
		if err := s.pub.poll(now); err != nil {
			s.sim.fail(s.host, nil, "Poll: %v", err)
		}
	}
	st := s.pgm.Stats()
	s.ledger.trail, _, _ = s.pgm.Progress()
	if st.Window > s.cfg.WindowPackets || st.WindowBytes > s.cfg.WindowBytes {
		s.sim.fail(s.host, nil, "window holds %d packets, %d bytes; the limits are %d, %d", st.Window, st.WindowBytes, s.cfg.WindowPackets, s.cfg.WindowBytes)
	}
}

// drain puts packets on the uplink until there are none or it takes no more.
func (s *source) drain(now mono.Time) {
	s.drained = false
	for range maxRun {
		if now < s.busy || s.sim.failed() {
			return
		}
		tx, ok := s.pgm.NextTransmit(now)
		if !ok {
			s.drained = true
			return
		}
		run := s.sim.cut(s.host, tx)
		n := len(run)
		if s.Block > 0 && s.host.rng.Float64() < s.Block {
			n = s.host.rng.IntN(n)
			s.busy = now + 1 + s.upTo(s.BlockFor)
			if again, ok := s.pgm.NextTransmit(now); !ok || again.Packets != tx.Packets ||
				!bytes.Equal(s.sim.cut(s.host, again)[0].data, run[0].data) {
				s.sim.fail(s.host, nil, "NextTransmit returned another run before Sent")
				return
			}
		}
		g := s.global(now)
		for i, p := range run[:n] {
			if s.up.full(g, len(p.data)+s.up.add) {
				n = i
				s.busy = now + max(1, (s.up.free-g)/2)
				break
			}
			s.put(p)
		}
		s.pgm.Sent(now, n)
	}
	s.sim.fail(s.host, nil, "NextTransmit does not end")
}

// put notes what was sent and sends it.
func (s *source) put(p *packet) {
	if err := s.sniff(p); err != nil {
		s.sim.fail(s.host, nil, "sends %v: %v", p, err)
	}
	if p.kind() == wire.TypeODATA && !p.parity() {
		for ; s.ledger.sent != p.sqn()+1; s.ledger.sent++ {
			s.asked = append(s.asked, 0)
			s.result.NAKsFor = append(s.result.NAKsFor, 0)
		}
	}
	if drop := s.sim.scenario.Drop; drop != nil && drop(s.index, p.kind(), p.sqn()) {
		s.sim.vanish(actScript, s.host, p)
		return
	}
	s.sim.send(s.host, p)
}

// load sends what the application has to send, and reports whether it did.
func (s *source) load(now mono.Time) bool {
	load, n := &s.spec.Load, 0
	s.blocked = false
	for ; n < max(1, load.Cork) && s.sent < load.Messages && s.due <= now; n++ {
		offer := s.offer
		if s.pub != nil {
			offer = s.pub.offer
		}
		ok, err := offer(now)
		if err != nil {
			s.sim.fail(s.host, nil, "%v", err)
			return false
		}
		if !ok {
			s.blocked = true
			return n > 0
		}
		if s.sent == 0 {
			s.result.First = now.Sub(s.local(0))
		}
		s.sent++
		if s.burst--; s.burst <= 0 {
			if s.pub != nil && load.Interval > 0 {
				if err := s.pub.flush(now); err != nil {
					s.sim.fail(s.host, nil, "Flush: %v", err)
					return false
				}
			}
			s.burst = max(1, load.Burst)
			s.due = max(s.due, now-mono.Time(10*load.Interval)) // a blocked application does not catch up for ever
			s.due = s.due.Add(draw(s.rng, load.Interval))
		}
	}
	if s.sent == load.Messages && !s.closed {
		if p, _ := s.pgm.Unsent(); p == 0 || load.CloseEarly {
			s.close(now)
			return true
		}
	}
	return n > 0
}

// offer sends the next message. It reports false if there is no room.
func (s *source) offer(now mono.Time) (bool, error) {
	if s.pending == nil {
		s.pending = s.compose()
	}
	kept := bytes.Clone(s.pending)
	first, last, err := s.pgm.Send(now, s.pending)
	if errors.Is(err, pgm.ErrWouldBlock) {
		return false, nil
	}
	if err == nil {
		err = s.ledger.add(s.global(now), first, last, kept, s.cfg.MaxTPDU-wire.DataHeaderLen)
	}
	if err != nil {
		return false, fmt.Errorf("sending %d bytes: %w", len(kept), err)
	}
	scribble(s.pending)
	s.pending = nil
	return true, nil
}

func (s *source) close(now mono.Time) {
	s.closed, s.closeAt = true, now
	s.result.Closed = now.Sub(s.local(0))
	s.sim.open--
	if s.spec.Load.Abort {
		s.ledger.aborted, s.ledger.code = true, uint8(s.rng.IntN(64))
		s.pgm.Abort(now, s.ledger.code)
	} else if s.ledger.closed = true; s.pub != nil {
		if err := s.pub.close(now); err != nil {
			s.sim.fail(s.host, nil, "Close: %v", err)
		}
	} else {
		s.pgm.Close(now)
	}
	if _, _, err := s.pgm.Send(now, nil); !errors.Is(err, pgm.ErrClosed) {
		s.sim.fail(s.host, nil, "Send after Close: %v, want ErrClosed", err)
	}
}

// size draws the size of the next message.
func (s *source) size() int {
	load := &s.spec.Load
	size := load.MinSize
	if d := load.MaxSize - load.MinSize; d > 0 {
		x := s.rng.Float64()
		size += int(x * x * x * float64(d+1))
	}
	return size
}

// compose draws the next message: its source, its number, its size, and bytes
// that follow from these.
func (s *source) compose() []byte {
	size := s.size()
	b := make([]byte, size, size+8)
	x := uint64(s.index)<<56 ^ uint64(s.sent)<<24 ^ uint64(size)
	for i := 0; i < size; i += 8 {
		binary.LittleEndian.PutUint64(b[i:i+8:cap(b)], x)
		x = x*6364136223846793005 + 1442695040888963407
	}
	return b
}
