package main

import (
	"context"
	"os/exec"
	"strconv"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/internal/interop"
)

// About how fast OpenPGM is, to choose how many messages fill the time.
const (
	openPGMRate         = 120_000 // messages a second
	openPGMSpinTrips    = 50_000  // round trips a second
	openPGMBlockedTrips = 15_000
)

// openPGMRow returns OpenPGM's row.
func (b *bench) openPGMRow(run func(context.Context) (measured, error)) *row {
	return peerRow(openPGMName, b.noOpenPGM, run)
}

// peerRow returns the row of another stack, if it is there.
func peerRow(name string, absent error, run func(context.Context) (measured, error)) *row {
	r := &row{Name: name, run: run}
	if absent != nil {
		r.Absent, r.run = cli.Line(absent), nil
	}
	return r
}

// openPGMThroughput finds the best rate at which nothing is lost: as fast as
// it goes or, as an overrun OpenPGM loses most, a part of that.
func (b *bench) openPGMThroughput(ctx context.Context, size int, d time.Duration) (m measured, err error) {
	count := max(int(openPGMRate*d.Seconds()), 1000)
	top := 0.0 // bytes a second
	for _, part := range []float64{1, 0.8, 0.6, 0.4, 0.2} {
		m, err = b.openPGMPair(ctx, "sink", "blast", size, count,
			"--rate", strconv.FormatFloat(top*part, 'f', 0, 64), "--linger", "0.3")
		if err != nil || m.lossless() {
			return m, err
		}
		if top == 0 && m.Send.Seconds > 0 {
			top = float64(m.Send.Messages) * float64(size) / m.Send.Seconds
		}
	}
	return m, nil
}

func (b *bench) openPGMTrips(ctx context.Context, spin bool, d time.Duration) (m measured, err error) {
	count, mode := openPGMBlockedTrips, []string(nil)
	if spin {
		count, mode = openPGMSpinTrips, []string{"--spin"}
	}
	return b.openPGMPair(ctx, "pong", "ping", tripSize, max(int(float64(count)*d.Seconds()), 100), mode...)
}

// openPGMPair runs two of OpenPGM's roles.
func (b *bench) openPGMPair(ctx context.Context, receive, send string, size, count int, more ...string) (m measured, err error) {
	args := append([]string{"--network", networkThere, "--size", strconv.Itoa(size), "--count", strconv.Itoa(count), "--idle", "0.5"}, more...)
	return b.peers(ctx,
		b.command(receiving, b.openPGM, append([]string{receive}, args...)...),
		b.command(sending, b.openPGM, append([]string{send}, args...)...))
}

// peers runs two peers of another stack, the receiving one first.
func (b *bench) peers(ctx context.Context, to, from *exec.Cmd) (m measured, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(b.duration)+3*patience)
	defer cancel()
	receiver, err := interop.Start(to)
	if err != nil {
		return m, err
	}
	defer killWith(ctx, to)()
	sender, err := interop.Start(from)
	if err != nil {
		receiver.Kill()
		return m, err
	}
	defer killWith(ctx, from)()
	sent, err := sender.Wait()
	if err != nil {
		receiver.Kill()
		return m, err
	}
	received, err := receiver.Wait()
	if err != nil {
		return m, err
	}
	return measured{
		Send: peerResult(&sent), SendCPU: processorTime(from),
		Receive: peerResult(&received), ReceiveCPU: processorTime(to),
	}, nil
}

func peerResult(r *interop.Result) result {
	return result{
		Messages: uint64(r.Messages), Seconds: r.Seconds, Lost: uint64(r.Resets),
		P50: r.P50, P99: r.P99, P999: r.P999,
	}
}
