package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// publisher is a pubsub.Publisher as the application of a source, and the source
// as a pubsub.Source: one that never blocks.
type publisher struct {
	src  *source
	spec *PubSpec
	pub  *pubsub.Publisher
	now  mono.Time
	open []byte // the packet begun
	book book

	next [][]byte // the next message, once drawn
	way  int      // how it is to be sent
}

func (p *publisher) start() (err error) {
	cfg := p.spec.Config
	cfg.Source, cfg.Policy = p.src.cfg, pubsub.WouldBlock
	p.pub, err = pubsub.NewPublisherOn(p, cfg)
	return err
}

// offer publishes the next message. It reports false if there is no room.
func (p *publisher) offer(now mono.Time) (bool, error) {
	p.now = now
	if p.next == nil {
		p.next, p.way = p.compose(), p.src.rng.IntN(4)
	}
	kept := make([][]byte, len(p.next))
	for i := range p.next {
		kept[i] = bytes.Clone(p.next[i])
	}
	p.book.add(kept)
	id, err := p.send()
	if errors.Is(err, pubsub.ErrWouldBlock) {
		return false, p.book.takeBack()
	}
	if err != nil {
		return false, fmt.Errorf("publishing %d bytes: %w", p.book.messages[len(p.book.messages)-1].size(), err)
	}
	if n := len(p.book.messages); id != uint64(n) {
		return false, fmt.Errorf("message %d has the id %d", n, id)
	}
	for _, f := range p.next {
		scribble(f)
	}
	p.next = nil
	return true, nil
}

// send sends the next message in one of the ways there are.
func (p *publisher) send() (uint64, error) {
	m := p.next
	if len(m) != 2 {
		return p.pub.SendFrames(m...)
	}
	const most = 2 + 10 + 10 // the offset, and the headers
	switch {
	case p.way == 0:
		return p.pub.Send(m[0], m[1])
	case p.way == 1:
		return p.pub.TrySend(m[0], m[1])
	case p.way == 2 && most+len(m[0])+len(m[1]) <= p.MaxData():
		b, err := p.pub.Reserve(m[0], len(m[1]))
		if err != nil {
			return 0, err
		}
		return p.pub.Commit(copy(b, m[1]))
	}
	return p.pub.SendFrames(m...)
}

// compose draws the next message: how many frames it has, and what is in them.
func (p *publisher) compose() [][]byte {
	s, rng := p.src, p.src.rng
	left := s.size()
	topic := p.spec.Topics[rng.IntN(len(p.spec.Topics))]
	frames := make([][]byte, 1+rng.IntN(max(1, p.spec.Frames)))
	x := uint64(s.index)<<56 ^ uint64(s.sent)<<24
	for i := range frames {
		n := left
		if i < len(frames)-1 {
			n = rng.IntN(left + 1)
		}
		left -= n
		f := make([]byte, n, n+8)
		for j := 0; j < n; j += 8 {
			binary.LittleEndian.PutUint64(f[j:j+8:cap(f)], x)
			x = x*6364136223846793005 + 1442695040888963407
		}
		frames[i] = f
	}
	frames[0] = append([]byte(topic), frames[0]...)
	return frames
}

// flush has the application ask for everything to leave.
func (p *publisher) flush(now mono.Time) error {
	p.now = now
	if err := p.pub.Flush(); err != os.ErrDeadlineExceeded {
		return err
	}
	return nil // what the network does not take now, it takes later
}

// poll runs what the Publisher has to do though nothing is published.
func (p *publisher) poll(now mono.Time) error {
	p.now = now
	return p.pub.Poll(0)
}

// due returns when poll must be called.
func (p *publisher) due(now mono.Time) mono.Time {
	p.now = now
	return now.Add(p.pub.Due())
}

// close ends the session. Nothing waits: the rest is sent as time goes on.
func (p *publisher) close(now mono.Time) error {
	p.now = now
	err := p.pub.Close()
	if _, again := p.pub.Send(nil, nil); !errors.Is(again, pgm.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("sending after Close: %v, want ErrClosed", again))
	}
	return err
}

// The methods of pubsub.Source.

func (p *publisher) Room(packets int) error { return p.src.pgm.Room(p.now, packets) }

func (p *publisher) Reserve() []byte {
	p.open = p.src.pgm.Reserve()
	return p.open
}

// Commit enters the packet in the ledger, too, and in the book.
func (p *publisher) Commit(n int) seq.Num {
	s := p.src
	data := bytes.Clone(p.open[:n])
	num := s.pgm.Commit(n)
	err := s.ledger.add(s.global(p.now), num, num, data, s.cfg.MaxTPDU-wire.DataHeaderLen)
	if err == nil {
		err = p.book.commit(num, data)
	}
	if err != nil {
		s.sim.fail(s.host, nil, "%v", err)
	}
	return num
}

func (p *publisher) Push(runs bool) error {
	packets, bytes := p.src.pgm.Unsent()
	if !runs || packets >= pgm.MaxRunPackets || bytes >= pgm.MaxRunBytes-p.src.cfg.MaxTPDU {
		p.src.drain(p.now)
	}
	return nil
}

func (p *publisher) Poll(time.Duration) error {
	p.src.drain(p.now)
	return nil
}

func (p *publisher) Finish() error {
	p.src.pgm.Close(p.now)
	return nil
}

func (p *publisher) Close(time.Duration) error { return p.Finish() }

func (p *publisher) Abort(code uint8) error {
	p.src.pgm.Abort(p.now, code)
	return nil
}

func (p *publisher) Due() time.Duration {
	at := p.src.pgm.NextTimeout(p.now)
	if p.now < p.src.busy {
		at = p.src.busy
	}
	return max(at.Sub(p.now), 0)
}

func (p *publisher) MaxData() int                            { return p.src.pgm.MaxData() }
func (p *publisher) Unsent() (packets, bytes int)            { return p.src.pgm.Unsent() }
func (p *publisher) Progress() (trail, unsent, next seq.Num) { return p.src.pgm.Progress() }
func (p *publisher) Await() error                            { return os.ErrDeadlineExceeded }
func (p *publisher) SetDeadline(time.Time)                   {}
func (p *publisher) FDs(dst []pgmnet.FD) []pgmnet.FD         { return dst }
func (p *publisher) Stats() pgmnet.SourceStats {
	return pgmnet.SourceStats{SourceStats: p.src.pgm.Stats()}
}
