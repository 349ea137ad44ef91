package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/internal/lab"
)

// A Program is a peer that can be built.
type Program struct {
	Stack  string // what it runs on
	name   string // of its file in sources, without .c
	module string // for pkg-config
	debian string // the package with that
}

// The peers.
var (
	OpenPGM = &Program{"OpenPGM 5.3", "openpgm", "openpgm-5.3", "libpgm-dev"}
	ZeroMQ  = &Program{"libzmq", "zmq", "libzmq", "libzmq3-dev"}

	ZeroMQBench = &Program{"libzmq", "zmqbench", "libzmq", "libzmq3-dev"}
)

// sources is where the peers are, from the root of the module.
const sources = "testdata/interop"

// Build compiles a peer into dir and returns the path of the program. It is
// called from within the module's tree, as a test is.
func (p *Program) Build(dir string) (string, error) {
	for _, tool := range []string{"gcc", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("interop: no %s command; install %[1]s", tool)
		}
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", p.module).Output()
	if err != nil {
		return "", fmt.Errorf("interop: no %s; install %s", p.Stack, p.debian)
	}
	source, err := p.source()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, p.name)
	args := append([]string{"-O2", "-Wall", "-o", program, source}, strings.Fields(string(flags))...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("interop: gcc: %w\n%s", err, out)
	}
	return program, nil
}

// source returns the path of the peer's source.
func (p *Program) source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, sources, p.name+".c")
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("interop: no %s above the working directory; run in the module's tree", sources)
		}
	}
}

// Require is Build for a test, which it skips where the peer cannot be built, or
// fails if the environment says GOPGM_LAB=require.
func (p *Program) Require(tb testing.TB) string {
	tb.Helper()
	program, err := p.Build(tb.TempDir())
	if err != nil {
		lab.Skip(tb, err)
	}
	return program
}

// Result is what a peer prints when it is done. Fields that its role has no use
// for are zero.
type Result struct {
	Messages int     // sent, received, or gone round
	Bytes    int     // of payload
	Digest   string  // of the messages; see [Digest]
	Resets   int     // times data was reported lost for good
	Blocked  int     // times a send had to be repeated
	Next     int     // the number after that of the last message received
	Skipped  int     // messages not received, between the first and the last that were
	Bad      int     // messages received that were not sent
	Seconds  float64 // from the first message to the last

	P50, P99, P999 float64 // round trips in microseconds
}

// Peer is a running peer.
type Peer struct {
	cmd    *exec.Cmd
	in     io.Closer
	out    *bufio.Reader
	stderr strings.Builder
}

// Start starts a peer and returns when it is connected.
func Start(cmd *exec.Cmd) (*Peer, error) {
	p := &Peer{cmd: cmd}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(stdout)
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	cmd.Stderr = &p.stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := p.out.ReadString('\n'); err != nil || line != "ready\n" {
		p.Kill()
		return nil, fmt.Errorf("interop: the peer is not ready: %q: %s", line, p.stderr.String())
	}
	return p, nil
}

// Report waits until the peer prints its result, which it does before it ends.
func (p *Peer) Report() (r Result, err error) {
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		return r, fmt.Errorf("interop: peer printed %q: %w: %s", line, err, p.stderr.String())
	}
	return r, nil
}

// Wait closes the peer's standard input, for which a sender of ZeroMQ waits, and
// waits until it is done.
func (p *Peer) Wait() (Result, error) {
	p.in.Close()
	r, err := p.Report()
	if werr := p.cmd.Wait(); werr != nil {
		return r, fmt.Errorf("interop: peer: %w: %s", werr, p.stderr.String())
	}
	return r, err
}

// Kill ends the peer at once.
func (p *Peer) Kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}
