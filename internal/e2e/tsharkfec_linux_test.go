package e2e

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/wire"
)

// optionsFEC are what is sent besides where there is forward error correction, by the
// names that tshark has.
var optionsFEC = []string{"CurrTgsiz", "ParityGrp", "ParityPrm"}

// TestTsharkFEC has tshark judge sessions with forward error correction, under loss:
// one with proactive parity, one with parity on demand, and one with both in small
// groups, of which more parity packets are sent than a group has of data. There are
// short groups, fragments and packets of all sizes in each.
func TestTsharkFEC(t *testing.T) {
	for _, i := range []int{0, 2} { // UDP and native, over IPv4
		way := &carriages[i]
		t.Run(way.name, func(t *testing.T) {
			l := lab.Require(t, 2)
			hurt(t, l.Hosts[1], 15)
			file, _ := judged(t, l, func() (packets int) {
				for _, fec := range []pgm.FEC{
					{K: 16, N: 20, Proactive: 4},
					{K: 16, OnDemand: true},
					{K: 2, Proactive: 2, OnDemand: true},
				} {
					packets += session(t, l, way, fec, (*pgmnet.Source).Close)
				}
				return packets + session(t, l, way, pgm.FEC{K: 16, Proactive: 2, OnDemand: true},
					func(s *pgmnet.Source, d time.Duration) error { return s.Abort(7) })
			})
			options := optionsIn(t, file)
			t.Logf("options %v", options)
			want := slices.Sorted(slices.Values(append(slices.Clone(optionsSent), optionsFEC...)))
			if got := slices.Sorted(maps.Keys(options)); !slices.Equal(got, want) {
				t.Errorf("options %v, want %v", got, want)
			}
			checkParity(t, file, way, options["CurrTgsiz"])
			checkAlerts(t, file, way, mostFrame-63) // packets are of whole blocks of 64 bytes
		})
	}
}

// checkParity checks what tshark reads from the packets of a capture that have to do
// with parity: every kind occurs, parity has the header's bits and only parity does,
// and OPT_PARITY_PRM is called what we mean.
//
// Of two options tshark shows less than there is. It calls the group of
// OPT_PARITY_GRP a transmission group size, and shows that OPT_CURR_TGSIZE is there
// but not what it says, nor which option follows; that is read from the bytes here,
// where they travel in UDP, for as many as there are.
func checkParity(t *testing.T, file string, way *carriage, short int) {
	t.Helper()
	out, err := exec.Command("tshark", "-n", "-r", file, "-Y", "pgm",
		"-d", fmt.Sprintf("udp.port==%d,pgm", pgmnet.DefaultPort),
		"-T", "fields", "-E", "separator=|", "-e", "pgm.hdr.type", "-e", "pgm.hdr.opts.parity", "-e", "pgm.hdr.opts.varlen",
		"-e", "pgm.genopts.type", "-e", "pgm.opts.parity_prm.op", "-e", "pgm.opts.parity_prm.prm_grp", "-e", "udp.payload").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	counts := map[string]int{}
	sizes := map[byte]int{} // that OPT_CURR_TGSIZE tells
	found := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 7 {
			t.Fatalf("tshark printed %q, want 7 fields", line)
		}
		kind, err := strconv.ParseUint(f[0], 0, 8)
		if err != nil {
			t.Fatal(err)
		}
		what := wire.Type(kind).String()
		parity, varied, group := f[1] == "1" || f[1] == "True", f[2] == "1" || f[2] == "True", strings.Contains(f[3], "0x09")
		switch {
		case wire.Type(kind) == wire.TypeSPM:
			what += " " + f[4] + " " + f[5]
		case parity:
			what += " parity"
		case varied || group:
			t.Fatalf("%q: a packet that is not parity has a bit or an option of parity", line)
		}
		counts[what]++
		for sign, is := range map[string]bool{"varied": varied, "fragments": parity && strings.Contains(f[3], "0x01"), "group": group} {
			if is {
				counts[what+" "+sign]++
			}
		}
		if group && (f[5] == "" || strings.Trim(f[5], "0x") == "") {
			t.Fatalf("%q: OPT_PARITY_GRP without a group", line)
		}
		packet, err := hex.DecodeString(f[6])
		if err != nil {
			t.Fatal(err)
		}
		if size, ok := currTGSize(packet); ok {
			counts[what+" short"]++
			sizes[size]++
			found++
		}
	}
	t.Logf("%v; sizes of short groups %v", counts, sizes)
	want := []string{
		"SPM 0x02 0x00000010", "SPM 0x01 0x00000010", "SPM 0x03 0x00000010", "SPM 0x03 0x00000002",
		"NAK", "NCF", "NAK parity", "NCF parity",
		"ODATA parity", "ODATA parity varied", "ODATA parity fragments",
		"RDATA parity", "RDATA parity varied", "RDATA parity fragments", "RDATA parity group",
	}
	if !way.native {
		if found != short {
			t.Errorf("%d OPT_CURR_TGSIZE were read, and tshark saw %d", found, short)
		}
		want = append(want, "ODATA parity short", "RDATA parity short", "SPM 0x01 0x00000010 short")
	}
	for _, what := range want {
		if counts[what] == 0 {
			t.Errorf("no %s", what)
		}
	}
	for size := range sizes {
		if size < 1 || size > 15 {
			t.Errorf("a short group of %d packets", size)
		}
	}
	text, err := exec.Command("tshark", "-n", "-r", file, "-O", "pgm", "-V",
		"-d", fmt.Sprintf("udp.port==%d,pgm", pgmnet.DefaultPort)).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	for what, spm := range map[string]string{
		"Pro-active (0x2)": "SPM 0x02", "On-demand (0x1)": "SPM 0x01", "Pro-active,On-demand (0x3)": "SPM 0x03",
	} {
		n := 0
		for k, v := range counts {
			if strings.HasPrefix(k, spm) && !strings.HasSuffix(k, " short") {
				n += v
			}
		}
		if got := strings.Count(string(text), "Parity Parameters: "+what+"\n"); got != n {
			t.Errorf("tshark calls %d options %q, want %d", got, what, n)
		}
	}
}

// currTGSize returns what OPT_CURR_TGSIZE of a packet says, if it has one and that is
// an SPM over IPv4 or data: 8 octets, of which the last 4 are the size (RFC 3208
// §11.8.3).
func currTGSize(packet []byte) (size byte, ok bool) {
	const optPresent = 0x01
	if len(packet) < 24 || packet[5]&optPresent == 0 {
		return 0, false
	}
	at := 0
	switch wire.Type(packet[4]) {
	case wire.TypeSPM:
		at = 16 + 20
	case wire.TypeODATA, wire.TypeRDATA:
		at = 16 + 8
	default:
		return 0, false
	}
	for at += 4; at+8 <= len(packet); at += int(packet[at+1]) {
		if packet[at]&0x7f == 0x0a {
			return packet[at+7], packet[at+1] == 8
		}
		if packet[at]&0x80 != 0 || packet[at+1] == 0 {
			break
		}
	}
	return 0, false
}
