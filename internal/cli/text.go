package cli

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// AppendText appends msg to b as one line of text. A message that would not
// show as what it is, or would move the cursor, is quoted as in Go.
func AppendText(b, msg []byte) []byte {
	if !plain(msg) {
		return strconv.AppendQuote(b, string(msg))
	}
	return append(b, msg...)
}

func plain(msg []byte) bool {
	for i := 0; i < len(msg); {
		if c := msg[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\t' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(msg[i:])
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			return false
		}
		i += n
	}
	return true
}
