package pubsub

import "fmt"

// A hole is a body that the user is to fill in, in its place in a packet.
type hole struct {
	topic int // bytes of topic
	at    int // where the header of the body's frame is
	size  int // of the body at most
}

// Reserve begins a message with the frame topic and returns room for a body of
// up to size bytes, in the place from where it will be sent. The caller encodes
// the body there and calls Commit; any other call between gives up the message.
// Topic and body must fit one packet. Otherwise it is like Send, except that with
// DropNewest, too, it returns ErrWouldBlock. With Concurrent, no other goroutine
// may send from here to Commit; Serve may run.
func (p *Publisher) Reserve(topic []byte, size int) ([]byte, error) {
	p.lock()
	defer p.unlock()
	need := headerLen(len(topic)) + len(topic) + headerLen(size) + size
	if most := p.size - offsetLen; need > most || size < 0 {
		return nil, fmt.Errorf("pubsub: reserve %d bytes beside a topic of %d: a packet has room for %d with headers; use Send", size, len(topic), most)
	}
	if ok, err := p.admit(need); !ok {
		if err == nil {
			p.stats.Dropped++
			err = ErrWouldBlock
		}
		return nil, err
	}
	if p.open == nil || len(p.open)-p.n < need {
		p.reserve()
	}
	b := appendHeader(p.open[:p.n], len(topic), true)
	b = append(b, topic...)
	p.hole = hole{len(topic), len(b), size}
	at := len(b) + headerLen(size)
	return p.open[at : at+size : at+size], nil
}

// Commit publishes the message that Reserve began, with the first n bytes of what
// it returned. Otherwise it is like Send.
func (p *Publisher) Commit(n int) (id uint64, err error) {
	p.lock()
	defer p.unlock()
	h := p.hole
	if n < 0 || n > h.size || h.at == 0 || p.open == nil {
		return 0, fmt.Errorf("pubsub: commit of %d bytes: Reserve must come just before, and for as much", n)
	}
	p.begin()
	head, reserved := headerLen(n), headerLen(h.size)
	if head != reserved {
		copy(p.open[h.at+head:], p.open[h.at+reserved:h.at+reserved+n])
	}
	appendHeader(p.open[:h.at], n, false)
	p.n = h.at + head + n
	return p.end(h.topic + n)
}
