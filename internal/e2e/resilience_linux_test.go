package e2e

import (
	"encoding/binary"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

const resilienceLimit = 30 * time.Second

// TestStoppedAndKilled stops one receiver of a file for a second and kills
// another. The first still gets everything, as long as what it misses fits the
// window of the source, and so does a third. The source is not held up.
func TestStoppedAndKilled(t *testing.T) {
	l := lab.Require(t, 4)
	tools := buildTools(t)
	file, want := noiseFile(t, 50<<20)

	var receivers []*tool
	var dirs []string
	for _, h := range l.Hosts[1:] {
		dirs = append(dirs, t.TempDir())
		receivers = append(receivers, startTool(t, h, resilienceLimit, filepath.Join(tools, "pgmrecv"),
			"--output", dirs[len(dirs)-1], "--count", "1"))
	}
	waitListening(t, l, len(receivers), pgmnet.DefaultPort)
	stopped, killed := receivers[0], receivers[1]
	// 2 s at this rate, and the window holds 2.5 s.
	source := startTool(t, l.Hosts[0], resilienceLimit, filepath.Join(tools, "pgmsend"), "--rate", "200Mb/s", "--file", file)
	time.Sleep(500 * time.Millisecond)
	stopped.signal(t, syscall.SIGSTOP)
	killed.signal(t, syscall.SIGKILL)
	time.Sleep(time.Second)
	stopped.signal(t, syscall.SIGCONT)

	<-killed.ended
	for _, i := range []int{0, 2} {
		s := receivers[i].wait(t)
		t.Logf("%s: %v", receivers[i].name, s)
		checkFiles(t, dirs[i], want)
	}
	s := source.wait(t)
	t.Logf("%s: %v", source.name, s)
	if s.Duration < 1.9 || s.Duration > 3 {
		t.Errorf("it took %.2f s to send, want 2.1", s.Duration)
	}
}

// TestLateReceiver has a receiver join in the middle. It takes what is sent from
// then on, whole, and asks for nothing older.
func TestLateReceiver(t *testing.T) {
	const count, size = 4000, 1000
	l := lab.Require(t, 2)
	hurt(t, l.Hosts[1], 2)
	src := openSource(t, l.Hosts[0], network4, pgm.SourceConfig{Rate: 5e6})
	msg := make([]byte, size)
	send := func(from, to uint64) {
		for i := from; i < to; i++ {
			binary.BigEndian.PutUint64(msg, i)
			if err := src.Send(msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(0, count/2)
	rcv := openReceiver(t, l.Hosts[1], network4, pgm.ReceiverConfig{})
	first, next := uint64(0), uint64(0)
	take := func() {
		for {
			ev, ok, err := rcv.TryRecv()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return
			}
			switch ev.Kind {
			case pgm.EventMessage:
				n := binary.BigEndian.Uint64(ev.Data)
				if next == 0 {
					first, next = n, n
				}
				if n != next {
					t.Fatalf("received message %d, want %d", n, next)
				}
				next++
			case pgm.EventLoss:
				t.Errorf("lost %v to %v: %v", ev.First, ev.Last, ev.Cause)
			}
		}
	}
	for i := uint64(count / 2); i < count; i++ {
		send(i, i+1)
		take()
	}
	for deadline := time.Now().Add(resilienceLimit); next < count; take() {
		if time.Now().After(deadline) {
			t.Fatalf("received up to message %d of %d", next, count)
		}
		if err := src.Poll(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("received messages %d to %d; %d repairs", first, next-1, rcv.Stats().Repairs)
	if first < count/2 || first > count/2+200 {
		t.Errorf("the first message received is %d, want one soon after %d", first, count/2)
	}
}
