package pgmnet

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// modes are the ways this system has to read and write sockets.
func modes() []IO {
	if runtime.GOOS == "linux" {
		return []IO{GSO, Mmsg, Single, Portable}
	}
	return []IO{Portable}
}

// freePort returns a UDP port that nothing uses.
func freePort(t testing.TB) uint16 {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// loopback describes sockets on the loopback interface.
func loopback(t testing.TB) sockets {
	t.Helper()
	n := Loopback()
	if n.Interface == nil {
		t.Skip("no loopback interface")
	}
	return sockets{
		iface:       n.Interface,
		local:       netip.AddrPortFrom(n.Addr, 0),
		port:        freePort(t),
		hops:        1,
		loop:        true,
		readBuffer:  4 << 20,
		writeBuffer: 1 << 20,
	}
}

// with returns s with groups to receive.
func (s sockets) with(groups ...netip.Addr) *sockets {
	s.groups = groups
	return &s
}

func testGroup(i byte) netip.Addr { return netip.AddrFrom4([4]byte{239, 192, 77, i}) }

func openTest(t testing.TB, s *sockets, mode IO) carrier {
	t.Helper()
	c, err := open(s, mode, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// readPackets reads until n packets have arrived.
func readPackets(t *testing.T, c carrier, n int) (packets [][]byte, groups []netip.Addr) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); len(packets) < n; {
		ds, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		for i := range ds {
			for d := &ds[i]; len(d.data) > 0; {
				packets = append(packets, bytes.Clone(d.next()))
				groups = append(groups, d.group)
			}
		}
		if len(ds) == 0 {
			if time.Now().After(end) {
				t.Fatalf("%d of %d packets arrived", len(packets), n)
			}
			if err := c.wait(50*time.Millisecond, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	return packets, groups
}

// sendRun writes a run to the end.
func sendRun(t *testing.T, c carrier, tx pgm.Transmit) {
	t.Helper()
	for tx.Packets > 0 {
		n, err := c.send(&tx)
		switch {
		case err == errFull:
			if err := c.wait(time.Second, true); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatal(err)
		}
		tx = newRun(tx.Group, tx.Segment, bytes.Join(tx.Data, nil)[min(n*tx.Segment, tx.Bytes):])
	}
}

// newRun returns a run of packets of data, in slices that end where cuts say.
func newRun(group netip.Addr, segment int, data []byte, cuts ...int) pgm.Transmit {
	tx := pgm.Transmit{
		Group:   group,
		Segment: segment,
		Packets: (len(data) + segment - 1) / segment,
		Bytes:   len(data),
	}
	start := 0
	for _, c := range append(cuts, len(data)) {
		tx.Data = append(tx.Data, data[start:c])
		start = c
	}
	return tx
}

func random(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// TestCarrier sends runs between every two implementations and checks that
// each packet arrives as it was.
func TestCarrier(t *testing.T) {
	for _, from := range modes() {
		for _, to := range modes() {
			t.Run(fmt.Sprintf("%v/%v", from, to), func(t *testing.T) {
				testCarrier(t, loopback(t), from, to, testGroup(1))
			})
		}
	}
}

func testCarrier(t *testing.T, s sockets, from, to IO, group netip.Addr) {
	in := openTest(t, s.with(group), to)
	out := openTest(t, s.with(), from)
	for _, tt := range []struct {
		desc    string
		size    int
		segment int
		cuts    []int
	}{
		{"one packet", 100, 100, nil},
		{"one packet in two slices", 100, 100, []int{40}},
		{"one byte", 1, 1, nil},
		{"two packets", 200, 100, nil},
		{"last shorter", 250, 100, []int{100, 200}},
		{"slice a packet", 400, 100, []int{100, 200, 300}},
		{"two packets a slice", 600, 100, []int{200, 400}},
		{"packets across slices", 570, 100, []int{50, 250, 251, 420}},
		{"empty slice", 300, 100, []int{100, 100}},
		{"full run of small packets", 64 * 60, 60, nil},
		{"full run of large packets", 44 * 1452, 1452, []int{1452 * 20}},
		{"larger than GSO takes", 100 * 1400, 1400, []int{1400 * 64}},
		{"large packets", 3 * 20000, 20000, []int{20000}},
	} {
		data := random(tt.size)
		tx := newRun(group, tt.segment, data, tt.cuts...)
		sendRun(t, out, tx)
		packets, groups := readPackets(t, in, tx.Packets)
		if len(packets) != tx.Packets || !bytes.Equal(bytes.Join(packets, nil), data) {
			t.Fatalf("%s: %d packets arrived, or others than were sent", tt.desc, len(packets))
		}
		for i, p := range packets {
			if len(p) != tt.segment && i < len(packets)-1 || groups[i] != group {
				t.Fatalf("%s: packet %d has %d bytes, for group %v", tt.desc, i, len(p), groups[i])
			}
		}
	}
	st := out.stats()
	if st.Sent == 0 || st.Writes == 0 || st.Full > 0 && from != Portable && st.Writes == st.Full {
		t.Errorf("sender's stats: %+v", st)
	}
	if from == GSO && st.Writes > 80 {
		t.Errorf("%d system calls to send %d packets", st.Writes, st.Sent)
	}
	if st := in.stats(); st.Batches == 0 || st.Truncated != 0 || st.Overflow != 0 || st.ReadBuffer == 0 {
		t.Errorf("receiver's stats: %+v", st)
	}
}

// TestCarrierGroups has a carrier read from several groups, and not from one
// it has not joined.
func TestCarrierGroups(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			s := loopback(t)
			joined := []netip.Addr{testGroup(1), testGroup(2), testGroup(3)}
			other := testGroup(4)
			in := openTest(t, s.with(joined...), mode)
			openTest(t, s.with(other), mode)
			out := openTest(t, s.with(), mode)
			for i := range 50 {
				sendRun(t, out, newRun(other, 10, []byte("other")))
				sendRun(t, out, newRun(joined[i%3], 10, []byte{byte(i % 3)}))
			}
			packets, groups := readPackets(t, in, 50)
			var count [3]int
			for i, p := range packets {
				if len(p) != 1 || groups[i] != joined[p[0]] {
					t.Fatalf("packet %q for group %v", p, groups[i])
				}
				count[p[0]]++
			}
			if count != [3]int{17, 17, 16} {
				t.Errorf("packets for the groups: %v", count)
			}
			if ds, err := in.read(); len(ds) > 0 || err != nil {
				t.Errorf("read = %v, %v, want nothing", ds, err)
			}
		})
	}
}

// TestPortablePatience checks that a read finds what is there though its
// deadline passes before it looks, as when the goroutine loses its processor, and
// that it ends when nothing is there.
func TestPortablePatience(t *testing.T) {
	s := loopback(t)
	in := openTest(t, s.with(testGroup(1)), Portable).(*portable)
	out := openTest(t, s.with(), Portable)
	in.patience = time.Nanosecond
	const count = 20
	sendRun(t, out, newRun(testGroup(1), 10, random(10*count)))
	for i := range count {
		if err := in.wait(time.Second, false); err != nil {
			t.Fatal(err)
		}
		if ds, err := in.read(); len(ds) != 1 || err != nil {
			t.Fatalf("read %d = %v, %v, want a datagram", i, ds, err)
		}
	}
	if st := in.stats(); st.Reads < 2*count {
		t.Errorf("%d reads: no deadline passed", st.Reads)
	}
	in.ready[0] = true
	if ds, err := in.read(); len(ds) > 0 || err != nil {
		t.Errorf("read = %v, %v, want nothing", ds, err)
	}
}

// TestCarrierUnicast sends to a carrier without groups, as receivers send NAKs.
func TestCarrierUnicast(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			s := loopback(t)
			receiver := openTest(t, s.with(testGroup(1)), mode)
			s.local = netip.AddrPortFrom(s.local.Addr(), s.port)
			source := openTest(t, s.with(), mode)
			tx := newRun(testGroup(1), 100, random(100))
			tx.To = s.local.Addr()
			sendRun(t, receiver, tx)
			packets, groups := readPackets(t, source, 1)
			if !bytes.Equal(packets[0], tx.Data[0]) || groups[0].IsValid() {
				t.Errorf("got %d bytes for group %v", len(packets[0]), groups[0])
			}
			if ds, err := receiver.read(); len(ds) > 0 || err != nil {
				t.Errorf("the group got %v, %v", ds, err)
			}
		})
	}
}

