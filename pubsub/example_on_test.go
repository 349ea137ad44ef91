package pubsub_test

import (
	"fmt"
	"log"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
	"github.com/gopgm/gopgm/seq"
)

// A tape is a transport of packets: what it has taken can be played once.
type tape struct {
	source  *pgm.Source
	now     mono.Time
	packets [][]byte
}

func (t *tape) Room(packets int) error                  { return t.source.Room(t.now, packets) }
func (t *tape) Reserve() []byte                         { return t.source.Reserve() }
func (t *tape) Commit(n int) seq.Num                    { return t.source.Commit(n) }
func (t *tape) MaxData() int                            { return t.source.MaxData() }
func (t *tape) Unsent() (packets, bytes int)            { return t.source.Unsent() }
func (t *tape) Progress() (trail, unsent, next seq.Num) { return t.source.Progress() }
func (t *tape) Await() error                            { return os.ErrDeadlineExceeded }
func (t *tape) Poll(time.Duration) error                { return t.Push(false) }
func (t *tape) SetDeadline(time.Time)                   {}
func (t *tape) Stats() pgmnet.SourceStats               { return pgmnet.SourceStats{SourceStats: t.source.Stats()} }
func (t *tape) FDs(dst []pgmnet.FD) []pgmnet.FD         { return dst }
func (t *tape) Due() time.Duration                      { return t.source.NextTimeout(t.now).Sub(t.now) }

func (t *tape) Push(bool) error {
	for tx, ok := t.source.NextTransmit(t.now); ok; tx, ok = t.source.NextTransmit(t.now) {
		for pkt := range slices.Chunk(slices.Concat(tx.Data...), tx.Segment) {
			t.packets = append(t.packets, pkt)
		}
		t.source.Sent(t.now, tx.Packets)
	}
	return nil
}

func (t *tape) Finish() error {
	t.source.Close(t.now)
	return t.Push(false)
}

func (t *tape) Close(time.Duration) error { return t.Finish() }

func (t *tape) Abort(code uint8) error {
	t.source.Abort(t.now, code)
	return t.Push(false)
}

// A player hands the packets of a tape to a receiver.
type player struct {
	*tape
	receiver *pgm.Receiver
}

func (p *player) TryRecv() (ev pgm.Event, ok bool, err error) {
	for !p.receiver.NextEvent(&ev) {
		if len(p.packets) == 0 {
			return ev, false, nil
		}
		p.receiver.HandlePacket(p.now, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("239.192.0.1"), p.packets[0])
		p.packets = p.packets[1:]
	}
	return ev, true, nil
}

func (p *player) Recv() (pgm.Event, error) {
	ev, ok, err := p.TryRecv()
	if !ok && err == nil {
		err = os.ErrDeadlineExceeded
	}
	return ev, err
}

func (p *player) Stats() pgmnet.ReceiverStats {
	return pgmnet.ReceiverStats{ReceiverStats: p.receiver.Stats()}
}
func (p *player) TakeIn() error            { return nil }
func (p *player) TakeInDue() time.Duration { return time.Hour }
func (p *player) Close() error             { return nil }

// A Publisher and a Subscriber over a transport of one's own: here a tape, played
// to the end in one goroutine.
func ExampleNewPublisherOn() {
	sc := pgm.SourceConfig{Addr: netip.MustParseAddr("10.0.0.1"), Group: netip.MustParseAddr("239.192.0.1"), WindowBytes: 1 << 20}
	source, err := pgm.NewSource(0, sc)
	if err != nil {
		log.Fatal(err)
	}
	receiver, err := pgm.NewReceiver(pgm.ReceiverConfig{Rand: rand.NewPCG(1, 2)})
	if err != nil {
		log.Fatal(err)
	}
	t := &tape{source: source}
	pub, err := pubsub.NewPublisherOn(t, pubsub.PublisherConfig{Source: sc, Policy: pubsub.WouldBlock})
	if err != nil {
		log.Fatal(err)
	}
	sub, err := pubsub.NewSubscriberOn(&player{t, receiver}, pubsub.SubscriberConfig{})
	if err != nil {
		log.Fatal(err)
	}
	sub.Subscribe("EUR")
	for _, topic := range []string{"EURUSD", "USDJPY", "EURJPY"} {
		if _, err := pub.Send([]byte(topic), []byte("1.0831")); err != nil {
			log.Fatal(err)
		}
	}
	pub.Close()
	for {
		ev, err := sub.TryRecv()
		if ev == nil || err != nil {
			break
		}
		switch ev.Kind {
		case pubsub.EventMessage:
			fmt.Printf("%v %s %s\n", ev.Kind, ev.Topic(), ev.Body())
		default:
			fmt.Println(ev.Kind)
		}
	}
	// Output:
	// join
	// message EURUSD 1.0831
	// message EURJPY 1.0831
	// leave
}
