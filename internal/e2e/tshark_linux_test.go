package e2e

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/interop"
	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/wire"
)

// What there must be in a capture: every packet type and option that is ever
// sent, and nothing else. Whoever adds one adds it here, and makes it occur.
var (
	typesSent   = []string{"NAK", "NCF", "ODATA", "RDATA", "SPM", "SPMR"}
	optionsSent = []string{"Fin", "Fragment", "Join", "NakBackOffIvl", "NakList", "Rst", "Syn"}
)

// TestTshark has tshark judge everything we send, in UDP and not, in both address
// families.
func TestTshark(t *testing.T) {
	for i := range carriages {
		way := &carriages[i]
		t.Run(way.name, func(t *testing.T) {
			l := lab.Require(t, 2)
			hurt(t, l.Hosts[1], 10)
			file, d := judged(t, l, func() int {
				packets := session(t, l, way, pgm.FEC{}, (*pgmnet.Source).Close)
				return packets + session(t, l, way, pgm.FEC{}, func(s *pgmnet.Source, d time.Duration) error { return s.Abort(7) })
			})
			if got := slices.Sorted(maps.Keys(d.Types)); !slices.Equal(got, typesSent) {
				t.Errorf("packet types %v, want %v", got, typesSent)
			}
			options := optionsIn(t, file)
			t.Logf("options %v", options)
			if got := slices.Sorted(maps.Keys(options)); !slices.Equal(got, optionsSent) {
				t.Errorf("options %v, want %v", got, optionsSent)
			}
			checkAlerts(t, file, way, mostFrame)
		})
	}
}

// judged captures what run sends to the second host of the lab, and has tshark judge
// it: there is no problem, no bad checksum, and as many ODATA, parity included, as run
// returns. It returns the file of the capture, and what tshark says of it.
func judged(t *testing.T, l *lab.Lab, run func() int) (file string, d *interop.Dissection) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ours.pcapng")
	stop, err := l.Hosts[1].Capture(file)
	if err != nil {
		lab.Skip(t, err)
	}
	packets := run()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if d, err = interop.Dissect(file, pgmnet.DefaultPort); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *d)
	if len(d.Problems) > 0 || d.BadChecksums > 0 || d.NoChecksums > 0 {
		t.Errorf("%d bad checksums, %d absent, problems %q", d.BadChecksums, d.NoChecksums, d.Problems)
	}
	if d.Types["ODATA"] != packets {
		t.Errorf("%d ODATA were captured, want %d", d.Types["ODATA"], packets)
	}
	return file, d
}

// session has a receiver, and another that joins late, take messages from a
// source until it ends the session. With FEC it pauses now and then, so that there
// are short groups. It returns how many packets were sent, but for repairs.
func session(t *testing.T, l *lab.Lab, way *carriage, fec pgm.FEC, end func(*pgmnet.Source, time.Duration) error) int {
	const (
		count  = 500
		length = 8000 // of the largest, in bytes: 6 fragments
	)
	c := pgm.ReceiverConfig{MulticastNAK: true, Join: true}
	receivers := []*pgmnet.Receiver{openReceiverOn(t, l.Hosts[1], way, c)}
	src := openSourceOn(t, l.Hosts[0], way, pgm.SourceConfig{Rate: 5e6, NAKBackoff: time.Millisecond, Join: true, FEC: fec})
	want := interop.DigestOf(count, 1, length)
	digests, received := make([]interop.Digest, 2), make([]int, 2)
	take := func() {
		for i, r := range receivers {
			for {
				ev, ok, err := r.TryRecv()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				switch ev.Kind {
				case pgm.EventMessage:
					digests[i].Add(ev.Data)
					received[i]++
				case pgm.EventLoss:
					t.Errorf("receiver %d lost %v to %v: %v", i, ev.First, ev.Last, ev.Cause)
				}
			}
		}
	}
	for i := range count {
		if i == count/2 {
			receivers = append(receivers, openReceiverOn(t, l.Hosts[1], way, c))
		}
		if err := src.Send(interop.Message(i, 1, length, nil)); err != nil {
			t.Fatal(err)
		}
		take()
		for pause := fec.K > 0 && i%20 == 0; pause; take() {
			pause = src.Stats().Backlog > 0
			if err := src.Poll(3 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
	for deadline := time.Now().Add(10 * time.Second); received[0] < count || received[1] < count; take() {
		if time.Now().After(deadline) {
			t.Fatalf("received %v of %d", received, count)
		}
		if err := src.Poll(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != want || digests[1] != want {
		t.Errorf("received %v, want %v", digests, want)
	}
	if err := end(src, 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for _, r := range receivers {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := src.Stats()
	return int(s.ODATAPackets + s.ParityPackets)
}

var optionLine = regexp.MustCompile(`(?m)^ +Option: (.+), Length: \d+$`)

// optionsIn counts the options in a capture by the names tshark has for them. A
// dissection does not know those that have no contents, such as OPT_FIN: tshark
// shows them as text alone.
func optionsIn(t *testing.T, file string) map[string]int {
	t.Helper()
	out, err := exec.Command("tshark", "-n", "-r", file, "-O", "pgm", "-V",
		"-d", fmt.Sprintf("udp.port==%d,pgm", pgmnet.DefaultPort)).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	options := map[string]int{}
	for _, match := range optionLine.FindAllSubmatch(out, -1) {
		options[string(match[1])]++
	}
	return options
}

// mostFrame is the size of the largest frame of the lab's Ethernet.
const mostFrame = 14 + 1500

// checkAlerts checks which packets of a capture bear IP Router Alert: SPMs, NCFs
// and RDATA, if they are native (RFC 3208 §4). No packet is larger than the
// network allows, nor in fragments.
func checkAlerts(t *testing.T, file string, way *carriage, least int) {
	t.Helper()
	out, err := exec.Command("tshark", "-n", "-r", file, "-Y", "pgm",
		"-d", fmt.Sprintf("udp.port==%d,pgm", pgmnet.DefaultPort),
		"-T", "fields", "-E", "separator=,", "-e", "pgm.hdr.type", "-e", "ip.opt.ra", "-e", "ipv6.opt.router_alert",
		"-e", "frame.len", "-e", "ip.flags.mf", "-e", "ipv6.fraghdr.nxt").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	counts := map[string]int{} // by type and what the alert says
	largest := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if len(f) != 6 || f[4] != "" && f[4] != "False" && f[4] != "0" || f[5] != "" {
			t.Fatalf("tshark printed %q, want the fields of a packet that is no fragment", line)
		}
		size, err := strconv.Atoi(f[3])
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, size)
		kind, err := strconv.ParseUint(f[0], 0, 8)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		switch wire.Type(kind) {
		case wire.TypeSPM, wire.TypeNCF, wire.TypeRDATA:
			if way.native && way.network == network4 {
				want = "0,"
			} else if way.native {
				want = ",65503"
			}
		}
		if got := f[1] + "," + f[2]; strings.Trim(got, ",") != strings.Trim(want, ",") {
			t.Fatalf("%v with Router Alert %q, want %q", wire.Type(kind), got, want)
		}
		counts[wire.Type(kind).String()+" "+want]++
	}
	t.Logf("Router Alert: %v; the largest frame has %d bytes", counts, largest)
	if largest < least || largest > mostFrame {
		t.Errorf("the largest frame has %d bytes, want %d to %d", largest, least, mostFrame)
	}
}
