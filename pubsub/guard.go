package pubsub

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gopgm/gopgm/pgmnet"
)

// errNotConcurrent is what Serve returns to those who did not ask for it.
var errNotConcurrent = errors.New("pubsub: Serve needs Concurrent set in the configuration")

// idleStep is how often Serve looks whether it is needed, while another goroutine
// does its work. It is also the longest wait where a wait cannot be ended.
const idleStep = time.Millisecond

// A guard lets several goroutines use a Publisher, or Subscribers that share a
// receive. Unless it is on it does nothing: there is one goroutine.
type guard struct {
	on       bool
	mu       sync.Mutex
	sleepers []*sleeper
	asleep   int // how many of them are
}

// A sleeper is a goroutine that waits for the network, without the lock.
type sleeper struct {
	poller pgmnet.Poller
	limit  time.Duration // of one wait
	fds    []pgmnet.FD
	asleep bool
	serve  bool        // it is Serve
	who    *Subscriber // that it receives for
	until  time.Time   // when it wakes; zero once it was woken
}

// A watcher has descriptors to watch.
type watcher interface {
	FDs(dst []pgmnet.FD) []pgmnet.FD
}

// sleep waits until a descriptor of w is ready or the sleeper is woken, but no
// longer than d. It is called with the lock, and waits without. Serve tells that
// it is Serve that calls, a nil watcher that it has nothing to do; who is whom it
// receives for.
func (g *guard) sleep(w watcher, serve bool, who *Subscriber, d time.Duration) error {
	sl := g.sleeper()
	d = min(d, sl.limit)
	sl.fds = sl.fds[:0]
	if w != nil {
		sl.fds = w.FDs(sl.fds)
	}
	sl.asleep, sl.serve, sl.who, sl.until = true, serve, who, time.Now().Add(d)
	if w == nil {
		sl.until = time.Time{} // not to be woken
	}
	g.asleep++
	g.mu.Unlock()
	_, err := sl.poller.Wait(sl.fds, d)
	g.mu.Lock()
	g.asleep--
	sl.asleep = false
	if !slices.Contains(g.sleepers, sl) { // closed meanwhile
		sl.poller.Close()
	}
	return err
}

// sleeper returns one that is free.
func (g *guard) sleeper() *sleeper {
	for _, sl := range g.sleepers {
		if !sl.asleep {
			return sl
		}
	}
	sl := &sleeper{limit: time.Hour}
	if sl.poller.Wakeable() != nil {
		sl.limit = idleStep
	}
	g.sleepers = append(g.sleepers, sl)
	return sl
}

// wake wakes a sleeper.
func (sl *sleeper) wake() {
	if sl.asleep && !sl.until.IsZero() {
		sl.until = time.Time{}
		sl.poller.Wake()
	}
}

// hurry wakes those who would sleep beyond due from now on: those who run Serve,
// or the others.
func (g *guard) hurry(due time.Duration, serve bool) {
	if g.asleep == 0 {
		return
	}
	at := time.Now().Add(due)
	for _, sl := range g.sleepers {
		if sl.asleep && sl.serve == serve && at.Before(sl.until) {
			sl.wake()
		}
	}
}

// wakeUsers wakes those who sleep for who, Serve excepted.
func (g *guard) wakeUsers(who *Subscriber) {
	for _, sl := range g.sleepers {
		if !sl.serve && sl.who == who {
			sl.wake()
		}
	}
}

// wakeServe wakes Serve.
func (g *guard) wakeServe() {
	for _, sl := range g.sleepers {
		if sl.serve {
			sl.wake()
		}
	}
}

// shut wakes everybody for the last time.
func (g *guard) shut() {
	for _, sl := range g.sleepers {
		if sl.asleep {
			sl.poller.Wake()
		} else {
			sl.poller.Close()
		}
	}
	g.sleepers = nil
}
