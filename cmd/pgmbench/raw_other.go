//go:build !linux

package main

import (
	"errors"
	"time"
)

// Raw UDP, and the lab, need Linux.

func rawSend(*task, func()) (result, error)     { return result{}, errors.ErrUnsupported }
func rawReceive(*task, func()) (result, error)  { return result{}, errors.ErrUnsupported }
func openRawOutlet(*task, bool) (outlet, error) { return nil, errors.ErrUnsupported }
func openRawInlet(*task) (inlet, error)         { return nil, errors.ErrUnsupported }
func monotonic() (time.Duration, error)         { return 0, errors.ErrUnsupported }
