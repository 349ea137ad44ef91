package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/internal/lab"
)

// source is the peer's path from the root of the module.
const source = "testdata/interop/openpgm.c"

// Build compiles the OpenPGM peer into dir and returns the path of the program.
// It is called from within the module's tree, as a test is.
func Build(dir string) (string, error) {
	for _, tool := range []string{"gcc", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("interop: no %s command; install %[1]s", tool)
		}
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "openpgm-5.3").Output()
	if err != nil {
		return "", errors.New("interop: no OpenPGM 5.3; install libpgm-dev")
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "openpgm")
	args := append([]string{"-O2", "-Wall", "-o", program, filepath.Join(root, source)}, strings.Fields(string(flags))...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("interop: gcc: %w\n%s", err, out)
	}
	return program, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, source)); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("interop: no %s above the working directory; run in the module's tree", source)
		}
	}
}

// RequireBuild is [Build] for a test, which it skips where the peer cannot be
// built, or fails if the environment says GOPGM_LAB=require.
func RequireBuild(tb testing.TB) string {
	tb.Helper()
	program, err := Build(tb.TempDir())
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
	Seconds  float64 // from the first message to the last

	P50, P99, P999 float64 // round trips in microseconds
}

// Peer is a running peer.
type Peer struct {
	cmd    *exec.Cmd
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

// Wait waits until the peer is done.
func (p *Peer) Wait() (Result, error) {
	var r Result
	out, err := io.ReadAll(p.out)
	if err := errors.Join(err, p.cmd.Wait()); err != nil {
		return r, fmt.Errorf("interop: peer: %w: %s", err, p.stderr.String())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("interop: peer printed %q: %w", out, err)
	}
	return r, nil
}

// Kill ends the peer at once, for a test that has failed.
func (p *Peer) Kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}
