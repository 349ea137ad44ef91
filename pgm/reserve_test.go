package pgm

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/gopgm/gopgm/wire"
)

// TestReserve builds packets in their place, the first of which bears OPT_SYN and
// one, after a message in fragments, OPT_JOIN; with FEC the header leaves more room.
// What was written is what is sent.
func TestReserve(t *testing.T) {
	for _, f := range []FEC{{}, {K: 4, Proactive: 1}, {K: 4, OnDemand: true, Flush: -1}} {
		s, err := NewSource(0, SourceConfig{
			TSI: wire.TSI{Port: 1}, Addr: netip.MustParseAddr("10.0.0.1"), Group: netip.MustParseAddr("239.0.0.1"),
			WindowBytes: 1 << 20, FEC: f,
		})
		if err != nil {
			t.Fatal(err)
		}
		var want, got [][]byte
		for i := range 10 {
			if i == 5 {
				if _, _, err := s.Send(0, make([]byte, 3000)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Room(0, 1); err != nil {
				t.Fatal(err)
			}
			b := s.Reserve()
			if len(b) < s.MaxData() || f.K > 0 && len(b) > s.MaxData() {
				t.Errorf("FEC %v: packet %d has room for %d bytes, and MaxData is %d", f, i, len(b), s.MaxData())
			}
			b = b[:s.MaxData()-i]
			for j := range b {
				b[j] = byte(i + j + 1)
			}
			want = append(want, bytes.Clone(b))
			s.Commit(len(b))
		}
		for tx, ok := s.NextTransmit(0); ok; tx, ok = s.NextTransmit(0) {
			for pkt := range slices.Chunk(slices.Concat(tx.Data...), tx.Segment) {
				if len(pkt) > 1472 {
					t.Errorf("FEC %v: a packet of %d bytes", f, len(pkt))
				}
				if tx.Original == 0 {
					continue
				}
				d, err := wire.ParseData(pkt)
				if err != nil {
					t.Fatal(err)
				}
				if d.Flags&wire.FlagParity == 0 && !d.Options.Has(wire.OptFragment) {
					got = append(got, d.Payload)
				}
			}
			s.Sent(0, tx.Packets)
		}
		if len(got) != len(want) {
			t.Fatalf("FEC %v: %d packets sent, want %d", f, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("FEC %v: packet %d begins with % x, want % x", f, i, got[i][:12], want[i][:12])
			}
		}
	}
}
