package txwindow

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

// model is a window with a map, obviously right.
type model struct {
	packets             map[seq.Num][]byte // those in the window; a number that has none was left out
	trail, unsent, next seq.Num
}

func (m *model) len() int { return m.next.Sub(m.trail) }

// retire removes the oldest packet, and what was left out after it.
func (m *model) retire() {
	delete(m.packets, m.trail)
	for m.trail++; m.trail != m.unsent && m.packets[m.trail] == nil; {
		m.trail++
	}
}

func (m *model) bytes(from, to seq.Num) (n int) {
	for ; from != to; from++ {
		n += len(m.packets[from])
	}
	return n
}

// TestModel runs random operations on a window and a map side by side, across
// the end of the number space.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			first := seq.Num(rng.Uint32())
			if seed%2 == 0 {
				first = seq.Num(0xffffffff - rng.Uint32N(100))
			}
			limit, size, maxSize := 1+rng.IntN(40), 200+rng.IntN(2000), 1+rng.IntN(100)
			w := New(limit, make([]byte, size), first)
			m := model{packets: map[seq.Num][]byte{}, trail: first, unsent: first, next: first}
			for step := range 2000 {
				switch op := rng.IntN(10); {
				case op < 5:
					n := 1 + rng.IntN(maxSize)
					fits := w.Fits(1, n, n)
					b := w.Reserve(n)
					if fits && b == nil {
						t.Fatalf("step %d: Reserve(%d) = nil though it fits", step, n)
					}
					if b == nil {
						if m.len() < limit && m.bytes(m.trail, m.next)+2*maxSize <= size {
							t.Fatalf("step %d: Reserve(%d) = nil in a window with %d of %d bytes", step, n, m.bytes(m.trail, m.next), size)
						}
						break
					}
					used := 1 + rng.IntN(n)
					for i := range b[:used] {
						b[i] = byte(rng.Uint32())
					}
					p := bytes.Clone(b[:used])
					if got := w.Commit(used); got != m.next {
						t.Fatalf("step %d: Commit = %d, want %d", step, got, m.next)
					}
					m.packets[m.next] = p
					m.next++
				case op < 8:
					if n := m.next.Sub(m.unsent); n > 0 {
						n = 1 + rng.IntN(n)
						w.MarkSent(n, mono.Time(step+1))
						for i := range n {
							if got := w.Slot(m.unsent.Add(i)).Sent; got != mono.Time(step+1) {
								t.Fatalf("step %d: sent at %d", step, got)
							}
						}
						m.unsent = m.unsent.Add(n)
					}
				case op < 9:
					if m.trail != m.unsent {
						w.Retire()
						m.retire()
					}
				default:
					if rng.IntN(4) == 0 && m.unsent == m.next {
						n := 1 + rng.IntN(5)
						want := m.len() == 0 || m.len()+n <= limit
						if got := w.Skip(n); got != want {
							t.Fatalf("step %d: Skip(%d) = %v with %d of %d numbers", step, n, got, m.len(), limit)
						}
						if want && m.len() == 0 {
							m.trail = m.trail.Add(n)
						}
						if want {
							m.next = m.next.Add(n)
							m.unsent = m.next
						}
					}
					if rng.IntN(20) == 0 {
						w.DropUnsent()
						for ; m.next != m.unsent; m.next-- {
							delete(m.packets, m.next-1)
						}
					}
				}
				if w.Trail() != m.trail || w.Unsent() != m.unsent || w.Next() != m.next || w.Len() != m.len() {
					t.Fatalf("step %d: window %d %d %d, want %d %d %d", step, w.Trail(), w.Unsent(), w.Next(), m.trail, m.unsent, m.next)
				}
				if got, want := w.Bytes(), m.bytes(m.trail, m.next); got != want {
					t.Fatalf("step %d: Bytes = %d, want %d", step, got, want)
				}
				if p, b := w.Backlog(); p != m.next.Sub(m.unsent) || b != m.bytes(m.unsent, m.next) {
					t.Fatalf("step %d: Backlog = %d, %d", step, p, b)
				}
				for n, want := range m.packets {
					if got := w.Packet(n); !bytes.Equal(got, want) {
						t.Fatalf("step %d: packet %d = %x, want %x", step, n, got, want)
					}
					if got, want := w.Repairable(n), n.Before(m.unsent); got != want {
						t.Fatalf("step %d: Repairable(%d) = %v", step, n, got)
					}
				}
				for n := m.trail; n != m.unsent; n++ {
					if got, want := w.Void(n), m.packets[n] == nil; got != want || got && w.Repairable(n) {
						t.Fatalf("step %d: Void(%d) = %v, want %v", step, n, got, want)
					}
				}
				if w.Void(m.trail-1) || w.Void(m.next) || w.Repairable(m.trail-1) || w.Repairable(m.next) {
					t.Fatalf("step %d: repairable outside the window", step)
				}
				if m.unsent != m.next {
					checkRun(t, w, &m, 1+rng.IntN(limit), rng.IntN(size))
				}
			}
		})
	}
}

