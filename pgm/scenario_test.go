package pgm

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the answers in the scenario files")

// TestScenarios plays the files under testdata/scenarios: each quotes sentences
// of RFC 3208 and shows that a machine obeys them. The README there says how to
// read and write one. With -update the answers are rewritten: review the diff.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../testdata/scenarios/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 30 {
		t.Errorf("%d scenario files, want all of them", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { playFile(t, file) })
	}
}

// playFile plays one file, or with -update rewrites it.
func playFile(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	steps := parseScenario(string(b))
	if len(steps) == 0 || !strings.HasPrefix(string(b), "# ") || !strings.Contains(string(b), "RFC 3208 §") {
		t.Fatalf("%s: want a comment that quotes RFC 3208, and steps", file)
	}
	w := &world{t: t, now: worldStart}
	var rewritten strings.Builder
	for i, s := range steps {
		w.out = nil
		for _, c := range s.commands {
			w.where = fmt.Sprintf("%s:%d: %s", filepath.Base(file), c.line, c.text)
			w.do(c.text)
		}
		if i > 0 {
			rewritten.WriteString("\n")
		}
		rewritten.WriteString(s.text)
		if len(s.commands) == 0 {
			continue
		}
		rewritten.WriteString("----\n")
		for _, l := range w.out {
			rewritten.WriteString(l + "\n")
		}
		if got, want := strings.Join(w.out, "\n"), strings.Join(s.want, "\n"); got != want && !*update {
			t.Errorf("%s\ngives\n%s\nwant\n%s", w.where, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(rewritten.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// step is a paragraph of a scenario: comments, commands, and after the line ----
// what they must give.
type step struct {
	text     string // the comments and commands as they are in the file
	commands []command
	want     []string
}

type command struct {
	line int
	text string
}

func parseScenario(text string) (steps []step) {
	var s step
	answer := false
	flush := func() {
		if s.text != "" {
			steps = append(steps, s)
		}
		s, answer = step{}, false
	}
	for i, line := range strings.Split(text, "\n") {
		switch {
		case line == "":
			flush()
		case answer:
			s.want = append(s.want, line)
		case line == "----":
			answer = true
		default:
			s.text += line + "\n"
			if !strings.HasPrefix(line, "#") {
				s.commands = append(s.commands, command{i + 1, line})
			}
		}
	}
	flush()
	return steps
}
