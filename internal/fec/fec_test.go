package fec

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/reedsolomon"
)

func newCode(t testing.TB, k, n int) *Code {
	t.Helper()
	c, err := New(k, n)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The rows of OpenPGM's generator matrix, as it computes them.
var rows = map[int]string{
	2: "0302 0504 0908 1110 2120 4140",
	4: "7740380e c7a70d6c 53026f3f f17b8308",
	8: "8918d07d92a4f5fe 36f8d0ce2519fb16 5fcda3405048f69e ed912490dc9057d2",
}

// Parity packets that OpenPGM computed of data packets whose byte j is 16 i + j.
var vectors = map[int]string{
	2: "20212223 40414243",
	4: "1a1b1819 90919293",
	8: "55545756 c2c3c0c1",
}

func TestKnownAnswers(t *testing.T) {
	for k, want := range rows {
		c := newCode(t, k, 255)
		for h, w := range strings.Fields(want) {
			if got := hex.EncodeToString(c.rows[h]); got != w {
				t.Errorf("k=%d: row %d is %s, want %s", k, h, got, w)
			}
		}
	}
	for k, want := range vectors {
		c := newCode(t, k, k+2)
		for h, w := range strings.Fields(want) {
			sum := make([]byte, 4)
			for i := range k {
				c.Add(h, i, []byte{byte(16 * i), byte(16*i + 1), byte(16*i + 2), byte(16*i + 3)}, sum)
			}
			if got := hex.EncodeToString(sum); got != w {
				t.Errorf("k=%d: parity %d is %s, want %s", k, h, got, w)
			}
		}
	}
}

// group is data of a transmission group and its parity.
type group struct {
	*Code
	data, parity [][]byte
	size         int
}

func newGroup(t testing.TB, rng *rand.Rand, k, n, size int) group {
	t.Helper()
	g := group{Code: newCode(t, k, n), size: size}
	for range k {
		b := make([]byte, size)
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		g.data = append(g.data, b)
	}
	for h := range n - k {
		sum := make([]byte, size)
		for i, d := range g.data {
			g.Add(h, i, d, sum)
		}
		g.parity = append(g.parity, sum)
	}
	return g
}

// rebuild rebuilds the missing data from the given parity.
func (g *group) rebuild(parity, missing []int) error {
	var sums [][]byte
	for _, h := range parity {
		sum := bytes.Clone(g.parity[h])
		for i, d := range g.data {
			if !slices.Contains(missing, i) {
				g.Add(h, i, d, sum)
			}
		}
		sums = append(sums, sum)
	}
	g.Solve(parity, missing, sums)
	for j, i := range missing {
		if !bytes.Equal(sums[j], g.data[i]) {
			return fmt.Errorf("k=%d: data %d of %v rebuilt from parity %v is % x, want % x", g.k, i, missing, parity, sums[j], g.data[i])
		}
	}
	return nil
}

// members returns the numbers of the bits that are set.
func members(set uint) (list []int) {
	for ; set != 0; set &= set - 1 {
		list = append(list, bits.TrailingZeros(set))
	}
	return list
}

// TestEveryErasure rebuilds, for small codes, from every k of the n shards.
func TestEveryErasure(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	patterns := 0
	for k := 1; k <= 8; k++ {
		n := min(2*k+2, 12)
		g := newGroup(t, rng, k, n, 5)
		for have := range uint(1) << n {
			if bits.OnesCount(have) != k {
				continue
			}
			missing := members(^have & (1<<k - 1))
			if err := g.rebuild(members(have>>k), missing); err != nil {
				t.Fatal(err)
			}
			patterns++
		}
	}
	t.Logf("%d patterns", patterns)
}

// TestErasures does so for larger codes with shards drawn at random, up to the
// largest.
func TestErasures(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, k := range []int{2, 4, 8, 16, 20, 32, 64, 100, 128} {
		g := newGroup(t, rng, k, 255, 33)
		for range 20 {
			lost := 1 + rng.IntN(min(k, len(g.parity)))
			if err := g.rebuild(rng.Perm(len(g.parity))[:lost], rng.Perm(k)[:lost]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestShorterShards takes shorter data for data padded with zeros.
func TestShorterShards(t *testing.T) {
	c := newCode(t, 4, 6)
	long, short := []byte("abcdefgh"), []byte("xyz")
	padded := append(bytes.Clone(short), make([]byte, 5)...)
	a, b := make([]byte, 8), make([]byte, 8)
	c.Add(1, 0, long, a)
	c.Add(1, 2, short, a)
	c.Add(1, 0, long, b)
	c.Add(1, 2, padded, b)
	if !bytes.Equal(a, b) {
		t.Errorf("parity is % x, of padded data % x", a, b)
	}
}

// TestEncoder compares the Encoder with Add, for shards drawn at random, one or more at
// a time, and with package reedsolomon's own way. What it does all at once it must be
// able to do one by one, on other processors.
func TestEncoder(t *testing.T) {
	defer func(was bool) { atOnce = was }(atOnce)
	for _, atOnce = range []bool{false, atOnce} {
		t.Run(fmt.Sprintf("at once=%v", atOnce), func(t *testing.T) {
			testEncoder(t)
			testEncoderLengths(t)
		})
	}
}

// addAll adds all shards to sums, one or more at a time.
func (e *Encoder) addAll(rng *rand.Rand, shards, sums [][]byte) {
	for i := 0; i < len(shards); {
		n := 1 + rng.IntN(len(shards)-i)
		e.Add(i, shards[i:i+n], sums)
		i += n
	}
}

// testEncoder does so with shards of one size, those around the processor's registers.
func testEncoder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, k := range []int{2, 4, 16, 128} {
		for _, h := range []int{1, 2, 3, 4, 7, 9} {
			for _, size := range []int{0, 1, 15, 31, 64, 65, 1400, 1402, 9000} {
				g := newGroup(t, rng, k, k+h, size)
				e, err := NewEncoder(g.Code, h)
				if err != nil {
					t.Fatal(err)
				}
				sums := make([][]byte, h)
				for j := range sums {
					sums[j] = bytes.Repeat([]byte{0xaa}, Room(size)+2)
				}
				e.addAll(rng, g.data, sums)
				for j := range sums {
					if !bytes.Equal(sums[j][:size], g.parity[j]) || len(bytes.Trim(sums[j][size:], "\x00")) > 0 {
						t.Fatalf("k=%d size=%d: parity %d of %d differs from Add's", k, size, j, h)
					}
				}
			}
		}
	}
	g := newGroup(t, rng, 16, 24, 100)
	other, err := reedsolomon.New(16, 8, reedsolomon.WithCustomMatrix(g.rows))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := other.Verify(append(g.data, g.parity...)); !ok || err != nil {
		t.Errorf("package reedsolomon finds the parity wrong: %v", err)
	}
}

// testEncoderLengths does so with shards of different sizes.
func testEncoderLengths(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		k, h, most := 2+rng.IntN(20), 1+rng.IntN(9), rng.IntN(300)
		g := newGroup(t, rng, k, k+h, most)
		e, err := NewEncoder(g.Code, h)
		if err != nil {
			t.Fatal(err)
		}
		sums, want := make([][]byte, h), make([][]byte, h)
		for j := range sums {
			sums[j], want[j] = bytes.Repeat([]byte{0xaa}, Room(most)), make([]byte, Room(most))
		}
		for i := range g.data {
			g.data[i] = g.data[i][:rng.IntN(most+1)]
			for j := range want {
				g.Add(j, i, g.data[i], want[j])
			}
		}
		e.addAll(rng, g.data, sums)
		for j := range sums {
			if !bytes.Equal(sums[j], want[j]) {
				t.Fatalf("k=%d: parity %d of %d of shards of up to %d octets differs from Add's", k, j, h, most)
			}
		}
	}
}

func TestNew(t *testing.T) {
	for _, x := range [][2]int{{0, 4}, {129, 200}, {4, 4}, {4, 256}} {
		if _, err := New(x[0], x[1]); err == nil {
			t.Errorf("New(%d, %d) succeeded", x[0], x[1])
		}
	}
	c := newCode(t, 4, 6)
	for _, h := range []int{0, 3} {
		if _, err := NewEncoder(c, h); err == nil {
			t.Errorf("NewEncoder for %d of 2 parity shards succeeded", h)
		}
	}
}

func TestAllocs(t *testing.T) {
	g := newGroup(t, rand.New(rand.NewPCG(7, 8)), 16, 20, 1400)
	sums := make([][]byte, 4)
	for j := range sums {
		sums[j] = make([]byte, Room(1400))
	}
	e, err := NewEncoder(g.Code, 4)
	if err != nil {
		t.Fatal(err)
	}
	missing, parity := []int{1, 5, 9}, []int{0, 2, 3}
	step := func() {
		e.Add(0, g.data[:3], sums)
		e.Add(3, g.data[3:], sums)
		g.Add(2, 1, g.data[1], g.parity[2])
		g.Solve(parity, missing, g.parity[:3])
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkEncode(b *testing.B) {
	g := newGroup(b, rand.New(rand.NewPCG(7, 8)), 16, 20, 1400)
	e, _ := NewEncoder(g.Code, 4)
	sums := make([][]byte, 4)
	for j := range sums {
		sums[j] = make([]byte, Room(1400))
	}
	b.ReportAllocs()
	b.SetBytes(16 * 1400)
	for b.Loop() {
		e.Add(0, g.data, sums)
	}
}

func BenchmarkSolve(b *testing.B) {
	g := newGroup(b, rand.New(rand.NewPCG(7, 8)), 16, 20, 1400)
	b.ReportAllocs()
	b.SetBytes(4 * 1400)
	for b.Loop() {
		g.Solve([]int{0, 1, 2, 3}, []int{1, 5, 9, 11}, g.parity)
	}
}