func checkRun(t *testing.T, w *Window, m *model, packets, limit int) {
	data, segment, n := w.Run(m.unsent, m.next, packets, limit)
	if n < 1 || n > packets || (len(data) > limit && n > 1) {
		t.Fatalf("Run: %d packets, %d bytes; limits %d, %d", n, len(data), packets, limit)
	}
	for i := range n {
		p := m.packets[m.unsent.Add(i)]
		got := data[i*segment : min((i+1)*segment, len(data))]
		if !bytes.Equal(got, p) {
			t.Fatalf("Run: packet %d of %d = %x, want %x", i, n, got, p)
		}
	}
}

func TestRunTakesEqualSizes(t *testing.T) {
	w := New(16, make([]byte, 1000), 0xfffffffd)
	for _, size := range []int{10, 10, 10, 7, 10, 12} {
		w.Reserve(size)
		w.Commit(size)
	}
	from := w.Unsent()
	for _, want := range []struct{ segment, n int }{{10, 4}, {10, 1}, {12, 1}} {
		data, segment, n := w.Run(from, w.Next(), 64, 65000)
		if segment != want.segment || n != want.n {
			t.Errorf("Run(%d) = %d bytes, segment %d, n %d, want %d, %d", from, len(data), segment, n, want.segment, want.n)
		}
		from = from.Add(n)
	}
}

func TestAllocs(t *testing.T) {
	w := New(8, make([]byte, 4096), 0)
	if n := testing.AllocsPerRun(1000, func() {
		for !w.Fits(1, 1000, 1000) {
			w.Retire()
		}
		w.Reserve(1000)
		w.Commit(1000)
		w.Run(w.Unsent(), w.Next(), 64, 65000)
		w.MarkSent(1, 1)
	}); n != 0 {
		t.Errorf("%v allocs per packet, want 0", n)
	}
}

// BenchmarkFill writes full packets to a window that no cache holds, with the memory of
// those to come fetched and without, by turns. It reports the time for one, and the
// ratio.
func BenchmarkFill(b *testing.B) {
	if !prefetching {
		b.Skip("memory is not fetched ahead on this processor")
	}
	defer func() { prefetching = true }()
	const size, turn = 1400, 64
	w := New(1<<17, make([]byte, 256<<20), 0)
	msg := make([]byte, size)
	var took [2]time.Duration
	for b.Loop() {
		for i := range took {
			prefetching = i == 0
			start := time.Now()
			for range turn {
				for !w.Fits(1, size, size) {
					w.Retire()
				}
				copy(w.Reserve(size), msg)
				w.Commit(size)
				w.MarkSent(1, 1)
			}
			took[i] += time.Since(start)
		}
	}
	packets := float64(b.N * turn)
	b.ReportMetric(float64(took[0])/packets, "ns/fetched")
	b.ReportMetric(float64(took[1])/packets, "ns/not")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
	b.ReportMetric(0, "ns/op")
}
