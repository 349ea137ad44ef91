// Package cli is what the command line tools share: flags, units, exit codes,
// progress and how things are printed.
package cli
