// Package interop runs programs built on other PGM stacks, and tshark, beside
// ours: a peer to exchange messages with, and a judge of what is on the wire.
//
// The peers are testdata/interop/openpgm.c and zmq.c, built by [Program.Build] and
// run by [Start], on a host of package lab. Both sides make the same messages,
// with [Message] or [Parts], and need compare no more than a [Digest]. Where
// messages may be missing, [Parts.Find] tells which one has come.
package interop

import (
	"encoding/binary"
	"fmt"
)

// Message makes the message of an index, of min to max bytes, in buf if that is
// large enough. It is the same one that the peers make, see message in openpgm.c.
func Message(index, min, max int, buf []byte) []byte {
	state := uint64(index+1) * 0x9E3779B97F4A7C15
	size := min + int((next(&state)>>33)%uint64(max-min+1))
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	fill(buf, state)
	return buf
}

// fill makes bytes, the lowest of each number first.
func fill(buf []byte, state uint64) {
	for ; len(buf) >= 8; buf = buf[8:] {
		binary.LittleEndian.PutUint64(buf, next(&state))
	}
	if len(buf) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], next(&state))
		copy(buf, last[:])
	}
}

// next is one step of xorshift64*.
func next(state *uint64) uint64 {
	x := *state
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	*state = x
	return x * 0x2545F4914F6CDD1D
}

// Digest sums up messages and their order. The zero Digest has seen none.
// Equal digests print equal strings.
type Digest struct {
	sum uint64 // FNV-1a less its offset basis, so that zero is a start
}

// The constants of FNV-1a with 64 bits.
const (
	fnvBasis = 0xcbf29ce484222325
	fnvPrime = 0x100000001b3
)

// Add takes in the next message: its size as four bytes, and its bytes.
func (d *Digest) Add(message []byte) {
	d.number(len(message))
	d.bytes(message)
}

// AddParts takes in the next message: how many parts it has, and each part.
func (d *Digest) AddParts(parts [][]byte) {
	d.number(len(parts))
	for _, p := range parts {
		d.Add(p)
	}
}

func (d *Digest) number(n int) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	d.bytes(b[:])
}

func (d *Digest) bytes(b []byte) {
	sum := d.sum ^ fnvBasis
	for _, c := range b {
		sum = (sum ^ uint64(c)) * fnvPrime
	}
	d.sum = sum ^ fnvBasis
}

// String is what the peers print.
func (d Digest) String() string { return fmt.Sprintf("%016x", d.sum^fnvBasis) }

// DigestOf is the digest of the first count messages of min to max bytes.
func DigestOf(count, min, max int) Digest {
	var d Digest
	buf := make([]byte, max)
	for i := range count {
		d.Add(Message(i, min, max, buf))
	}
	return d
}
