package filecast

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxName is the longest name that common file systems take.
const maxName = 255

// ErrName means that a name from the wire is not the plain name of a file.
var ErrName = errors.New("not a plain file name")

// CheckName returns an error unless name can be a file in a directory and
// nowhere else. Separators of any system are refused on all of them.
func CheckName(name string) error {
	switch {
	case name == "", len(name) > maxName, !utf8.ValidString(name),
		strings.ContainsAny(name, `/\`), strings.ContainsFunc(name, isControl),
		isDrive(name),
		!filepath.IsLocal(name), name == ".": // on Windows, its reserved names and colons too
		return fmt.Errorf("%w: %.80q", ErrName, name)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// isDrive reports whether name starts like a path on a Windows drive.
func isDrive(name string) bool {
	return len(name) >= 2 && name[1] == ':' && ('A' <= name[0]&^0x20 && name[0]&^0x20 <= 'Z')
}
