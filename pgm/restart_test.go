package pgm

import (
	"testing"
	"time"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

func syn(d *wire.Data) { d.Options.Set(wire.OptSyn) }

// restarted is where the second session of these tests begins: too far from the
// first for the same session to get there.
const restarted = 2_000_000_000

// TestRestart has a source begin anew with the same TSI after it was killed, while
// something is missing.
func TestRestart(t *testing.T) {
	for _, first := range []seq.Num{restarted, 0xf0000000, 5_000_000} {
		r := newReceiverScript(t, ReceiverConfig{})
		r.recvData(wire.TypeODATA, 0, 0, "a", syn)
		r.recvData(wire.TypeODATA, 2, 0, "c")
		r.want(r.events(), "join 0", `message 0-0 "a"`)
		r.recvData(wire.TypeODATA, first, first, "A", syn)
		r.recvData(wire.TypeODATA, first+1, first, "B")
		got := r.events()
		want := []string{"loss 1-1 session ended", `message 2-2 "c"`, "restart 3"}
		if len(got) < 3 {
			t.Fatalf("got %q", got)
		}
		r.want(got[:3], want...)
		if len(got) != 6 {
			t.Errorf("the new session: %q, want a join and two messages", got[3:])
		}
	}
}

// TestRestartAfterFin has a source close, and begin anew with the same TSI.
func TestRestartAfterFin(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 0, 0, "a", syn)
	r.recvSPM(0, 0, func(p *wire.SPM) { p.Options.Set(wire.OptFin) })
	r.want(r.events(), "join 0", `message 0-0 "a"`, "fin 1")
	if err := r.recvData(wire.TypeODATA, 0, 0, "a", syn); err != DropEnded {
		t.Errorf("a straggler of the old session: %v, want %v", err, DropEnded)
	}
	r.recvData(wire.TypeODATA, restarted, restarted, "A", syn)
	r.want(r.events(), "join 2000000000", `message 2000000000-2000000000 "A"`)
}

// TestRestartSeenInSPMs has the first packets of the new session lost, and its
// numbers begin behind those of the old one.
func TestRestartSeenInSPMs(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.spm = 100
	r.recvSPM(restarted, restarted)
	r.recvData(wire.TypeODATA, restarted+1, restarted, "a")
	r.want(r.events(), "join 2000000001", `message 2000000001-2000000001 "a"`)
	r.spm = 5
	for range 2 {
		r.recvSPM(1000, 1010)
		r.want(r.events())
	}
	r.recvSPM(1000, 1011)
	r.recvData(wire.TypeODATA, 1012, 1000, "A")
	r.want(r.events(), "restart 2000000002", "join 1012", `message 1012-1012 "A"`)
	r.advance(time.Second)
}

// TestNoRestart has old packets come late: they end nothing.
func TestNoRestart(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.recvData(wire.TypeODATA, 0, 0, "a", syn)
	r.spm = 100
	r.recvSPM(0, 0)
	for range 10 {
		r.spm = 50
		r.recvSPM(0, 0)
		r.recvData(wire.TypeRDATA, 0, 0, "a", syn)
	}
	r.recvData(wire.TypeODATA, 1, 0, "b")
	r.want(r.events(), "join 0", `message 0-0 "a"`, `message 1-1 "b"`)
}

// TestRestartSeenBehindData has a data packet of the new session, whose numbers are
// behind those of the old one, arrive before the SPMs that prove the restart.
func TestRestartSeenBehindData(t *testing.T) {
	r := newReceiverScript(t, ReceiverConfig{})
	r.spm = 100
	r.recvSPM(restarted, restarted)
	r.recvData(wire.TypeODATA, restarted+1, restarted, "a")
	r.want(r.events(), "join 2000000001", `message 2000000001-2000000001 "a"`)
	r.spm = 5
	for range 3 {
		r.recvData(wire.TypeODATA, 1011, 1000, "lost to the old session")
		r.recvSPM(1000, 1011)
	}
	r.recvData(wire.TypeODATA, 1012, 1000, "A")
	r.want(r.events(), "restart 2000000002", "join 1012", `message 1012-1012 "A"`)
}
