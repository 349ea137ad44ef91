// Package wire turns PGM packets and options (RFC 3208 §8, §9 and the packet
// formats of its appendices) into bytes and back.
//
// It has no policy and no state. AppendX appends the packet X to the caller's
// buffer, options and checksum included. ParseX reads one; what it returns
// aliases the input. Neither allocates, beyond what append needs to grow the
// caller's buffer.
//
// A source that builds data packets in place puts the payload where it belongs,
// calls [AppendDataHeader] for what comes before it, and [SetChecksum] when the
// packet is complete. [PatchData] makes a repair of such a packet.
//
// Input is untrusted: a malformed packet is one of the sentinel errors of this
// package, never a panic. ParseX checks the checksum. A packet that breaks a rule
// of the RFC but can be read is not malformed: which options go with which
// packet, say, is for the caller to judge. What a ParseX returns beside an error
// means nothing.
//
// Append panics on what cannot be encoded, a bug of the caller: data of more than
// 65,535 bytes, a NAK list of none or more than 62 numbers, a type that is not
// one of those it is for.
//
// # Wire truth
//
// Where the text of the RFC disagrees with deployed stacks (OpenPGM,
// Wireshark), this package does what is deployed. Each such place is marked
// "Deviation:".
package wire
