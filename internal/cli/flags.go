package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

// Flags are those every tool has.
type Flags struct {
	*pflag.FlagSet

	Config  pgmnet.Config // from the flags, once they are parsed
	Service uint16
	TPDU    int // bytes of an IP packet; 0: what fits the interface
	Window  Size
	ZMQ     bool // messages are framed as those of ZeroMQ
	JSON    bool
	Quiet   bool
	Verbose bool

	name, usage string
	network     string
	help        bool
	list        bool
	version     bool
}

// maxPacket is the largest IP packet whose PGM packet the engine takes, and
// minPacket the smallest, IPv6 or not.
const (
	minPacket = 128 + 48
	maxPacket = 65000 + 28
)

// NewFlags returns the flags of a tool. The usage opens its help.
func NewFlags(name, usage string) *Flags {
	f := &Flags{FlagSet: pflag.NewFlagSet(name, pflag.ContinueOnError), name: name, usage: usage}
	f.SetOutput(io.Discard) // errors are printed once, by Report
	f.Usage = func() {}
	f.SortFlags = false
	f.StringVarP(&f.network, "network", "n", "", "interface, by name or address or empty, and groups,\nor an endpoint of ZeroMQ, [e]pgm://IFACE;GROUP:PORT;\nwithout -n nothing leaves this machine: `IFACE;GROUP[,GROUP]`")
	f.Service, f.Config.Port = 7500, pgmnet.DefaultPort
	f.VarP((*port)(&f.Service), "service", "s", "data-destination port")
	f.VarP((*port)(&f.Config.Port), "port", "p", "UDP encapsulation port; with --zmq the service too")
	f.BoolVar(&f.Config.Native, "native", false, "send in IP itself, protocol 113, not in UDP; needs root or\nCAP_NET_RAW")
	f.BoolVarP(&f.ZMQ, "zmq", "z", false, "publish or subscribe, also to PUB and SUB sockets of ZeroMQ")
	f.BoolVarP(&f.Config.Loop, "loop", "l", false, "also reach receivers on this machine")
	f.BoolVarP(&f.list, "list", "i", false, "list the network interfaces and exit")
	return f
}

// AddOutput adds the flags that tell what to print. They come last in the help.
func (f *Flags) AddOutput() {
	f.BoolVar(&f.JSON, "json", false, "print one JSON object a line")
	f.BoolVarP(&f.Quiet, "quiet", "q", false, "print no progress and no summary")
	f.BoolVarP(&f.Verbose, "verbose", "v", false, "log what happens")
	f.BoolVar(&f.version, "version", false, "print the version and exit")
	f.BoolVarP(&f.help, "help", "h", false, "print this help and exit")
}

// Parse parses the arguments. When they ask for help, the version or the
// interfaces it prints that to w and returns done.
func (f *Flags) Parse(args []string, w io.Writer) (done bool, err error) {
	if err := f.FlagSet.Parse(args); err != nil {
		return false, &UsageError{err}
	}
	switch {
	case f.help:
		const obvious = "[=true|false]"
		flags := strings.ReplaceAll(f.FlagUsages(), obvious, strings.Repeat(" ", len(obvious)))
		_, err := fmt.Fprintf(w, "%s\n\nFlags:\n%s", strings.TrimSpace(f.usage), flags)
		return true, err
	case f.version:
		_, err := fmt.Fprintln(w, Version(f.name))
		return true, err
	case f.list:
		return true, list(w)
	}
	return false, f.check()
}

func (f *Flags) check() (err error) {
	switch {
	case f.Quiet && f.Verbose:
		return Usagef("--quiet and --verbose contradict each other")
	case f.Changed("tpdu") && (f.TPDU < minPacket || f.TPDU > maxPacket):
		return Usagef("--tpdu is %d: want %d to %d bytes", f.TPDU, minPacket, maxPacket)
	case f.Changed("window") && (f.Window < minWindow || f.Window > maxWindow):
		return Usagef("--window is %v: want %v to %v", f.Window, Size(minWindow), Size(maxWindow))
	case f.Changed("network") && strings.Contains(f.network, "://"):
		return f.endpoint()
	case f.Config.Native && f.Changed("port"):
		return Usagef("--native and --port contradict each other: that is a port of UDP, --service is that of PGM")
	case f.ZMQ && f.Changed("service") && !f.Config.Native:
		return Usagef("--service and --zmq contradict each other: ZeroMQ has one port, --port")
	case f.Changed("network"):
		f.Config.Network, err = pgmnet.ParseNetwork(f.network)
	default:
		f.Config.Network = pgmnet.Loopback()
		f.Config.Loop = true
		if f.Config.Network.Interface == nil {
			err = errors.New("no loopback interface: name another with --network")
		}
	}
	if err != nil {
		return &UsageError{err}
	}
	if f.ZMQ && !f.Config.Native {
		f.Service = f.Config.Port
	}
	return nil
}

// endpoint takes the network and both ports from an endpoint of ZeroMQ, and
// whether to use UDP.
func (f *Flags) endpoint() error {
	for _, flag := range []string{"port", "service"} {
		if f.Changed(flag) {
			return Usagef("--%s and the port of %s contradict each other", flag, f.network)
		}
	}
	if f.Changed("zmq") && !f.ZMQ {
		return Usagef("--zmq=false and %s contradict each other", f.network)
	}
	f.ZMQ = true
	e, err := pubsub.ParseEndpoint(f.network)
	if err != nil {
		return &UsageError{err}
	}
	if f.Changed("native") && f.Config.Native != e.Native {
		return Usagef("--native=%v and %s contradict each other: pgm:// is native, epgm:// is in UDP", f.Config.Native, f.network)
	}
	f.Config.Network, f.Config.Port, f.Config.Native = e.Network, e.Port, e.Native
	f.Service = e.Port
	return nil
}

// NeedZMQ refuses the named flags where messages are not framed.
func (f *Flags) NeedZMQ(flags ...string) error {
	for _, flag := range flags {
		if !f.ZMQ && f.Changed(flag) {
			return Usagef("--%s needs --zmq, or an endpoint as --network", flag)
		}
	}
	return nil
}

// Overhead returns how many bytes IP and UDP add to a packet at most.
func (f *Flags) Overhead() int { return pgmnet.Overhead(f.Config.Native, f.Config.Addr.Is6()) }

// LeastOverhead returns how many they add at least.
func (f *Flags) LeastOverhead() int {
	switch {
	case !f.Config.Native:
		return f.Overhead()
	case f.Config.Addr.Is6():
		return 40
	}
	return 20
}

// About returns for a log what the network is.
func (f *Flags) About() []any {
	about := []any{"network", f.Config.Network.String(), "service", f.Service}
	if f.Config.Native {
		return append(about, "native", true)
	}
	return append(about, "port", f.Config.Port)
}

// SetLogger logs to w what the flags ask for.
func (f *Flags) SetLogger(w io.Writer) *slog.Logger {
	f.Config.Logger = Logger(w, f.Quiet, f.Verbose)
	return f.Config.Logger
}

// list prints the network interfaces.
func list(w io.Writer) error {
	all, err := pgmnet.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range all {
		if _, err := fmt.Fprintln(w, i); err != nil {
			return err
		}
	}
	return nil
}
