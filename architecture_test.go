package gopgm_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gopgm/gopgm/"

// layers are the packages in dependency order, bottom first: an import points
// only at a row above its own. DESIGN rests on it: a protocol machine that
// could reach a socket would soon have one.
var layers = [][]string{
	{"mono", "seq"},
	{"wire", "internal/fec"},
	{"txwindow", "rxwindow", "nak"},
	{"pgm"},
	{"pgmnet"},
	{"pubsub"},
	{"internal/cli", "internal/filecast", "internal/sim", "internal/lab", "internal/interop", "internal/e2e"},
	{"cmd", "examples"},
}

// pure are the rows whose packages are machines: no clock, no socket, no
// goroutine.
const pure = 4

// layer returns the row of a package, or -1.
func layer(pkg string) int {
	return slices.IndexFunc(layers, func(row []string) bool {
		return slices.ContainsFunc(row, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
	})
}

// TestArchitecture holds the import order, and the bans: no init; no goroutine
// but in a command, an example or a test's helper; no clock but there, in pgmnet,
// and in pubsub, to which users give times of theirs; no socket, lock, log or
// random seed in the machines.
func TestArchitecture(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		checkFile(t, filepath.ToSlash(path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files looked at: is this the module's root?", files)
	}
}

func checkFile(t *testing.T, path string) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Error(err)
		return
	}
	pkg := filepath.ToSlash(filepath.Dir(path))
	if pkg == "." {
		return
	}
	row := layer(pkg)
	if row < 0 {
		t.Errorf("%s: package %s is in no row of the layers", path, pkg)
		return
	}
	for _, imp := range f.Imports {
		name, _ := strconv.Unquote(imp.Path.Value)
		if own, ok := strings.CutPrefix(name, module); ok {
			if to := layer(own); to > row || to == row && !strings.HasPrefix(pkg, "internal/") {
				t.Errorf("%s: %s imports %s, which is not below it", set.Position(imp.Pos()), pkg, own)
			}
			continue
		}
		if row < pure && slices.Contains([]string{"net", "os", "sync", "log", "log/slog", "crypto/rand", "syscall"}, name) {
			t.Errorf("%s: %s imports %s", set.Position(imp.Pos()), pkg, name)
		}
	}
	command := strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "examples/") || slices.Contains([]string{"internal/cli", "internal/lab", "internal/interop"}, pkg)
	clock := command || pkg == "pgmnet" || pkg == "pubsub"
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if !command {
				t.Errorf("%s: go statement", set.Position(n.Pos()))
			}
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				t.Errorf("%s: func init", set.Position(n.Pos()))
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && !clock && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "Tick", "NewTicker", "AfterFunc"}, n.Sel.Name) {
				t.Errorf("%s: %s reads the clock", set.Position(n.Pos()), pkg)
			}
		}
		return true
	})
}
