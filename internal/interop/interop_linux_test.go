package interop

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
)

var messages = flag.Int("messages", 5000, "messages that a peer sends to itself in a test")

// start starts the peer on a host.
func start(t *testing.T, h *lab.Host, program, role, network string, args ...string) *Peer {
	t.Helper()
	p, err := Start(h.Command(program, append([]string{role, "--network", network}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func wait(t *testing.T, p *Peer) Result {
	t.Helper()
	r, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What fails here is the peer or the lab, and no business of ours.
func TestOpenPGMToItself(t *testing.T) {
	program := OpenPGM.Require(t)
	for _, network := range []string{"eth0;239.192.0.1", "eth0;ff15::77"} {
		for _, loss := range []float64{0, 2} {
			t.Run(fmt.Sprintf("%s/loss=%v", network, loss), func(t *testing.T) {
				l := lab.Require(t, 2)
				if err := l.Hosts[1].Loss(loss); err != nil {
					lab.Skip(t, err)
				}
				n := strconv.Itoa(*messages)
				recv := start(t, l.Hosts[1], program, "recv", network, "--count", n)
				send := start(t, l.Hosts[0], program, "send", network, "--count", n, "--rate", "5e6", "--linger", "1")
				got, sent := wait(t, recv), wait(t, send)
				t.Logf("%d messages, %.2f MB/s", got.Messages, float64(got.Bytes)/got.Seconds/1e6)
				if want := DigestOf(*messages, 1, 1428).String(); got.Digest != want || sent.Digest != want {
					t.Errorf("received %+v, sent %+v, want digest %s", got, sent, want)
				}
			})
		}
	}
}

func TestDissectOpenPGM(t *testing.T) {
	program := OpenPGM.Require(t)
	l := lab.Require(t, 2)
	if err := l.Hosts[1].Loss(3); err != nil {
		lab.Skip(t, err)
	}
	file := filepath.Join(t.TempDir(), "openpgm.pcapng")
	stop, err := l.Hosts[1].Capture(file)
	if err != nil {
		lab.Skip(t, err)
	}
	for _, network := range []string{"eth0;239.192.0.1", "eth0;ff15::77"} {
		recv := start(t, l.Hosts[1], program, "recv", network, "--count", "2000")
		send := start(t, l.Hosts[0], program, "send", network, "--count", "2000", "--rate", "5e6", "--linger", ".5")
		wait(t, recv)
		wait(t, send)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d, err := Dissect(file, 3055)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *d)
	if len(d.Problems) > 0 || d.BadChecksums > 0 {
		t.Errorf("%d bad checksums, problems %q", d.BadChecksums, d.Problems)
	}
	// The rule that drops packets comes after the capture.
	if got := d.Types["ODATA"]; got != 4000 {
		t.Errorf("%d ODATA, want 4000", got)
	}
	for _, kind := range []string{"SPM", "NAK", "NCF", "RDATA"} {
		if d.Types[kind] == 0 {
			t.Errorf("no %s in %v", kind, d.Types)
		}
	}
}

// The peer cannot send fragments, so here they are made by hand, without loss.
func TestOpenPGMTakesFragments(t *testing.T) {
	program := OpenPGM.Require(t)
	l := lab.Require(t, 2)
	const count, size = 50, 20000
	recv := start(t, l.Hosts[1], program, "recv", "eth0;239.192.0.1", "--count", strconv.Itoa(count))

	var conn *net.UDPConn
	if err := l.Hosts[0].Enter(func() (err error) {
		conn, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("239.192.0.1:3055")))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func(kind, options byte, tsdu int, body ...[]byte) {
		p := []byte{3, 0xe8, 0x1d, 0x4c, kind, options, 0, 0, 1, 2, 3, 4, 5, 6, byte(tsdu >> 8), byte(tsdu)}
		for _, b := range body {
			p = append(p, b...)
		}
		if len(p)%2 == 0 {
			binary.BigEndian.PutUint16(p[6:], ^sum(p))
		} else {
			binary.BigEndian.PutUint16(p[6:], ^sum(append(p, 0)))
		}
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	words := func(ws ...int64) (b []byte) {
		for _, w := range ws {
			b = binary.BigEndian.AppendUint32(b, uint32(w))
		}
		return b
	}
	nla := append([]byte{0, 1, 0, 0}, l.Hosts[0].Addr4.AsSlice()...)
	send(0x00, 0, 0, words(0, 0, -1), nla) // SPM

	var want Digest
	var sqn int64
	for i := range count {
		message := Message(i, 2000, size, nil)
		want.Add(message)
		first := sqn
		for offset := 0; offset < len(message); offset += 1428 {
			part := message[offset:min(offset+1428, len(message))]
			send(0x04, 1, len(part), words(sqn, 0, 0x00040014, 0x81100000, first, int64(offset), int64(len(message))), part)
			sqn++
		}
		time.Sleep(time.Millisecond)
	}
	if got := wait(t, recv); got.Digest != want.String() {
		t.Errorf("received %+v, want %d messages with digest %s", got, count, want)
	}
}

func TestOpenPGMRoundTrips(t *testing.T) {
	program := OpenPGM.Require(t)
	l := lab.Require(t, 2)
	const network = "eth0;239.192.0.1"
	pong := start(t, l.Hosts[1], program, "pong", network, "--idle", "1")
	ping := start(t, l.Hosts[0], program, "ping", network, "--size", "100", "--count", "1000")
	got := wait(t, ping)
	t.Logf("%+v", got)
	if got.Messages != 1000 || got.P50 <= 0 || got.P50 > got.P999 {
		t.Errorf("%+v", got)
	}
	wait(t, pong)
}
