package pgm

import (
	"errors"
	"net/netip"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/txwindow"
	"github.com/gopgm/gopgm/wire"
)

// ErrWouldBlock means there is no room for a message now. Try again after
// packets were sent, or when NextTimeout is due.
var ErrWouldBlock = errors.New("pgm: would block")

// ErrMessageTooLarge means a message can never fit the window.
var ErrMessageTooLarge = errors.New("pgm: message larger than half the transmit window")

// ErrClosed means the source was closed or aborted.
var ErrClosed = errors.New("pgm: source closed")

// Source is the sending end of a session.
type Source struct {
	cfg SourceConfig
	now mono.Time // the latest time given; one that goes back counts as it

	win     *txwindow.Window
	repairs repairQueue
	ncfs    ncfQueue
	vain    mono.Time // when an NCF for what is not in the window was last made
	pacer   pacer
	adapt   adapter // if cfg.Rate is 0
	parity  *parity // nil without FEC

	heart   heartbeat
	spms    int       // SPMs to send at once
	spmSQN  seq.Num   // of the next SPM
	lastSPM mono.Time // when the last one was sent

	closed bool // Send is over
	fin    bool // SPMs carry OPT_FIN
	rst    bool // SPMs carry OPT_RST
	code   uint8

	backoff backoffTuner
	lag     time.Duration // from a packet to the first NAK for it, smoothed
	ask     recent        // the longest lag
	reask   recent        // from a repair to the next NAK for it

	open     []byte    // the packet begun by Reserve
	head     wire.Data // of the next ODATA
	mixed    bool      // messages in fragments were sent: others bear an option too
	maxAlone int       // bytes of data in a packet without options
	maxPart  int       // bytes of data in a fragment

	tx         Transmit // what NextTransmit returned last
	kind       runKind
	iov        [MaxRunPackets][]byte
	control    []byte    // an SPM or NCF
	repairLast bool      // the last data run were repairs
	sendAt     mono.Time // the next run may not be sent sooner
	roomAt     mono.Time // Send was refused; there may be room then

	stats SourceStats
}

// maxExtra is how many bytes of options a packet may have beside OPT_FRAGMENT.
const maxExtra = 12

// runKind says what a run of packets is.
type runKind uint8

const (
	runNone runKind = iota
	runNCF
	runSPM
	runRDATA
	runDemanded // parity that was asked for
	runParity   // and that was not
	runODATA
)

// NewSource checks cfg and returns a Source that starts at now: its first run
// are three SPMs.
func NewSource(now mono.Time, cfg SourceConfig) (*Source, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Source{
		cfg: cfg,
		now: now,
		win: txwindow.New(cfg.WindowPackets, cfg.Memory(cfg.WindowBytes)[:cfg.WindowBytes], cfg.FirstSQN),
		heart: heartbeat{
			ambient:  cfg.AmbientSPM,
			shortest: cfg.HeartbeatMin,
			longest:  cfg.HeartbeatMax,
			interval: cfg.HeartbeatMin,
			next:     mono.Never,
		},
		spms:     3,
		backoff:  newBackoffTuner(cfg.NAKBackoff),
		maxAlone: cfg.FEC.MaxData(cfg.MaxTPDU),
		maxPart:  cfg.MaxTPDU - wire.FragmentHeaderLen,
		control:  make([]byte, 0, 512),
		roomAt:   mono.Never,
		pacer:    pacer{rate: float64(cfg.Rate), burst: float64(cfg.Burst), tokens: float64(cfg.Burst), last: now},
	}
	if s.parity, err = newParity(&cfg); err != nil {
		return nil, err
	}
	if s.parity != nil {
		s.maxPart = s.maxAlone
	}
	s.head.Header = wire.Header{SrcPort: cfg.TSI.Port, DstPort: cfg.Port, Type: wire.TypeODATA, GSI: cfg.TSI.GSI}
	s.head.Options.Set(wire.OptSyn)
	if cfg.Rate == 0 {
		s.adapt = newAdapter(now, cfg.MinRate, cfg.MaxRate)
		s.setRate(now)
	}
	return s, nil
}

// clock takes in the time of a call.
func (s *Source) clock(now mono.Time) mono.Time {
	s.now = max(s.now, now)
	return s.now
}

