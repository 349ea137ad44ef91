package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// roleCommand is the argument with which this program runs itself on a host of
// the lab; the task follows as JSON.
const roleCommand = "role"

// A task is one end of a measurement.
type task struct {
	Role     string
	Network  string // as pgmnet.ParseNetwork takes it
	Size     int    // of a message, in bytes
	Duration time.Duration
	Window   cli.Size
	Batch    bool    // raw UDP: many packets a call
	Pack     int     // raw UDP: messages a packet, if more than one
	Spin     bool    // poll rather than sleep
	OneWay   bool    // time the way there, of messages at a distance
	FEC      pgm.FEC // of a source of our own
	Profile  string
}

// A result is what one end found out.
type result struct {
	Messages uint64            // sent, received, or gone round
	Seconds  float64           // from the first to the last
	Lost     uint64            // messages reported lost
	Causes   map[string]uint64 `json:",omitempty"` // and why
	Wrong    uint64            // messages that were not the one expected

	P50, P99, P999 float64 // round trips, or ways there, in microseconds

	Allocs   uint64                // heap objects allocated meanwhile
	GCs      uint32                // garbage collections meanwhile
	Source   *pgmnet.SourceStats   `json:",omitempty"`
	Receiver *pgmnet.ReceiverStats `json:",omitempty"`
}

// roles are the ends there are. Each calls ready once the other end may start.
var roles = map[string]func(t *task, ready func()) (result, error){
	"send":        ownStack.send,
	"receive":     ownStack.receive,
	"ping":        ownStack.ping,
	"pong":        ownStack.pong,
	"raw-send":    rawSend,
	"raw-receive": rawReceive,
	"raw-ping":    rawStack.ping,
	"raw-pong":    rawStack.pong,
	"pub-send":    pubStack.send,
	"pub-receive": pubStack.receive,
	"pub-ping":    pubStack.ping,
	"pub-pong":    pubStack.pong,
}

// readyLine is what a role prints when it is ready.
const readyLine = "ready\n"

// play does a task and prints its result.
func play(arg string, stdout io.Writer) error {
	var t task
	if err := json.Unmarshal([]byte(arg), &t); err != nil {
		return fmt.Errorf("task: %w", err)
	}
	role := roles[t.Role]
	if role == nil {
		return fmt.Errorf("no role %q", t.Role)
	}
	stop, err := profile(&t)
	if err != nil {
		return err
	}
	r, err := role(&t, func() { io.WriteString(stdout, readyLine) })
	if err := stop(); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.Role, err)
	}
	return cli.WriteJSON(stdout, r)
}

// profile starts the CPU profile a task asks for.
func profile(t *task) (stop func() error, err error) {
	if t.Profile == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(filepath.Dir(t.Profile), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(t.Profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// A heap counts what the Go heap does between two moments.
type heap struct{ before runtime.MemStats }

func (h *heap) start() { runtime.ReadMemStats(&h.before) }

func (h *heap) stop(r *result) {
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	r.Allocs = after.Mallocs - h.before.Mallocs
	r.GCs = after.NumGC - h.before.NumGC
}
