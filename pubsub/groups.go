package pubsub

import (
	"errors"
	"fmt"
	"net/netip"
)

// A selector is a Receiver that lets one choose what it receives, as
// pgmnet.Receiver does.
type selector interface {
	Groups() []netip.Addr
	Join(group netip.Addr) error
	Leave(group netip.Addr) error
	Block(source netip.Addr) error
	Allow(source netip.Addr) error
}

// The methods in this file change what a Subscriber receives while it runs, for all
// who share its receive. What FDs returns has changed after Join and Leave. On a
// Receiver of the caller's own that has no such methods itself they return an error
// that wraps errors.ErrUnsupported.

// Groups returns the groups that are joined.
func (s *Subscriber) Groups() []netip.Addr {
	s.lock()
	defer s.unlock()
	if rcv, ok := s.rcv.(selector); ok {
		return rcv.Groups()
	}
	return nil
}

// Join joins another group, see [pgmnet.Receiver.Join].
func (s *Subscriber) Join(group netip.Addr) error { return s.change(selector.Join, group) }

// Leave leaves a group. Its sources end, each with an EventLeave of which Why is
// pgm.EventLeft, after what has come of them.
func (s *Subscriber) Leave(group netip.Addr) error { return s.change(selector.Leave, group) }

// Block takes no more packets from a source, which ends as those of a group that is
// left, see [pgmnet.Receiver.Block].
func (s *Subscriber) Block(source netip.Addr) error { return s.change(selector.Block, source) }

// Allow takes packets from a source, see [pgmnet.Receiver.Allow].
func (s *Subscriber) Allow(source netip.Addr) error { return s.change(selector.Allow, source) }

// change changes what is received. There is something due at once then, so that who
// sleeps, on descriptors that may be closed now or without those that are new, is
// woken when the lock is given back.
func (s *Subscriber) change(f func(selector, netip.Addr) error, a netip.Addr) error {
	s.lock()
	defer s.unlock()
	rcv, ok := s.rcv.(selector)
	if !ok {
		return fmt.Errorf("pubsub: a %T cannot change what it receives: %w", s.rcv, errors.ErrUnsupported)
	}
	if s.found {
		s.keep()
	}
	if s.current != nil {
		s.current.keep()
	}
	return f(rcv, a)
}
