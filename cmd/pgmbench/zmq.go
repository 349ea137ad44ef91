package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
)

// topic is the first frame of the messages of pub/sub; what is measured is the
// size of the second one.
const topic = "test"

// packed is how many messages without any headers fill a packet.
const packed = 14

// pubThroughput returns the table of messages per second of pub/sub, which
// puts as many in a packet as fit.
func (b *bench) pubThroughput() *table {
	const kind = "pubsub-throughput"
	pair := func(prefix string, pack int) func(context.Context) (measured, error) {
		return func(ctx context.Context) (measured, error) {
			receive := b.task(kind, prefix+"receive", networkThere, tripSize, true)
			send := b.task(kind, prefix+"send", networkThere, tripSize, true)
			send.Pack = pack
			return b.pair(ctx, receive, send)
		}
	}
	return &table{
		Kind: kind,
		Peer: zmqName,
		Size: tripSize,
		Rows: []*row{
			{Name: packedName, run: pair("raw-", packed), Open: true},
			{Name: rawName, run: pair("raw-", 1), Open: true},
			peerRow(zmqName, b.noZMQ, b.zmqThroughput),
			{Name: pubName, run: pair("pub-", 0)},
		},
	}
}

// pubRoundTrips returns the table of round trips of pub/sub, or of the way there
// alone: both ends read the same clock.
func (b *bench) pubRoundTrips(kind string) *table {
	return &table{
		Kind: "pubsub-" + kind,
		Peer: zmqName,
		Size: tripSize,
		Rows: []*row{
			{Name: "raw UDP", run: b.trips(kind, "raw-")},
			peerRow(zmqName, b.noZMQ, func(ctx context.Context) (measured, error) {
				var more []string
				if strings.HasSuffix(kind, "spin") {
					more = append(more, "--spin")
				}
				if strings.HasPrefix(kind, oneWay) {
					more = append(more, "--interval", strconv.FormatFloat(paceInterval.Seconds(), 'f', -1, 64))
				}
				return b.zmqPair(ctx, "pong", "ping", zmqRate, more...)
			}),
			{Name: pubName, run: b.trips(kind, "pub-")},
		},
	}
}

// zmqRate is a ZMQ_RATE, in kbit/s, that libzmq does not reach.
const zmqRate = 4_000_000

// zmqThroughput finds the best rate at which nothing is lost: as fast as it
// goes or, as libzmq has no flow control, a part of that.
func (b *bench) zmqThroughput(ctx context.Context) (m measured, err error) {
	rate := zmqRate
	for try := range 5 {
		m, err = b.zmqPair(ctx, "sink", "blast", rate)
		if err != nil || m.lossless() {
			return m, err
		}
		if try == 0 && m.Send.Seconds > 0 {
			rate = int(float64(m.Send.Messages) * (tripSize + 8) * 8 / m.Send.Seconds / 1000)
		}
		rate = rate * 3 / 4
	}
	return m, nil
}

// zmqPair runs two of the roles of libzmq's peer.
func (b *bench) zmqPair(ctx context.Context, receive, send string, rate int, more ...string) (m measured, err error) {
	command := func(end int, role, out, in string) []string {
		args := []string{role, "--size", strconv.Itoa(tripSize), "--rate", strconv.Itoa(rate),
			"--duration", strconv.FormatFloat(time.Duration(b.duration).Seconds(), 'f', -1, 64),
			"--out", endpoint(b.lab.Hosts[end], out), "--in", endpoint(b.lab.Hosts[end], in)}
		return append(args, more...)
	}
	return b.peers(ctx,
		b.command(receiving, b.zmq, command(receiving, receive, zmqBack, zmqThere)...),
		b.command(sending, b.zmq, command(sending, send, zmqThere, zmqBack)...))
}

// The groups and ports of the two directions: libzmq does not tell the groups of
// one port apart.
const (
	zmqThere = groupThere + ":5555"
	zmqBack  = groupBack + ":5556"
)

// endpoint returns an endpoint of libzmq, which finds an interface by address.
func endpoint(h *lab.Host, group string) string {
	return fmt.Sprintf("epgm://%v;%s", h.Addr4, group)
}
