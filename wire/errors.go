package wire

import "errors"

// Why a packet could not be parsed.
var (
	ErrTruncated  = errors.New("wire: packet shorter than its fields say")
	ErrVersion    = errors.New("wire: not PGM version 0")
	ErrType       = errors.New("wire: not a packet of this type")
	ErrChecksum   = errors.New("wire: bad checksum")
	ErrNoChecksum = errors.New("wire: data packet without a checksum")
	ErrOption     = errors.New("wire: malformed option")
	ErrAddress    = errors.New("wire: unknown address family")
	ErrLength     = errors.New("wire: packet longer than its fields say")
)
