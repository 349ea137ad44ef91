package lab

import (
	"fmt"
	"math"
)

// Loss makes the host lose percent of the PGM and UDP packets that reach it,
// each packet by its own draw, multicast and unicast alike. 0 ends the loss.
//
// A loss above 0 calls [Host.SplitGSO], which Loss(0) leaves in place: without
// it a rule would drop the sender's whole super-packets, up to 64 packets in a
// row, and a run without loss would be no fair reference for one with.
func (h *Host) Loss(percent float64) error { return h.draw(percent, "drop") }

// FeignLoss does all that Loss does but lose the packets. In a run to compare with, the
// draws cost what they do in one with loss.
func (h *Host) FeignLoss(percent float64) error { return h.draw(percent, "accept") }

// draw has a draw made for each packet, and percent of them meet the verdict.
func (h *Host) draw(percent float64, verdict string) error {
	if !(percent >= 0 && percent <= 100) {
		return fmt.Errorf("lab: a loss of %v %%; choose 0 to 100", percent)
	}
	// Naming the table first makes deleting it safe when there is none yet.
	rules := "table inet loss\ndelete table inet loss\n"
	if percent > 0 {
		if err := h.SplitGSO(true); err != nil {
			return err
		}
		rules += fmt.Sprintf(`table inet loss {
	chain input {
		type filter hook input priority 0
		iifname %q meta l4proto { 17, 113 } numgen random mod 10000 < %d %s
	}
}
`, Interface, int(math.Round(percent*100)), verdict)
	}
	return run(rules, "ip", "netns", "exec", h.ns, "nft", "-f", "-")
}

// SplitGSO makes the bridge cut the sender's GSO super-packets into packets
// before they reach the host, as a network card does, or stop cutting them. A
// capture shows single packets only when it is on.
func (h *Host) SplitGSO(on bool) error {
	state := "on"
	if on {
		state = "off"
	}
	return run("", "ip", "netns", "exec", h.bridge, "ethtool", "-K", h.port, "tx-udp-segmentation", state)
}