// Send puts one message, of any length from 0, in the transmit window, cut into
// fragments when it is larger than a packet (RFC 3208 §9.2). It copies msg.
// It returns the numbers of its first and last packet, or ErrWouldBlock,
// ErrMessageTooLarge or ErrClosed, with nothing sent.
func (s *Source) Send(now mono.Time, msg []byte) (first, last seq.Num, err error) {
	now = s.clock(now)
	packets, size := 1, len(msg)
	if size > s.room(s.maxAlone) {
		packets = 1 + (size+s.maxPart-s.room(s.maxPart)-1)/s.maxPart
	}
	if err := s.admit(now, packets, size+packets*wire.FragmentHeaderLen+maxExtra); err != nil {
		return 0, 0, err
	}
	first = s.win.Next()
	if packets == 1 {
		s.markAlone()
		s.appendPacket(msg)
		if s.mixed {
			s.head.Options.Clear()
		}
	} else {
		s.mixed = true
		s.appendFragments(first, msg)
	}
	s.sendAt = 0
	s.stats.Messages++
	s.stats.MessageBytes += uint64(size)
	return first, s.win.Next() - 1, nil
}

// admit makes room for so many packets of so many bytes together. It returns
// ErrWouldBlock, ErrMessageTooLarge or ErrClosed if it cannot.
func (s *Source) admit(now mono.Time, packets, bytes int) error {
	if s.closed {
		return ErrClosed
	}
	if packets > s.cfg.WindowPackets/2 || bytes > s.cfg.WindowBytes/2 {
		return ErrMessageTooLarge
	}
	if _, waiting := s.win.Backlog(); waiting > 0 && waiting+bytes > s.cfg.MaxBacklog {
		s.roomAt = mono.Never // room comes with sending
		return ErrWouldBlock
	}
	if !s.makeRoom(now, packets, bytes) {
		return ErrWouldBlock
	}
	s.roomAt = mono.Never
	return nil
}

// room returns how much data fits the next packet, of n that fit one without
// OPT_SYN.
func (s *Source) room(n int) int {
	switch syn := s.head.Options.Has(wire.OptSyn); {
	case s.parity != nil:
		return n // less than fits with every option: parity packets have more
	case n == s.maxPart && syn:
		return n - 4
	case n == s.maxPart:
		return n
	case syn:
		return n - 8 // OPT_SYN brings OPT_LENGTH with it
	case s.mixed:
		return n - 12 // so does OPT_JOIN
	}
	return n
}

// markAlone puts an option on a packet that is not a fragment, if there are
// fragments in the session.
//
// OpenPGM 5.3, when it gets a fragment it already has, takes the packets after
// it for fragments too, until one bears an option: it drops them, or loses them
// for good. A packet with an option ends that. OPT_JOIN is the one that may
// stand on any packet (RFC 3208 §9.4); it says what holds anyway: that a
// receiver may begin here, or with the window where Join is configured.
func (s *Source) markAlone() {
	if !s.mixed || s.head.Options.Has(wire.OptSyn) {
		return
	}
	s.head.Options.Set(wire.OptJoin)
	s.head.Options.Join = s.win.Next()
	if s.cfg.Join {
		s.head.Options.Join = s.win.Trail()
	}
}

// appendFragments adds the packets of a message that begins with number first.
func (s *Source) appendFragments(first seq.Num, msg []byte) {
	s.head.Options.Set(wire.OptFragment)
	s.head.Options.Fragment = wire.Fragment{First: first, Length: uint32(len(msg))}
	for off := 0; off < len(msg); {
		part := msg[off:min(off+s.room(s.maxPart), len(msg))]
		s.head.Options.Fragment.Offset = uint32(off)
		s.appendPacket(part)
		s.head.Options.Set(wire.OptFragment)
		off += len(part)
	}
	s.head.Options.Clear()
}

// appendPacket encodes the next packet in its place in the window.
func (s *Source) appendPacket(data []byte) {
	b := s.win.Reserve(min(wire.FragmentHeaderLen+maxExtra+len(data), s.cfg.MaxTPDU))
	s.commit(append(s.appendHeader(b[:0], len(data)), data...))
}

// appendHeader appends the header of the next packet, which has n bytes of data.
func (s *Source) appendHeader(b []byte, n int) []byte {
	s.head.SQN, s.head.Trail = s.win.Next(), s.win.Trail()
	return wire.AppendDataHeader(b, &s.head, n)
}

