package pgm

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gopgm/gopgm/internal/fec"
	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// parity makes the parity packets of a source (RFC 3208 §11.4). Those sent
// proactively are computed as the data goes out, and those on demand when they are.
type parity struct {
	cfg  FEC
	code *fec.Code

	// The group that is being sent, of which so many packets were.
	first   seq.Num
	n       int
	began   mono.Time // when the first of them was sent; if there is none, when the last group ended
	coded   codedGroup
	encoder *fec.Encoder // nil without proactive parity
	shards  [][]byte     // the TSDUs of those that were computed last
	sums    [][]byte     // the data of its proactive parity packets, as far as it goes
	short   int          // numbers left out before the next data packet
	retry   mono.Time    // the group could not end early; not to be tried again before
	groups  []parityGroup

	proactive, demanded parityQueue

	waited bool // the parity that is due did not go with the last data: it goes before the next

	demands repairQueue // first numbers of groups of which more is asked for
	again   codedGroup  // of the one for which parity is made on demand
	sum     []byte      // the data of that

	made wire.Data // the header of the last parity packet
}

// parityGroup is what is known of a group that was sent, by its number modulo how
// many there are.
type parityGroup struct {
	size      uint8 // packets in it; 0 while it is being sent
	next      uint8 // index of the parity packet to make next
	wanted    uint8 // parity packets asked for and not yet made
	given     uint8 // made when it was last asked for
	confirmed uint8 // the largest count that an NCF was made for
}

// newParity returns nil without FEC.
func newParity(cfg *SourceConfig) (*parity, error) {
	f := cfg.FEC
	if !f.on() {
		return nil, nil
	}
	p := &parity{cfg: f}
	var err error
	if p.code, err = fec.New(f.K, f.N); err != nil {
		return nil, fmt.Errorf("pgm: %w", err)
	}
	n := 1
	for n*f.K < cfg.WindowPackets+f.K {
		n *= 2
	}
	p.groups = make([]parityGroup, n)
	p.align(cfg.FirstSQN)
	room := fec.Room(f.MaxData(cfg.MaxTPDU))
	if f.Proactive > 0 {
		if p.encoder, err = fec.NewEncoder(p.code, f.Proactive); err != nil {
			return nil, fmt.Errorf("pgm: %w", err)
		}
		p.shards = make([][]byte, 0, f.K)
		for range f.Proactive {
			p.sums = append(p.sums, make([]byte, room))
		}
		p.proactive = newParityQueue(f.Proactive*(f.Delay+2+2*p.groupsPerRun()), cfg.MaxTPDU)
	}
	if f.OnDemand || f.Flush > 0 {
		p.sum = make([]byte, room)
		p.demanded = newParityQueue(MaxRunPackets, cfg.MaxTPDU)
	}
	return p, nil
}

// align begins with number n, which may be amid a group: of a group that has no
// first packet there is no parity.
func (p *parity) align(n seq.Num) { p.first, p.n = p.start(n), 0 }

// start returns the first number of the group that n is in.
func (p *parity) start(n seq.Num) seq.Num { return n &^ seq.Num(p.cfg.K-1) }

// index returns the place of number n in its group.
func (p *parity) index(n seq.Num) int { return int(n & seq.Num(p.cfg.K-1)) }

func (p *parity) group(n seq.Num) *parityGroup {
	return &p.groups[int(uint32(n)/uint32(p.cfg.K))&(len(p.groups)-1)]
}

// groupsPerRun returns how many groups one run of data may complete, if they have
// proactive parity.
func (p *parity) groupsPerRun() int {
	return max(1, min((MaxRunPackets+p.cfg.K-1)/p.cfg.K, 2*MaxRunPackets/p.cfg.Proactive))
}

