// Pgmsend sends messages or files by PGM reliable multicast (RFC 3208) to any
// number of receivers at once. Run it with --help.
package main

import (
	"io"
	"os"

	"github.com/gopgm/gopgm/internal/cli"
)

const name = "pgmsend"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, done, err := parse(args, stdout)
	if err == nil && !done {
		err = send(o, stdin, stdout, stderr)
	}
	return cli.Report(stderr, name, err)
}
