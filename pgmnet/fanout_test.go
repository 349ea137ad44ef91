package pgmnet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// A moody is a carrier that takes as much as it likes, and keeps what it took.
type moody struct {
	carrier
	room  int // packets until it is full
	dead  netip.Addr
	took  map[netip.Addr][]byte
	stamp []string // of what was new
}

func (m *moody) send(tx *pgm.Transmit) (int, error) {
	if tx.To == m.dead {
		return 0, fmt.Errorf("send: %w", syscall.ECONNREFUSED)
	}
	n := min(m.room, tx.Packets)
	m.room -= n
	if n == 0 {
		return 0, errFull
	}
	m.took[tx.To] = append(m.took[tx.To], bytes.Join(tx.Data, nil)[:min(n*tx.Segment, tx.Bytes)]...)
	if tx.Original > 0 {
		m.stamp = append(m.stamp, fmt.Sprintf("%d-%d", tx.First, tx.First.Add(n-1)))
	}
	return n, nil
}

func (m *moody) stats() IOStats { return IOStats{} }

func hosts(n int) (list []netip.Addr) {
	for i := range n {
		list = append(list, netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}))
	}
	return list
}

// TestFanout offers new data as an engine does, in runs that get longer and shorter
// until they are taken and other packets between them, to a socket that is full at
// any time. Every host gets all of it once, in order.
func TestFanout(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, seed))
			to := hosts(1 + rng.IntN(5))
			m := &moody{took: map[netip.Addr][]byte{}}
			if rng.IntN(2) == 0 {
				m.dead = to[rng.IntN(len(to))]
			}
			f := newFanout(m, to)
			const segment, total = 3, 400
			data := random(segment*total - 1) // the last packet is shorter
			for i := range data {
				data[i] &= 0x7f // to tell it from parity
			}
			parity := bytes.Repeat([]byte{0xff}, segment*20)
			first := seq.Num(0xffffffff - 100)
			sent := 0
			for turns := 0; sent < total; turns++ {
				if turns > 100*total {
					t.Fatalf("%d of %d packets taken", sent, total)
				}
				m.room = rng.IntN(2 * len(to))
				if rng.IntN(4) == 0 {
					m.room = rng.IntN(64 * len(to))
				}
				if rng.IntN(3) == 0 {
					repair := newRun(testGroup(1), 5, []byte("other"))
					took := m.took
					m.took = map[netip.Addr][]byte{}
					if n, err := f.send(&repair); err != errFull && (n != 1 || err != nil) {
						t.Fatalf("send of a repair = %d, %v", n, err)
					}
					m.took = took
				}
				run := 1 + rng.IntN(min(64, total-sent))
				b := data[sent*segment : min((sent+run)*segment, len(data))]
				more := 0
				if rng.IntN(2) == 0 && len(b) == run*segment {
					more = rng.IntN(min(20, 64-run) + 1)
					b = append(bytes.Clone(b), parity[:more*segment]...)
				}
				tx := newRun(testGroup(1), segment, b, rng.IntN(len(b)+1))
				tx.Original, tx.First = run, first.Add(sent)
				n, err := f.send(&tx)
				if n < 0 || n > run+more || n == 0 && err != errFull || n > 0 && err != nil {
					t.Fatalf("send of %d packets and %d of parity = %d, %v", run, more, n, err)
				}
				sent += min(n, run)
			}
			for _, a := range to {
				m.took[a] = bytes.ReplaceAll(m.took[a], []byte{0xff}, nil)
				if a != m.dead && !bytes.Equal(m.took[a], data) {
					t.Errorf("%v got %d bytes, or others than the %d that were sent", a, len(m.took[a]), len(data))
				}
			}
			if lost := f.stats().SendErrors; m.dead.IsValid() && lost < total {
				t.Errorf("%d packets count as lost, want %d to %v", lost, total, m.dead)
			}
		})
	}
}

// TestFanoutStamps checks that only the last host's part of a run bears a stamp.
func TestFanoutStamps(t *testing.T) {
	m := &moody{took: map[netip.Addr][]byte{}, room: 25}
	f := newFanout(m, hosts(3))
	tx := newRun(testGroup(1), 1, random(10))
	tx.Original, tx.First = tx.Packets, 7
	if n, err := f.send(&tx); n != 5 || err != nil {
		t.Fatalf("send = %d, %v, want 5", n, err)
	}
	m.room = 100
	tx = newRun(testGroup(1), 1, random(20))
	tx.Original, tx.First = tx.Packets, 12
	if n, err := f.send(&tx); n != 5 || err != nil { // what the others have of it
		t.Fatalf("send = %d, %v, want 5", n, err)
	}
	if got, want := fmt.Sprint(m.stamp), "[7-11 12-16]"; got != want {
		t.Errorf("stamps of %s, want %s", got, want)
	}
}

// TestFanoutOther sends repairs to a socket that is full amid the list: those that
// get nothing are the first ones the next time.
func TestFanoutOther(t *testing.T) {
	m := &moody{took: map[netip.Addr][]byte{}, room: 5}
	to := hosts(3)
	f := newFanout(m, to)
	tx := newRun(testGroup(1), 1, []byte("abcd"))
	if n, err := f.send(&tx); n != 4 || err != nil {
		t.Fatalf("send = %d, %v, want 4", n, err)
	}
	if lost := f.stats().SendErrors; lost != 3+4 {
		t.Errorf("%d packets count as lost, want 7", lost)
	}
	if n, err := f.send(&tx); n != 0 || err != errFull {
		t.Fatalf("send to a full socket = %d, %v", n, err)
	}
	m.room = 4
	if n, err := f.send(&tx); n != 4 || err != nil {
		t.Fatalf("send = %d, %v, want 4", n, err)
	}
	for i, want := range []string{"abcd", "aabcd", ""} {
		if got := string(m.took[to[i]]); got != want {
			t.Errorf("%v got %q, want %q", to[i], got, want)
		}
	}
	tx.To = to[2]
	m.room = 100
	if n, err := f.send(&tx); n != 4 || err != nil || string(m.took[to[2]]) != "abcd" {
		t.Errorf("send to one host = %d, %v; it got %q", n, err, m.took[to[2]])
	}
}
