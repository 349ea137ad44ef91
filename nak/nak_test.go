package nak

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

const ms = mono.Time(time.Millisecond)

// fixed are intervals that make a script easy to follow: the back-off ends
// within 10 ms, then 20 ms to the NCF, then 30 ms to the data.
func fixed() Config {
	return Config{
		Backoff: 10 * time.Millisecond, Repeat: 20 * time.Millisecond, Data: 30 * time.Millisecond,
		InitialRTT: time.Millisecond, MaxInterval: time.Second, GroupSize: 1, NCFRetries: 2, DataRetries: 2,
	}
}

func scaled() Config {
	return Config{
		MinInterval: 200 * time.Microsecond, MaxInterval: 200 * time.Millisecond, InitialRTT: time.Millisecond,
		GroupSize: 50, NCFRetries: 50, DataRetries: 50,
	}
}

// script drives a table by hand.
type script struct {
	t     *testing.T
	now   mono.Time
	table Table
}

func newScript(t *testing.T, cfg Config) *script {
	return &script{t: t, now: ms, table: NewTable(NewTiming(&cfg, rand.New(rand.NewPCG(1, 2))))}
}

func (s *script) advance(to mono.Time) {
	s.t.Helper()
	for s.table.NextTimeout() <= to {
		if next := s.table.NextTimeout(); next < s.now {
			s.t.Fatalf("at %v: a deadline at %v has passed", s.now, next)
		} else {
			s.now = next
		}
		s.table.Expire(s.now, s.now)
		if s.table.NextTimeout() <= s.now {
			s.t.Fatalf("at %v: the deadline stays at %v", s.now, s.table.NextTimeout())
		}
	}
	s.now = to
}

// untilAsk lets time pass until a NAK is due, and returns its numbers.
func (s *script) untilAsk() []seq.Num {
	s.t.Helper()
	for !s.table.Asking() {
		next := s.table.NextTimeout()
		if next == mono.Never {
			return nil
		}
		s.now = next
		s.table.Expire(s.now, s.now)
	}
	var list [63]seq.Num
	return slices.Clone(list[:s.table.NextNAK(s.now, list[:], 1, nil)])
}

func (s *script) state(n seq.Num, want State) {
	s.t.Helper()
	if got := s.table.State(n); got != want {
		s.t.Errorf("at %v: number %d is in %v, want %v", s.now, n, got, want)
	}
}

func (s *script) lost(want ...Lost) {
	s.t.Helper()
	if got := s.table.TakeLost(); !slices.Equal(got, want) {
		s.t.Errorf("at %v: lost %v, want %v", s.now, got, want)
	}
}

// TestRepaired goes the straight way: back-off, NAK, NCF, data. RFC 3208 §6.3.
func TestRepaired(t *testing.T) {
	s := newScript(t, fixed())
	s.table.Miss(s.now, 0xffffffff, 2)
	s.state(0xffffffff, BackOff)
	s.state(0, BackOff)
	s.state(1, None)
	if got := s.untilAsk(); !slices.Equal(got, []seq.Num{0xffffffff, 0}) {
		t.Errorf("asks for %v", got)
	}
	if s.now > 11*ms+ms {
		t.Errorf("asks at %v, after NAK_BO_IVL", s.now)
	}
	s.state(0, WaitNCF)
	if s.table.Confirm(s.now+ms, 0) {
		t.Error("the NCF to our own NAK counts as suppression")
	}
	s.state(0, WaitData)
	s.state(0xffffffff, WaitNCF)
	if got := s.table.Timing.RTT(); got != time.Millisecond {
		t.Errorf("round trip %v, want 1ms", got)
	}
	if !s.table.Arrived(s.now+2*ms, 0) || s.table.Arrived(s.now+2*ms, 0) {
		t.Error("Arrived: want true once")
	}
	s.state(0, None)
	if s.table.Len() != 1 {
		t.Errorf("%d missing, want 1", s.table.Len())
	}
}

