package pgmnet

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"
	"time"
	"unsafe"

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
	newStamper(w.fd, s.stamps, &sockaddr{})
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
		if !ok || tx.Original == 0 {
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

// TestStampsNamespace has stamps come from another driver, and by IPv6.
func TestStampsNamespace(t *testing.T) {
	enterNamespace(t)
	port := uint16(7000)
	for _, network := range []string{"v0;ff08::77:1", "v0;239.192.77.1"} {
		n, err := ParseNetwork(network)
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range []IO{GSO, Mmsg, Single} {
			port++
			s := newTestSource(t, Config{Network: n, Port: port, Hops: 1, IO: mode, Stamps: true}, pgm.SourceConfig{})
			testStamps(t, s, false)
		}
	}
}

// appendControl appends a control message.
func appendControl(b []byte, level, kind int32, data []byte) []byte {
	var h unix.Cmsghdr
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(len(data)))
	start := len(b)
	b = append(b, unsafe.Slice((*byte)(unsafe.Pointer(&h)), unix.SizeofCmsghdr)...)
	b = append(b, data...)
	return append(b, make([]byte, unix.CmsgSpace(len(data))-(len(b)-start))...)
}

// TestStampTake reads entries of error queues as the kernel makes them, of the
// network card too, which no test machine needs to have.
func TestStampTake(t *testing.T) {
	times := func(software, hardware int64) []byte {
		var b []byte
		for _, n := range []int64{software / 1e9, software % 1e9, 0, 0, hardware / 1e9, hardware % 1e9} {
			b = binary.NativeEndian.AppendUint64(b, uint64(n))
		}
		return b
	}
	entry := func(origin uint8, info, id uint32) []byte {
		e := unix.SockExtendedErr{Errno: uint32(unix.ENOMSG), Origin: origin, Info: info, Data: id}
		return append(unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e)), make([]byte, 16)...)
	}
	const tstamp = unix.SO_EE_ORIGIN_TIMESTAMPING
	for _, tt := range []struct {
		desc     string
		times    []byte
		entry    []byte
		at       int64
		hardware bool
	}{
		{"software", times(1700000000e9+5, 0), entry(tstamp, unix.SCM_TSTAMP_SND, 7), 1700000000e9 + 5, false},
		{"hardware", times(0, 37e9+6), entry(tstamp, unix.SCM_TSTAMP_SND, 7), 37e9 + 6, true},
		{"queued, not sent", times(5e9, 0), entry(tstamp, unix.SCM_TSTAMP_SCHED, 7), 0, false},
		{"another write's", times(5e9, 0), entry(tstamp, unix.SCM_TSTAMP_SND, 9), 0, false},
		{"an ICMP error", times(5e9, 0), entry(2, 0, 7), 0, false},
		{"no time", times(0, 0), entry(tstamp, unix.SCM_TSTAMP_SND, 7), 0, false},
		{"half a time", times(5e9, 0)[:40], entry(tstamp, unix.SCM_TSTAMP_SND, 7), 0, false},
		{"half an entry", times(5e9, 0), entry(tstamp, unix.SCM_TSTAMP_SND, 7)[:12], 0, false},
	} {
		for _, v6 := range []bool{false, true} {
			s := newStamps(64)
			s.told, s.seen, s.next = 7, 7, 7
			s.wrote(100, 3)
			st := &stamper{stamps: s}
			level, kind := int32(unix.SOL_IP), int32(unix.IP_RECVERR)
			if v6 {
				level, kind = unix.SOL_IPV6, unix.IPV6_RECVERR
			}
			control := appendControl(appendControl(nil, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, tt.times), level, kind, tt.entry)
			for n := range control { // cut short by a kernel that had no room: nothing, and no panic
				st.take(append([]byte(nil), control[:n]...)[:n:n])
				if got, ok := s.take(); ok && got.At != tt.at {
					t.Fatalf("%s, %d bytes: %+v", tt.desc, n, got)
				} else if ok {
					s.told--
				}
			}
			st.take(control)
			got, ok := s.take()
			if ok != (tt.at != 0) || ok && (got != Stamp{First: 100, Last: 102, At: tt.at, Hardware: tt.hardware}) {
				t.Errorf("%s: %+v, %v, want %d, hardware %v", tt.desc, got, ok, tt.at, tt.hardware)
			}
		}
	}
}

// TestFirstArrival has each Receiver be the first in the system that asks for
// stamps, if nothing else does, and get a packet at once: it has one.
func TestFirstArrival(t *testing.T) {
	cfg := testConfig(t, Auto)
	stamped := cfg
	stamped.Stamps = true
	s := newTestSource(t, cfg, pgm.SourceConfig{})
	for i := range 20 {
		r := newTestReceiver(t, stamped, pgm.ReceiverConfig{})
		if err := s.Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
		for {
			ev, err := r.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == pgm.EventMessage {
				if ev.Arrived == 0 {
					t.Errorf("receiver %d: no stamp", i)
				}
				break
			}
		}
		r.Close()
		time.Sleep(5 * time.Millisecond) // the kernel stops, too, when nobody asks
	}
}
