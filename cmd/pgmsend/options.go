package main

import (
	"io"
	"slices"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
)

const usage = `
Usage: pgmsend [flags] [MESSAGE...]
       pgmsend [flags] --file PATH...

Sends each MESSAGE, or files, or else each line of standard input, to all
members of a multicast group: to pgmrecv, or to any other PGM receiver.

  pgmsend hello                               on this machine only
  pgmsend -n "eth0;239.192.0.1" hello         on the network of eth0
  pgmsend -n "eth0;239.192.0.1" -r 500Mb/s --file big.iso --file docs
  pgmsend -n eth0 --to 10.0.0.8,10.0.0.9 hello
  pgmsend -n "epgm://eth0;239.192.0.1:5555" --topic EUR 1.0831

With --zmq, or an endpoint, SUB sockets of ZeroMQ are members too. A message is
one frame, in which the topic comes first, or with --topic two: topic, MESSAGE.

Exit code: 0 complete, 1 error, 2 usage.
`

// maxBacklog is how much may wait to be sent: some milliseconds of a fast
// network. With more, progress would tell of what has not happened yet, and an
// interrupt would have much to take back.
const maxBacklog = 1 << 20

// options are what the command line asks for.
type options struct {
	*cli.Flags
	rate   cli.Rate
	fec    cli.FEC
	paths  []string
	topic  string
	linger cli.Duration
	to     cli.Addrs

	completions bool
}

func parse(args []string, stdout io.Writer) (o *options, done bool, err error) {
	o = &options{Flags: cli.NewFlags(name, usage)}
	f := o.Flags
	f.VarP(&o.rate, "rate", "r", "limit of all that is sent, such as 200Mb/s or 25MB/s")
	f.Var(&o.to, "to", "send by unicast to `ADDR[,ADDR]`, to pgmrecv --unicast, each at the\nfull rate; the group of --network is the session's name")
	f.IntVar(&f.TPDU, "tpdu", 1500, "size of the largest IP packet to send, in `bytes`")
	f.Window = 64 << 20
	f.Var(&f.Window, "window", "memory for what was sent and can be repaired")
	f.VarP(&o.fec, "fec", "f", "send parity packets that repair losses: N-K with each K packets;\nwith ,proactive=H so many; with ,on-demand those that receivers\nask for; ,flush=D bounds the wait for a group to fill, and\n,delay=G has parity follow G groups later")
	f.StringArrayVar(&o.paths, "file", nil, "send the file or the directory's files at `PATH`; may be repeated")
	f.StringVarP(&o.topic, "topic", "t", "", "with --zmq: make `TOPIC` the first frame of each message")
	f.BoolVar(&o.completions, "completions", false, "with --zmq: print when messages reached the window, the kernel,\nthe wire, and left the window")
	o.linger = cli.Duration(2 * time.Second)
	f.Var(&o.linger, "linger", "how long to stay for repairs after the last data or request")
	f.AddOutput()
	if done, err = f.Parse(args, stdout); done || err != nil {
		return o, done, err
	}
	if len(o.paths) > 0 && f.NArg() > 0 {
		return o, false, cli.Usagef("both --file and a message (%q): want one of them", f.Arg(0))
	}
	if f.ZMQ && len(o.paths) > 0 {
		return o, false, cli.Usagef("--file and --zmq contradict each other")
	}
	if err := f.NeedZMQ("topic", "completions"); err != nil {
		return o, false, err
	}
	if err := f.SameFamily("to", o.to); err != nil {
		return o, false, err
	}
	if !f.Config.Native && slices.Contains(o.to, f.Config.Addr) {
		return o, false, cli.Usagef("--to has %v, this sender's own address: give the receiver another one, or name another in --network", f.Config.Addr)
	}
	f.Config.To = o.to
	if i := o.Config.Interface; !f.Changed("tpdu") && i != nil && i.MTU > 0 {
		f.TPDU = min(f.TPDU, i.MTU)
	}
	return o, false, nil
}

// source returns the configuration of the engine.
func (o *options) source() pgm.SourceConfig {
	return pgm.SourceConfig{
		Port:          o.Service,
		MaxTPDU:       o.TPDU - o.Overhead(),
		Overhead:      o.Overhead(),
		WindowPackets: o.Window.Packets(),
		WindowBytes:   int(o.Window),
		MaxBacklog:    int(min(o.Window/4, maxBacklog)),
		Rate:          int64(o.rate),
		FEC:           pgm.FEC(o.fec),
		Join:          true,
	}
}

// maxAlone returns the size of the largest message that is one packet.
func (o *options) maxAlone() int { return pgm.FEC(o.fec).MaxData(o.TPDU - o.Overhead()) }