// runEnd returns where before end a run of data that begins with number from has to
// end: for the room that parity has, and not to pass over parity that is due.
func (p *parity) runEnd(from, end seq.Num) seq.Num {
	if p == nil || p.encoder == nil {
		return end
	}
	first := p.start(from)
	end = seq.Min(end, first.Add(p.groupsPerRun()*p.cfg.K))
	if p.cfg.Delay > 0 {
		end = seq.Min(end, p.delayed(first.Add(p.cfg.K), 0))
	}
	if p.proactive.n > 0 && p.proactive.at(0).due.After(from) {
		end = seq.Min(end, p.proactive.at(0).due)
	}
	return end
}

// sent takes in that data packets of one group were sent, the first of which is n. They
// lie one behind the other in data, each but the last of the given size. It reports
// whether that completes the group.
func (p *parity) sent(now mono.Time, n seq.Num, data []byte, size int) (complete bool) {
	p.short = 0
	i := p.index(n)
	if i == 0 {
		p.first, p.began = n, now
		*p.group(n) = parityGroup{}
	} else if p.n != i {
		return false // the session began amid this group
	}
	if p.encoder != nil {
		p.compute(i, data, size)
	}
	p.n = i + (len(data)+size-1)/size
	return p.n == p.cfg.K
}

// compute takes packets of a group, from packet i on, into its proactive parity.
func (p *parity) compute(i int, data []byte, size int) {
	p.shards = p.shards[:0]
	for pkt := range slices.Chunk(data, size) {
		tsdu, f := wire.CodedParts(pkt)
		p.coded.set(i+len(p.shards), tsdu, f)
		p.shards = append(p.shards, tsdu)
	}
	p.encoder.Add(i, p.shards, p.sums)
}

// end ends the group that is being sent, with as many packets as were, and queues
// its proactive parity. Number next is that of the next data packet.
func (p *parity) end(now mono.Time, head *wire.Header, trail, next seq.Num) {
	g := p.group(p.first)
	g.size = uint8(p.n)
	if p.encoder != nil {
		count, full := p.cfg.Proactive, p.n == p.cfg.K
		if !full {
			count = min(count, p.n)
		}
		for j := range count {
			due := next
			if full && p.cfg.Delay > 0 {
				due = p.delayed(next, j)
			}
			pkt := p.packet(p.proactive.room(), head, p.first, j, p.sums[j], &p.coded, wire.TypeODATA, trail)
			p.proactive.push(pkt, due, 0)
		}
	}
	g.next = uint8(p.cfg.Proactive)
	p.n, p.began = 0, now
}

// announce adds to an SPM what it says of parity (RFC 3208 §11.4). The window ends
// with the last packet sent: numbers left out after it are none of it yet.
//
// "The source MUST also add OPT_CURR_TGSIZE to any SPM that it sends with SPM_LEAD
// equal to OD_SQN of the last data packet."
func (p *parity) announce(spm *wire.SPM) {
	spm.Options.Set(wire.OptParityPrm)
	spm.Options.ParityPrm = wire.ParityPrm{Proactive: p.cfg.Proactive > 0, OnDemand: p.cfg.OnDemand, TGSize: uint32(p.cfg.K)}
	if p.short > 0 {
		spm.Lead = spm.Lead.Add(-p.short)
		spm.Trail = seq.Min(spm.Trail, spm.Lead+1)
		spm.Options.Set(wire.OptCurrTGSize)
		spm.Options.CurrTGSize = uint32(p.cfg.K - p.short)
	}
}

// delayed returns when, in terms of data packets, parity packet j of the full group
// before number next is due, with a Delay.
func (p *parity) delayed(next seq.Num, j int) seq.Num {
	return next.Add((p.cfg.Delay-1)*p.cfg.K + (j+1)*p.cfg.K/p.cfg.Proactive)
}

// hasten makes all proactive parity due now: nothing follows that it could go
// between.
func (p *parity) hasten(now seq.Num) {
	for i := range p.proactive.n {
		sl := p.proactive.at(i)
		sl.due = seq.Min(sl.due, now)
	}
}

// quiet reports that nothing waits to be sent.
func (p *parity) quiet() bool { return p.proactive.n == 0 && p.demanded.n == 0 && p.demands.n == 0 }

