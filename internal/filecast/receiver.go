package filecast

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/gopgm/gopgm/pgm"
)

// Why a file was not received. Errors of the local file system and [ErrName]
// come besides.
var (
	ErrLoss    = errors.New("a part was lost")
	ErrMissed  = errors.New("its beginning was sent before this receiver joined")
	ErrDigest  = errors.New("its digest is wrong")
	ErrSize    = errors.New("its size is not as announced")
	ErrFrame   = errors.New("its frames contradict each other")
	ErrAborted = errors.New("the sender gave it up")
	ErrEnded   = errors.New("the sender stopped before its end")
	ErrStopped = errors.New("this receiver stopped before its end")
)

// A Result tells what became of a file.
type Result struct {
	Source pgm.SourceID
	Name   string // empty when the beginning of the file was lost; hostile when Err is ErrName
	Size   int64  // as announced
	SHA256 [sha256.Size]byte
	Files  uint32 // usually 1; more when whole files in a row were lost
	Err    error  // nil: the file is in the directory
}

// A Receiver writes the files of any number of sources to one directory. A file
// has a temporary name until its digest was found right.
type Receiver struct {
	root    *os.Root // nothing the wire says reaches out of it
	sources map[pgm.SourceID]*source
	results []Result
	next    int     // the first of results not taken
	spare   []*file // of files that ended, for their buffers
	done    int64   // bytes of all files that ended
}

// source is what is known of the files of one source.
type source struct {
	last  uint32 // the file heard last; 0 before the first
	lossy bool   // something was lost since the last frame
	file  *file  // file last, while it is being received
}

// NewReceiver returns a Receiver that writes to dir, which must exist.
func NewReceiver(dir string) (*Receiver, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Receiver{root: root, sources: make(map[pgm.SourceID]*source)}, nil
}

// Handle takes in the next event of a pgm.Receiver. It returns ErrNotFrame for
// a message that is not part of a file. What became of files, Next tells.
func (r *Receiver) Handle(ev *pgm.Event) error {
	switch ev.Kind {
	case pgm.EventMessage:
		f, err := ParseFrame(ev.Data)
		if err != nil {
			return err
		}
		r.frame(ev.Source, r.source(ev.Source), f)
	case pgm.EventLoss:
		s := r.source(ev.Source)
		s.lossy = true
		r.settle(ev.Source, s, fmt.Errorf("%w (%v)", ErrLoss, ev.Cause))
	case pgm.EventFin, pgm.EventReset, pgm.EventExpired, pgm.EventRestart:
		if s := r.sources[ev.Source]; s != nil {
			r.settle(ev.Source, s, ErrEnded)
			delete(r.sources, ev.Source)
		}
	}
	return nil
}

// Next returns what became of the next file; false means nothing new did.
func (r *Receiver) Next() (Result, bool) {
	if r.next == len(r.results) {
		r.results, r.next = r.results[:0], 0
		return Result{}, false
	}
	r.next++
	return r.results[r.next-1], true
}

// Progress returns how many bytes of files have come, and how many will have
// when the files now under way are complete.
func (r *Receiver) Progress() (come, total int64) {
	come, total = r.done, r.done
	for _, s := range r.sources {
		if s.file != nil {
			come += s.file.come
			total += min(s.file.size, math.MaxInt64-total) // the size is only a claim
		}
	}
	return come, total
}

// Close gives up all files that are not complete and removes what there is of
// them. Next tells which they are.
func (r *Receiver) Close() error {
	for id, s := range r.sources {
		r.settle(id, s, ErrStopped)
	}
	clear(r.sources)
	return r.root.Close()
}

func (r *Receiver) source(id pgm.SourceID) *source {
	s := r.sources[id]
	if s == nil {
		s = &source{}
		r.sources[id] = s
	}
	return s
}

// frame takes in the next frame of s.
func (r *Receiver) frame(id pgm.SourceID, s *source, f Frame) {
	if f.File != s.last || f.Kind == KindBegin {
		r.turn(id, s, f)
	}
	s.lossy = false
	switch {
	case f.Kind == KindBegin:
		r.begin(id, s, f)
	case s.file == nil: // given up before
	case f.Kind == KindData:
		if err := s.file.append(f.Value, f.Body); err != nil {
			r.settle(id, s, err)
		}
	case f.Kind == KindEnd:
		r.settle(id, s, s.file.finish(f.Value, f.Body))
	case f.Kind == KindAbort:
		r.settle(id, s, fmt.Errorf("%w: %.200q", ErrAborted, f.Body))
	}
}

// turn leaves the file heard last for that of f.
func (r *Receiver) turn(id pgm.SourceID, s *source, f Frame) {
	r.settle(id, s, ErrFrame)
	missed := ErrFrame
	if s.lossy {
		missed = ErrLoss
	}
	if s.last != 0 && f.File > s.last+1 {
		r.results = append(r.results, Result{Source: id, Files: f.File - s.last - 1, Err: missed})
	}
	if f.Kind != KindBegin {
		if s.last == 0 && !s.lossy {
			missed = ErrMissed
		}
		r.results = append(r.results, Result{Source: id, Files: 1, Err: missed})
	}
	s.last = f.File
}

// begin starts to receive a file.
func (r *Receiver) begin(id pgm.SourceID, s *source, f Frame) {
	file := &file{}
	if n := len(r.spare); n > 0 {
		file, r.spare = r.spare[n-1], r.spare[:n-1]
	}
	s.file = file
	if err := file.begin(r.root, string(f.Body), f.Value); err != nil {
		r.settle(id, s, err)
	}
}

// settle ends the file that s is receiving, if any: complete with a nil error,
// and else given up.
func (r *Receiver) settle(id pgm.SourceID, s *source, err error) {
	f := s.file
	if f == nil {
		return
	}
	s.file = nil
	if err != nil {
		f.discard()
	}
	r.done += f.come
	r.results = append(r.results, Result{
		Source: id, Name: f.name, Size: f.size, SHA256: f.sum, Files: 1, Err: err,
	})
	r.spare = append(r.spare, f)
}
