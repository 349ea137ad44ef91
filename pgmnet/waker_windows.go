package pgmnet

import (
	"errors"
	"fmt"
)

// A waker does nothing here.
type waker struct{}

func (*waker) open() error        { return fmt.Errorf("pgmnet: waking a Poller: %w", errors.ErrUnsupported) }
func (*waker) wake()              {}
func (*waker) drain()             {}
func (*waker) close()             {}
func (*waker) fd() (pollFD, bool) { return pollFD{}, false }
