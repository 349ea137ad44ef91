package pubsub

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gopgm/gopgm/pgmnet"
)

// An Endpoint is where messages go and come from, as ZeroMQ writes it.
type Endpoint struct {
	pgmnet.Network
	Port   uint16 // the data-destination port, and that of UDP
	Native bool   // in IP itself, not in UDP
}

// ParseEndpoint makes an Endpoint of one of ZeroMQ,
//
//	epgm://IFACE;GROUP,GROUP,...;SENDGROUP:PORT
//	pgm://IFACE;GROUP,GROUP,...;SENDGROUP:PORT
//
// of which all before the last colon is as pgmnet.ParseNetwork takes it, and
// PORT, 1 to 65535, is the data-destination port. With epgm it is the UDP port as
// well; pgm is native PGM/IP, see pgmnet.Config. An error says what to change, in
// one line.
func ParseEndpoint(s string) (e Endpoint, err error) {
	bad := func(format string, args ...any) (Endpoint, error) {
		return Endpoint{}, fmt.Errorf("pubsub: endpoint %q: "+format, append([]any{s}, args...)...)
	}
	scheme, rest, _ := strings.Cut(s, "://")
	switch scheme {
	case "epgm":
	case "pgm":
		e.Native = true
	default:
		return bad("want epgm://IFACE;GROUP:PORT, or pgm:// for native PGM/IP")
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.HasSuffix(rest, "]") {
		return bad("no port: want %s://IFACE;GROUP:PORT", scheme)
	}
	port, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil || port == 0 {
		return bad("port %q is not a number from 1 to 65535", rest[i+1:])
	}
	e.Port = uint16(port)
	if e.Network, err = pgmnet.ParseNetwork(rest[:i]); err != nil {
		return bad("%w", err)
	}
	return e, nil
}

// set makes a configuration of the sockets that of e.
func (e *Endpoint) set(c *pgmnet.Config) { c.Network, c.Port, c.Native = e.Network, e.Port, e.Native }
