package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gopgm/gopgm/pgm"
)

// The kinds of measurements of forward error correction.
const (
	fecCost = "fec-cost" // what it costs where nothing is lost, as time
	fecLoss = "fec-loss" // what a loss costs, with and without it, as throughput
)

// fecOn is the forward error correction that is measured.
var fecOn = pgm.FEC{K: 16, N: 20, Proactive: 4}

// fecLost is how much of what arrives is lost, in percent.
const fecLost = 5

const (
	withFEC    = "with FEC"
	withoutFEC = "without FEC"
)

// fecSize is the size of messages that fill a packet with FEC. Without it they
// leave a little room.
func fecSize() int { return fecOn.MaxData(1472) }

// fecRow returns a row whose messages are sent with f. Beside rows with a loss the others
// have all that makes the loss, too: packets that are cut, and a draw for each.
func (b *bench) fecRow(kind, name string, f pgm.FEC, lost float64) *row {
	return &row{Name: name, run: func(ctx context.Context) (m measured, err error) {
		h := b.lab.Hosts[receiving]
		switch {
		case lost > 0:
			err = h.Loss(lost)
		case kind == fecLoss:
			err = h.FeignLoss(fecLost)
		}
		if err != nil {
			return m, err
		}
		defer func() { err = errors.Join(err, h.Loss(0), h.SplitGSO(false)) }()
		what := fmt.Sprintf("%s-%d-%g", kind, f.K, lost) // in names of profiles
		receive := b.task(what, "receive", networkThere, fecSize(), true)
		send := b.task(what, "send", networkThere, fecSize(), true)
		send.FEC = f
		return b.pair(ctx, receive, send)
	}}
}

// fecCost returns the table of the time a message takes with FEC and without.
func (b *bench) fecCost() *table {
	return &table{Kind: fecCost, Size: fecSize(), Rows: []*row{
		b.fecRow(fecCost, withoutFEC, pgm.FEC{}, 0),
		b.fecRow(fecCost, withFEC, fecOn, 0),
	}}
}

// fecLoss returns the table of throughput at a loss, each of what it is without.
func (b *bench) fecLoss() *table {
	of := func(name, reference string, f pgm.FEC, lost float64) *row {
		r := b.fecRow(fecLoss, name, f, lost)
		r.Of = reference
		return r
	}
	const lossy = ", 5 % lost"
	return &table{Kind: fecLoss, Size: fecSize(), Rows: []*row{
		of(withFEC, withFEC, fecOn, 0),
		of(withFEC+lossy, withFEC, fecOn, fecLost),
		of(withoutFEC, withoutFEC, pgm.FEC{}, 0),
		of(withoutFEC+lossy, withoutFEC, pgm.FEC{}, fecLost),
	}}
}
