package pgmnet

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseHuge asks for huge pages where b lies. They are an advantage, not a need:
// a failure is nothing.
func adviseHuge(b []byte) {
	page := uintptr(unix.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip := -start & (page - 1)
	if size := uintptr(len(b)); size >= skip+page {
		unix.Madvise(b[skip:skip+(size-skip)&^(page-1)], unix.MADV_HUGEPAGE)
	}
}
