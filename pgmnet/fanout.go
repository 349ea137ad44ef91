package pgmnet

import (
	"net/netip"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// A fanout is the carrier of a Source that sends to a list of hosts in place of a
// group. Each gets what the group would: a run is one write for each of them.
//
// The socket may be full when some of them have a run of new data and others not.
// They must neither get it twice nor lose it, so it is remembered how far each has
// got, and the source is told that the network took what all have: it offers the
// rest again. All are served in the same order, so none is ever ahead of one before
// it. Other packets, such as repairs, are asked for again where they are lost.
type fanout struct {
	carrier
	to    []netip.Addr
	got   []seq.Num // of each: the number after the new data that it has got
	begun bool
	turn  int // whom to serve first with what is not new data
	lost  uint64

	part, half         pgm.Transmit
	partData, halfData [][]byte
}

func newFanout(c carrier, to []netip.Addr) *fanout {
	return &fanout{carrier: c, to: to, got: make([]seq.Num, len(to))}
}

func (f *fanout) send(tx *pgm.Transmit) (packets int, err error) {
	switch {
	case tx.To.IsValid():
		return f.carrier.send(tx)
	case tx.Original == 0:
		return f.sendOnce(tx)
	case tx.Original == tx.Packets:
		return f.sendData(tx)
	}
	f.half = *tx
	f.halfData = cutRun(&f.half, tx, f.halfData, 0, tx.Original)
	if n, err := f.sendData(&f.half); n < tx.Original || err != nil {
		return n, err
	}
	f.halfData = cutRun(&f.half, tx, f.halfData, tx.Original, tx.Packets)
	n, err := f.sendOnce(&f.half)
	if err == errFull {
		err = nil // the rest is offered again
	}
	return tx.Original + n, err
}

// sendData sends new data. It reports how many packets all have got.
func (f *fanout) sendData(tx *pgm.Transmit) (packets int, err error) {
	if !f.begun {
		f.begun = true
		for i := range f.got {
			f.got[i] = tx.First
		}
	}
	end := tx.First.Add(tx.Packets)
	if ahead := f.got[0]; ahead.After(tx.First) && ahead.Before(end) {
		end = ahead // first the others get what the first one has
	}
	last := len(f.to) - 1
	for i, to := range f.to {
		// The time stamp of a run is that of its last write: then all have got it.
		n, err := f.sendPart(tx, f.got[i].Sub(tx.First), end.Sub(tx.First), to, i == last)
		f.got[i] = seq.Max(f.got[i], tx.First.Add(n))
		if err != nil {
			if packets = f.got[last].Sub(tx.First); packets > 0 {
				return packets, nil // the rest is offered again, and fails then
			}
			return 0, err
		}
	}
	return min(f.got[last].Sub(tx.First), tx.Packets), nil
}

// sendOnce sends anything else. Where the socket is full amid the list, what the
// rest of it does not get counts as lost; those are the first to be served next.
func (f *fanout) sendOnce(tx *pgm.Transmit) (packets int, err error) {
	for k := range f.to {
		at := (f.turn + k) % len(f.to)
		n, err := f.sendPart(tx, 0, tx.Packets, f.to[at], false)
		switch {
		case err == errFull && k == 0 && n == 0:
			return 0, errFull
		case err == errFull:
			f.lost += uint64(tx.Packets - n + tx.Packets*(len(f.to)-1-k))
			f.turn = at
			return tx.Packets, nil
		case err != nil:
			return 0, err
		}
	}
	return tx.Packets, nil
}

// sendPart sends the packets of tx from number from up to number end to one host,
// and returns where it stopped. What the system refuses for a reason that may pass
// counts as lost: the others are not to wait for this one.
func (f *fanout) sendPart(tx *pgm.Transmit, from, end int, to netip.Addr, original bool) (at int, err error) {
	for at = max(from, 0); at < end; {
		f.partData = cutRun(&f.part, tx, f.partData, at, end)
		if f.part.To = to; !original {
			f.part.Original = 0
		}
		n, err := f.carrier.send(&f.part)
		switch {
		case err == nil && n > 0:
		case err == nil:
			return at, errFull
		case err != errFull && mayPass(err):
			n = f.part.Packets
			f.lost += uint64(n)
		default:
			return at, err
		}
		at += n
	}
	return at, nil
}

// cutRun makes part the packets of tx from number from up to number end. It uses the
// memory of data, which it returns.
func cutRun(part, tx *pgm.Transmit, data [][]byte, from, end int) [][]byte {
	*part = *tx
	if from == 0 && end == tx.Packets {
		return data
	}
	first, last := from*tx.Segment, min(end*tx.Segment, tx.Bytes)
	data = data[:0]
	at := 0 // of the slice in the run
	for _, b := range tx.Data {
		if lo, hi := max(first-at, 0), min(last-at, len(b)); lo < hi {
			data = append(data, b[lo:hi])
		}
		at += len(b)
	}
	part.Data, part.Packets, part.Bytes = data, end-from, last-first
	part.Original, part.First = max(min(end, tx.Original)-from, 0), tx.First.Add(from)
	return data
}

func (f *fanout) stats() IOStats {
	s := f.carrier.stats()
	s.SendErrors += f.lost
	return s
}
