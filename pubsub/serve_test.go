package pubsub

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// A server is a Publisher or a Subscriber.
type server interface {
	Serve(ctx context.Context) error
}

// serve runs Serve until stop is called, and checks how it ends.
func serve(t *testing.T, s server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	return sync.OnceFunc(func() {
		t.Helper()
		start := time.Now()
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Serve: %v", err)
			}
			t.Logf("Serve ended after %v", time.Since(start))
		case <-time.After(2 * time.Second):
			t.Error("Serve does not end")
		}
	})
}

func TestServeAsked(t *testing.T) {
	endpoint := freeEndpoint(t)
	for _, s := range []server{newSubscriberAt(t, endpoint, SubscriberConfig{}), newPublisherAt(t, endpoint, PublisherConfig{})} {
		if err := s.Serve(t.Context()); err != errNotConcurrent {
			t.Errorf("Serve without Concurrent: %v", err)
		}
	}
}

// TestServe has several goroutines send, and one receive, beside Serve at both
// ends. A tenth is lost.
func TestServe(t *testing.T) {
	endpoint := freeEndpoint(t)
	sub := newSubscriberAt(t, endpoint, SubscriberConfig{Net: lossy(1, 10), Concurrent: true})
	pub := newPublisherAt(t, endpoint, PublisherConfig{Concurrent: true, High: Mark{Bytes: 32 << 10}})
	defer serve(t, sub)()
	defer serve(t, pub)()
	const senders, count = 4, 500
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			body := make([]byte, 200)
			for n := range uint32(count) {
				binary.BigEndian.PutUint32(body, n)
				if _, err := pub.Send([]byte{byte(i)}, body); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	next := make([]uint32, senders)
	for received := 0; received < senders*count; {
		ev, err := sub.RecvContext(t.Context())
		if err != nil {
			t.Fatalf("after %d messages: %v; %+v", received, err, sub.Stats())
		}
		switch ev.Kind {
		case EventMessage:
			from, n := ev.Topic()[0], binary.BigEndian.Uint32(ev.Body())
			if n != next[from] {
				t.Fatalf("message %d of %d, want %d", n, from, next[from])
			}
			next[from]++
			received++
		case EventGap:
			t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
		}
		if received%100 == 0 {
			sub.Subscribe("x")
			sub.Unsubscribe("x")
			sub.Stats()
			pub.Stats()
			pub.Backlog()
		}
	}
	group.Wait()
}

// TestServeAlone has nobody but Serve act, once all was sent: what is lost is
// repaired all the same, and Recv returns it later.
func TestServeAlone(t *testing.T) {
	endpoint := freeEndpoint(t)
	sub := newSubscriberAt(t, endpoint, SubscriberConfig{Net: lossy(2, 10), Concurrent: true})
	pub := newPublisherAt(t, endpoint, PublisherConfig{Concurrent: true, Flush: FlushFull, FlushAfter: 3 * time.Millisecond})
	defer serve(t, sub)()
	defer serve(t, pub)()
	const count = 2000
	for n := range uint32(count) {
		if _, err := pub.Send([]byte("a"), number(n)); err != nil {
			t.Fatal(err)
		}
		if n%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		packets := pub.Stats().Packets
		st := sub.Stats().Receiver
		if st.Outstanding == 0 && packets > 0 && st.DataPackets >= packets {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not all was taken in: %d packets sent; %+v", packets, st)
		}
	}
	if n := sub.Stats().Messages; n != 0 {
		t.Errorf("%d messages delivered to nobody", n)
	}
	var c counter
	for c.next < count {
		ev, err := sub.Recv()
		if err != nil {
			t.Fatalf("after %d messages: %v", c.next, err)
		}
		c.take(t, ev)
	}
}

// TestServeBlocked has Send block, and others go on.
func TestServeBlocked(t *testing.T) {
	pub := newPublisherAt(t, freeEndpoint(t), PublisherConfig{
		Source:     pgm.SourceConfig{Rate: 50_000},
		High:       Mark{Bytes: 8 << 10},
		Linger:     -1,
		Concurrent: true,
	})
	stop := serve(t, pub)
	body := make([]byte, 1000)
	pub.SetDeadline(time.Now().Add(300 * time.Millisecond))
	blocked := make(chan error)
	go func() {
		for {
			if _, err := pub.Send([]byte("a"), body); err != nil {
				blocked <- err
				return
			}
		}
	}()
	calls, longest := 0, time.Duration(0)
	for wait := true; wait; {
		start := time.Now()
		pub.Stats()
		if d := time.Since(start); d > longest {
			longest = d
		}
		calls++
		select {
		case err := <-blocked:
			if err != os.ErrDeadlineExceeded {
				t.Errorf("Send: %v", err)
			}
			wait = false
		case <-time.After(time.Millisecond):
		}
	}
	if st := pub.Stats(); calls < 20 || st.Blocked == 0 {
		t.Errorf("%d calls beside the Send that blocks, the longest %v; %+v", calls, longest, st)
	}
	stop()
}

// TestServeClose closes what others use.
func TestServeClose(t *testing.T) {
	endpoint := freeEndpoint(t)
	sub := newSubscriberAt(t, endpoint, SubscriberConfig{Concurrent: true})
	pub := newPublisherAt(t, endpoint, PublisherConfig{Concurrent: true, Repair: 50 * time.Millisecond})
	errs := make(chan error)
	go func() { errs <- pub.Serve(t.Context()) }()
	go func() { errs <- sub.Serve(t.Context()) }()
	time.Sleep(20 * time.Millisecond)
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
	if err := <-errs; err != pgm.ErrClosed {
		t.Errorf("Publisher's Serve: %v", err)
	}
	if _, err := pub.Send(nil, nil); err != pgm.ErrClosed {
		t.Errorf("Send: %v", err)
	}
	sub.SetDeadline(time.Time{})
	go func() {
		_, err := sub.Recv()
		for err == nil {
			_, err = sub.Recv()
		}
		errs <- err
	}()
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve or Recv: %v", err)
		}
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("they returned after %v", d)
	}
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
}