// TestNoNCF repeats the NAK until NAK_NCF_RETRIES are exceeded. RFC 3208 §6.3.
func TestNoNCF(t *testing.T) {
	s := newScript(t, fixed())
	s.table.Miss(s.now, 7, 1)
	for try := range 3 {
		if got := s.untilAsk(); !slices.Equal(got, []seq.Num{7}) {
			t.Fatalf("try %d: asks for %v", try, got)
		}
		asked := s.now
		s.advance(asked + 19*ms)
		s.state(7, WaitNCF)
	}
	if got := s.untilAsk(); got != nil {
		t.Errorf("asks for %v after the last retry", got)
	}
	s.lost(Lost{7, NoNCF})
	if s.table.NextTimeout() != mono.Never {
		t.Error("a timer runs with nothing missing")
	}
}

// TestNoData repeats the NAK until NAK_DATA_RETRIES are exceeded; each NCF
// restarts the wait for data. RFC 3208 §6.3.
func TestNoData(t *testing.T) {
	s := newScript(t, fixed())
	s.table.Miss(s.now, 7, 1)
	for try := range 3 {
		if got := s.untilAsk(); !slices.Equal(got, []seq.Num{7}) {
			t.Fatalf("try %d: asks for %v", try, got)
		}
		s.table.Confirm(s.now, 7)
		s.advance(s.now + 29*ms)
		s.state(7, WaitData)
		s.table.Confirm(s.now, 7)
		s.advance(s.now + 29*ms)
		s.state(7, WaitData)
	}
	s.untilAsk()
	s.lost(Lost{7, NoData})
}

// TestSuppression holds the NAK back when an NCF or a peer's NAK comes in the
// back-off. RFC 3208 §6.3, "NAK suppression".
func TestSuppression(t *testing.T) {
	s := newScript(t, fixed())
	s.table.Miss(s.now, 7, 3)
	if !s.table.Confirm(s.now, 7) {
		t.Error("an NCF in the back-off does not count as suppression")
	}
	if !s.table.PeerAsked(s.now, 8) {
		t.Error("a peer's NAK in the back-off does not count as suppression")
	}
	s.state(7, WaitData)
	s.state(8, WaitNCF)
	s.state(9, BackOff)
	if got := s.untilAsk(); !slices.Equal(got, []seq.Num{9}) {
		t.Errorf("asks for %v, want 9 alone", got)
	}
	// "matching NAK: restart timer(NAK_RPT_IVL)"
	s.advance(15 * ms)
	s.table.PeerAsked(s.now, 8)
	s.advance(34 * ms)
	s.state(8, WaitNCF)
	s.advance(36 * ms)
	s.state(8, BackOff)
}

// TestUnheard does not repeat a NAK while its answer may wait unread.
func TestUnheard(t *testing.T) {
	s := newScript(t, fixed())
	s.table.Miss(s.now, 7, 1)
	s.untilAsk()
	s.now += 25 * ms
	s.table.Miss(s.now, 8, 1)
	s.now += 11 * ms
	s.table.Expire(s.now, s.now-18*ms)
	s.state(7, WaitNCF)
	s.state(8, Ask)
	s.now += ms / 100
	s.table.Expire(s.now, s.now)
	s.state(7, BackOff)
}

// TestPassive gives up without asking.
func TestPassive(t *testing.T) {
	cfg := fixed()
	cfg.Passive = true
	s := newScript(t, cfg)
	s.table.Miss(s.now, 7, 2)
	if got := s.untilAsk(); got != nil {
		t.Errorf("asks for %v", got)
	}
	s.lost(Lost{7, Never}, Lost{8, Never})
}

