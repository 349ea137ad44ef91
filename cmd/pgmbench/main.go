// Pgmbench measures throughput and round trips of this stack, of raw UDP and,
// where it is installed, of OpenPGM: in turn, in one run, between two hosts
// that are network namespaces of this machine. Run it with --help.
package main

import (
	"io"
	"os"

	"github.com/gopgm/gopgm/internal/cli"
)

const name = "pgmbench"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 2 && args[0] == roleCommand {
		return cli.Report(stderr, name, play(args[1], stdout))
	}
	o, done, err := parse(args, stdout)
	if err == nil && !done {
		err = benchmark(o, stdout, stderr)
	}
	return cli.Report(stderr, name, err)
}
