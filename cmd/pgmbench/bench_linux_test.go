package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/internal/lab"
)

// TestQuick runs the command as a user would. It asserts that all was measured,
// not how fast it was.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	lab.Require(t, 1)
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(program, "--quick", "--quiet", "--json")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(r.Tables) != len(kinds) {
		t.Fatalf("%d tables, want %d", len(r.Tables), len(kinds))
	}
	own := r.Tables[0].Rows[len(r.Tables[0].Rows)-1]
	if src, rcv := own.Rounds[0].Send.Source, own.Rounds[0].Receive.Receiver; src == nil || rcv == nil ||
		src.IO.WriteBufferAsked != rawWriteBuffer || rcv.IO.ReadBufferAsked != rawReadBuffer {
		t.Errorf("the socket buffers are not those of raw UDP, %d and %d: %+v, %+v", rawWriteBuffer, rawReadBuffer, src, rcv)
	}
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			if row.Absent == "" && (row.Failed != "" || row.Figure.Median <= 0 || len(row.Rounds) != 1) {
				t.Errorf("%s, %s: %+v", table.Kind, row.Name, row)
			}
			if m := row.Rounds; (table.Kind == fecCost || table.Kind == fecLoss) && len(m) == 1 {
				checkFEC(t, row.Name, &m[0])
			}
			// The way there is a part of the round trip.
			if m := row.Rounds; table.oneWay() && row.Absent == "" && (m[0].Receive.P50 >= m[0].Send.P50 || m[0].Receive.Messages < 50) {
				t.Errorf("%s, %s: %d messages, %v µs there, %v µs there and back", table.Kind, row.Name, m[0].Receive.Messages, m[0].Receive.P50, m[0].Send.P50)
			}
		}
	}
}

// checkFEC checks that what was measured is what the row says, and that nothing
// was lost for good.
func checkFEC(t *testing.T, name string, m *measured) {
	t.Helper()
	src, rcv := m.Send.Source, m.Receive.Receiver
	if !m.lossless() || src == nil || rcv == nil {
		t.Errorf("%s: not lossless: %+v", name, m)
		return
	}
	if on := strings.HasPrefix(name, withFEC); on != (src.ParityPackets > 0) {
		t.Errorf("%s: %d parity packets", name, src.ParityPackets)
	}
	// A socket that overflows loses more, in bursts that parity does not repair.
	lost := strings.Contains(name, "lost")
	if lost && rcv.Missing < m.Send.Messages/50 {
		t.Errorf("%s: %d of %d packets were missing, want 5 %%", name, rcv.Missing, m.Send.Messages)
	}
	if lost && strings.HasPrefix(name, withFEC) && rcv.Rebuilt < m.Send.Messages/50 {
		t.Errorf("%s: %d of %d missing packets were rebuilt", name, rcv.Rebuilt, rcv.Missing)
	}
}
