package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/internal/filecast"
)

// files receives files into a directory.
type files struct {
	o    *options
	out  *bufio.Writer
	note func(format string, args ...any) // prints a line for people
	in   *filecast.Receiver

	received uint64
	lost     uint64 // by the network, for good
	failed   uint64 // for any other reason
	other    uint64 // messages that are not of files
}

func newFiles(o *options, out *bufio.Writer, note func(string, ...any)) (*files, error) {
	in, err := filecast.NewReceiver(o.output)
	if err != nil {
		return nil, err
	}
	return &files{o: o, out: out, note: note, in: in}, nil
}

func (f *files) take(ev *event) error {
	if f.in.Handle(&ev.Event) != nil {
		f.other++
	}
	return f.results()
}

// results prints what became of files.
func (f *files) results() error {
	for {
		res, ok := f.in.Next()
		if !ok {
			return nil
		}
		switch {
		case res.Err == nil:
			f.received++
		case errors.Is(res.Err, filecast.ErrMissed):
			// Nothing was lost: it was sent too early.
		case errors.Is(res.Err, filecast.ErrLoss):
			f.lost += uint64(res.Files)
		default:
			f.failed += uint64(res.Files)
		}
		if err := f.print(&res); err != nil {
			return err
		}
	}
}

func (f *files) print(res *filecast.Result) error {
	switch {
	case f.o.JSON:
		return writeResult(f.out, res)
	case res.Err == nil:
		// As sha256sum prints it, so that sha256sum -c can check it.
		_, err := fmt.Fprintf(f.out, "%s  %s\n", hexDigest(res), filepath.Join(f.o.output, res.Name))
		return err
	case res.Name != "":
		f.note("%.80q was not received: %s", res.Name, cli.Line(res.Err))
	default:
		f.note("%s from %v: not received: %s", cli.Plural(uint64(res.Files), "file"), res.Source, cli.Line(res.Err))
	}
	return nil
}

// count counts files that will never come too: nobody need wait for them.
func (f *files) count() uint64 { return f.received + f.lost + f.failed }

func (f *files) progress() (done, total int64) { return f.in.Progress() }

func (f *files) close() error {
	err := f.in.Close()
	return errors.Join(f.results(), err)
}

func hexDigest(res *filecast.Result) string { return hex.EncodeToString(res.SHA256[:]) }
