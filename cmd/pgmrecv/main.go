// Pgmrecv receives messages or files by PGM reliable multicast (RFC 3208) from
// pgmsend, and messages from any other sender. Run it with --help.
package main

import (
	"io"
	"os"

	"github.com/gopgm/gopgm/internal/cli"
)

const name = "pgmrecv"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o, done, err := parse(args, stdout)
	if err == nil && !done {
		err = receive(o, stdout, stderr)
	}
	return cli.Report(stderr, name, err)
}
