package gopgm_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// link is a link of a Markdown file to a file of the repository, or within a page.
var link = regexp.MustCompile(`\[([^][]+)\]\(([^)\s]+)\)`)

// TestLinks checks what the README and the list of scenarios link to: that it
// exists, and where the text is the name of a test, that the test is there. Every
// scenario must be in the list.
func TestLinks(t *testing.T) {
	scenarios := "testdata/scenarios/"
	for _, file := range []string{"README.md", scenarios + "README.md"} {
		text := read(t, file)
		links, tests := 0, 0
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			name, target := strings.Trim(m[1], "`"), m[2]
			if strings.Contains(target, "://") {
				continue
			}
			links++
			path, heading, _ := strings.Cut(target, "#")
			if path == "" {
				if !hasHeading(text, heading) {
					t.Errorf("%s: no heading for #%s", file, heading)
				}
				continue
			}
			path = filepath.Join(filepath.Dir(file), path)
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
				continue
			}
			if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") {
				tests++
				if !strings.Contains(read(t, path), "\nfunc "+name+"(") {
					t.Errorf("%s: no test %s in %s", file, name, path)
				}
			}
			if strings.HasSuffix(path, ".txt") && name != strings.TrimSuffix(filepath.Base(path), ".txt") {
				t.Errorf("%s: %s links to %s", file, name, path)
			}
		}
		if links < 20 || tests == 0 {
			t.Errorf("%s: %d links found, %d to tests: are they still written so?", file, links, tests)
		}
	}

	list := read(t, scenarios+"README.md")
	files, err := filepath.Glob(scenarios + "*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, f := range files {
		if !strings.Contains(list, "("+filepath.Base(f)+")") {
			t.Errorf("%sREADME.md does not list %s", scenarios, filepath.Base(f))
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// hasHeading reports whether one of the headings gets the given anchor.
func hasHeading(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if h, ok := strings.CutPrefix(line, "#"); ok {
			h = strings.ToLower(strings.TrimSpace(strings.TrimLeft(h, "#")))
			if strings.ReplaceAll(h, " ", "-") == anchor {
				return true
			}
		}
	}
	return false
}
