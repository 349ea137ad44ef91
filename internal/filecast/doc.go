// Package filecast sends files as PGM messages and puts them together again.
//
// A file is a begin frame with its name and size, data frames, and an end frame
// with its SHA-256 digest, each one message. The digest comes last so that the
// sender reads the file once. When the sender cannot go on it sends an abort
// frame instead of the end.
//
// PGM delivers the messages of a source in order and says what it lost, so
// there is nothing to sort and nothing to ask for: a file that loses a part is
// given up. What arrives is trusted for nothing but that.
//
// A [Cutter] makes the frames of a file and a [Receiver] takes them in. Neither
// knows of a network.
package filecast
