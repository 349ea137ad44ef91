package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Exit codes.
const (
	OK    = 0 // complete
	Error = 1 // something went wrong
	Usage = 2 // the command line is wrong
	Loss  = 3 // something was lost for good
)

// UsageError is a mistake on the command line.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// LossError means that something was lost for good.
type LossError struct{ Err error }

func (e *LossError) Error() string { return e.Err.Error() }
func (e *LossError) Unwrap() error { return e.Err }

// Report prints err, if any, as one line after the name of the tool, and
// returns the exit code.
func Report(w io.Writer, name string, err error) int {
	if err == nil {
		return OK
	}
	hint, code := "", Error
	var usage *UsageError
	var loss *LossError
	switch {
	case errors.As(err, &usage):
		hint, code = fmt.Sprintf(" (see %s --help)", name), Usage
	case errors.As(err, &loss):
		code = Loss
	}
	fmt.Fprintf(w, "%s: %s%s\n", name, Line(err), hint)
	return code
}

// Line returns err in one line, without the names of our own packages, which
// say nothing to the user of a tool.
func Line(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	for _, prefix := range []string{"pubsub: ", "pgmnet: ", "pgm: ", "bad configuration: ", "filecast: "} {
		s = strings.TrimPrefix(s, prefix)
	}
	return s
}
