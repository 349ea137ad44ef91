package pubsub

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/pgmnet"
)

// An epoll watches descriptors, for levels or for edges.
type epoll struct {
	fd      int
	flags   uint32
	watched map[uintptr]uint32
	events  [16]unix.EpollEvent
}

func newEpoll(t *testing.T, flags uint32) *epoll {
	t.Helper()
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &epoll{fd: fd, flags: flags, watched: map[uintptr]uint32{}}
}

// wait waits until one of fds is ready, but no longer than d, and returns how many
// are.
func (e *epoll) wait(t *testing.T, fds []pgmnet.FD, d time.Duration) int {
	t.Helper()
	for _, fd := range fds {
		want := e.flags
		if fd.Read {
			want |= unix.EPOLLIN
		}
		if fd.Write {
			want |= unix.EPOLLOUT
		}
		have, known := e.watched[fd.FD]
		if known && have == want {
			continue
		}
		op := unix.EPOLL_CTL_ADD
		if known {
			op = unix.EPOLL_CTL_MOD
		}
		if err := unix.EpollCtl(e.fd, op, int(fd.FD), &unix.EpollEvent{Events: want, Fd: int32(fd.FD)}); err != nil {
			t.Fatal(err)
		}
		e.watched[fd.FD] = want
	}
	n, err := unix.EpollWait(e.fd, e.events[:], int((d+time.Millisecond-1)/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		t.Fatal(err)
	}
	return max(n, 0)
}

// TestEpoll drives a Publisher and a Subscriber that loses packets by what epoll
// says and their deadlines, and by nothing else. Whatever arrives, epoll tells:
// what is found after it has told nothing has just come.
func TestEpoll(t *testing.T) {
	for _, tt := range []struct {
		desc  string
		flags uint32
	}{{"level", 0}, {"edge", unix.EPOLLET}} {
		t.Run(tt.desc, func(t *testing.T) {
			endpoint := freeEndpoint(t)
			pub := newPublisherAt(t, endpoint, PublisherConfig{})
			sub := newSubscriberAt(t, endpoint, SubscriberConfig{Net: lossy(5, 10)})
			e := newEpoll(t, tt.flags)
			const count = 1000
			var c counter
			var fds []pgmnet.FD
			sent, turns, missed := uint32(0), 0, 0
			for end := time.Now().Add(20 * time.Second); c.next < count; turns++ {
				if time.Now().After(end) {
					t.Fatalf("%d of %d messages; %+v", c.next, count, sub.Stats())
				}
				for sent < count && (sent == c.next || sent%7 != 0) { // some at a time, once the others have come
					if _, err := pub.TrySend([]byte("a"), number(sent)); err != nil {
						t.Fatal(err)
					}
					sent++
				}
				fds = sub.FDs(pub.FDs(fds[:0]))
				told := e.wait(t, fds, min(pub.Due(), sub.Due()))
				before := sub.Stats().Receiver.IO.Batches
				if err := pub.Poll(0); err != nil {
					t.Fatal(err)
				}
				for {
					ev, err := sub.TryRecv()
					if err != nil {
						t.Fatal(err)
					}
					if ev == nil {
						break
					}
					c.take(t, ev)
				}
				if told == 0 && sub.Stats().Receiver.IO.Batches != before {
					missed++
				}
			}
			st := sub.Stats().Receiver
			t.Logf("%d turns, %d repairs; %d times something had come and epoll had not told", turns, st.Repairs, missed)
			if st.Repairs == 0 || turns > 20*count || missed > turns/5 {
				t.Errorf("%d turns for %d messages, %d repairs, %d times epoll told nothing", turns, count, st.Repairs, missed)
			}
		})
	}
}
