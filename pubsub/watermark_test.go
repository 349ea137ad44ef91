package pubsub

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/seq"
)

// A stalled is a source whose socket takes nothing until it is let go: a window
// of so many packets without a network.
type stalled struct {
	Source            // for the methods that no test here calls
	limit         int // packets in the window
	trail, unsent seq.Num
	next          seq.Num
	buf           [2000]byte
	size          []int // of each packet
	took          [][]byte
	open          bool // the socket takes packets
	awaits        int
	deadline      time.Time
}

func (s *stalled) Room(packets int) error {
	if s.next.Sub(s.trail)+packets > s.limit {
		return pgm.ErrWouldBlock
	}
	return nil
}
func (s *stalled) Reserve() []byte { return s.buf[:1448] }
func (s *stalled) MaxData() int    { return 1428 }
func (s *stalled) Commit(n int) seq.Num {
	s.size = append(s.size, n)
	s.took = append(s.took, append([]byte(nil), s.buf[:n]...))
	s.next++
	return s.next - 1
}
func (s *stalled) Push(bool) error {
	if s.open {
		s.unsent, s.trail = s.next, s.next
	}
	return nil
}
func (s *stalled) Await() error {
	if s.awaits++; s.awaits > 3 && !s.deadline.IsZero() {
		return os.ErrDeadlineExceeded
	}
	if s.awaits > 3 {
		s.open = true
	}
	return s.Push(false)
}
func (s *stalled) Poll(time.Duration) error { return s.Push(false) }
func (s *stalled) Unsent() (packets, bytes int) {
	for n := s.unsent; n != s.next; n++ {
		bytes += s.size[n]
	}
	return s.next.Sub(s.unsent), bytes
}
func (s *stalled) Progress() (trail, unsent, next seq.Num) { return s.trail, s.unsent, s.next }
func (s *stalled) SetDeadline(t time.Time)                 { s.deadline = t }
func (s *stalled) Close(time.Duration) error               { return nil }
func (s *stalled) Stats() pgmnet.SourceStats               { return pgmnet.SourceStats{} }

// newStalled returns a Publisher over a socket that takes nothing.
func newStalled(t *testing.T, cfg PublisherConfig) (*Publisher, *stalled) {
	t.Helper()
	cfg.Net.Network = pgmnet.Loopback()
	cfg.Source.WindowPackets = 64
	if err := cfg.fill(); err != nil {
		t.Fatal(err)
	}
	s := &stalled{limit: 64}
	return newPublisher(cfg, s), s
}

// TestWatermarks fills the backlog with each policy, lets it go, and accounts
// for every message.
func TestWatermarks(t *testing.T) {
	body := make([]byte, 500)
	for _, tt := range []struct {
		desc string
		cfg  PublisherConfig
		full int // messages that fit: two a packet but the first, which leaves at once
	}{
		{"messages", PublisherConfig{High: Mark{Messages: 20}}, 21},
		{"bytes", PublisherConfig{High: Mark{Bytes: 10000}}, 21},
		{"window", PublisherConfig{}, 0},
	} {
		for policy := range numPolicies {
			t.Run(tt.desc, func(t *testing.T) {
				tt.cfg.Policy = policy
				p, s := newStalled(t, tt.cfg)
				accepted, blocked := 0, 0
				for range 1000 {
					before := p.Stats()
					_, err := p.Send([]byte("t"), body)
					switch after := p.Stats(); {
					case err == ErrWouldBlock:
						blocked++
					case err != nil:
						t.Fatal(err)
					case after.Dropped > before.Dropped:
						blocked++
					default:
						accepted++
					}
					if n := s.next.Sub(s.trail); n > s.limit {
						t.Fatalf("%d packets in a window of %d", n, s.limit)
					}
					if policy == Block && s.open {
						break // it had to wait
					}
				}
				st := p.Stats()
				switch policy {
				case Block:
					if !s.open || st.Blocked != 1 || blocked != 0 {
						t.Errorf("waited: %v; %d refused; %+v", s.open, blocked, st)
					}
				case WouldBlock:
					if blocked == 0 || st.Dropped != 0 || st.Messages != uint64(accepted) {
						t.Errorf("%d accepted, %d refused; %+v", accepted, blocked, st)
					}
				case DropNewest:
					if blocked == 0 || st.Dropped != uint64(blocked) || st.Messages != uint64(accepted) || accepted+blocked != 1000 {
						t.Errorf("%d accepted, %d refused; %+v", accepted, blocked, st)
					}
				}
				if n := accepted; tt.full > 0 && (n < tt.full-2 || n > tt.full+3) {
					t.Errorf("%d messages fit, want about %d", n, tt.full)
				}
				s.open = true
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
				if _, err := p.Send([]byte("t"), body); err != nil {
					t.Errorf("after the backlog left: %v", err)
				}
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
				checkStream(t, s, accepted+1)
			})
		}
	}
}

