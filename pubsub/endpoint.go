package pubsub

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gopgm/gopgm/pgmnet"
)

// ParseEndpoint makes a network and a port of a ZeroMQ endpoint,
//
//	epgm://IFACE;GROUP,GROUP,...;SENDGROUP:PORT
//
// of which all before the last colon is as pgmnet.ParseNetwork takes it, and
// PORT, 1 to 65535, is the UDP port and the data-destination port. An error says
// what to change, in one line.
func ParseEndpoint(s string) (pgmnet.Network, uint16, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("pubsub: endpoint %q: "+format, append([]any{s}, args...)...)
	}
	rest, ok := strings.CutPrefix(s, "epgm://")
	if !ok {
		if strings.HasPrefix(s, "pgm://") {
			return pgmnet.Network{}, 0, bad("raw IP is not supported: want epgm://IFACE;GROUP:PORT")
		}
		return pgmnet.Network{}, 0, bad("want epgm://IFACE;GROUP:PORT")
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.HasSuffix(rest, "]") {
		return pgmnet.Network{}, 0, bad("no port: want epgm://IFACE;GROUP:PORT")
	}
	port, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil || port == 0 {
		return pgmnet.Network{}, 0, bad("port %q is not a number from 1 to 65535", rest[i+1:])
	}
	n, err := pgmnet.ParseNetwork(rest[:i])
	if err != nil {
		return pgmnet.Network{}, 0, bad("%w", err)
	}
	return n, uint16(port), nil
}
