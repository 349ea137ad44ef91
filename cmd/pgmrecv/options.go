package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

const usage = `
Usage: pgmrecv [flags]

Receives what pgmsend, or another PGM sender, sends to a multicast group, and
prints the messages, a line each. With --output it receives files. It ends when
it has what --count asks for, after --timeout, or when interrupted.

  pgmrecv                                     on this machine only
  pgmrecv -n "eth0;239.192.0.1"               on the network of eth0
  pgmrecv -n "eth0;239.192.0.1" -o incoming --count 1
  pgmrecv -n "eth0;232.1.2.3" --source 10.0.0.7
  pgmrecv -n eth0 --unicast                   what pgmsend --to sends to this host
  pgmrecv -n "epgm://eth0;239.192.0.1:5555" --subscribe EUR --subscribe USD

With --zmq, or an endpoint, it receives what PUB sockets of ZeroMQ, or pgmsend
with the same, publish. It prints the frames of a message with a tab between.

Exit code: 0 complete, 1 error, 2 usage, 3 something was lost for good.
`

// options are what the command line asks for.
type options struct {
	*cli.Flags
	topics    []string
	join      bool
	unordered bool
	maxGap    cli.Duration
	raw       bool
	output    string
	count     uint64
	timeout   cli.Duration
	sources   cli.Addrs
	block     cli.Addrs
	drop      cli.Percent
	seed      uint64
}

func parse(args []string, stdout io.Writer) (o *options, done bool, err error) {
	o = &options{Flags: cli.NewFlags(name, usage)}
	f := o.Flags
	f.IntVar(&f.TPDU, "tpdu", 0, "size of the largest IP packet to take, in `bytes` (default any)")
	f.Window = 64 << 20
	f.Var(&f.Window, "window", "memory for data that waits for a repair")
	f.StringVarP(&o.output, "output", "o", "", "receive files into the directory `DIR`")
	f.StringArrayVar(&o.topics, "subscribe", nil, "with --zmq: take messages that begin with `PREFIX`; may be\nrepeated (default all)")
	f.Uint64Var(&o.count, "count", 0, "end after `N` messages, or N files with -o")
	f.Var(&o.timeout, "timeout", "end after this time")
	f.Var(&o.sources, "source", "take packets from `ADDR[,ADDR]` alone, by source-specific multicast")
	f.Var(&o.block, "block", "take none from `ADDR[,ADDR]`")
	f.BoolVar(&f.Config.Unicast, "unicast", false, "receive what is sent to this host, by pgmsend --to, and join no\ngroup; that of --network is the session's name")
	f.BoolVarP(&o.join, "join", "j", false, "ask also for what was sent before this start (default with -o)")
	f.BoolVar(&o.unordered, "unordered", false, "print each message as soon as it is whole, whatever is missing\nbefore it")
	f.Var(&o.maxGap, "max-gap", "give up, and report, what is missing for longer than this; 0\ngives up at once (default never)")
	f.BoolVar(&o.raw, "raw", false, "write messages unchanged, with nothing between them")
	f.AddOutput()
	f.Var(&o.drop, "drop", "for trials: drop this share of the arriving packets at random")
	f.Uint64Var(&o.seed, "seed", 1, "for trials: `N` decides which packets --drop drops")
	if done, err = f.Parse(args, stdout); done || err != nil {
		return o, done, err
	}
	switch {
	case f.NArg() > 0:
		return o, false, cli.Usagef("unexpected argument %q", f.Arg(0))
	case len(o.sources) > 0 && len(o.block) > 0:
		return o, false, cli.Usagef("--source and --block contradict each other")
	case o.raw && f.JSON:
		return o, false, cli.Usagef("--raw and --json contradict each other")
	case o.raw && o.output != "":
		return o, false, cli.Usagef("--raw and --output contradict each other")
	case f.ZMQ && f.Changed("output"):
		return o, false, cli.Usagef("--output and --zmq contradict each other")
	case f.Changed("output") && o.output == "":
		return o, false, cli.Usagef("--output is empty: want a directory")
	case o.unordered && o.output != "":
		return o, false, cli.Usagef("--unordered and --output contradict each other: the parts of a file come in order")
	case f.Changed("count") && o.count == 0:
		return o, false, cli.Usagef("--count is 0: want at least 1")
	}
	if err := f.NeedZMQ("subscribe"); err != nil {
		return o, false, err
	}
	if err := errors.Join(f.SameFamily("source", o.sources), f.SameFamily("block", o.block)); err != nil {
		return o, false, err
	}
	for _, g := range f.Config.Receive {
		if pgmnet.SourceSpecific(g) && len(o.sources) == 0 && !f.Config.Unicast {
			return o, false, cli.Usagef("group %v is for source-specific multicast alone: name its sources with --source", g)
		}
	}
	f.Config.Sources, f.Config.Block = o.sources, o.block
	if !f.Changed("join") {
		o.join = o.output != "" // half a file is no use
	}
	return o, false, nil
}

// socket returns the configuration of the sockets.
func (o *options) socket() pgmnet.Config {
	c := o.Config
	if o.drop > 0 {
		rng := rand.New(rand.NewPCG(o.seed, 0))
		c.Drop = func([]byte) bool { return 100*rng.Float64() < float64(o.drop) }
	}
	return c
}

// receiver returns the configuration of the engine.
func (o *options) receiver() pgm.ReceiverConfig {
	c := pgm.ReceiverConfig{
		Port:          o.Service,
		WindowPackets: o.Window.Packets(),
		BufferBytes:   int(o.Window),
		MaxMessage:    int(max(o.Window/2, 32<<20)),
		Join:          o.join,
	}
	if o.unordered {
		c.Delivery = pgm.Unordered
	}
	if o.Changed("max-gap") {
		c.MaxGap = time.Duration(o.maxGap)
		if c.MaxGap == 0 {
			c.MaxGap = -1
		}
	}
	if o.TPDU > 0 {
		c.MaxTPDU = o.TPDU - o.LeastOverhead()
	}
	return c
}

// deadline returns when to stop in any case; zero is never.
func (o *options) deadline(now time.Time) time.Time {
	if !o.Changed("timeout") {
		return time.Time{}
	}
	return now.Add(time.Duration(o.timeout))
}
