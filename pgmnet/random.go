package pgmnet

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// newRand returns a generator that the system seeded.
func newRand() rand.Source {
	var seed [16]byte
	crand.Read(seed[:]) // never fails
	return rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:]))
}

// newTSI returns a session that, in all likelihood, no other source has.
func newTSI() wire.TSI {
	var b [8]byte
	crand.Read(b[:]) // never fails
	return wire.TSI{GSI: wire.GSI(b[:6]), Port: binary.LittleEndian.Uint16(b[6:])}
}

// newSQN returns a number to begin a session with.
func newSQN() seq.Num {
	var b [4]byte
	crand.Read(b[:]) // never fails
	return seq.Num(binary.LittleEndian.Uint32(b[:]))
}
