package pgmnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// protocolPGM is the number of PGM among the protocols of IP (RFC 3208 §8).
const protocolPGM = 113

// What IP adds to a packet: its header, and the Router Alert option that some
// packets bear (RFC 2113, RFC 2711); and UDP.
const (
	ip4Header, ip4Alert = 20, 4
	ip6Header, ip6Alert = 40, 8
	udpHeader           = 8
)

// What the Router Alert option looks like.
//
// No value of that of IPv6 was ever assigned to PGM. 0 is MLD, and a router that
// looks for it does not forward other packets which say so, as the Linux kernel
// does not; so it is one of those for experiments (RFC 5350 §3).
var (
	alert4 = []byte{0x94, ip4Alert, 0, 0}
	alert6 = []byte{
		0, 0, // next header, which the kernel fills in; 8 bytes
		5, 2, 0xff, 0xdf, // Router Alert, 65503
		1, 0, // two bytes of padding
	}
)

// stripIPv4 returns the payload of a packet as a raw IPv4 socket gives it, header
// and options before it. It reports false for what is no packet of PGM.
func stripIPv4(b []byte) ([]byte, bool) {
	if len(b) < ip4Header || b[0]>>4 != 4 {
		return nil, false
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < ip4Header || total < header || total > len(b) || b[9] != protocolPGM {
		return nil, false
	}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
		return nil, false // a fragment: the kernel gives whole packets
	}
	return b[header:total:total], true
}

// explainRaw makes the error of opening a raw socket say what to do.
func explainRaw(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("pgmnet: native PGM/IP needs the privilege CAP_NET_RAW: run as root, or give it to the program with \"setcap cap_net_raw+ep PROGRAM\", or use UDP: %w", err)
	}
	return fmt.Errorf("pgmnet: open a raw socket: %w", err)
}

// errNoRaw is why there is no native PGM/IP here.
func errNoRaw(mode IO) error {
	return fmt.Errorf("pgmnet: native PGM/IP with I/O mode %v on %s: it needs Linux and mode auto, mmsg or single, else use UDP: %w",
		mode, runtime.GOOS, errors.ErrUnsupported)
}
