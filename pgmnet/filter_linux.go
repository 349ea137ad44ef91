package pgmnet

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// maxFilter is how many instructions the kernel takes (BPF_MAXINSNS).
const maxFilter = 4096

// attach has the kernel keep from a socket what f does not admit, where its own
// filters of sources do not work: they are for what comes by multicast, and those of
// IPv6 not for a raw socket that is bound to its group. A list that is too long for
// it is left to be screened, and so is everything should it fail.
func (f *sourceFilter) attach(fd int, v6 bool) {
	if !f.only && len(f.list) == 0 {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		return
	}
	program := f.program(v6)
	if len(program) > maxFilter {
		program = []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1}}
	}
	unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

// program returns f for the kernel: it compares the source address in the header of
// IP with each of the list, a word at a time, and returns how much of the packet to
// keep.
func (f *sourceFilter) program(v6 bool) (p []unix.SockFilter) {
	const network = 1<<32 - 0x100000 // SKF_NET_OFF: offsets from there are those in IP
	listed, others := uint32(0), uint32(1<<32-1)
	if f.only {
		listed, others = others, listed
	}
	at := uint32(12) // of the source address
	if v6 {
		at = 8
	}
	for _, source := range f.list {
		b := source.AsSlice()
		for i := 0; i < len(b); i += 4 {
			next := uint8((len(b)-i)/4*2 - 1) // instructions to the next address
			p = append(p,
				unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: network + at + uint32(i)},
				unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: binary.BigEndian.Uint32(b[i:]), Jf: next})
		}
		p = append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: listed})
	}
	return append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: others})
}
