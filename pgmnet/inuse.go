package pgmnet

import (
	"errors"
	"fmt"
	"syscall"
)

// inUse adds to the error that an address is in use what to change. Of two sockets
// with the same address and port the system would give each packet to one, perhaps
// the wrong one: NAKs that are for a Source to a Receiver by unicast, and data the
// other way round. So that Receiver's is shared with nobody.
func inUse(err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	return fmt.Errorf("%w: a Receiver with Unicast shares its address and port with no other of this host: give one of them another address, or its session another port", err)
}
