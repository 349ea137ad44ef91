package pubsub

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/wire"
)

// A machine is the source of a Publisher without a network: it keeps what is
// sent.
type machine struct {
	*pgm.Source
	now     mono.Time
	hold    bool // nothing leaves
	packets []packet
}

type packet struct {
	num  uint32
	tsdu []byte
}

// newMachine returns a Publisher whose packets have TPDUs of a size.
func newMachine(tb testing.TB, tpdu int, flush Flush) (*Publisher, *machine) {
	tb.Helper()
	sc := pgm.SourceConfig{
		Addr: netip.MustParseAddr("10.77.0.1"), Group: netip.MustParseAddr("239.192.0.1"),
		MaxTPDU: tpdu, Rate: 1e15, Burst: 1 << 30, WindowBytes: 16 << 20, WindowPackets: 1 << 16,
	}
	src, err := pgm.NewSource(0, sc)
	if err != nil {
		tb.Fatal(err)
	}
	m := &machine{Source: src}
	cfg := PublisherConfig{Source: sc, Flush: flush, Policy: WouldBlock, High: Mark{Bytes: 1 << 20}, Low: Mark{Bytes: 1 << 20}}
	p := newPublisher(cfg, m)
	tb.Cleanup(func() { m.check(tb) })
	return p, m
}

// check fails for what makes libzmq abort, or is not for it: less than two octets
// of data, an offset beyond its end, OPT_FRAGMENT.
func (m *machine) check(tb testing.TB) {
	tb.Helper()
	for _, p := range m.packets {
		if len(p.tsdu) < offsetLen || len(p.tsdu) > m.MaxData() {
			tb.Fatalf("packet %d has %d bytes of data, want %d to %d", p.num, len(p.tsdu), offsetLen, m.MaxData())
		}
		if o := int(p.tsdu[0])<<8 | int(p.tsdu[1]); o != noBoundary && o > len(p.tsdu)-offsetLen {
			tb.Fatalf("packet %d has offset %d, and %d bytes after it", p.num, o, len(p.tsdu)-offsetLen)
		}
	}
}

func (m *machine) Room(packets int) error { return m.Source.Room(m.now, packets) }

func (m *machine) Push(bool) error {
	for !m.hold {
		m.now++
		tx, ok := m.NextTransmit(m.now)
		if !ok {
			break
		}
		run, n := slices.Concat(tx.Data...), tx.Packets
		for pkt := range slices.Chunk(run, tx.Segment) {
			var d wire.Data
			if h, _ := wire.ParseHeader(pkt); h.Type != wire.TypeODATA {
				continue
			}
			if err := d.Parse(pkt); err != nil {
				return err
			}
			if d.Options.Has(wire.OptFragment) {
				panic("OPT_FRAGMENT")
			}
			m.packets = append(m.packets, packet{uint32(d.SQN), d.Payload})
		}
		m.Sent(m.now, n)
	}
	return nil
}

func (m *machine) Await() error              { return os.ErrDeadlineExceeded }
func (m *machine) Finish() error             { return nil }
func (m *machine) Due() time.Duration        { return 0 }
func (m *machine) Poll(time.Duration) error  { return m.Push(false) }
func (m *machine) SetDeadline(time.Time)     {}
func (m *machine) Close(time.Duration) error { return m.Push(false) }
func (m *machine) Abort(uint8) error         { return nil }
func (m *machine) Stats() pgmnet.SourceStats { return pgmnet.SourceStats{} }

// A script is the receiver of a Subscriber without a network: it has the events
// that it is given.
type script []pgm.Event

func (s *script) TryRecv() (ev pgm.Event, ok bool, err error) {
	if len(*s) == 0 {
		return ev, false, nil
	}
	ev = (*s)[0]
	*s = (*s)[1:]
	return ev, true, nil
}

func (s *script) Recv() (pgm.Event, error) {
	ev, ok, _ := s.TryRecv()
	if !ok {
		return ev, os.ErrDeadlineExceeded
	}
	return ev, nil
}

func (s *script) TakeIn() error               { return nil }
func (s *script) TakeInDue() time.Duration    { return 0 }
func (s *script) Due() time.Duration          { return 0 }
func (s *script) SetDeadline(time.Time)       {}
func (s *script) Close() error                { return nil }
func (s *script) Stats() pgmnet.ReceiverStats { return pgmnet.ReceiverStats{} }

func (m *machine) FDs(dst []pgmnet.FD) []pgmnet.FD { return dst }
func (s *script) FDs(dst []pgmnet.FD) []pgmnet.FD  { return dst }
