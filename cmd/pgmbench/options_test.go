package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/cli"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args     string
		sizes    []int
		rounds   int
		duration time.Duration
		pin      bool
	}{
		{"", []int{1400, 100}, 5, 2 * time.Second, true},
		{"--quick", []int{1400}, 1, 200 * time.Millisecond, true},
		{"--quick --rounds 2 --size 100", []int{100}, 2, 200 * time.Millisecond, true},
		{"--size 8,64 -d 500ms --no-pin", []int{8, 64}, 5, 500 * time.Millisecond, false},
	} {
		o, done, err := parse(strings.Fields(c.args), io.Discard)
		if err != nil || done {
			t.Errorf("parse(%q): %v, done %v", c.args, err, done)
			continue
		}
		if !slices.Equal(o.sizes, c.sizes) || o.rounds != c.rounds || time.Duration(o.duration) != c.duration || o.pin != c.pin {
			t.Errorf("parse(%q) = %+v, want %+v", c.args, o, c)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--size 7":         "--size is 7",
		"--size 1401":      "--size is 1401",
		"--rounds 0":       "--rounds is 0",
		"--duration 1ms":   "--duration is 1ms",
		"--only bandwidth": `--only is "bandwidth": want throughput, spin,`,
		"fast":             `unexpected argument "fast"`,
		"--fast":           "unknown flag",
	} {
		_, _, err := parse(strings.Fields(args), io.Discard)
		var usage *cli.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q): %v, want a usage error with %q", args, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	var b strings.Builder
	if _, done, err := parse([]string{"-h"}, &b); !done || err != nil || !strings.Contains(b.String(), "--cpuprofile") {
		t.Errorf("parse(-h): done %v, %v, %q", done, err, b.String())
	}
}

func TestWants(t *testing.T) {
	o, _, err := parse([]string{"--only", "spin"}, io.Discard)
	if err != nil || o.wants("throughput") || !o.wants("spin") || o.wants("pubsub-spin") {
		t.Errorf("--only spin: %+v, %v", o, err)
	}
	o, _, err = parse([]string{"--only", "pubsub"}, io.Discard)
	if err != nil || o.wants("spin") || !o.wants("pubsub-spin") || !o.wants("pubsub-oneway-spin") {
		t.Errorf("--only pubsub: %+v, %v", o, err)
	}
	o, _, err = parse([]string{"--only", "fec"}, io.Discard)
	if err != nil || o.wants("throughput") || !o.wants(fecCost) || !o.wants(fecLoss) {
		t.Errorf("--only fec: %+v, %v", o, err)
	}
	o, _, err = parse([]string{"--only", "fec-cost"}, io.Discard)
	if err != nil || !o.wants(fecCost) || o.wants(fecLoss) {
		t.Errorf("--only fec-cost: %+v, %v", o, err)
	}
}