func TestCarrierAllocs(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			s, group := loopback(t), testGroup(1)
			in := openTest(t, s.with(group), mode)
			out := openTest(t, s.with(), mode)
			run := newRun(group, 1400, random(40*1400), 1400*10, 1400*20+7)
			one := newRun(group, 1400, random(1400))
			drain := func() {
				for {
					ds, err := in.read()
					if err != nil {
						t.Fatal(err)
					}
					if len(ds) == 0 {
						return
					}
				}
			}
			step := func() {
				if _, err := out.send(&run); err != nil {
					t.Fatal(err)
				}
				if _, err := out.send(&one); err != nil {
					t.Fatal(err)
				}
				drain()
				if err := in.wait(time.Microsecond, false); err != nil {
					t.Fatal(err)
				}
			}
			if n := testing.AllocsPerRun(100, step); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

// TestCarrierWait checks that a wait ends with its time or a packet.
func TestCarrierWait(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.String(), func(t *testing.T) {
			s, group := loopback(t), testGroup(1)
			in := openTest(t, s.with(group), mode)
			out := openTest(t, s.with(), mode)
			start := time.Now()
			for range 5 { // a signal may end one early
				if err := in.wait(time.Until(start.Add(20*time.Millisecond)), false); err != nil {
					t.Fatal(err)
				}
				if time.Since(start) >= 20*time.Millisecond {
					break
				}
			}
			if d := time.Since(start); d < 20*time.Millisecond || d > 2*time.Second {
				t.Errorf("waited %v, want 20ms", d)
			}
			sendRun(t, out, newRun(group, 10, random(10)))
			start = time.Now()
			if err := in.wait(10*time.Second, false); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("waited %v for a packet that was there", d)
			}
			if ds, err := in.read(); len(ds) != 1 || err != nil {
				t.Errorf("read = %v, %v, want one datagram", ds, err)
			}
			if err := out.wait(10*time.Second, true); err != nil || time.Since(start) > 2*time.Second {
				t.Errorf("wait for room: %v after %v", err, time.Since(start))
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	s := loopback(t)
	s.local = netip.AddrPortFrom(netip.MustParseAddr("203.0.113.1"), 0)
	for _, mode := range modes() {
		if c, err := open(&s, mode, nil); err == nil || !strings.Contains(err.Error(), "203.0.113.1") {
			t.Errorf("%v: open with a foreign address = %v, %v", mode, c, err)
		}
	}
	if runtime.GOOS != "linux" {
		if c, err := open(&s, GSO, nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("open(GSO) = %v, %v", c, err)
		}
	}
}

func TestWarnBuffer(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	warnBuffer(logger, "receive", 4096, 4096, "some.limit")
	if log.Len() != 0 {
		t.Errorf("logged %q with the buffer that was asked for", log.String())
	}
	warnBuffer(logger, "receive", 4096, 2048, "some.limit")
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "asked=4096 granted=2048 limit=some.limit") {
		t.Errorf("logged %q", got)
	}
}
