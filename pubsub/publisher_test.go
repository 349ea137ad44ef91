package pubsub

import (
	"runtime"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// TestFlushFull has full packets leave though no message ends where a packet does.
func TestFlushFull(t *testing.T) {
	p, m := newMachine(t, 1472, FlushFull)
	for range 100 {
		send(t, p, [][]byte{make([]byte, 1000)})
	}
	if got, want := len(m.packets), 100*1010/1426; got != want {
		t.Errorf("%d packets left, want %d", got, want)
	}
}

// TestFlushAfter has a message of two packets leave when it has waited, and not
// only when another one follows.
func TestFlushAfter(t *testing.T) {
	p, m := newMachine(t, 1472, FlushFull)
	p.cfg.FlushAfter = time.Millisecond
	m.hold = true
	send(t, p, [][]byte{make([]byte, 2000)})
	m.hold = false
	deadline := time.Now().Add(5 * time.Second)
	for len(m.packets) < 2 && time.Now().Before(deadline) {
		if err := p.Poll(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.packets) != 2 {
		t.Errorf("%d packets left, want 2", len(m.packets))
	}
}

// TestReserveGivenUp gives up a message for which a packet was begun. No packet
// is sent that has nothing in it.
func TestReserveGivenUp(t *testing.T) {
	p, m := newMachine(t, 1472, FlushEach)
	if _, err := p.Reserve([]byte("topic"), 100); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(m.packets) > 0 {
		t.Errorf("sent %x", m.packets[0].tsdu)
	}
	send(t, p, [][]byte{[]byte("a")})
	wantPackets(t, m.packets, [][]byte{unhex(t, "0000 0200 61")})
}

// TestBacklogCalls has a backlog leave in as few system calls as it can: the
// packets of each are as many as the kernel takes at once.
func TestBacklogCalls(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a packet a call here")
	}
	pub := newPublisherAt(t, freeEndpoint(t), PublisherConfig{
		Source: pgm.SourceConfig{Rate: 1e11, Burst: 8 << 20}, // the rate holds nothing back
		Flush:  FlushFull, High: Mark{Bytes: 4 << 20},
	})
	before := pub.Stats().Source.IO
	pub.src = &held{pub.src}
	for range 3000 {
		if _, err := pub.Send([]byte("t"), make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	pub.src = pub.src.(*held).Source
	if n, _ := pub.src.Unsent(); n < 2000 {
		t.Fatalf("a backlog of %d packets: the test tests nothing", n)
	}
	if err := pub.Flush(); err != nil {
		t.Fatal(err)
	}
	after := pub.Stats().Source.IO
	packets, calls := after.Sent-before.Sent, after.Writes-before.Writes
	if packets < 2000 || calls > packets/40 { // 44 packets of 1472 bytes are 64 KB
		t.Errorf("%d packets left in %d calls", packets, calls)
	}
}

// A held is a source from which nothing leaves.
type held struct{ Source }

func (*held) Push(bool) error { return nil }
