package cli

import (
	"math"
	"runtime/debug"
)

// Bounds of --window.
const (
	minWindow = 64 << 10
	maxWindow = min(64<<30, math.MaxInt)
)

// defaultPackets is how many packets a window holds unless its size asks for
// more.
const defaultPackets = 65536

// Packets returns how many packets a window of z bytes should hold: no fewer
// than the default, and enough when packets average half an Ethernet frame.
func (z Size) Packets() int {
	const half = 750
	return int(min(max(int64(z)/half, defaultPackets), 1<<30))
}

// BoundMemory has garbage collected rather than the process take more than its
// windows, of z bytes together, and a little.
func BoundMemory(z Size) {
	const little = 18 << 20
	debug.SetMemoryLimit(int64(z) + little)
}
