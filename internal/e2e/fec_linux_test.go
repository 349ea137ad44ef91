package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/internal/lab"
)

// fecFileSize is the size in bytes of the large file that is sent with FEC.
const fecFileSize = 4 << 20

// TestFilesFEC is TestFiles with forward error correction: parity that follows
// every group, parity that is asked for, and both, in UDP and in native PGM/IP.
func TestFilesFEC(t *testing.T) {
	l := lab.Require(t, 1+len(losses))
	tools := buildTools(t)
	send := filepath.Join(t.TempDir(), "send")
	digests := makeFiles(t, send, fecFileSize)
	udp, native := &carriages[0], &carriages[2]
	for _, c := range []struct {
		name string
		way  *carriage
		fec  string
	}{
		{"proactive", udp, "16/20"},
		{"on-demand", udp, "16/64,on-demand"},
		{"both", udp, "16/64,proactive=4,on-demand"},
		{"both", native, "16/64,proactive=4,on-demand"},
	} {
		t.Run(c.way.name+"/"+c.name, func(t *testing.T) {
			_, sent, received := transferWith(t, l, tools, send, digests, c.way, losses, "--fec", c.fec)
			// 4 packets for 16, and more for short groups; none for what comes before the
			// first group begins.
			proactive := !strings.HasPrefix(c.name, "on-demand")
			if sent.Parity == 0 || proactive && sent.Parity < (sent.Packets-16)/4 {
				t.Errorf("%d parity packets for %d of data", sent.Parity, sent.Packets)
			}
			for i, r := range received {
				switch lost := float64(r.Packets) * losses[i] / 100; {
				case losses[i] == 0 && r.Rebuilt > 0:
					t.Errorf("%d packets were rebuilt where nothing is lost", r.Rebuilt)
				case losses[i] > 0 && float64(r.Rebuilt) < lost/2:
					t.Errorf("%g %% lost: %d packets of %d were rebuilt, want most of what was lost", losses[i], r.Rebuilt, r.Packets)
				}
			}
		})
	}
}
