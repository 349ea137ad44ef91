package main

import (
	"strings"
	"testing"
)

// fixed returns a throughput table of two rounds, the second at half the speed.
func fixed() *table {
	rounds := func(perSecond, sent, received uint64) (ms []measured) {
		for i := range uint64(2) {
			ms = append(ms, measured{
				Send:    result{Messages: sent},
				Receive: result{Messages: received, Seconds: float64(received*(i+1)) / float64(perSecond)},
				SendCPU: 1, ReceiveCPU: 0.5,
			})
		}
		return ms
	}
	t := &table{Kind: "throughput", Peer: openPGMName, Size: 1000, Rows: []*row{
		{Name: rawName, Open: true, Rounds: rounds(2_000_000, 1000, 990)},
		{Name: openPGMName, Absent: "no gcc"},
		{Name: ownName, Rounds: rounds(1_000_000, 1000, 1000)},
		{Name: "broken", Failed: "no answer", Rounds: make([]measured, 2)},
	}}
	t.summarize()
	return t
}

func TestTable(t *testing.T) {
	tbl := fixed()
	own := tbl.Rows[2]
	if want := (summary{750_000, 500_000, 1_000_000}); own.Figure != want {
		t.Errorf("messages a second %v, want %v", own.Figure, want)
	}
	if want := (summary{0.5, 0.5, 0.5}); own.TimesRaw == nil || *own.TimesRaw != want {
		t.Errorf("of raw %v, want %v", own.TimesRaw, want)
	}
	if own.TimesPeer != nil {
		t.Errorf("of OpenPGM, which was not measured: %v", own.TimesPeer)
	}
	var b strings.Builder
	if err := (&report{Tables: []*table{tbl}}).print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"messages of 1000 B",
		"750 k (500 k–1 M)",
		"0.5 (0.5–0.5)",
		"all but 1 %",
		"not installed",
		"no gcc",
		"failed: no answer",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "NOT LOSSLESS") {
		t.Errorf("an open loop or a whole row is called lossy:\n%s", b.String())
	}
}

// TestFEC compares times where nothing is lost, and every row at a loss with its
// own without.
func TestFEC(t *testing.T) {
	var b bench
	at := func(perSecond uint64) []measured {
		all := result{Messages: perSecond, Seconds: 1}
		return []measured{{Send: all, Receive: all}}
	}
	cost, loss := b.fecCost(), b.fecLoss()
	for i, perSecond := range []uint64{1_000_000, 800_000} {
		cost.Rows[i].Rounds = at(perSecond)
	}
	for i, perSecond := range []uint64{800_000, 720_000, 1_000_000, 300_000} {
		loss.Rows[i].Rounds = at(perSecond)
	}
	loss.Rows[3].Rounds[0].Receive.Lost = 1
	cost.summarize()
	loss.summarize()
	if r := cost.Rows[1]; r.Figure.Median != 1250 || r.TimesRaw.Median != 1.25 {
		t.Errorf("with FEC %v ns, %v times as long; want 1250, 1.25", r.Figure, r.TimesRaw)
	}
	for i, want := range []float64{1, 0.9, 1, 0.3} {
		if r := loss.Rows[i]; r.TimesRaw.Median != want {
			t.Errorf("%s: %v of what it is without, want %v", r.Name, r.TimesRaw, want)
		}
	}
	var s strings.Builder
	if err := (&report{Tables: []*table{cost, loss}}).print(&s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.25 k (1.25 k–1.25 k)", "with FEC, 5 % lost", "0.9 (0.9–0.9)", "NOT LOSSLESS"} {
		if !strings.Contains(s.String(), want) {
			t.Errorf("no %q in\n%s", want, s.String())
		}
	}
}

func TestNotLossless(t *testing.T) {
	whole := result{Messages: 10}
	for what, m := range map[string]measured{
		"missing":  {Send: whole, Receive: result{Messages: 9}},
		"reported": {Send: whole, Receive: result{Messages: 10, Lost: 1}},
		"wrong":    {Send: whole, Receive: result{Messages: 10, Wrong: 1}},
	} {
		r := &row{Rounds: []measured{{Send: whole, Receive: whole}, m}}
		if got := r.arrived(); !strings.HasPrefix(got, "NOT LOSSLESS") {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestFormats(t *testing.T) {
	for in, want := range map[float64]string{0: "0", 999: "999", 125_400: "125 k", 2_812_345: "2.81 M"} {
		if got := count(in); got != want {
			t.Errorf("count(%v) = %q, want %q", in, got, want)
		}
	}
}
