package e2e

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/interop"
	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
)

var (
	messages = flag.Int("e2e.messages", 100_000, "messages to and from OpenPGM, each; a fifth of it in native PGM/IP")
	peerRate = flag.Int64("e2e.peer-rate", 10e6, "bytes a second to OpenPGM")
)

const (
	// largest is as much as OpenPGM takes: 15 fragments, of 16 at most.
	largest = 20_000

	// largestAlone is what OpenPGM can send; it crashes when it fragments.
	largestAlone = 1428

	peerLimit = 90 * time.Second // for one of the transfers
)

// mixedSize is the size of the message of an index: 1 B to 20 kB with as many
// between 1 and 10 as between 1000 and 10000. Were they spread evenly, 100,000
// would be 1 GB, and OpenPGM would be busy for minutes.
func mixedSize(i int) int {
	switch i {
	case 0:
		return 1
	case 1:
		return largest
	}
	u := float64(uint64(i+1)*0x9E3779B97F4A7C15>>11) / (1 << 53)
	return int(math.Exp(u * math.Log(largest+1)))
}

// TestOpenPGM exchanges messages with OpenPGM, which has to get every one, once
// and in order, and so have we. Our source has no forward error correction here, and
// our receiver has it on, as by default: OpenPGM's source provides none, so it asks
// for the packets themselves, and nothing is rebuilt.
func TestOpenPGM(t *testing.T) {
	program := interop.OpenPGM.Require(t)
	for i := range carriages {
		way := &carriages[i]
		for _, loss := range []float64{0, 2} {
			t.Run(fmt.Sprintf("%s/loss=%v/to", way.name, loss), func(t *testing.T) {
				l := lab.Require(t, 2)
				hurt(t, l.Hosts[1], loss)
				toOpenPGM(t, l, program, way, way.count(), mixedSize, pgm.SourceConfig{Rate: *peerRate})
			})
			t.Run(fmt.Sprintf("%s/loss=%v/from", way.name, loss), func(t *testing.T) {
				l := lab.Require(t, 2)
				hurt(t, l.Hosts[1], loss)
				fromOpenPGM(t, l, program, way)
			})
		}
	}
}

// How many messages go to OpenPGM from a source with FEC, and of how many bytes.
const (
	fecMessages = 20_000
	fecMessage  = 1000
)

// TestOpenPGMFromFEC has OpenPGM receive from a source that offers parity on demand.
// Its receivers ask for packets by their numbers, whatever a source offers, and get
// those. The source sends no parity unasked, nor does it leave out numbers, so that
// no group ends early: OpenPGM survives neither.
//
// OpenPGM does mind what the SPMs say of parity. It takes the bit for on-demand
// parity for the one for proactive parity, which changes nothing. But once it knows
// the size of the groups it refuses, the repair as well, a packet that does not have
// the size of the first of its group or is a fragment when that is none, and one whose
// first it does not have: so the messages here have one size, and the session begins
// with a group. Of messages of different sizes it loses nearly all.
func TestOpenPGMFromFEC(t *testing.T) {
	program := interop.OpenPGM.Require(t)
	for _, i := range []int{0, 2} { // UDP and native, over IPv4
		way := &carriages[i]
		t.Run(way.name, func(t *testing.T) {
			l := lab.Require(t, 2)
			hurt(t, l.Hosts[1], 2)
			s := toOpenPGM(t, l, program, way, fecMessages, func(int) int { return fecMessage }, pgm.SourceConfig{
				Rate: *peerRate,
				FEC:  pgm.FEC{K: 16, OnDemand: true, Flush: -1},
			})
			if s.NAKNumbers == 0 || s.RDATAPackets < s.ODATAPackets/100 || s.ParityPackets != 0 || s.ParityRepairs != 0 {
				t.Errorf("%d numbers asked for, %d repairs of %d packets, %d of them and %d others parity; want repairs, and no parity",
					s.NAKNumbers, s.RDATAPackets, s.ODATAPackets, s.ParityRepairs, s.ParityPackets)
			}
		})
	}
}

