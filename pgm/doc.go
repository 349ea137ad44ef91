// Package pgm implements the PGM reliable multicast protocol (RFC 3208) as two
// state machines, [Source] and [Receiver].
//
// It opens no socket, reads no clock and starts no goroutine. The caller puts
// in packets and the time, and takes out packets to send, events and the time
// of the next call. Package pgmnet does that over a network; a test does it in
// a for loop. The same calls with the same arguments give the same results, to
// the byte.
//
// # Driving a Source
//
// Call Send for each message and HandlePacket for each packet that arrives on
// the unicast address, and HandleTimeout when NextTimeout is due. After each,
// call NextTransmit until it reports false, and tell with Sent how many packets
// of each run the network took. What was not taken is offered again: the unsent
// packets of the transmit window are the send queue, there is no other.
//
// # Driving a Receiver
//
// Call HandlePacket for every packet, and HandleTimeout when NextTimeout is
// due. Then call NextEvent and NextTransmit until each reports false.
//
// Data that arrives in order is not copied: an event's Data may be a slice of
// the packet given to HandlePacket. Leave that packet's memory alone until
// NextEvent has reported false, or call Keep before it is used again; see also Lend.
//
// # Forward error correction
//
// With SourceConfig.FEC a source sends parity packets (§11), or has receivers ask for
// them; a Receiver uses them by itself, unless ReceiverConfig.NoFEC is set. A source
// with FEC.Flush leaves out numbers, so that these are not of consecutive packets.
//
// # Delivery
//
// By default messages are delivered in order: one that is missing holds back
// those behind it until it is repaired or known to be lost. ReceiverConfig has
// two ways out, for data that is worth little when it is late. Delivery
// Unordered delivers each message as soon as it is whole, so that only those
// wait that lost something themselves. MaxGap bounds the wait: what is missing
// for longer is given up and reported with CauseSkip. Both can be combined. In
// any mode a message is delivered at most once, and what is not delivered is
// reported.
//
// Neither machine is safe for concurrent use.
//
// # Limitations
//
//   - Network element and DLR procedures (RFC 3208 §7, §9.5) are not
//     implemented, nor polls (§14): such packets are parsed and dropped with a
//     count.
//   - Congestion control by ACK (PGMCC) is not implemented. A source without a
//     configured rate adapts to NAKs.
package pgm
