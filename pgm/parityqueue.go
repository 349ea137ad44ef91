package pgm

import "github.com/gopgm/gopgm/seq"

// parityQueue holds parity packets that wait to be sent. They lie one behind the other
// in memory, so that a run of them is few slices, which the system takes quicker than
// one for each packet.
type parityQueue struct {
	memory []byte
	most   int // bytes of a packet
	end    int // of the last packet in memory
	slots  []paritySlot
	first  int
	n      int
}

type paritySlot struct {
	at, size int     // where the packet lies in memory
	due      seq.Num // it is not sent before that data packet is the next
	group    seq.Num // first number of the group, if it was asked for
}

// newParityQueue returns one for so many packets, of most bytes each.
func newParityQueue(packets, most int) parityQueue {
	// One more: where the largest does not fit behind the last, memory begins again.
	return parityQueue{memory: make([]byte, (packets+1)*most), most: most, slots: make([]paritySlot, packets)}
}

// place returns the number of the slot i after the first, at most one round.
func (q *parityQueue) place(i int) int {
	i += q.first
	if i >= len(q.slots) {
		i -= len(q.slots)
	}
	return i
}

func (q *parityQueue) at(i int) *paritySlot { return &q.slots[q.place(i)] }

func (q *parityQueue) full() bool { return q.n == len(q.slots) }

// room returns where the packet is to be put that is pushed next: an empty slice that
// has room for the largest.
func (q *parityQueue) room() []byte {
	if q.n == 0 || q.end+q.most > len(q.memory) {
		q.end = 0 // if nothing waits, for the processor's cache
	}
	return q.memory[q.end : q.end : q.end+q.most]
}

// push adds pkt, which is where room said.
func (q *parityQueue) push(pkt []byte, due, group seq.Num) {
	*q.at(q.n) = paritySlot{at: q.end, size: len(pkt), due: due, group: group}
	q.end += len(pkt)
	q.n++
}

func (q *parityQueue) pop(n int) {
	q.first = q.place(n)
	q.n -= n
}

// run makes the longest run of those packets that are due before data packet next,
// of one size, and of at most so many bytes or one packet.
func (q *parityQueue) run(tx *Transmit, next seq.Num, bytes int) bool {
	begin, end := 0, -1 // of the last slice
	for i := 0; i < q.n && tx.Packets < MaxRunPackets; i++ {
		sl := q.at(i)
		if tx.Packets > 0 && (sl.size != tx.Segment || tx.Bytes+sl.size > bytes) || sl.due.After(next) {
			break
		}
		if sl.at == end {
			tx.Data = tx.Data[:len(tx.Data)-1]
		} else {
			begin = sl.at
		}
		end = sl.at + sl.size
		tx.Data = append(tx.Data, q.memory[begin:end:end])
		tx.Segment = sl.size
		tx.Bytes += sl.size
		tx.Packets++
	}
	return tx.Packets > 0
}
