package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// FEC is a flag value: forward error correction, as K/N with options.
type FEC pgm.FEC

const fecForm = "want K/N[,proactive=H][,on-demand][,flush=DURATION][,delay=GROUPS], such as 16/20"

// Set parses s. Without proactive or on-demand, all N-K parity packets follow each
// group.
func (f *FEC) Set(s string) error {
	*f = FEC{}
	size, options, _ := strings.Cut(s, ",")
	k, n, ok := strings.Cut(size, "/")
	if !ok || number(&f.K, k) != nil || number(&f.N, n) != nil {
		return errors.New(fecForm)
	}
	proactive := false
	for options != "" {
		var option string
		option, options, _ = strings.Cut(options, ",")
		name, value, has := strings.Cut(option, "=")
		var err error
		switch {
		case name == "on-demand" && !has:
			f.OnDemand = true
		case name == "proactive" && has:
			proactive = true
			err = number(&f.Proactive, value)
		case name == "delay" && has:
			err = number(&f.Delay, value)
		case name == "flush" && has:
			var d Duration
			err = d.Set(value)
			if f.Flush = time.Duration(d); d == 0 {
				f.Flush = -1
			}
		default:
			err = fmt.Errorf("unknown")
		}
		if err != nil {
			return fmt.Errorf("%q: %s", option, fecForm)
		}
	}
	if !proactive && !f.OnDemand {
		f.Proactive = f.N - f.K
	}
	return pgm.FEC(*f).Check()
}

func number(v *int, s string) (err error) {
	*v, err = strconv.Atoi(s)
	return err
}

// String returns what Set takes.
func (f FEC) String() string {
	if f.K == 0 {
		return "none"
	}
	s := fmt.Sprintf("%d/%d", f.K, f.N)
	if f.Proactive > 0 {
		s += fmt.Sprintf(",proactive=%d", f.Proactive)
	}
	if f.OnDemand {
		s += ",on-demand"
	}
	if f.Flush < 0 {
		s += ",flush=0"
	} else if f.Flush > 0 {
		s += ",flush=" + f.Flush.String()
	}
	if f.Delay > 0 {
		s += fmt.Sprintf(",delay=%d", f.Delay)
	}
	return s
}

// Type is how help calls the value.
func (FEC) Type() string { return "K/N" }
