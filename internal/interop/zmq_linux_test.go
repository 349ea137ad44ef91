package interop

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/gopgm/gopgm/internal/lab"
)

// What fails here is the peer or the lab, and no business of ours.
func TestZeroMQToItself(t *testing.T) {
	program := ZeroMQ.Require(t)
	for _, loss := range []float64{0, 2} {
		t.Run(fmt.Sprintf("loss=%v", loss), func(t *testing.T) {
			l := lab.Require(t, 2)
			if err := l.Hosts[1].Loss(loss); err != nil {
				lab.Skip(t, err)
			}
			const network = "eth0;239.192.0.1"
			n := strconv.Itoa(*messages)
			recv := start(t, l.Hosts[1], program, "recv", network, "--count", n)
			send := start(t, l.Hosts[0], program, "send", network, "--count", n)
			got, err := recv.Report()
			if err != nil {
				t.Fatal(err)
			}
			sent := wait(t, send)
			t.Logf("%d messages, %.2f MB/s", got.Messages, float64(got.Bytes)/got.Seconds/1e6)
			if want := DigestOfParts(*messages, 1000).String(); got.Digest != want || sent.Digest != want || got.Bad > 0 {
				t.Errorf("received %+v, sent %+v, want digest %s", got, sent, want)
			}
		})
	}
}
