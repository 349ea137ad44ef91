package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"github.com/gopgm/gopgm/internal/lab"
)

// Where the two ends run: host and core have the same number.
const (
	sending   = 0
	receiving = 1
)

// hosts start the processes of a measurement.
type hosts struct {
	lab     *lab.Lab
	self    string // this program
	taskset bool   // to put each end on a core of its own
}

// command returns a command that will run at one end.
func (h *hosts) command(end int, program string, args ...string) *exec.Cmd {
	if h.taskset {
		args = append([]string{"-c", strconv.Itoa(end), program}, args...)
		program = "taskset"
	}
	return h.lab.Hosts[end].Command(program, args...)
}

// A process is this program in a role.
type process struct {
	role   string
	cmd    *exec.Cmd
	in     io.Closer // the process is to end
	out    *bufio.Reader
	stderr bytes.Buffer
	spare  func() bool // no longer kill it when its time is over
}

// start starts a task at one end and returns when it is ready. The process
// ends with ctx at the latest.
func (h *hosts) start(ctx context.Context, end int, t *task) (*process, error) {
	arg, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	p := &process{role: t.Role, cmd: h.command(end, h.self, roleCommand, string(arg))}
	p.cmd.Stderr = &p.stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.spare = killWith(ctx, p.cmd)
	if line, err := p.out.ReadString('\n'); line != readyLine {
		return nil, p.failed(errors.Join(err, p.cmd.Wait(), ctx.Err()))
	}
	return p, nil
}

// killWith kills a command that runs when ctx ends.
func killWith(ctx context.Context, cmd *exec.Cmd) (spare func() bool) {
	return context.AfterFunc(ctx, func() { cmd.Process.Kill() })
}

// wait waits until the process is done, and returns its result and how much
// processor time it took, in seconds.
func (p *process) wait() (r result, cpu float64, err error) {
	out, err := io.ReadAll(p.out)
	err = errors.Join(err, p.cmd.Wait())
	p.spare()
	if err != nil {
		return r, 0, p.failed(err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, 0, p.failed(err)
	}
	return r, processorTime(p.cmd), nil
}

// failed says what a process died of.
func (p *process) failed(err error) error {
	if text := strings.TrimPrefix(strings.TrimSpace(p.stderr.String()), name+": "); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", p.role, err)
}

// pair does a task at each end, the receiving one first, and returns their
// results.
func (h *hosts) pair(ctx context.Context, receive, send *task) (m measured, err error) {
	ctx, cancel := context.WithTimeout(ctx, send.Duration+3*patience)
	defer cancel()
	to, err := h.start(ctx, receiving, receive)
	if err != nil {
		return m, err
	}
	from, err := h.start(ctx, sending, send)
	if err != nil {
		to.cmd.Process.Kill()
		to.cmd.Wait()
		return m, err
	}
	var failed error
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if m.Send, m.SendCPU, failed = from.wait(); failed != nil {
			cancel()
		}
	}()
	m.Receive, m.ReceiveCPU, err = to.wait()
	from.in.Close()
	<-sent
	if failed != nil {
		err = failed
	}
	return m, err
}

// measured is what both ends found out, and the processor time each took.
type measured struct {
	Send, Receive       result
	SendCPU, ReceiveCPU float64
}

func processorTime(cmd *exec.Cmd) float64 {
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}
