package main

import (
	"errors"
	"fmt"

	"github.com/gopgm/gopgm/internal/cli"
)

// summary is what the tool did, as --json prints it.
type summary struct {
	Event     string  `json:"event"`
	Messages  uint64  `json:"messages"`
	Bytes     uint64  `json:"bytes"`
	Files     uint64  `json:"files"`
	Discarded uint64  `json:"discarded"`
	Packets   uint64  `json:"packets"`
	NAKs      uint64  `json:"naks"`
	Repairs   uint64  `json:"repairs"`
	Rebuilt   uint64  `json:"rebuilt"` // packets, from parity
	Lost      uint64  `json:"lost"`
	Skipped   uint64  `json:"skipped"`  // of those lost, given up because of --max-gap
	Duration  float64 `json:"duration"` // seconds from the first message to the last
}

func (r *receiver) summarize() error {
	stats := r.src.Stats()
	active := r.last.Sub(r.first)
	s := summary{
		Event:    "summary",
		Messages: stats.Messages, Bytes: stats.MessageBytes,
		Packets: stats.DataPackets, NAKs: stats.NAKs, Repairs: stats.Repairs, Rebuilt: stats.Rebuilt,
		Lost: stats.Lost, Skipped: stats.Skipped,
		Duration: active.Seconds(),
	}
	f, _ := r.sink.(*files)
	if f != nil {
		s.Files, s.Discarded = f.received, f.lost+f.failed
	}
	if r.o.JSON {
		return errors.Join(cli.WriteJSON(r.out, s), r.out.Flush())
	}

	what := cli.Plural(s.Messages, "message")
	if f != nil {
		what = cli.Plural(s.Files, "file") + " in " + what
	}
	var rebuilt string
	if s.Rebuilt > 0 {
		rebuilt = fmt.Sprintf(", %d rebuilt from parity", s.Rebuilt)
	}
	var rate string
	if active > 0 {
		rate = ", " + cli.FormatRate(float64(s.Bytes)/active.Seconds())
	}
	var skipped string
	if r.o.Changed("max-gap") {
		skipped = fmt.Sprintf(", %d given up", s.Skipped)
	}
	_, err := fmt.Fprintf(r.stderr, "%s: received %s (%s) in %s%s: %s, %s, %s%s, %d lost%s\n", name,
		what, cli.FormatSize(int64(s.Bytes)), cli.FormatDuration(active), rate, cli.Plural(s.Packets, "packet"),
		cli.Plural(s.NAKs, "NAK"), cli.Plural(s.Repairs, "repair"), rebuilt, s.Lost, skipped)
	return err
}

// verdict returns the error that says what is missing, if anything is.
func (r *receiver) verdict() error {
	f, _ := r.sink.(*files)
	switch {
	case r.lost > 0 && f != nil && f.lost > 0:
		return &cli.LossError{Err: fmt.Errorf("%s lost for good, and %s with them",
			cli.Plural(r.lost, "packet"), cli.Plural(f.lost, "file"))}
	case r.lost > 0:
		return &cli.LossError{Err: fmt.Errorf("%s lost for good", r.losses(r.lost))}
	case f != nil && f.failed > 0:
		return fmt.Errorf("%s not received", cli.Plural(f.failed, "file"))
	case r.o.count > 0 && !r.complete():
		what := "messages"
		if f != nil {
			what = "files"
		}
		return fmt.Errorf("%s with %d of %d %s", r.ended, r.sink.count(), r.o.count, what)
	}
	return nil
}
