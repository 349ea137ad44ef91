package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gopgm/gopgm/pgmnet"
)

// A report is everything that was measured.
type report struct {
	Machine machine
	Tables  []*table
}

func (r *report) print(w io.Writer) error {
	for _, t := range r.Tables {
		t.print(w)
	}
	_, err := fmt.Fprintln(w, "\nMedian of the rounds, least to most in parentheses; ratios are of the same round.")
	return err
}

func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	kind, pub := strings.CutPrefix(t.Kind, "pubsub-")
	what := ""
	if pub {
		what = "Pub/sub: "
	}
	switch {
	case t.Kind == fecCost:
		fmt.Fprintf(w, "\nForward error correction, messages of %d B\n", t.Size)
		fmt.Fprintf(tw, "\tns a message\tGb/s\tcores tx, rx\t× %s\tarrived\n", withoutFEC)
	case t.Kind == fecLoss:
		fmt.Fprintf(w, "\nForward error correction and loss, messages of %d B\n", t.Size)
		fmt.Fprintf(tw, "\tmessages/s\tGb/s\tcores tx, rx\t× without loss\tarrived\n")
	case t.throughput():
		fmt.Fprintf(w, "\n%sThroughput, messages of %d B\n", what, t.Size)
		fmt.Fprintf(tw, "\tmessages/s\tGb/s\tcores tx, rx\t× raw\t× %s\tarrived\n", t.Peer)
	default:
		way := "Round trip"
		if t.oneWay() {
			way, kind = "One way", strings.TrimPrefix(kind, oneWay)
		}
		fmt.Fprintf(w, "\n%s%s, %s, %d B\n", what, way, kind, t.Size)
		fmt.Fprintf(tw, "\tp50 µs\tp99\tp99.9\t× raw\t× %s\n", t.Peer)
	}
	for _, r := range t.Rows {
		fmt.Fprintln(tw, strings.Join(append([]string{r.Name}, t.cells(r)...), "\t"))
	}
	tw.Flush()
	for _, r := range t.Rows {
		for _, n := range t.notes(r) {
			fmt.Fprintf(w, "  %s: %s\n", r.Name, n)
		}
	}
}

// cells returns what a row shows after its name.
func (t *table) cells(r *row) []string {
	if r.Absent != "" {
		return []string{"not installed"}
	}
	if r.Figure.Median == 0 {
		return []string{"failed"}
	}
	times := []string{r.TimesRaw.ratio()}
	if t.Peer != "" {
		times = append(times, r.TimesPeer.ratio())
	}
	if !t.throughput() {
		p99 := r.median(func(m *measured) float64 { return t.times(m).P99 })
		p999 := r.median(func(m *measured) float64 { return t.times(m).P999 })
		return append([]string{r.Figure.format(micros), micros(p99), micros(p999)}, times...)
	}
	cores := func(cpu func(*measured) (float64, float64)) string {
		return fmt.Sprintf("%.2f", r.median(func(m *measured) float64 {
			seconds, during := cpu(m)
			return seconds / during
		}))
	}
	rate := r.median((*measured).rate)
	return append([]string{
		r.Figure.format(count),
		fmt.Sprintf("%.2f", rate*float64(t.Size)*8/1e9),
		cores(func(m *measured) (float64, float64) { return m.SendCPU, m.Receive.Seconds }) + ", " +
			cores(func(m *measured) (float64, float64) { return m.ReceiveCPU, m.Receive.Seconds }),
	}, append(times, r.arrived())...)
}

// median returns the median of a figure over the rounds that did not fail.
func (r *row) median(figure func(*measured) float64) float64 {
	var fs []float64
	for i := range r.Rounds {
		if m := &r.Rounds[i]; m.Send.Messages > 0 {
			fs = append(fs, figure(m))
		}
	}
	if len(fs) == 0 {
		return 0
	}
	return summarize(fs).Median
}

// arrived says how much of what was sent arrived.
func (r *row) arrived() string {
	var sent, missing uint64
	lossless := true
	for i := range r.Rounds {
		m := &r.Rounds[i]
		sent += m.Send.Messages
		missing += m.missing()
		lossless = lossless && m.lossless()
	}
	if lossless {
		return "all"
	}
	text := fmt.Sprintf("all but %.2g %%", 100*float64(missing)/float64(max(sent, 1)))
	if !r.Open {
		text = "NOT LOSSLESS: " + text
	}
	return text
}