// count is how many messages are exchanged this way.
func (c *carriage) count() int {
	if c.native {
		return *messages / 5
	}
	return *messages
}

// startPeer starts OpenPGM on a host, and later sends its result.
func startPeer(t *testing.T, h *lab.Host, program, role string, way *carriage, args ...string) <-chan interop.Result {
	t.Helper()
	if way.native {
		args = append(args, "--native")
	}
	args = append([]string{role, "--network", way.network, "--count", strconv.Itoa(way.count())}, args...)
	cmd := h.Command(program, args...)
	peer, err := interop.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	killAfter(t, peerLimit, cmd)
	done := make(chan interop.Result, 1)
	go func() {
		defer close(done)
		r, err := peer.Wait()
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	return done
}

func toOpenPGM(t *testing.T, l *lab.Lab, program string, way *carriage, count int, sizeOf func(i int) int, c pgm.SourceConfig) pgm.SourceStats {
	t.Helper()
	done := startPeer(t, l.Hosts[1], program, "recv", way, "--count", strconv.Itoa(count)) // the last one counts
	src := openSourceOn(t, l.Hosts[0], way, c)
	src.SetDeadline(time.Now().Add(peerLimit))
	var want interop.Digest
	buf := make([]byte, largest)
	for i := range count {
		size := sizeOf(i)
		msg := interop.Message(i, size, size, buf)
		want.Add(msg)
		if err := src.Send(msg); err != nil {
			t.Fatal(err)
		}
	}
	// Answer it until it has all, or gives up.
	for {
		select {
		case got := <-done:
			s := src.Stats()
			t.Logf("%d messages, %.1f MB in %.1f s; %d NAKs for %d numbers, %d repairs, %d outside",
				got.Messages, float64(got.Bytes)/1e6, got.Seconds, s.NAKs, s.NAKNumbers, s.RDATAPackets, s.NAKOutside)
			if got.Messages != count || got.Digest != want.String() || got.Resets != 0 {
				t.Errorf("OpenPGM received %+v, want digest %v", got, want)
			}
			return s.SourceStats
		default:
			if err := src.Poll(10 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func fromOpenPGM(t *testing.T, l *lab.Lab, program string, way *carriage) {
	rcv := openReceiverOn(t, l.Hosts[1], way, pgm.ReceiverConfig{})
	done := startPeer(t, l.Hosts[0], program, "send", way,
		"--min", "1", "--max", strconv.Itoa(largestAlone), "--rate", strconv.FormatInt(*peerRate, 10), "--linger", "1")
	var got interop.Digest
	received := 0
	for ended := false; !ended; {
		select {
		case sent := <-done:
			ended = true
			if sent.Messages != way.count() {
				t.Errorf("OpenPGM sent %+v", sent)
			}
		default:
		}
		rcv.SetDeadline(time.Now().Add(100 * time.Millisecond))
		for {
			ev, err := rcv.Recv()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch ev.Kind {
			case pgm.EventMessage:
				received++
				got.Add(ev.Data)
			case pgm.EventLoss:
				t.Errorf("lost %v to %v: %v", ev.First, ev.Last, ev.Cause)
			}
		}
	}
	s := rcv.Stats()
	t.Logf("%d messages, %.1f MB; %d NAKs for %d numbers, %d repairs, round trip %v",
		received, float64(s.MessageBytes)/1e6, s.NAKs, s.NAKNumbers, s.Repairs, s.RTT)
	if s.Parity != 0 || s.Rebuilt != 0 || s.Repairs < s.Missing {
		t.Errorf("of %d missing, %d were repaired and %d rebuilt from %d parity packets; want all repaired", s.Missing, s.Repairs, s.Rebuilt, s.Parity)
	}
	if want := interop.DigestOf(way.count(), 1, largestAlone); received != way.count() || got != want {
		t.Errorf("received %d messages with digest %v, want %d with %v", received, got, way.count(), want)
	}
}