// TestServeReserve has Serve leave alone a packet that is being filled in.
func TestServeReserve(t *testing.T) {
	endpoint := freeEndpoint(t)
	sub := newSubscriberAt(t, endpoint, SubscriberConfig{})
	pub := newPublisherAt(t, endpoint, PublisherConfig{Concurrent: true, Flush: FlushFull, FlushAfter: time.Millisecond})
	defer serve(t, pub)()
	for n := range uint32(20) {
		if _, err := pub.Send([]byte("a"), number(2*n)); err != nil {
			t.Fatal(err)
		}
		b, err := pub.Reserve([]byte("a"), 8)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Millisecond)
		if _, err := pub.Commit(copy(b, number(2*n+1))); err != nil {
			t.Fatal(err)
		}
	}
	var c counter
	for c.next < 40 {
		ev, err := sub.Recv()
		if err != nil {
			t.Fatal(err)
		}
		c.take(t, ev)
	}
}

// TestNoLock holds the locks that Serve would need: without Concurrent no method
// takes one, so none costs anything.
func TestNoLock(t *testing.T) {
	pub, sub := newPair(t, PublisherConfig{Completions: AllStages, Repair: -1}, SubscriberConfig{})
	pub.guard.mu.Lock()
	sub.guard.mu.Lock()
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			sub.Subscribe("a")
			sub.Unsubscribe("b")
			if _, err := pub.Send([]byte("a"), nil); err != nil {
				return err
			}
			if _, err := pub.SendFrames([]byte("a")); err != nil {
				return err
			}
			if _, err := pub.TrySend([]byte("a"), nil); err != nil {
				return err
			}
			if _, err := pub.Reserve([]byte("a"), 1); err != nil {
				return err
			}
			if _, err := pub.Commit(1); err != nil {
				return err
			}
			if err := errors.Join(pub.Flush(), pub.Poll(time.Millisecond)); err != nil {
				return err
			}
			for range pub.Completions() {
			}
			pub.Backlog()
			pub.Stats()
			pub.FDs(nil)
			pub.Due()
			for messages := 0; messages < 4; {
				ev, err := sub.Recv()
				if err != nil {
					return err
				}
				if ev.Kind == EventMessage {
					messages++
				}
			}
			if _, err := sub.TryRecv(); err != nil {
				return err
			}
			if _, err := Poll([]PollItem{{Pub: pub, ServeOnly: true}, {Sub: sub}}, time.Millisecond); err != nil {
				return err
			}
			sub.Stats()
			sub.FDs(nil)
			sub.Due()
			other, err := sub.Share()
			if err != nil {
				return err
			}
			return errors.Join(other.Close(), sub.Close(), pub.Close())
		}()
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a method takes the lock")
	}
}
