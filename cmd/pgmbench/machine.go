package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// A machine is what the figures were measured on.
type machine struct {
	System string
	CPU    string
	Cores  int
	Go     string
	Load   string // average of the last minute: what else was going on
}

func describeMachine() machine {
	return machine{
		System: strings.TrimSpace(runtime.GOOS + " " + line("/proc/sys/kernel/osrelease")),
		CPU:    cpuModel(),
		Cores:  runtime.NumCPU(),
		Go:     runtime.Version(),
		Load:   strings.SplitN(line("/proc/loadavg")+" ", " ", 2)[0],
	}
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s, %d × %s, %s, load %s", m.System, runtime.GOARCH, m.Cores, m.CPU, m.Go, m.Load)
}

// line returns the first line of a file, empty if there is none.
func line(path string) string {
	data, _ := os.ReadFile(path)
	first, _, _ := strings.Cut(string(data), "\n")
	return first
}

func cpuModel() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "CPU of unknown model"
}
