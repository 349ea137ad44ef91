package main

import (
	"fmt"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/pubsub"
)

// completer is a source that tells what became of its messages.
type completer interface {
	NextCompletion(c *pubsub.Completion) bool
}

// stages are what --completions calls them.
var stages = map[pubsub.Stage]string{
	pubsub.StageTaken:   "taken",
	pubsub.StageKernel:  "kernel",
	pubsub.StageWire:    "wire",
	pubsub.StageRetired: "retired",
	pubsub.StageDropped: "dropped",
}

var clocks = map[pubsub.Clock]string{
	pubsub.ClockNone:   "none",
	pubsub.ClockCaller: "caller",
	pubsub.ClockDriver: "driver",
	pubsub.ClockNIC:    "nic",
}

// complete prints what has become of messages since the last time, if
// --completions asks for it.
func (s *sender) complete() error {
	src, ok := s.src.(completer)
	if !ok || !s.o.completions {
		return nil
	}
	var c pubsub.Completion
	if !src.NextCompletion(&c) {
		return nil
	}
	s.bar.Clear() // both may be on the same terminal
	for ok := true; ok; ok = src.NextCompletion(&c) {
		if err := s.printCompletion(&c); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

func (s *sender) printCompletion(c *pubsub.Completion) error {
	at := ""
	if c.Clock != pubsub.ClockNone {
		at = c.At.UTC().Format(time.RFC3339Nano)
	}
	if s.o.JSON {
		return cli.WriteJSON(s.out, struct {
			Event string `json:"event"`
			First uint64 `json:"first"`
			Last  uint64 `json:"last"`
			Stage string `json:"stage"`
			Time  string `json:"time,omitempty"`
			Clock string `json:"clock"`
		}{"completion", c.First, c.Last, stages[c.Stage], at, clocks[c.Clock]})
	}
	if at == "" {
		at = "-"
	}
	_, err := fmt.Fprintf(s.out, "%d-%d\t%s\t%s\t%s\n", c.First, c.Last, stages[c.Stage], at, clocks[c.Clock])
	return err
}
