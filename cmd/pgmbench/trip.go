package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// ping sends a message, waits for it to come back, and so on for as long as the
// task says; round trips of the first tenth of the time are not counted. Of a task
// with OneWay the times that matter are those of pong.
func (s stack) ping(t *task, ready func()) (r result, err error) {
	out, in, err := s.pair(t)
	if err != nil {
		return r, err
	}
	defer in.Close()
	ready()
	msg := make([]byte, t.Size)
	var h heap
	h.start()
	err = r.ping(t, out, in, msg)
	h.stop(&r)
	r.Source, r.Receiver = out.stats(), in.stats()
	return r, errors.Join(err, finish(out, msg))
}

func (r *result) ping(t *task, out outlet, in inlet, msg []byte) error {
	times := make(trips, 0, 1<<20)
	var pace *pacer
	if t.OneWay {
		var err error
		if pace, err = newPacer(t, out); err != nil {
			return err
		}
	}
	start := time.Now()
	before := start
	for n := uint64(0); len(times) < cap(times) && before.Sub(start) < t.Duration; n++ {
		binary.BigEndian.PutUint64(msg, n)
		if pace != nil {
			if err := pace.stamp(msg); err != nil {
				return err
			}
		}
		if err := out.send(msg); err != nil {
			return err
		}
		for back := endMark; back != n; {
			var err error
			if _, back, err = r.next(t, in); errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("no answer to message %d", n)
			} else if err != nil {
				return err
			}
			if r.Lost > 0 || back == endMark {
				return fmt.Errorf("message %d was lost: %v", n, r.Causes)
			}
		}
		after := time.Now()
		if before.Sub(start) > t.Duration/10 {
			times = append(times, after.Sub(before))
		}
		before = after
	}
	r.Messages = uint64(len(times))
	r.Seconds = before.Sub(start).Seconds()
	times.setPercentiles(r)
	return nil
}

// pong sends every message back until the end.
func (s stack) pong(t *task, ready func()) (r result, err error) {
	out, in, err := s.pair(t)
	if err != nil {
		return r, err
	}
	defer in.Close()
	var way *timer
	if t.OneWay {
		if way, err = newTimer(t); err != nil {
			return r, err
		}
	}
	ready()
	for {
		msg, n, err := r.next(t, in)
		if err != nil {
			return r, err
		}
		if way != nil && n != endMark {
			way.note(msg)
		}
		if n == endMark {
			if way != nil {
				way.times.setPercentiles(&r)
			}
			r.Source, r.Receiver = out.stats(), in.stats()
			return r, out.close()
		}
		if err := out.send(msg); err != nil {
			return r, err
		}
		r.Messages++
	}
}
