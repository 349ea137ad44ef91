package rxwindow

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gopgm/gopgm/seq"
)

// model is a window as a map, obviously right.
type model struct {
	state      map[seq.Num]State
	data       map[seq.Num][]byte
	next, lead seq.Num
}

// TestModel runs random operations on a window and a map side by side, across
// the end of the number space.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			next := seq.Num(0xffffffff - rng.Uint32N(200))
			limit := 1 << (1 + rng.IntN(8))
			pool := NewPool(1 << (8 + rng.IntN(10)))
			w := New(pool, limit, next)
			m := model{map[seq.Num]State{}, map[seq.Num][]byte{}, next, next}
			for step := range 3000 {
				n := m.next.Add(rng.IntN(limit + 2))
				switch op := rng.IntN(10); {
				case op < 2:
					first, count := w.Extend(n)
					want := max(seq.Min(n, m.next.Add(limit)).Sub(m.lead), 0)
					if first != m.lead || count != want {
						t.Fatalf("step %d: Extend(%d) = %d, %d, want %d, %d", step, n, first, count, m.lead, want)
					}
					for ; want > 0; want-- {
						m.state[m.lead] = Missing
						m.lead++
					}
				case op < 6:
					if m.state[n] != Missing {
						break
					}
					b := make([]byte, rng.IntN(1+rng.IntN(3000)))
					for i := range b {
						b[i] = byte(rng.Uint32())
					}
					must := rng.IntN(20) == 0
					used := pool.Used()
					ok := w.Store(n, &Packet{Data: b}, must)
					if !ok && (must || used+4096 <= pool.limit && len(b) <= 4096) {
						t.Fatalf("step %d: Store refused with %d of %d bytes used", step, used, pool.limit)
					}
					if ok {
						m.state[n], m.data[n] = Received, bytes.Clone(b)
						clear(b) // the window has its own copy
					}
				case op < 7:
					switch state := m.state[n]; {
					case state == Missing && step%3 == 0 || n == m.lead && step%8 == 0:
						inReach := n != m.next.Add(limit)
						if ok := w.Void(n); ok != inReach {
							t.Fatalf("step %d: Void(%d) = %v, want %v", step, n, ok, inReach)
						}
						if inReach {
							m.state[n] = Void
							m.lead = seq.Max(m.lead, n.Add(1))
						}
					case state == Missing:
						w.Lose(n, byte(step))
						m.state[n], m.data[n] = Lost, []byte{byte(step)}
					}
				case op < 8:
					p := w.Packet(n)
					if state := m.state[n]; (p != nil) != (state == Received) {
						t.Fatalf("step %d: Packet(%d) = %v of a number that is %v", step, n, p, state)
					} else if state != Received && (state != Missing || step%3 != 0) {
						break
					}
					var data []byte
					if p != nil {
						data = p.Data
					}
					w.Deliver(n)
					if !bytes.Equal(data, m.data[n]) {
						t.Fatalf("step %d: packet %d = %x, want %x", step, n, data, m.data[n])
					}
					m.state[n] = Delivered
					delete(m.data, n)
				default:
					state, p, cause := w.Head()
					if state != m.state[m.next] {
						t.Fatalf("step %d: Head = %v, want %v", step, state, m.state[m.next])
					}
					if state == Lost && cause != m.data[m.next][0] {
						t.Fatalf("step %d: cause %d", step, cause)
					}
					if state == Missing {
						break
					}
					w.Advance()
					if state == Received && !bytes.Equal(p.Data, m.data[m.next]) && p.Data != nil {
						t.Fatalf("step %d: packet %d = %x, want %x", step, m.next, p.Data, m.data[m.next])
					}
					delete(m.state, m.next)
					delete(m.data, m.next)
					m.next++
					m.lead = seq.Max(m.lead, m.next)
				}
				if w.Next() != m.next || w.Lead() != m.lead {
					t.Fatalf("step %d: window %d to %d, want %d to %d", step, w.Next(), w.Lead(), m.next, m.lead)
				}
				for i := -2; i < limit+2; i++ {
					n := m.next.Add(i)
					if got, want := w.State(n), m.state[n]; got != want {
						t.Fatalf("step %d: State(%d) = %v, want %v", step, n, got, want)
					}
				}
			}
			w.Close()
			if pool.Used() != 0 {
				t.Errorf("%d bytes still in use after Close", pool.Used())
			}
		})
	}
}

