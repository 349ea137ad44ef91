package main

// A sink does something with what is received.
type sink interface {
	// take takes in the next event.
	take(ev *event) error

	// count returns how many of what --count counts there are.
	count() uint64

	// progress returns bytes received and, if known, expected.
	progress() (done, total int64)

	// close ends it: nothing more will come.
	close() error
}