// TestScaledIntervals checks that the intervals follow the measured round trip
// and grow with the retries, within their bounds.
func TestScaledIntervals(t *testing.T) {
	cfg := scaled()
	timing := NewTiming(&cfg, rand.New(rand.NewPCG(1, 1)))
	if got := timing.Repeat(0); got != 2*time.Millisecond {
		t.Errorf("before a measurement: NAK_RPT_IVL %v, want twice the initial round trip", got)
	}
	for range 100 {
		timing.MeasureRTT(50 * time.Microsecond)
		timing.MeasureData(60 * time.Microsecond)
	}
	if got := timing.RTT(); got < 45*time.Microsecond || got > 55*time.Microsecond {
		t.Errorf("round trip %v, want 50µs", got)
	}
	for try, want := range []time.Duration{200, 200, 200, 400, 800} {
		if got := timing.Data(try); got != want*time.Microsecond {
			t.Errorf("try %d: NAK_RDATA_IVL %v, want %vµs", try, got, int64(want))
		}
	}
	if got := timing.Data(200); got > 200*time.Millisecond {
		t.Errorf("NAK_RDATA_IVL %v exceeds its bound", got)
	}
	alone := timing
	alone.group = 1
	if got := alone.Span(); got > 30*time.Microsecond {
		t.Errorf("alone: NAK_BO_IVL %v, want half a round trip", got)
	}
	timing.Announce(7 * time.Millisecond)
	if got := timing.Span(); got != 7*time.Millisecond {
		t.Errorf("NAK_BO_IVL %v, want the 7ms announced", got)
	}
	timing.Range(time.Millisecond, 5*time.Millisecond)
	if got := timing.Span(); got != 5*time.Millisecond {
		t.Errorf("NAK_BO_IVL %v, want the 5ms bound announced", got)
	}
}

// TestFeedback draws the back-offs of groups of many sizes whose size is known,
// and counts who asks before the first can be confirmed, one round trip later:
// few, whatever the size.
func TestFeedback(t *testing.T) {
	for _, size := range []int{2, 10, 100, 1000, 10000} {
		cfg := scaled()
		cfg.GroupSize = size
		timing := NewTiming(&cfg, rand.New(rand.NewPCG(uint64(size), 1)))
		const rounds = 300
		total := 0
		for range rounds {
			first := time.Duration(math.MaxInt64)
			all := make([]time.Duration, size)
			for i := range all {
				all[i] = timing.Backoff()
				if all[i] < 1 || all[i] > timing.Span() {
					t.Fatalf("back-off %v outside 0 to %v", all[i], timing.Span())
				}
				first = min(first, all[i])
			}
			for _, d := range all {
				if d < first+cfg.InitialRTT {
					total++
				}
			}
		}
		mean := float64(total) / rounds
		t.Logf("%d receivers: %.1f ask on average, within %v", size, mean, timing.Span())
		if mean > 5 {
			t.Errorf("%d receivers: %.1f ask on average, want 5 at most", size, mean)
		}
	}
}

// TestModel runs random operations against a map of states.
func TestModel(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			cfg := scaled()
			cfg.NCFRetries, cfg.DataRetries = 1+rng.IntN(4), 1+rng.IntN(4)
			table := NewTable(NewTiming(&cfg, rng))
			want, held := map[seq.Num]bool{}, map[seq.Num]bool{}
			group := []int{1, 8}[seed%2] // with groups, numbers are held until theirs is over
			next := seq.Num(0xffffffff - rng.Uint32N(500))
			now := ms
			begin := func(end seq.Num) {
				table.Begin(now, end, group)
				for n := range held {
					if n.Before(end) || table.State(n) != Held {
						delete(held, n)
					}
					if n.Before(end) && table.State(n) == Held {
						t.Fatalf("%d is held, though before %d", n, end)
					}
				}
			}
			pick := func() seq.Num { return next.Add(-1 - rng.IntN(100)) }
			for range 1500 {
				now += mono.Time(rng.Int64N(int64(ms)))
				switch rng.IntN(9) {
				case 0:
					next = next.Add(rng.IntN(50))
					n := 1 + rng.IntN(20)
					hold := group > 1 && rng.IntN(4) > 0
					if hold {
						table.Hold(now, next, n)
					} else {
						begin(next)
						table.Miss(now, next, n)
					}
					for range n {
						want[next] = true
						if hold {
							held[next] = true
						}
						next++
					}
				case 1:
					n := pick()
					if got := table.Arrived(now, n); got != want[n] {
						t.Fatalf("Arrived(%d) = %v, want %v", n, got, want[n])
					}
					delete(want, n)
				case 2:
					n := pick()
					table.Cancel(n)
					delete(want, n)
				case 3:
					table.Confirm(now, pick())
				case 4:
					table.PeerAsked(now, pick())
				case 5:
					if group > 1 {
						begin(pick() &^ seq.Num(group-1))
					}
				default:
					table.Expire(now, now)
					for _, l := range table.TakeLost() {
						if !want[l.Num] {
							t.Fatalf("lost %d, which is not missing", l.Num)
						}
						delete(want, l.Num)
					}
					var list [63]seq.Num
					for table.Asking() {
						var even func(seq.Num) bool
						if rng.IntN(2) == 0 {
							even = func(n seq.Num) bool { return n&8 == 0 }
						}
						n := table.NextNAK(now, list[:1+rng.IntN(63)], group, even)
						if n == 0 && even == nil {
							t.Fatal("asking, but for nothing")
						}
						for i, num := range list[:n] {
							if !want[num] || held[num] && table.State(num) == Held || even != nil && !even(num) {
								t.Fatalf("asks for %v", list[:n])
							}
							if i > 0 && !(list[i-1] &^ seq.Num(group-1)).Before(num&^seq.Num(group-1)) {
								t.Fatalf("asks for %v in groups of %d", list[:n], group)
							}
						}
					}
					if table.NextTimeout() <= now {
						t.Fatalf("deadline %v not after %v", table.NextTimeout(), now)
					}
				}
				if table.Len() != len(want) {
					t.Fatalf("%d missing, want %d", table.Len(), len(want))
				}
				oldest, ok := table.Oldest()
				if ok != (len(want) > 0) || ok && !want[oldest] {
					t.Fatalf("oldest %d, %v", oldest, ok)
				}
				for n := range want {
					if table.State(n) == None || n.Before(oldest) {
						t.Fatalf("number %d: %v, oldest %d", n, table.State(n), oldest)
					}
				}
			}
		})
	}
}

