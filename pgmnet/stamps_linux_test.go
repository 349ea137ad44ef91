package pgmnet

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/pgm"
)

// TestStampsCounted has the kernel number the writes, as old ones do, and some
// writes fail: nothing may be stamped wrongly for that, and the numbers of writes
// wrap.
func TestStampsCounted(t *testing.T) {
	for _, mode := range []IO{GSO, Mmsg, Single} {
		for _, every := range []int{0, 50} {
			t.Run(fmt.Sprintf("%v/fail=%d", mode, every), func(t *testing.T) {
				cfg := testConfig(t, mode)
				cfg.Stamps = true
				s := newTestSource(t, cfg, pgm.SourceConfig{})
				w := &s.net.(*native).out
				w.stamper.counts = true
				s.stamps.told, s.stamps.seen, s.stamps.next = 0xffffffc0, 0xffffffc0, 0xffffffc0
				w.stamper.base = s.stamps.next
				calls := 0
				w.sendmsg = func(fd int, h *unix.Msghdr) syscall.Errno {
					if calls++; every > 0 && calls%every == 0 {
						return unix.EAGAIN
					}
					return sendmsg(fd, h)
				}
				n := testStamps(t, s, every > 0)
				_, to, _ := s.Progress()
				t.Logf("%d packets in %d writes, %d without a stamp", to, calls, n)
			})
		}
	}
}

// TestStampsProbe checks that the probe sends nothing, and that this kernel's
// answer fits its version.
func TestStampsProbe(t *testing.T) {
	cfg := testConfig(t, Auto)
	r := newTestReceiver(t, cfg, pgm.ReceiverConfig{})
	cfg.Stamps = true
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	w := &s.net.(*native).out
	if w.stamper == nil {
		t.Fatal("no stamps")
	}
	var u unix.Utsname
	unix.Uname(&u)
	t.Logf("Linux %s, counts: %v", unix.ByteSliceToString(u.Release[:]), w.stamper.counts)
	before := r.net.stats().Batches
	newStamper(w.fd, s.stamps)
	for range 10 {
		if ds, err := r.net.read(); err != nil {
			t.Fatal(err)
		} else {
			for i := range ds {
				if len(ds[i].data) == 0 {
					t.Error("the probe was sent")
				}
			}
		}
	}
	if r.net.stats().Batches == before {
		t.Error("the receiver heard nothing")
	}
}

// TestStampsFull leaves the stamps in a small error queue until it overflows: what
// it had no room for is unknown, the rest is as it was.
func TestStampsFull(t *testing.T) {
	cfg := testConfig(t, Single)
	cfg.Stamps = true
	cfg.ReadBuffer = 8 << 10
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	const n = 400
	entered := make([]int64, n)
	for i := range entered {
		s.tick()
		if _, _, err := s.engine.Send(s.now, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		entered[i] = time.Now().UnixNano()
		tx, ok := s.engine.NextTransmit(s.now)
		if !ok || !tx.Original {
			t.Fatalf("packet %d: nothing to send", i)
		}
		if _, err := s.net.send(tx); err != nil {
			t.Fatal(err)
		}
		s.engine.Sent(s.now, tx.Packets)
	}
	if err := s.ReadStamps(); err != nil {
		t.Fatal(err)
	}
	known := 0
	for {
		st, ok := s.NextStamp()
		if !ok {
			break
		}
		if i := int(st.First); st.At != 0 && st.At < entered[i] {
			t.Errorf("packet %d left at %d, was written at %d", i, st.At, entered[i])
		}
		known++
	}
	waiting := s.stamps.waiting()
	if known+waiting != n || known == 0 || waiting == 0 {
		t.Fatalf("%d stamps and %d to come, want some of each of %d", known, waiting, n)
	}
	// One more: its stamp tells that those before it are lost.
	if err := s.Send([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadStamps(); err != nil {
		t.Fatal(err)
	}
	for i := known; i <= n; i++ {
		st, ok := s.NextStamp()
		if !ok || int(st.First) != i || (st.At != 0) != (i == n) {
			t.Fatalf("stamp %d: %+v, %v", i, st, ok)
		}
	}
	t.Logf("%d of %d stamps had room", known, n)
}

// TestStampsWait waits for room while the error queue holds stamps: the wait must
// not end at once for them for ever.
func TestStampsWait(t *testing.T) {
	cfg := testConfig(t, Single)
	cfg.Stamps = true
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	if err := s.Send([]byte("x")); err != nil {
		t.Fatal(err)
	}
	c := s.net.(*native)
	c.polls[len(c.in)].Events = 0 // there is room all the time
	waits := 0
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); waits++ {
		if err := c.wait(10*time.Millisecond, true); err != nil {
			t.Fatal(err)
		}
	}
	if waits > 8 {
		t.Errorf("%d waits of 10 ms in 50 ms", waits)
	}
	if st, ok := s.NextStamp(); !ok || st.At == 0 {
		t.Errorf("stamp %+v, %v: the wait did not read it", st, ok)
	}
}
