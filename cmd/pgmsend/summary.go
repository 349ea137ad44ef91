package main

import (
	"fmt"

	"github.com/gopgm/gopgm/internal/cli"
)

// summary is what the tool did, as --json prints it.
type summary struct {
	Event    string  `json:"event"`
	Messages uint64  `json:"messages"`
	Bytes    uint64  `json:"bytes"`
	Files    int     `json:"files"`
	Packets  uint64  `json:"packets"`
	NAKs     uint64  `json:"naks"`
	Repairs  uint64  `json:"repairs"`
	Parity   uint64  `json:"parity"`   // packets, those among the repairs included
	Overhead float64 `json:"overhead"` // bytes of parity for each byte of data packets
	Lost     uint64  `json:"lost"`     // packets asked for when they could no longer be repaired
	Duration float64 `json:"duration"` // seconds until all was sent for the first time
}

func (s *sender) summarize() error {
	stats := s.src.Stats()
	sum := summary{
		Event:    "summary",
		Messages: stats.Messages, Bytes: stats.MessageBytes, Files: s.sent,
		Packets: stats.ODATAPackets, NAKs: stats.NAKs, Repairs: stats.RDATAPackets, Lost: stats.NAKOutside,
		Duration: s.active.Seconds(),
	}
	if stats.ODATABytes > 0 {
		sum.Parity = stats.ParityPackets + stats.ParityRepairs
		sum.Overhead = float64(stats.ParityBytes+stats.ParityRepairBytes) / float64(stats.ODATABytes)
	}
	if s.o.JSON {
		return cli.WriteJSON(s.out, sum)
	}
	var parity string
	if s.o.fec.K > 0 {
		parity = fmt.Sprintf("%s (%.1f %% more), ", cli.Plural(sum.Parity, "parity packet"), 100*sum.Overhead)
	}
	what := cli.Plural(sum.Messages, "message")
	if len(s.o.paths) > 0 {
		what = cli.Plural(sum.Files, "file") + " in " + what
	}
	var rate string
	if sum.Duration > 0 {
		rate = ", " + cli.FormatRate(float64(sum.Bytes)/sum.Duration)
	}
	_, err := fmt.Fprintf(s.stderr, "%s: sent %s (%s) in %s%s: %s, %s%s, %s, %d lost\n", name,
		what, cli.FormatSize(int64(sum.Bytes)), cli.FormatDuration(s.active), rate, cli.Plural(sum.Packets, "packet"), parity,
		cli.Plural(sum.NAKs, "NAK"), cli.Plural(sum.Repairs, "repair"), sum.Lost)
	return err
}
