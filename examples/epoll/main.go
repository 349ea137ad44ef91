//go:build linux

// Epoll is a Publisher and a Subscriber in an epoll loop of the program's own,
// in one goroutine. It sends messages to itself over the loopback interface,
// prints how many came, and ends.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

func main() {
	endpoint := flag.String("endpoint", "epgm://127.0.0.1;239.192.66.7:5601", "where to send and receive")
	count := flag.Int("count", 1000, "messages to send")
	edge := flag.Bool("edge", false, "watch edges (EPOLLET) rather than levels")
	limit := flag.Duration("limit", 10*time.Second, "give up after this time")
	flag.Parse()
	if err := run(*endpoint, *count, *edge, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "epoll:", err)
		os.Exit(1)
	}
}

func run(endpoint string, count int, edge bool, limit time.Duration) error {
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: endpoint})
	if err != nil {
		return err
	}
	defer sub.Close()
	sub.Subscribe("tick")
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{Endpoint: endpoint, Repair: -1})
	if err != nil {
		return err
	}
	defer pub.Close()
	w, err := newWatcher(edge)
	if err != nil {
		return err
	}
	defer w.close()

	sent, received, turns := 0, 0, 0
	for end := time.Now().Add(limit); received < count; turns++ {
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d messages after %v", received, count, limit)
		}
		// A few messages at a time, once the last ones have come.
		for due := received == sent; due && sent < count; due = sent%10 != 0 {
			_, err := pub.TrySend([]byte("tick"), fmt.Append(nil, sent))
			if errors.Is(err, pubsub.ErrWouldBlock) {
				break
			}
			if err != nil {
				return err
			}
			sent++
		}

		wait := min(pub.Due(), sub.Due(), time.Until(end))
		w.fds = sub.FDs(pub.FDs(w.fds[:0]))
		if err := w.wait(max(wait, 0)); err != nil {
			return err
		}

		// Neither has many descriptors, so both are called whichever is ready.
		// That also runs their timers, if it is their time.
		if err := pub.Poll(0); err != nil {
			return err
		}
		for {
			ev, err := sub.TryRecv()
			if err != nil {
				return err
			}
			if ev == nil {
				break
			}
			switch ev.Kind {
			case pubsub.EventMessage:
				if want := fmt.Sprint(received); string(ev.Body()) != want {
					return fmt.Errorf("message %q, want %q", ev.Body(), want)
				}
				received++
			case pubsub.EventGap:
				return fmt.Errorf("lost packets %d to %d: %v", ev.First, ev.Last, ev.Cause)
			}
		}
	}
	fmt.Printf("received %d messages, woke up %d times\n", received, turns)
	return nil
}

// A watcher is an epoll instance.
type watcher struct {
	epoll   int
	edge    uint32
	fds     []pgmnet.FD        // to watch
	watched map[uintptr]uint32 // what for, as the kernel knows it
	events  [16]unix.EpollEvent
}

func newWatcher(edge bool) (*watcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &watcher{epoll: fd, watched: make(map[uintptr]uint32)}
	if edge {
		w.edge = unix.EPOLLET
	}
	return w, nil
}

// wait tells the kernel what has changed in fds, and waits until one is ready,
// but no longer than d, rounded up to the unit of epoll_wait.
func (w *watcher) wait(d time.Duration) error {
	for _, fd := range w.fds {
		want := w.edge
		if fd.Read {
			want |= unix.EPOLLIN
		}
		if fd.Write {
			want |= unix.EPOLLOUT
		}
		have, known := w.watched[fd.FD]
		if known && have == want {
			continue
		}
		op := unix.EPOLL_CTL_MOD
		if !known {
			op = unix.EPOLL_CTL_ADD
		}
		if err := unix.EpollCtl(w.epoll, op, int(fd.FD), &unix.EpollEvent{Events: want, Fd: int32(fd.FD)}); err != nil {
			return err
		}
		w.watched[fd.FD] = want
	}
	_, err := unix.EpollWait(w.epoll, w.events[:], int((d+time.Millisecond-1)/time.Millisecond))
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

func (w *watcher) close() { unix.Close(w.epoll) }