// due reports whether proactive parity is to be sent before data packet next.
func (p *parity) due(next seq.Num) bool {
	return p.proactive.n > 0 && !p.proactive.at(0).due.After(next)
}

// joins returns how many parity packets go in one run with data that begins with
// number first, in packets of a size: all that are due before it, if they are of that
// size, as is so for groups of full packets, and no more than half a run.
func (p *parity) joins(first seq.Num, size int) (n int) {
	if p == nil || p.waited || p.cfg.Delay > 0 {
		return 0
	}
	for ; n < p.proactive.n && !p.proactive.at(n).due.After(first); n++ {
		if n == MaxRunPackets/2 || p.proactive.at(n).size != size || (n+1)*size > MaxRunBytes/2 {
			return 0
		}
	}
	return n
}

// packet appends to b parity packet j of a group, the data of which is in sum: RFC 3208
// §11.2, "Data and parity packet numbering".
func (p *parity) packet(b []byte, head *wire.Header, first seq.Num, j int, sum []byte, c *codedGroup, t wire.Type, trail seq.Num) []byte {
	d := &p.made
	d.Header, d.SQN, d.Trail = *head, first.Add(j%p.cfg.K), trail
	d.Type = t
	d.Flags |= wire.FlagParity
	d.Options.Clear()
	size := c.size
	if c.varied {
		d.Flags |= wire.FlagVarPktLen
		size += tsduLen
	}
	if c.fragments {
		d.Options.Set(wire.OptFragment)
		f := c.fragmentCode(p.code, j)
		d.Options.Fragment = f.Fragment()
	}
	if c.n < p.cfg.K {
		d.Options.Set(wire.OptCurrTGSize)
		d.Options.CurrTGSize = uint32(c.n)
	}
	if g := j / p.cfg.K; g > 0 {
		d.Options.Set(wire.OptParityGrp)
		d.Options.ParityGrp = uint32(g)
	}
	b = append(wire.AppendDataHeader(b, d, size), sum[:c.size]...)
	if c.varied {
		b = binary.BigEndian.AppendUint16(b, c.lenCode(p.code, j))
	}
	wire.SetChecksum(b)
	return b
}

// codedGroup is what else than the data of a group's packets is coded.
type codedGroup struct {
	n         int // packets
	size      int // bytes of the largest TSDU
	varied    bool
	fragments bool
	lens      [fec.MaxData]uint16
	frags     [fec.MaxData]wire.CodedFragment // set if there are fragments
}

// set sets what packet i has, f nil if it is no fragment; those before it must have
// been set.
func (c *codedGroup) set(i int, tsdu []byte, f *wire.CodedFragment) {
	if i == 0 {
		c.size, c.varied, c.fragments = len(tsdu), false, false
	}
	c.n = i + 1
	c.varied = c.varied || len(tsdu) != c.size
	c.size = max(c.size, len(tsdu))
	c.lens[i] = uint16(len(tsdu))
	if f != nil && !c.fragments {
		c.fragments = true
		for j := range i {
			c.frags[j] = wire.NoFragment
		}
	}
	if c.fragments {
		c.frags[i] = wire.NoFragment
		if f != nil {
			c.frags[i] = *f
		}
	}
}

// lenCode returns the coded TSDU lengths of parity packet j.
func (c *codedGroup) lenCode(code *fec.Code, j int) uint16 {
	var sum, b [tsduLen]byte
	for i := range c.n {
		binary.BigEndian.PutUint16(b[:], c.lens[i])
		code.Add(j, i, b[:], sum[:])
	}
	return binary.BigEndian.Uint16(sum[:])
}

// fragmentCode returns the coded OPT_FRAGMENT of parity packet j.
func (c *codedGroup) fragmentCode(code *fec.Code, j int) (sum wire.CodedFragment) {
	for i := range c.n {
		code.Add(j, i, c.frags[i][:], sum[:])
	}
	return sum
}
