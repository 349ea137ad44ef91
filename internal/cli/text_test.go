package cli

import "testing"

func TestAppendText(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"hello", "hello"},
		{"col\tcol", "col\tcol"},
		{`say "hi"\n`, `say "hi"\n`},
		{"naïve 日本", "naïve 日本"},
		{"two\nlines", `"two\nlines"`},
		{"\x1b[2J", `"\x1b[2J"`},
		{"\x7f", `"\x7f"`},
		{"a\xffb", `"a\xffb"`},
		{"\u202eabc", `"\u202eabc"`}, // right-to-left override
		{"\ufffd", "\ufffd"},
	} {
		if got := string(AppendText([]byte("> "), []byte(tt.in))); got != "> "+tt.want {
			t.Errorf("AppendText(%q) = %q, want %q", tt.in, got, "> "+tt.want)
		}
	}
}
