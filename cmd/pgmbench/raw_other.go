//go:build !linux

package main

import "errors"

// Raw UDP, and the lab, need Linux.

func rawSend(*task, func()) (result, error)    { return result{}, errors.ErrUnsupported }
func rawReceive(*task, func()) (result, error) { return result{}, errors.ErrUnsupported }
func rawPing(*task, func()) (result, error)    { return result{}, errors.ErrUnsupported }
func rawPong(*task, func()) (result, error)    { return result{}, errors.ErrUnsupported }
