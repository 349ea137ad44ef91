package lab

import (
	"os"
	"testing"
)

// Require makes a lab that lasts as long as the test. Where there can be none it
// skips the test, or fails it if the environment says GOPGM_LAB=require.
func Require(tb testing.TB, hosts int) *Lab {
	tb.Helper()
	if err := possible(hosts); err != nil {
		Skip(tb, err)
	}
	l, err := New(hosts)
	if err != nil {
		Skip(tb, err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

// Skip skips a test that lacks something of the machine, because of err, or
// fails it if the environment says GOPGM_LAB=require.
func Skip(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv("GOPGM_LAB") == "require" {
		tb.Fatal(err)
	}
	tb.Skip(err)
}
