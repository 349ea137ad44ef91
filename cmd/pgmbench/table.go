package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gopgm/gopgm/internal/cli"
)

// What the rows are called that others are compared with.
const (
	rawName     = "raw UDP, GSO and GRO"
	openPGMName = "OpenPGM"
	ownName     = "gopgm"
	packedName  = "raw UDP, full packets"
	zmqName     = "libzmq"
	pubName     = "gopgm/pubsub"
)

// A table compares all contenders in one discipline.
type table struct {
	Kind string // one of kinds
	Peer string // the row of another stack that others are compared with too, if any
	Size int    // of a message, in bytes
	Rows []*row // the first is what the others are compared with
}

// A row is one contender.
type row struct {
	Name   string
	Of     string     `json:",omitempty"` // the row it is compared with, if not the first
	Absent string     `json:",omitempty"` // why it was not measured
	Open   bool       `json:",omitempty"` // nothing holds the sender back: what arrives counts
	Failed string     `json:",omitempty"` // how it last failed
	Rounds []measured // a round that failed has no messages

	// Messages a second at the receiver, or nanoseconds for one, or the median
	// round trip or way there in microseconds, and what that is of the others' in
	// the same round.
	Figure              summary
	TimesRaw, TimesPeer *summary `json:",omitempty"`

	run func(context.Context) (measured, error)
}

// measure adds a round to every row.
func (t *table) measure(ctx context.Context) error {
	for _, r := range t.Rows {
		if r.run == nil {
			continue
		}
		m, err := r.run(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted")
		}
		if err != nil {
			r.Failed, m = cli.Line(err), measured{}
		}
		r.Rounds = append(r.Rounds, m)
	}
	return nil
}

// throughput reports whether messages are sent as fast as they go, not one by one.
func (t *table) throughput() bool {
	return strings.HasSuffix(t.Kind, "throughput") || t.Kind == fecCost || t.Kind == fecLoss
}

// oneWay reports whether the times are those of the way there, which the
// receiver knows.
func (t *table) oneWay() bool { return strings.Contains(t.Kind, oneWay) }

// times returns the end that has the times.
func (t *table) times(m *measured) *result {
	if t.oneWay() {
		return &m.Receive
	}
	return &m.Send
}

// figures returns a row's figure in each round, 0 where it failed.
func (t *table) figures(r *row) (fs []float64) {
	for i := range r.Rounds {
		m := &r.Rounds[i]
		f := t.times(m).P50
		if t.throughput() {
			f = m.rate()
		}
		if t.Kind == fecCost && f > 0 {
			f = 1e9 / f
		}
		fs = append(fs, f)
	}
	return fs
}

// summarize fills in the summaries of all rows.
func (t *table) summarize() {
	named := func(name string) []float64 {
		for _, r := range t.Rows {
			if r.Name == name {
				return t.figures(r)
			}
		}
		return nil
	}
	peer := named(t.Peer)
	for _, r := range t.Rows {
		fs := t.figures(r)
		if good := positive(fs); len(good) > 0 {
			r.Figure = summarize(good)
		}
		of := t.Rows[0].Name
		if r.Of != "" {
			of = r.Of
		}
		r.TimesRaw, r.TimesPeer = compare(fs, named(of)), compare(fs, peer)
	}
}

// compare summarizes the ratios of two rows' figures, nil if there are none.
func compare(values, reference []float64) *summary {
	rs := positive(ratios(values, reference))
	if len(rs) == 0 {
		return nil
	}
	s := summarize(rs)
	return &s
}

// rate returns messages a second at the receiver, from the first to the last.
func (m *measured) rate() float64 {
	if m.Receive.Seconds == 0 {
		return 0
	}
	return float64(m.Receive.Messages) / m.Receive.Seconds
}

// missing returns how many messages were sent and did not arrive.
func (m *measured) missing() uint64 {
	return m.Send.Messages - min(m.Receive.Messages, m.Send.Messages)
}

// lossless reports whether every message sent arrived, once and in order.
func (m *measured) lossless() bool {
	return m.Send.Messages == m.Receive.Messages && m.Receive.Lost == 0 && m.Receive.Wrong == 0
}
