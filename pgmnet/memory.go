package pgmnet

import "os"

// presentMemory returns n bytes that the system has already given us, so that
// using them for the first time takes no longer than later.
func presentMemory(n int) []byte {
	b := make([]byte, n)
	adviseHuge(b)
	for i := 0; i < n; i += os.Getpagesize() {
		b[i] = 0
	}
	return b
}