// commit completes the packet that was encoded in its place.
func (s *Source) commit(pkt []byte) {
	wire.SetChecksum(pkt)
	s.win.Commit(len(pkt))
	if s.head.Options.Has(wire.OptSyn) {
		s.head.Options.Clear()
	}
}

// HandlePacket takes in one packet that arrived from the address from at now.
// It keeps no part of pkt. An error is a Drop: why pkt was not used.
func (s *Source) HandlePacket(now mono.Time, from netip.Addr, pkt []byte) error {
	now = s.clock(now)
	h, err := wire.ParseHeader(pkt)
	if err != nil {
		return s.stats.Drops.drop(dropOf(err))
	}
	switch h.Type {
	case wire.TypeNAK, wire.TypeSPMR:
	case wire.TypeNNAK, wire.TypePOLR, wire.TypeACK, wire.TypePOLL:
		return s.stats.Drops.drop(DropUnsupported)
	default:
		return s.stats.Drops.drop(DropRole)
	}
	if h.TSI() != s.cfg.TSI {
		return s.stats.Drops.drop(DropSession)
	}
	if h.DataDestPort() != s.cfg.Port {
		return s.stats.Drops.drop(DropPort)
	}
	if h.Type == wire.TypeSPMR {
		return s.handleSPMR(now, pkt)
	}
	return s.handleNAK(now, pkt)
}

// HandleTimeout runs every timer due at or before now.
func (s *Source) HandleTimeout(now mono.Time) {
	now = s.clock(now)
	if s.heart.due() <= now && s.spms == 0 {
		s.spms = 1
		s.sendAt = 0
	}
	if s.roomAt <= now {
		s.roomAt = mono.Never
	}
	if s.flushAt() <= now {
		s.flushParity(now)
	}
	s.retireOld(now)
}

// NextTimeout reports when HandleTimeout and NextTransmit must next be called,
// or mono.Never. It is in the past when a run is waiting to be sent.
func (s *Source) NextTimeout(now mono.Time) mono.Time {
	t := min(s.sendAt, s.roomAt, s.nextRetire(), s.flushAt())
	if s.spms == 0 {
		t = min(t, s.heart.due())
	}
	return t
}

// Unsent returns how many packets and bytes wait in the window for their first
// transmission.
func (s *Source) Unsent() (packets, bytes int) { return s.win.Backlog() }

// Progress returns where the session is: trail is the oldest number that can be
// repaired, unsent the first that was not sent, next the one that the next packet
// will get.
func (s *Source) Progress() (trail, unsent, next seq.Num) {
	return s.win.Trail(), s.win.Unsent(), s.win.Next()
}

// Close ends the session: what was accepted is still sent, and from then on
// every SPM carries OPT_FIN (RFC 3208 §9.7). NAKs are answered for as long as
// the caller goes on driving the Source.
func (s *Source) Close(now mono.Time) {
	now = s.clock(now)
	s.closed = true
	s.finish(now)
}

// finish starts to announce the end once all that was accepted is sent.
//
// "When a source detects that it needs to send an OPT_FIN it SHOULD immediately
// send it [...] by immediately sending an SPM." RFC 3208 §9.7.2
func (s *Source) finish(now mono.Time) {
	if packets, _ := s.win.Backlog(); s.closed && !s.fin && !s.rst && packets == 0 {
		s.flushParity(now)
		s.fin = true
		s.spms = 3
		s.sendAt = 0
	}
}

// Abort ends the session at once: what was not sent is dropped, and every SPM
// from now on carries OPT_RST with the code, 0 to 63 (RFC 3208 §9.8). NAKs are
// answered as after Close.
func (s *Source) Abort(now mono.Time, code uint8) {
	s.clock(now)
	s.closed, s.rst, s.fin = true, true, false
	s.code = min(code, 63)
	s.win.DropUnsent()
	s.spms = 3
	s.sendAt = 0
}

// Quiet reports that everything accepted was sent and nothing else waits: no
// repair, NCF or SPM.
func (s *Source) Quiet() bool {
	packets, _ := s.win.Backlog()
	return packets == 0 && s.repairs.n == 0 && s.ncfs.n == 0 && s.spms == 0 && (s.parity == nil || s.parity.quiet())
}

// Stats returns the counters.
func (s *Source) Stats() SourceStats {
	st := s.stats
	st.Rate = int64(s.pacer.rate)
	st.Backlog, _ = s.win.Backlog()
	st.Window, st.WindowBytes = s.win.Len(), s.win.Bytes()
	return st
}
