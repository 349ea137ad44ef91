package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/internal/interop"
	"github.com/gopgm/gopgm/internal/lab"
)

// The groups of the two directions.
const (
	groupThere = "239.192.0.1"
	groupBack  = "239.192.0.2"

	networkThere = lab.Interface + ";" + groupThere
	networkPing  = lab.Interface + ";" + groupBack + ";" + groupThere
	networkPong  = lab.Interface + ";" + groupThere + ";" + groupBack
)

// tripSize is the size in bytes of the messages whose round trips, or ways there,
// are timed.
const tripSize = 100

// A bench measures.
type bench struct {
	options
	hosts
	openPGM   string // OpenPGM's program
	noOpenPGM error  // why there is none
	zmq       string // libzmq's program
	noZMQ     error  // why there is none
}

// benchmark measures what the options ask for and prints it.
func benchmark(o *options, stdout, stderr io.Writer) (err error) {
	ctx, stop := cli.Interrupts()
	defer stop()
	b := &bench{options: *o, hosts: hosts{taskset: o.pin}}
	if err := b.require(); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.profiles != "" {
		if b.profiles, err = filepath.Abs(b.profiles); err != nil {
			return err
		}
	}
	if b.lab, err = lab.New(2); err != nil {
		return err
	}
	defer b.lab.Close()
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.openPGM, b.noOpenPGM = interop.OpenPGM.Build(dir)
	b.zmq, b.noZMQ = interop.ZeroMQBench.Build(dir)

	r := &report{Machine: describeMachine(), Tables: b.tables()}
	if !b.json {
		fmt.Fprintln(stdout, r.Machine)
	}
	for round := range b.rounds {
		if !b.quiet {
			fmt.Fprintf(stderr, "%s: round %d of %d\n", name, round+1, b.rounds)
		}
		for _, t := range r.Tables {
			if err := t.measure(ctx); err != nil {
				return err
			}
		}
	}
	for _, t := range r.Tables {
		t.summarize()
	}
	if b.json {
		return cli.WriteJSON(stdout, r)
	}
	return r.print(stdout)
}

// require reports what the machine lacks, but for what the lab checks.
func (b *bench) require() error {
	if !b.pin {
		return nil
	}
	if n := runtime.NumCPU(); n < 2 {
		return fmt.Errorf("%d core: two are needed, or --no-pin", n)
	}
	if _, err := exec.LookPath("taskset"); err != nil && runtime.GOOS == "linux" {
		return fmt.Errorf("no taskset command: install util-linux, or use --no-pin")
	}
	return nil
}

// tables returns the tables the options ask for, still empty.
func (b *bench) tables() (ts []*table) {
	if b.wants("throughput") {
		for _, size := range b.sizes {
			ts = append(ts, b.throughput(size))
		}
	}
	for _, kind := range []string{"spin", "blocking"} {
		if b.wants(kind) {
			ts = append(ts, b.roundTrips(kind))
		}
	}
	if b.wants("pubsub-throughput") {
		ts = append(ts, b.pubThroughput())
	}
	for _, kind := range []string{"spin", "blocking", oneWay + "spin", oneWay + "blocking"} {
		if b.wants("pubsub-" + kind) {
			ts = append(ts, b.pubRoundTrips(kind))
		}
	}
	if b.wants(fecCost) {
		ts = append(ts, b.fecCost())
	}
	if b.wants(fecLoss) {
		ts = append(ts, b.fecLoss())
	}
	return ts
}

// throughput returns the table of messages per second.
func (b *bench) throughput(size int) *table {
	d := time.Duration(b.duration)
	pair := func(prefix string, batch bool) func(context.Context) (measured, error) {
		return func(ctx context.Context) (measured, error) {
			return b.pair(ctx,
				b.task("throughput", prefix+"receive", networkThere, size, batch),
				b.task("throughput", prefix+"send", networkThere, size, batch))
		}
	}
	return &table{
		Kind: "throughput",
		Peer: openPGMName,
		Size: size,
		Rows: []*row{
			{Name: rawName, run: pair("raw-", true), Open: true},
			{Name: "raw UDP, one a call", run: pair("raw-", false), Open: true},
			b.openPGMRow(func(ctx context.Context) (measured, error) { return b.openPGMThroughput(ctx, size, d) }),
			{Name: ownName, run: pair("", true)},
		},
	}
}

// trips returns what measures round trips, or the way there, between two roles.
func (b *bench) trips(kind, prefix string) func(context.Context) (measured, error) {
	return func(ctx context.Context) (measured, error) {
		ping := b.task(kind, prefix+"ping", networkPing, tripSize, false)
		pong := b.task(kind, prefix+"pong", networkPong, tripSize, false)
		for _, t := range []*task{ping, pong} {
			t.Spin, t.OneWay = strings.HasSuffix(kind, "spin"), strings.HasPrefix(kind, oneWay)
		}
		return b.pair(ctx, pong, ping)
	}
}

// roundTrips returns the table of round trips, spinning or blocking.
func (b *bench) roundTrips(kind string) *table {
	return &table{
		Kind: kind,
		Peer: openPGMName,
		Size: tripSize,
		Rows: []*row{
			{Name: "raw UDP", run: b.trips(kind, "raw-")},
			b.openPGMRow(func(ctx context.Context) (measured, error) {
				return b.openPGMTrips(ctx, kind == "spin", time.Duration(b.duration))
			}),
			{Name: ownName, run: b.trips(kind, "")},
		},
	}
}

func (b *bench) task(kind, role, network string, size int, batch bool) *task {
	t := &task{Role: role, Network: network, Size: size, Duration: time.Duration(b.duration), Window: b.window, Batch: batch}
	if b.profiles != "" && !strings.HasPrefix(role, "raw-") {
		t.Profile = filepath.Join(b.profiles, fmt.Sprintf("%s-%s-%d.pprof", kind, role, size))
	}
	return t
}