// notes returns what else is to be said of a row.
func (t *table) notes(r *row) (notes []string) {
	if r.Absent != "" {
		notes = append(notes, r.Absent)
	}
	if r.Failed != "" {
		notes = append(notes, "failed: "+r.Failed)
	}
	for i := range r.Rounds {
		if m := &r.Rounds[i]; m.Receive.Lost > 0 && m.Receive.Causes != nil {
			notes = append(notes, fmt.Sprintf("round %d lost %d messages: %v", i+1, m.Receive.Lost, m.Receive.Causes))
		}
	}
	if len(r.Rounds) > 0 {
		// Of the round in the middle: sums over rounds would hide their differences.
		if m := t.middle(r); m.Send.Source != nil {
			notes = append(notes, m.ownNotes(t.throughput())...)
		}
	}
	return notes
}

// middle returns the round whose figure is nearest the median.
func (t *table) middle(r *row) *measured {
	best := 0
	for i, f := range t.figures(r) {
		if abs(f-r.Figure.Median) < abs(t.figures(r)[best]-r.Figure.Median) {
			best = i
		}
	}
	return &r.Rounds[best]
}

// ownNotes tells how our own stack moved the messages.
func (m *measured) ownNotes(throughput bool) (notes []string) {
	src, rcv := m.Send.Source, m.Receive.Receiver
	if rcv == nil {
		return nil
	}
	notes = append(notes, fmt.Sprintf("%s, %.1f packets a write, %.3f reads a message, socket full %d times",
		src.IO.SendMethod, per(src.IO.Sent, src.IO.Writes), per(src.IO.Reads, m.Send.Messages), src.IO.Full))
	notes = append(notes, fmt.Sprintf("%s, %.1f packets a run, %.3f reads and %.4f waits a message, %d overflows",
		rcv.IO.ReceiveMethod, per(rcv.DataPackets, rcv.IO.Batches),
		per(rcv.IO.Reads, m.Receive.Messages), per(rcv.IO.Waits, m.Receive.Messages), rcv.IO.Overflow))
	if throughput {
		notes = append(notes, fmt.Sprintf("%d missing, %d repaired, %d reordered, %d NAKs for %d numbers; rate at the end %s",
			rcv.Missing, rcv.Repairs, rcv.Reordered, rcv.NAKs, rcv.NAKNumbers, rate(src)))
		if n := src.ParityPackets + src.ParityRepairs; n > 0 {
			notes = append(notes, fmt.Sprintf("%d parity packets sent, %d of them on demand; %d used, %d packets rebuilt",
				n, src.ParityRepairs, rcv.Parity, rcv.Rebuilt))
		}
	}
	return append(notes, fmt.Sprintf("allocations a message %.4f sent, %.4f received; collections %d, %d",
		per(m.Send.Allocs, m.Send.Messages), per(m.Receive.Allocs, m.Receive.Messages), m.Send.GCs, m.Receive.GCs))
}

func rate(s *pgmnet.SourceStats) string { return fmt.Sprintf("%.2f Gb/s", float64(s.Rate)*8/1e9) }

func per(n, of uint64) float64 { return float64(n) / float64(max(of, 1)) }

func abs(x float64) float64 { return max(x, -x) }

// format prints a summary.
func (s summary) format(f func(float64) string) string {
	return fmt.Sprintf("%s (%s–%s)", f(s.Median), f(s.Min), f(s.Max))
}

// ratio prints a summary of ratios.
func (s *summary) ratio() string {
	if s == nil {
		return "–"
	}
	return s.format(func(x float64) string {
		if x >= 9.95 {
			return fmt.Sprintf("%.1f", x)
		}
		return fmt.Sprintf("%.3g", x)
	})
}

func micros(us float64) string { return fmt.Sprintf("%.1f", us) }

// count prints a number with three digits.
func count(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.3g M", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%.3g k", x/1e3)
	}
	return fmt.Sprintf("%.3g", x)
}
