package pgmnet

import "fmt"

// IO is a way to read and write sockets.
type IO uint8

// The ways. Auto takes the first that works here; any other is used or it is
// an error, so that each can be tested. Mmsg, Single and Portable are steps
// down in throughput, not in what they can do.
const (
	Auto     IO = iota
	GSO         // Linux: a run of packets a call, by UDP_SEGMENT and UDP_GRO
	Mmsg        // Linux: many packets a call, by sendmmsg and recvmmsg
	Single      // Linux: a packet a call
	Portable    // any system: a packet a call, through package net
	numIO
)

var ioNames = [numIO]string{"auto", "gso", "mmsg", "single", "portable"}

// String returns the name in lower case.
func (m IO) String() string {
	if m < numIO {
		return ioNames[m]
	}
	return fmt.Sprintf("IO(%d)", uint8(m))
}

// MarshalText returns the name in lower case.
func (m IO) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText sets m from a name, as String gives it.
func (m *IO) UnmarshalText(text []byte) error {
	for i, name := range ioNames {
		if string(text) == name {
			*m = IO(i)
			return nil
		}
	}
	return fmt.Errorf("pgmnet: no I/O mode %q: want auto, gso, mmsg, single or portable", text)
}