// TestNudge asks once more, soon after the NCF, and then no more than otherwise.
func TestNudge(t *testing.T) {
	cfg := fixed()
	cfg.Nudge = 2 * time.Millisecond
	s := newScript(t, cfg)
	s.table.Miss(s.now, 7, 1)
	if got := s.untilAsk(); !slices.Equal(got, []seq.Num{7}) {
		t.Fatalf("asked for %v", got)
	}
	s.table.Confirm(s.now, 7)
	confirmed := s.now
	if got := s.untilAsk(); !slices.Equal(got, []seq.Num{7}) || s.now != confirmed+2*ms {
		t.Fatalf("asked for %v after %v, want 7 after 2 ms", got, s.now.Sub(confirmed))
	}
	s.state(7, WaitNCF)
	s.table.Confirm(s.now, 7)
	s.advance(s.now + 29*ms)
	s.state(7, WaitData)
	s.advance(s.now + ms)
	s.state(7, BackOff)

	// One whose NAK was held back is not asked for sooner: others do that.
	s = newScript(t, cfg)
	s.table.Miss(s.now, 8, 1)
	s.table.Confirm(s.now, 8)
	s.advance(s.now + 29*ms)
	s.state(8, WaitData)
}

// TestNudgeMeasured learns how long repairs take that only come when asked for
// twice.
func TestNudgeMeasured(t *testing.T) {
	cfg := scaled()
	cfg.Nudge = 2 * time.Millisecond
	s := newScript(t, cfg)
	for n := range seq.Num(50) {
		s.table.Miss(s.now, n, 1)
		s.untilAsk()
		s.now += ms / 10
		s.table.Confirm(s.now, n)
		s.untilAsk()
		s.now += ms / 10
		s.table.Confirm(s.now, n)
		s.now += ms / 10
		s.table.Arrived(s.now, n)
	}
	if got := s.table.Timing.Data(0); got < 200*time.Microsecond || got > 5*time.Millisecond {
		t.Errorf("waits %v for a repair, want about 2 ms", got)
	}
}

// TestSince tells since when each number is missing, whatever became of others
// and however often it was asked for.
func TestSince(t *testing.T) {
	s := newScript(t, fixed())
	start := s.now
	s.table.Miss(s.now, 0xfffffffe, 3)
	s.advance(start + 50*ms)
	s.table.Miss(s.now, 1, 100) // the table grows
	s.untilAsk()
	s.table.Arrived(s.now, 0xfffffffe)
	for n, want := range map[seq.Num]mono.Time{0xffffffff: start, 0: start, 1: start + 50*ms, 100: start + 50*ms} {
		if got := s.table.Since(n); got != want {
			t.Errorf("Since(%#x) = %v, want %v", uint32(n), got, want)
		}
	}
}
