package cli

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress is a bar on a terminal. A nil Progress shows nothing.
type Progress struct {
	bar  *progressbar.ProgressBar
	next time.Time
}

// progressInterval is how often the bar is drawn.
const progressInterval = 100 * time.Millisecond

// NewProgress returns a bar on w, or nil if w is not a terminal.
func NewProgress(w io.Writer) *Progress {
	if !IsTerminal(w) {
		return nil
	}
	return &Progress{bar: progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetSpinnerChangeInterval(0),  // no goroutine
		progressbar.OptionThrottle(progressInterval/2), // each of the calls of Show would draw
		progressbar.OptionSetWidth(20),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(),
	)}
}

// IsTerminal reports whether w, or a reader, is a terminal.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Due reports whether it is time to call Show.
func (p *Progress) Due(now time.Time) bool { return p != nil && now.After(p.next) }

// Show draws the bar for done of total bytes, with a note beside it. The total
// may be zero when nobody knows it, and may change.
func (p *Progress) Show(now time.Time, done, total int64, note string) {
	if p == nil {
		return
	}
	p.next = now.Add(progressInterval)
	if total == 0 {
		total = -1
	} else {
		done = min(done, total-1) // a full bar is finished, and never changes again
	}
	if p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	p.bar.Describe(note)
	p.bar.Set64(done)
}

// Clear removes the bar, to leave the line to other output.
func (p *Progress) Clear() {
	if p != nil {
		p.bar.Clear()
	}
}
