package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/internal/filecast"
)

// input is a file to send.
type input struct {
	path string
	name string // at the receivers
	size int64
}

// expand lists the files that the paths name: files, or directories for the
// regular files in them.
func expand(paths []string) ([]input, error) {
	var all []input
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if !info.Mode().IsRegular() {
				return nil, fmt.Errorf("%s is not a regular file", path)
			}
			all = append(all, input{path, filepath.Base(path), info.Size()})
			continue
		}
		entries, err := os.ReadDir(path) // sorted
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, e := range entries {
			if !e.Type().IsRegular() {
				continue
			}
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			all = append(all, input{filepath.Join(path, e.Name()), e.Name(), info.Size()})
		}
		if len(all) == before {
			return nil, fmt.Errorf("no regular file in %s", path)
		}
	}
	return all, check(all)
}

// check refuses files that receivers would refuse, or could not tell apart.
func check(all []input) error {
	paths := make(map[string]string, len(all))
	for _, in := range all {
		if err := filecast.CheckName(in.name); err != nil {
			return fmt.Errorf("%s: receivers would refuse the name: %w", in.path, err)
		}
		if other, twice := paths[in.name]; twice {
			return cli.Usagef("%s and %s would both arrive as %s", other, in.path, in.name)
		}
		paths[in.name] = in.path
	}
	return nil
}

// files sends each of the files. One that cannot be read to its end does not
// stop the others.
func (s *sender) files(all []input) error {
	for _, in := range all {
		s.size += in.size
	}
	cutter := filecast.NewCutter(s.o.maxAlone())
	var failed error
	for i, in := range all {
		err := s.file(cutter, in)
		if errors.Is(err, errInterrupted) {
			return fmt.Errorf("%w: %s not sent", err, cli.Plural(len(all)-i, "file"))
		}
		if err != nil {
			s.note("%s was not sent: %s", in.path, cli.Line(err))
			failed = fmt.Errorf("not all files were sent")
			s.size -= in.size
			continue
		}
	}
	return failed
}

// file sends one file.
func (s *sender) file(cutter *filecast.Cutter, in input) error {
	f, err := os.Open(in.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("not a regular file")
	}
	cutter.Start(in.name, info.Size(), f)
	for {
		msg, ok := cutter.Next()
		if !ok {
			break
		}
		if err := s.queue(msg); err != nil {
			s.src.Queue(cutter.Abort(err)) // if it fails, the end of the session tells as much
			return err
		}
		s.done += int64(len(msg))
	}
	if err := cutter.Err(); err != nil {
		return err
	}
	s.sent++
	return s.reportFile(in.name, info.Size(), cutter.Digest())
}
