package pubsub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// An entrySource notes when each packet was given to the kernel at the earliest:
// before the call of the source that did it.
type entrySource struct {
	*pgmnet.Source
	entered []int64 // by number, modulo its length
}

func (e *entrySource) enter(call func() error) error {
	now := time.Now().UnixNano()
	_, from, _ := e.Progress()
	err := call()
	_, to, _ := e.Progress()
	for n := from; n != to; n++ {
		e.entered[uint32(n)%uint32(len(e.entered))] = now
	}
	return err
}
func (e *entrySource) Push(runs bool) error {
	return e.enter(func() error { return e.Source.Push(runs) })
}
func (e *entrySource) Await() error { return e.enter(e.Source.Await) }
func (e *entrySource) Poll(d time.Duration) error {
	return e.enter(func() error { return e.Source.Poll(d) })
}
func (e *entrySource) Close(d time.Duration) error {
	return e.enter(func() error { return e.Source.Close(d) })
}

// A ledger takes in completions of messages and checks each against the others.
type ledger struct {
	t       *testing.T
	p       *Publisher
	entered *entrySource
	told    [StageDropped + 1]uint64 // by stage: the id told last
	wire    [StageDropped + 1]int    // by clock: messages
	packet  []seq.Num                // by id
	at      seq.Num
	id      uint64
}

func (l *ledger) fetch() {
	_, _, next := l.p.src.Progress()
	for ; l.at != next; l.at++ {
		for last := l.p.last[uint32(l.at)&uint32(len(l.p.last)-1)]; l.id < last; {
			l.id++
			l.packet[l.id] = l.at
		}
	}
	var c Completion
	for l.p.NextCompletion(&c) {
		if c.First != l.told[c.Stage]+1 || c.Last < c.First {
			l.t.Fatalf("%+v after %d", c, l.told[c.Stage])
		}
		l.told[c.Stage] = c.Last
		if c.Stage != StageWire {
			continue
		}
		l.wire[c.Clock] += int(c.Last - c.First + 1)
		for id := c.First; id <= c.Last && c.Clock != ClockNone; id++ {
			if e := l.entered.entered[uint32(l.packet[id])%uint32(len(l.entered.entered))]; c.At.UnixNano() < e || e == 0 {
				l.t.Fatalf("%d left %v before its packet %d was given to the kernel", id, time.Unix(0, e).Sub(c.At), l.packet[id])
			}
		}
	}
}

// TestMillionCompletions sends a million messages: each ends in exactly one
// completion, in order, and left no sooner than it was given to the kernel. The
// numbers of packets wrap; with loss there are repairs between.
func TestMillionCompletions(t *testing.T) {
	messages := 1_000_000
	if testing.Short() {
		messages = 100_000
	}
	for _, tt := range []struct {
		flush   Flush
		io      pgmnet.IO
		percent int // lost by a subscriber; without one if negative
		share   int // one in so many messages
	}{
		{FlushFull, pgmnet.Auto, -1, 1},
		{FlushEach, pgmnet.Auto, -1, 1},
		{FlushFull, pgmnet.Auto, 5, 1},
		{FlushFull, pgmnet.Mmsg, 1, 10},
		{FlushFull, pgmnet.Single, 1, 10},
		{FlushFull, pgmnet.Portable, 1, 10},
	} {
		t.Run(fmt.Sprintf("flush=%d/%v/loss=%d", tt.flush, tt.io, tt.percent), func(t *testing.T) {
			if runtime.GOOS != "linux" && tt.io != pgmnet.Auto && tt.io != pgmnet.Portable {
				t.Skip("not on this system")
			}
			messages := messages / tt.share
			cfg := PublisherConfig{Endpoint: freeEndpoint(t), Flush: tt.flush, Completions: AllStages, Repair: 300 * time.Millisecond}
			cfg.Net.IO = tt.io
			cfg.Source.FirstSQN = 0xffffffff - 5000
			done := make(chan pgm.EventKind, 1)
			if tt.percent >= 0 {
				rng := rand.New(rand.NewPCG(1, 2))
				sub, err := NewSubscriber(SubscriberConfig{Endpoint: cfg.Endpoint,
					Net: pgmnet.Config{Drop: func([]byte) bool { return rng.IntN(100) < tt.percent }}})
				if err != nil {
					t.Fatal(err)
				}
				defer sub.Close()
				sub.Subscribe("no message has this")
				sub.SetDeadline(time.Now().Add(60 * time.Second))
				go func() {
					for {
						if ev, err := sub.Recv(); err != nil || ev.Kind == EventLeave {
							done <- ev.Why
							return
						}
					}
				}()
			} else {
				done <- pgm.EventFin
			}
			if err := errors.Join(cfg.fillNet(), cfg.fill()); err != nil {
				t.Fatal(err)
			}
			src, err := pgmnet.NewSource(cfg.Net, cfg.Source)
			if err != nil {
				t.Fatal(err)
			}
			entry := &entrySource{src, make([]int64, 1<<17)}
			p := newPublisher(cfg, entry)
			_, _, first := entry.Progress()
			l := &ledger{t: t, p: p, entered: entry, packet: make([]seq.Num, messages+1), at: first}
			body := make([]byte, 100)
			began := time.Now()
			for i := range messages {
				if id, err := p.Send([]byte("topic"), body[:i%len(body)]); err != nil || id != uint64(i+1) {
					t.Fatalf("message %d: id %d, %v", i, id, err)
				}
				if i%1000 == 0 {
					l.fetch()
				}
			}
			took := time.Since(began)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			l.fetch()
			if l.told[StageDropped] != 0 {
				t.Errorf("%d dropped", l.told[StageDropped])
			}
			for _, s := range []Stage{StageTaken, StageKernel, StageWire, StageRetired} {
				if l.told[s] != uint64(messages) {
					t.Errorf("stage %#x: told up to %d, want %d", s, l.told[s], messages)
				}
			}
			unknown := l.wire[ClockNone]
			if tt.io == pgmnet.Portable && unknown != messages || runtime.GOOS == "linux" && tt.io != pgmnet.Portable && unknown > messages/100 {
				t.Errorf("%d of %d wire times unknown", unknown, messages)
			}
			<-done
			st := p.Stats()
			t.Logf("%d messages in %d packets, %d repairs, %.0f messages/s; wire times: %d driver, %d card, %d unknown",
				messages, st.Packets, st.Source.RDATAPackets, float64(messages)/took.Seconds(), l.wire[ClockDriver], l.wire[ClockNIC], unknown)
		})
	}
}

