package filecast

import (
	"errors"
	"strings"
	"testing"
)

var hostileNames = []string{
	"", ".", "..", "/", "/etc/passwd", "../a", "a/b", "a/", `a\b`, `..\a`, `\\host\share`, "a\x00b", "a\nb", "\x1b[2J",
	"C:", "c:a", `C:\a`, "\xff\xfe", strings.Repeat("a", 256),
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "a.txt", ".profile", "...", "a..b", "naïve file (1).txt", "日本.txt", "12:30.log", strings.Repeat("a", 255)} {
		if err := CheckName(name); err != nil && !strings.Contains(name, ":") { // no colons on Windows
			t.Errorf("CheckName(%q) = %v, want nil", name, err)
		}
	}
	for _, name := range hostileNames {
		if err := CheckName(name); !errors.Is(err, ErrName) {
			t.Errorf("CheckName(%q) = %v, want ErrName", name, err)
		}
	}
}
