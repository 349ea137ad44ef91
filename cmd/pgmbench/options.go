package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/gopgm/gopgm/internal/cli"
)

const usage = `
Usage: pgmbench [flags]

Measures throughput and round trips of this stack beside raw UDP multicast and
OpenPGM, and of its pub/sub, with the time of one way too, beside libzmq, in
turn, between two hosts that are network namespaces of this machine. Then what
forward error correction costs where nothing is lost, and what a loss of 5 %
costs with it and without. Only the ratios of one run mean something: absolute
figures are the machine's.

It needs Linux, root and iproute2, for the losses nftables and ethtool, and for the others gcc, pkg-config,
libpgm-dev and libzmq3-dev; nothing leaves the machine.

Exit code: 0 measured, 1 error, 2 usage.
`

// The sizes of messages that can be measured: they bear a number, and are one
// packet for all.
const (
	minSize = 8
	maxSize = 1400
)

// kinds are the kinds of measurements.
var kinds = []string{
	"throughput", "spin", "blocking",
	"pubsub-throughput", "pubsub-spin", "pubsub-blocking", "pubsub-" + oneWay + "spin", "pubsub-" + oneWay + "blocking",
	fecCost, fecLoss,
}

// oneWay begins the kinds in which the way there is timed and not the way back.
const oneWay = "oneway-"

const allKinds = "throughput, spin, blocking, or these with pubsub- before, or pubsub-oneway-spin, pubsub-oneway-blocking, or pubsub; fec-cost, fec-loss, or fec"

// options are what the command line asks for.
type options struct {
	sizes    []int
	rounds   int
	duration cli.Duration
	window   cli.Size
	pin      bool
	json     bool
	quiet    bool
	profiles string
	only     []string
}

func parse(args []string, stdout io.Writer) (o *options, done bool, err error) {
	o = &options{pin: true, duration: cli.Duration(2 * time.Second), window: 256 << 20}
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.SortFlags = false
	f.IntSliceVar(&o.sizes, "size", []int{1400, 100}, fmt.Sprintf("message sizes for throughput, %d to %d `bytes`", minSize, maxSize))
	f.IntVar(&o.rounds, "rounds", 5, "how often to measure each")
	f.VarP(&o.duration, "duration", "d", "how long one measurement takes")
	f.Var(&o.window, "window", "windows of this stack, at both ends; 100 ms of the rate have to fit")
	quick := f.Bool("quick", false, "one short round of each, to see that all runs")
	f.StringSliceVar(&o.only, "only", nil, "measure `KIND`: "+allKinds+"; may be repeated")
	unpinned := f.Bool("no-pin", false, "let the system choose the cores, not core 0 to send and core 1 to receive")
	f.StringVar(&o.profiles, "cpuprofile", "", "write CPU profiles of this stack to files in `DIR`")
	f.BoolVar(&o.json, "json", false, "print all figures as one JSON object")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print no progress")
	help := f.BoolP("help", "h", false, "print this help and exit")
	if err := f.Parse(args); err != nil {
		return nil, false, &cli.UsageError{Err: err}
	}
	if *help {
		_, err := fmt.Fprintf(stdout, "%s\n\nFlags:\n%s", strings.TrimSpace(usage), f.FlagUsages())
		return nil, true, err
	}
	o.pin = !*unpinned
	if *quick {
		o.quick(f)
	}
	return o, false, o.check(f.Args())
}

// quick makes the run short where the command line does not say otherwise.
func (o *options) quick(f *pflag.FlagSet) {
	if !f.Changed("rounds") {
		o.rounds = 1
	}
	if !f.Changed("duration") {
		o.duration = cli.Duration(200 * time.Millisecond)
	}
	if !f.Changed("size") {
		o.sizes = []int{1400}
	}
}

func (o *options) check(rest []string) error {
	if len(rest) > 0 {
		return cli.Usagef("unexpected argument %q", rest[0])
	}
	if o.rounds < 1 || o.rounds > 1000 {
		return cli.Usagef("--rounds is %d: want 1 to 1000", o.rounds)
	}
	if d := time.Duration(o.duration); d < 50*time.Millisecond || d > time.Minute {
		return cli.Usagef("--duration is %v: want 50ms to 1m", o.duration)
	}
	for _, size := range o.sizes {
		if size < minSize || size > maxSize {
			return cli.Usagef("--size is %d: want %d to %d bytes", size, minSize, maxSize)
		}
	}
	for _, kind := range o.only {
		if !slices.Contains(kinds, kind) && kind != "pubsub" && kind != "fec" {
			return cli.Usagef("--only is %q: want %s", kind, allKinds)
		}
	}
	return nil
}

// wants reports whether a kind of measurement is asked for.
func (o *options) wants(kind string) bool {
	for _, k := range o.only {
		if k == kind || strings.HasPrefix(kind, k+"-") {
			return true
		}
	}
	return len(o.only) == 0
}
