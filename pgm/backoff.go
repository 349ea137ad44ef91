package pgm

import (
	"time"

	"github.com/gopgm/gopgm/mono"
)

// backoffTuner tunes the back-off interval a source announces to its receivers
// by the NAKs that come twice (RFC 3208 §15.2.1).
//
// Deviation: the RFC doubles the interval at the first duplicate. Receivers
// here choose theirs so that two or three of them ask, because waiting for just
// one to ask costs every repair more than a duplicate does. So the source is
// silent until that fails, and doubles at the fourth.
type backoffTuner struct {
	interval time.Duration // NAK_BO_IVL; 0 announces none
	fixed    bool
	quiet    int       // repairs begun since the last duplicate
	calm     mono.Time // not doubled again before
}

const (
	tuneRepeats = 3                      // duplicates that are tolerated
	tuneProbes  = 8                      // NAK_PROBE_NUM
	tuneMin     = 500 * time.Microsecond // an interval below is withdrawn
	tuneMax     = time.Second            // NAK_BO_IVL_MAX
)

func newBackoffTuner(d time.Duration) backoffTuner {
	return backoffTuner{interval: max(d, 0), fixed: d != 0}
}

// asked tells that a packet was asked for, for the first time.
func (t *backoffTuner) asked() {
	if t.fixed || t.interval == 0 {
		return
	}
	if t.quiet++; t.quiet >= tuneProbes {
		t.quiet = 0
		if t.interval /= 2; t.interval < tuneMin {
			t.interval = 0
		}
	}
}

// repeated tells that one was asked for again while its repair was on its way.
func (t *backoffTuner) repeated(now mono.Time, repeats int) {
	if t.fixed || repeats <= tuneRepeats {
		return
	}
	t.quiet = 0
	if now < t.calm {
		return
	}
	t.interval = min(max(2*t.interval, tuneMin), tuneMax)
	t.calm = now.Add(2 * t.interval)
}
