package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{"docs/b", "docs/a", "docs/.c", "docs/deep/x", "other/a", "single", "empty/deep/x"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(path), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		paths string
		want  string // names, or an error
	}{
		{"single", "single"},
		{"docs", ".c a b"},
		{"single docs", "single .c a b"},
		{"./docs/", ".c a b"},
		{"docs other", "error: docs/a and other/a would both arrive as a"},
		{"single single", "error: single and single would both arrive as single"},
		{"missing", "error: stat missing: no such file or directory"},
		{"empty", "error: no regular file in empty"},
		{os.DevNull, "error: " + os.DevNull + " is not a regular file"},
	} {
		all, err := expand(strings.Fields(tt.paths))
		var names []string
		for _, in := range all {
			names = append(names, in.name)
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tt.want {
			t.Errorf("expand(%s) = %s, want %s", tt.paths, got, tt.want)
		}
	}
}