// TestHighOfOne has a low watermark of no messages: that is none, and not any
// number.
func TestHighOfOne(t *testing.T) {
	p, s := newStalled(t, PublisherConfig{High: Mark{Messages: 1}, Policy: WouldBlock})
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = p.Send([]byte("t"), make([]byte, 1000))
	}
	if err != ErrWouldBlock || n > 5 {
		t.Errorf("message %d: %v, want ErrWouldBlock after two or so", n, err)
	}
	s.open = true
	if _, err := p.Send([]byte("t"), nil); err != nil {
		t.Errorf("after the backlog left: %v", err)
	}
}

// TestSendAfterClose has a backlog that never left.
func TestSendAfterClose(t *testing.T) {
	p, _ := newStalled(t, PublisherConfig{High: Mark{Messages: 2}, Policy: WouldBlock})
	for range 10 {
		p.Send([]byte("t"), make([]byte, 1000))
	}
	p.Close()
	if _, err := p.Send([]byte("t"), nil); err != pgm.ErrClosed {
		t.Errorf("Send: %v, want ErrClosed", err)
	}
}

// checkStream wants so many whole messages in the packets, and nothing else.
func checkStream(t *testing.T, s *stalled, want int) {
	t.Helper()
	d, n := decoder{limit: 1 << 20}, 0
	for i, pkt := range s.took {
		if !d.feed(seq.Num(i), pkt) {
			t.Fatalf("packet %d is malformed", i)
		}
		for d.next() == resultMessage {
			n++
		}
	}
	if n != want || len(d.buf) > 0 && !d.release {
		t.Errorf("%d messages in the packets, want %d", n, want)
	}
}

// TestBlockDeadline gives up waiting for room, and takes nothing.
func TestBlockDeadline(t *testing.T) {
	p, s := newStalled(t, PublisherConfig{High: Mark{Messages: 10}})
	p.SetDeadline(time.Now())
	var err error
	n := 0
	for ; err == nil; n++ {
		_, err = p.Send([]byte("t"), make([]byte, 1000))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || n > 15 {
		t.Errorf("message %d: %v, want the deadline to pass at the high watermark", n, err)
	}
	s.open, s.deadline = true, time.Time{}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	checkStream(t, s, n-1)
}

// TestReserve builds messages in their place, of every size around the borders.
func TestReserve(t *testing.T) {
	p, s := newStalled(t, PublisherConfig{Flush: FlushFull})
	s.open = true
	count := 0
	for _, size := range []int{0, 1, 252, 253, 254, 255, 300, 1000, 1413} {
		for _, use := range []int{0, 1, size / 2, size} {
			if use > size {
				continue
			}
			b, err := p.Reserve([]byte("t"), size)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != size {
				t.Fatalf("reserved %d bytes, got %d", size, len(b))
			}
			if use == 1 {
				if b, err = p.Reserve([]byte("t"), size); err != nil { // the first is given up
					t.Fatal(err)
				}
			}
			for i := range b[:use] {
				b[i] = byte(i)
			}
			if id, err := p.Commit(use); err != nil || id != uint64(count+1) {
				t.Fatalf("commit of %d: id %d, %v", use, id, err)
			}
			count++
		}
	}
	if _, err := p.Commit(0); err == nil {
		t.Error("commit without reserve: no error")
	}
	if _, err := p.Reserve([]byte("t"), 1414); err == nil {
		t.Error("reserve more than a packet holds: no error")
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	checkStream(t, s, count)
}