// TestWhole counts the fragments of messages that come in any order.
func TestWhole(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		next := seq.Num(0).Add(-rng.IntN(100))
		w := New(NewPool(1<<20), 128, next)
		w.Extend(next.Add(100))
		type part struct {
			n seq.Num
			p Packet
		}
		var parts []part
		left := map[seq.Num]int{} // fragments yet to come of each message
		for n := next; n.Before(next.Add(90)); {
			first, count := n, 2+rng.IntN(9)
			left[first] = count
			for i := range count {
				p := Packet{Data: make([]byte, 10), Fragment: true, First: first, Offset: uint32(10 * i), Length: uint32(10 * count)}
				parts = append(parts, part{n, p})
				n++
			}
		}
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		for _, x := range parts {
			w.Store(x.n, &x.p, true)
			left[x.p.First]--
			first, whole := w.Whole(x.n)
			if want := left[first] == 0; first != x.p.First || whole != want {
				t.Fatalf("seed %d: Whole(%d) = %d, %v, want %d, %v", seed, x.n, first, whole, x.p.First, want)
			}
		}
	}
}

// TestWholeBefore does not count a message that begins before the window.
func TestWholeBefore(t *testing.T) {
	w := New(NewPool(1<<20), 64, 10)
	w.Extend(12)
	w.Store(11, &Packet{Data: make([]byte, 4), Fragment: true, First: 9, Length: 4}, true)
	if first, whole := w.Whole(11); first != 9 || whole {
		t.Errorf("Whole = %d, %v, want 9, false", first, whole)
	}
}

// TestHeldUntilRelease checks that delivered data stays while its user looks at
// it, and that its buffer is used again after that.
func TestHeldUntilRelease(t *testing.T) {
	pool := NewPool(2 * 64)
	w := New(pool, 8, 10)
	w.Extend(14)
	for n := seq.Num(10); n < 12; n++ {
		if !w.Store(n, &Packet{Data: []byte{byte(n)}}, false) {
			t.Fatalf("Store(%d) refused", n)
		}
	}
	if w.Store(12, &Packet{Data: []byte{12}}, false) {
		t.Fatal("Store(12) went beyond the pool's limit")
	}
	_, p, _ := w.Head()
	data := p.Data
	w.Advance()
	if w.Store(12, &Packet{Data: []byte{12}}, false) {
		t.Error("the buffer of a packet in its user's hands was used again")
	}
	if data[0] != 10 {
		t.Errorf("delivered data changed to %d", data[0])
	}
	w.Release()
	if !w.Store(12, &Packet{Data: []byte{12}}, false) {
		t.Error("the buffer was not given back")
	}
}

// TestPoolBounds takes buffers of random sizes and gives some back: the pool
// never holds more than its limit, in use and idle together.
func TestPoolBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := NewPool(100_000)
	var out [][]byte
	for range 100_000 {
		if rng.IntN(2) == 0 {
			size := rng.IntN(1 << rng.IntN(17))
			if b := p.Get(size, false); b != nil {
				if len(b) != size {
					t.Fatalf("get(%d) has length %d", size, len(b))
				}
				out = append(out, b)
			}
		} else if n := len(out); n > 0 {
			i := rng.IntN(n)
			p.Put(out[i])
			out[i] = out[n-1]
			out = out[:n-1]
		}
		used := 0
		for _, b := range out {
			used += cap(b)
		}
		if p.Used() != used || p.used+p.idle > p.limit {
			t.Fatalf("used %d, want %d; idle %d; limit %d", p.Used(), used, p.idle, p.limit)
		}
	}
}
