package pgm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// TestLeave leaves a group while something is missing, and joins it again.
func TestLeave(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvSPM(0, 4)
	r.recvData(wire.TypeODATA, 5, 0, "a")
	r.recvData(wire.TypeODATA, 7, 0, "c")
	r.recvData(wire.TypeODATA, 9, 0, "e")
	r.want(r.events(), "join 5", `message 5-5 "a"`)
	r.Leave(groupAddr, netip.Addr{})
	if st := r.Stats(); st.Outstanding != 0 {
		t.Errorf("%d numbers outstanding, want 0", st.Outstanding)
	}
	r.want(r.advance(time.Second)) // nothing is asked for
	r.want(r.events(), "loss 6-6 session ended", `message 7-7 "c"`, "loss 8-8 session ended", `message 9-9 "e"`, "left 10")
	if st := r.Stats(); st.Sources != 0 || st.Buffered != 0 {
		t.Errorf("%d sources and %d bytes are kept, want none", st.Sources, st.Buffered)
	}
	r.recvData(wire.TypeODATA, 12, 0, "h")
	r.want(r.events(), "join 12", `message 12-12 "h"`)
}

// TestLeaveBorrowed has packets that are not taken yet, of both sessions, when the
// user leaves and joins: the events of the first come first.
func TestLeaveBorrowed(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 5, 0, "a")
	r.Leave(groupAddr, sourceAddr)
	r.recvData(wire.TypeODATA, 7, 0, "c")
	r.Leave(groupAddr, sourceAddr)
	r.Leave(groupAddr, sourceAddr)
	r.want(r.events(), "join 5", `message 5-5 "a"`, "left 6", "join 7", `message 7-7 "c"`, "left 8")
	r.Leave(netip.Addr{}, netip.Addr{})
	r.want(r.events())
}

// TestLeaveAssembly leaves in the middle of a message.
func TestLeaveAssembly(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 5, 0, "a")
	r.recvData(wire.TypeODATA, 6, 0, "abc", func(d *wire.Data) {
		d.Options.Fragment = wire.Fragment{First: 6, Offset: 0, Length: 6}
		d.Options.Set(wire.OptFragment)
	})
	r.Leave(groupAddr, netip.Addr{})
	r.want(r.events(), "join 5", `message 5-5 "a"`, "loss 6-6 session ended", "left 7")
}

// TestLeaveOthers leaves sessions by group and by source: others go on.
func TestLeaveOthers(t *testing.T) {
	otherGroup, otherSource := netip.MustParseAddr("239.192.9.9"), netip.MustParseAddr("10.9.9.9")
	for _, tt := range []struct {
		desc        string
		group, from netip.Addr
		want        []string // the sessions left, in order
	}{
		{"group", groupAddr, netip.Addr{}, []string{"left 2", "left 4"}},
		{"source", netip.Addr{}, sourceAddr, []string{"left 2", "left 3"}},
		{"both", groupAddr, otherSource, []string{"left 4"}},
		{"all", netip.Addr{}, netip.Addr{}, []string{"left 2", "left 3", "left 4"}},
		{"none", otherGroup, otherSource, nil},
	} {
		t.Run(tt.desc, func(t *testing.T) {
			r := newReceiverScript(t, ReceiverConfig{})
			for i, s := range []struct{ from, group netip.Addr }{
				{sourceAddr, groupAddr}, {sourceAddr, otherGroup}, {otherSource, groupAddr},
			} {
				h := header(wire.TypeODATA)
				h.SrcPort = uint16(2000 + i)
				r.HandlePacket(r.now, s.from, s.group, wire.AppendData(nil, &wire.Data{Header: h, SQN: seq.Num(1 + i), Trail: 0, Payload: []byte("x")}))
			}
			r.events()
			r.Leave(tt.group, tt.from)
			r.want(r.events(), tt.want...)
			if n := r.Stats().Sources; n != 3-len(tt.want) {
				t.Errorf("%d sources, want %d", n, 3-len(tt.want))
			}
		})
	}
}

// TestLeaveEnded leaves the group of a session that has ended: that was reported.
func TestLeaveEnded(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 0, 0, "a", syn)
	r.recvSPM(0, 0, func(p *wire.SPM) { p.Options.Set(wire.OptFin) })
	r.want(r.events(), "join 0", `message 0-0 "a"`, "fin 1")
	r.Leave(groupAddr, netip.Addr{})
	r.want(r.events())
	if n := r.Stats().Sources; n != 0 {
		t.Errorf("%d sources, want none", n)
	}
}