// TestCompletionsAllocs sends and fetches completions of all stages.
func TestCompletionsAllocs(t *testing.T) {
	for _, flush := range []Flush{FlushEach, FlushFull} {
		p, err := NewPublisher(PublisherConfig{Endpoint: freeEndpoint(t), Flush: flush, Completions: AllStages, Repair: -1})
		if err != nil {
			t.Fatal(err)
		}
		var told [AllStages + 1]int
		topic, body := []byte("topic"), make([]byte, 100)
		if n := testing.AllocsPerRun(2000, func() {
			for range 20 {
				if _, err := p.Send(topic, body); err != nil {
					t.Fatal(err)
				}
			}
			for c := range p.Completions() {
				told[c.Stage]++
			}
		}); n != 0 || told[StageTaken] < 2000 || told[StageKernel] == 0 || runtime.GOOS == "linux" && told[StageWire] == 0 {
			t.Errorf("flush=%d: %v allocs, want 0; completions %v", flush, n, told)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// keepStamping returns when the system stamps what arrives, which it goes on doing
// until the test is over. It begins a moment after the first socket asked for it.
func keepStamping(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	pub, sub := newPair(t, PublisherConfig{Repair: -1}, SubscriberConfig{Net: pgmnet.Config{Stamps: true}})
	t.Cleanup(func() { pub.Close() })
	sub.Subscribe("")
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := pub.Send(nil, nil); err != nil {
			t.Fatal(err)
		}
		for {
			ev, err := sub.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind != EventMessage {
				continue
			}
			if ev.Clock != ClockNone {
				return
			}
			break
		}
	}
	t.Fatal("no time stamps")
}

// TestEventTimes checks when messages arrived, with and without loss.
func TestEventTimes(t *testing.T) {
	keepStamping(t)
	for _, percent := range []int{0, 5} {
		rng := rand.New(rand.NewPCG(1, 2))
		pub, sub := newPair(t, PublisherConfig{Repair: 300 * time.Millisecond},
			SubscriberConfig{Net: pgmnet.Config{Stamps: true, Drop: func([]byte) bool { return rng.IntN(100) < percent }}})
		sub.Subscribe("")
		began := time.Now().Round(0)
		done := make(chan error)
		go func() {
			for i := range 2000 {
				if _, err := pub.Send([]byte("topic"), make([]byte, i%3000)); err != nil {
					done <- err
					return
				}
			}
			done <- pub.Close()
		}()
		for n := 0; ; {
			ev, err := sub.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == EventLeave {
				if n != 2000 {
					t.Errorf("%d messages, want 2000", n)
				}
				break
			}
			if ev.Kind != EventMessage {
				continue
			}
			n++
			if runtime.GOOS != "linux" {
				continue
			}
			if now := time.Now().Round(0); ev.Clock != ClockDriver || ev.At.Before(began) || ev.At.After(now) {
				t.Fatalf("message %d arrived at %v by clock %d, between %v and %v", n, ev.At, ev.Clock, began, now)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkCompletions shows what completions take of a Publisher's throughput:
// it sends a batch with and one without in turn, and reports the ratio.
func BenchmarkCompletions(b *testing.B) {
	for _, flush := range []Flush{FlushEach, FlushFull} {
		for _, size := range []int{100, 1400} {
			b.Run(fmt.Sprintf("flush=%d/%dB", flush, size), func(b *testing.B) {
				var pubs [2]*Publisher
				for i := range pubs {
					cfg := PublisherConfig{Endpoint: freeEndpoint(b), Flush: flush, Repair: -1}
					cfg.Source.MinRate, cfg.Source.MaxRate = 100e9, 100e9
					if i == 1 {
						cfg.Completions = AllStages
					}
					var err error
					if pubs[i], err = NewPublisher(cfg); err != nil {
						b.Fatal(err)
					}
				}
				topic, body := []byte("topic"), make([]byte, size)
				var took [2]time.Duration
				told := 0
				const batch = 1000
				for b.Loop() {
					for i, p := range pubs {
						began := time.Now()
						for k := range batch {
							if _, err := p.Send(topic, body); err != nil {
								b.Fatal(err)
							}
							if k%100 == 0 {
								for range p.Completions() {
									told++
								}
							}
						}
						took[i] += time.Since(began)
					}
				}
				n := float64(b.N * batch)
				b.ReportMetric(float64(took[0])/n, "ns/message-off")
				b.ReportMetric(float64(took[1])/n, "ns/message-on")
				b.ReportMetric(float64(took[0])/float64(took[1]), "on/off")
				for _, p := range pubs {
					p.Close()
				}
			})
		}
	}
}
