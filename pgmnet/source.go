package pgmnet

import (
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/wire"
)

const (
	// NAKs are looked for once this much was sent or this long has passed.
	serveBytes    = 64 << 10
	serveInterval = 100 * time.Microsecond

	// NAKs for what was sent have come after this long, in general. If they were
	// looked for since then, the next write need not.
	serveSettle = 500 * time.Microsecond

	// A shorter wait is spent polling: going to sleep takes longer.
	shortestSleep = 50 * time.Microsecond

	// Queue reads the clock only this often, or when it writes: it takes longer
	// than to put a small message in the window.
	tickEvery = 8

	// What one look for NAKs reads at most, so that a flood of them cannot
	// keep data from being sent.
	maxReads = 16
)

// Source sends messages to a multicast group. It is not safe for concurrent
// use.
type Source struct {
	engine   *pgm.Source
	net      carrier // nil once closed
	clock    clock
	now      mono.Time // when the clock was last read
	deadline mono.Time
	spin     time.Duration
	idle     mono.Time // since when there was nothing to do
	tsi      wire.TSI
	addr     netip.Addr
	runBytes int // unsent bytes that make a full run

	drop    func([]byte) bool // Config.Drop
	stamps  *stamps           // nil unless Config.Stamps
	queued  uint              // calls of Queue
	full    bool              // the socket had no room for the last write
	served  mono.Time         // when NAKs were last looked for
	wrote   mono.Time         // when look was last called after a write
	written int               // bytes sent since NAKs were looked for
	lost    uint64            // packets the system refused
	last    IOStats           // once closed
}

// NewSource opens the sockets of a source and announces it. Of pc, zero fields
// are filled in from cfg and the system: TSI at random, Addr and Group from the
// network, FirstSQN at random if TSI is given: receivers then notice a restart, MaxTPDU and Overhead from the interface. The transmit window is in
// huge pages where the system has them, and present in memory from the start.
func NewSource(cfg Config, pc pgm.SourceConfig) (*Source, error) {
	if err := cfg.fill(1<<20, 4<<20); err != nil {
		return nil, err
	}
	if err := cfg.checkTo(); err != nil {
		return nil, err
	}
	if pc.TSI == (wire.TSI{}) {
		pc.TSI = newTSI()
	} else if pc.FirstSQN == 0 {
		pc.FirstSQN = newSQN() // so that receivers can tell a restart
	}
	if !pc.Addr.IsValid() {
		pc.Addr = cfg.Addr
	}
	if !pc.Group.IsValid() {
		pc.Group = cfg.Network.Send
	}
	if pc.MaxTPDU == 0 {
		pc.MaxTPDU = cfg.maxTPDU()
	}
	if pc.Overhead == 0 {
		pc.Overhead = cfg.overhead()
	}
	if pc.Memory == nil {
		pc.Memory = presentMemory
	}
	s := &Source{
		clock:    startClock(),
		deadline: mono.Never,
		spin:     cfg.Spin,
		tsi:      pc.TSI,
		addr:     pc.Addr,
		drop:     cfg.Drop,
		runBytes: pgm.MaxRunBytes - pc.MaxTPDU,
	}
	var err error
	if s.engine, err = pgm.NewSource(s.now, pc); err != nil {
		return nil, err
	}
	if cfg.Stamps {
		s.stamps = newStamps(windowPackets(&pc))
	}
	peer := pc.Group
	if len(cfg.To) > 0 {
		peer = netip.Addr{}
	}
	s.net, err = open(&sockets{
		stamps:      s.stamps,
		iface:       cfg.Interface,
		local:       netip.AddrPortFrom(cfg.Addr, cfg.Port),
		peer:        peer,
		apart:       len(cfg.To) > 0,
		source:      pc.TSI,
		port:        cfg.Port,
		raw:         cfg.Native,
		hops:        cfg.Hops,
		dscp:        cfg.DSCP,
		loop:        cfg.Loop,
		readBuffer:  cfg.ReadBuffer,
		writeBuffer: cfg.WriteBuffer,
	}, cfg.IO, cfg.Logger)
	if err != nil {
		return nil, inUse(err)
	}
	if len(cfg.To) > 0 {
		s.net = newFanout(s.net, cfg.To)
	}
	if err := s.Poll(0); err != nil {
		s.shut()
		return nil, err
	}
	return s, nil
}

// TSI returns the session's identifier.
func (s *Source) TSI() wire.TSI { return s.tsi }

// Addr returns the address that NAKs are sent to.
func (s *Source) Addr() netip.Addr { return s.addr }

// SetDeadline sets when the calls that block give up with
// os.ErrDeadlineExceeded. The zero time, which is the default, means never.
func (s *Source) SetDeadline(t time.Time) { s.deadline = s.clock.deadline(t) }

// Stats returns the counters.
func (s *Source) Stats() SourceStats {
	st := SourceStats{SourceStats: s.engine.Stats(), IO: s.last}
	if s.net != nil {
		st.IO = s.net.stats()
	}
	st.IO.SendErrors += s.lost
	return st
}

// Send sends one message, of any length from 0. It blocks until the network
// has taken all of it, or the deadline; meanwhile it answers NAKs. It copies
// msg.
//
// After an error the message was not accepted, unless the error is a failure
// of the socket: os.ErrDeadlineExceeded when there was no room in the transmit
// window until the deadline, pgm.ErrMessageTooLarge or pgm.ErrClosed. What the
// network had not taken by the deadline is sent by later calls.
func (s *Source) Send(msg []byte) error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	s.tick()
	if err := s.put(msg); err != nil {
		return err
	}
	if err := s.flush(); err != os.ErrDeadlineExceeded {
		return err
	}
	return nil
}

// TrySend is Send without blocking: when there is no room for the message it
// returns pgm.ErrWouldBlock. What the network does not take at once is sent by
// later calls.
func (s *Source) TrySend(msg []byte) error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	s.tick()
	_, _, err := s.engine.Send(s.now, msg)
	if err == pgm.ErrWouldBlock {
		if _, err := s.serve(); err != nil {
			return err
		}
		if _, err := s.write(false); err != nil {
			return err
		}
		_, _, err = s.engine.Send(s.now, msg)
	}
	if err != nil {
		return err
	}
	if _, err := s.write(false); err != nil {
		return err
	}
	return s.look()
}

// Queue is Send for many messages in a row: packets wait in the transmit
// window until there are as many as one system call takes, or until another
// call sends them. It blocks only while there is no room for msg. A caller that
// pauses calls Flush or Poll first.
func (s *Source) Queue(msg []byte) error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	if s.queued++; s.queued%tickEvery == 0 {
		s.tick()
	}
	if err := s.put(msg); err != nil {
		return err
	}
	if s.queued%tickEvery != 0 {
		if !s.fullRun() {
			return nil
		}
		s.tick()
	}
	if _, err := s.write(true); err != nil {
		return err
	}
	return s.look()
}

// Flush blocks until the network has taken everything accepted so far, or the
// deadline.
func (s *Source) Flush() error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	s.tick()
	return s.flush()
}

// Poll sends what waits, answers NAKs and runs timers for a time; with d = 0
// it does so once.
func (s *Source) Poll(d time.Duration) error {
	if s.net == nil {
		return pgm.ErrClosed
	}
	s.tick()
	end := s.now.Add(max(d, 0))
	if _, err := s.serve(); err != nil {
		return err
	}
	for {
		if _, err := s.write(false); err != nil {
			return err
		}
		if s.now >= end {
			return nil
		}
		if err := s.sleep(end); err != nil {
			return err
		}
	}
}

// Close sends what waits, until the deadline, and tells receivers that the
// session ends. For as long as linger it goes on answering their NAKs; then it
// closes the sockets. Receivers that miss packets at that moment lose them.
func (s *Source) Close(linger time.Duration) error {
	if s.net == nil {
		return nil
	}
	err := s.Flush()
	s.engine.Close(s.now)
	return errors.Join(err, s.Poll(linger), s.shut())
}

// Abort ends the session at once, drops what waits and tells receivers so
// with a reason, 0 to 63.
func (s *Source) Abort(code uint8) error {
	if s.net == nil {
		return nil
	}
	s.tick()
	s.engine.Abort(s.now, code)
	return errors.Join(s.Poll(0), s.shut())
}

func (s *Source) shut() error {
	s.awaitStamps()
	s.last = s.net.stats()
	err := s.net.close()
	s.net = nil
	return err
}

// tick reads the clock at the start of a call.
func (s *Source) tick() {
	s.now = s.clock.now()
	s.idle = s.now
}

// put puts a message in the transmit window, and blocks while there is no room.
func (s *Source) put(msg []byte) error {
	for {
		_, _, err := s.engine.Send(s.now, msg)
		if err != pgm.ErrWouldBlock {
			return err
		}
		if err := s.Await(); err != nil {
			return err
		}
	}
}

// fullRun reports whether as much waits as one system call takes.
func (s *Source) fullRun() bool {
	packets, bytes := s.engine.Unsent()
	return packets >= pgm.MaxRunPackets || bytes >= s.runBytes
}

// flush blocks until the network has taken all data.
func (s *Source) flush() error {
	for {
		if _, err := s.write(false); err != nil {
			return err
		}
		if n, _ := s.engine.Unsent(); n == 0 {
			return s.look()
		}
		if err := s.sleep(s.deadline); err != nil {
			return err
		}
	}
}

// write gives the network what the engine has to send, until that is all or
// the socket is full; with corked, until less than a full run waits. It
// reports whether the network took anything.
func (s *Source) write(corked bool) (wrote bool, err error) {
	s.full = false
	for {
		if corked && !s.fullRun() {
			return wrote, nil
		}
		tx, ok := s.engine.NextTransmit(s.now)
		if !ok {
			return wrote, nil
		}
		bytes, n := tx.Bytes, tx.Packets
		switch taken, err := s.net.send(tx); {
		case err == nil:
			n = taken
		case err == errFull:
			s.full = true
			return wrote, nil
		case mayPass(err):
			s.lost += uint64(n) // they count as sent: receivers will ask for them
		default:
			return wrote, err
		}
		s.engine.Sent(s.now, n)
		wrote = true
		if s.written += bytes; s.written >= serveBytes {
			s.now = s.clock.now()
			if _, err := s.serve(); err != nil {
				return wrote, err
			}
		}
	}
}

// look looks for NAKs, after a write, if that was not done for a while, and
// answers them. A caller that polls between messages has its Send take one
// system call.
func (s *Source) look() error {
	settled := s.wrote.Add(serveSettle)
	s.wrote = s.now
	if s.written < serveBytes && (s.now.Sub(s.served) < serveInterval || s.served >= settled) {
		return nil
	}
	if handled, err := s.serve(); !handled || err != nil {
		return err
	}
	_, err := s.write(false)
	return err
}

// serve handles the packets that have arrived and the timers that are due. It
// reports whether there were any packets.
func (s *Source) serve() (handled bool, err error) {
	s.served, s.written = s.now, 0
	for range maxReads {
		ds, err := s.net.read()
		if err != nil {
			return handled, err
		}
		if len(ds) == 0 {
			break
		}
		handled, s.idle = true, s.now
		for i := range ds {
			if d := &ds[i]; len(d.data) == 0 {
				s.engine.HandlePacket(s.now, d.from, nil) // it is none, which is counted
			}
			for d := &ds[i]; len(d.data) > 0; {
				if pkt := d.next(); s.drop == nil || !s.drop(pkt) {
					if s.engine.HandlePacket(s.now, d.from, pkt) == pgm.DropSession && !d.passed {
						s.net.pass(pkt)
					}
				}
			}
		}
	}
	s.engine.HandleTimeout(s.now)
	if s.stamps != nil {
		return handled, s.ReadStamps()
	}
	return handled, nil
}

// sleep waits until there is something to do, but not beyond until, and serves
// it. It returns os.ErrDeadlineExceeded if until has come.
func (s *Source) sleep(until mono.Time) error {
	if s.now >= until {
		return os.ErrDeadlineExceeded
	}
	due := until
	if !s.full {
		// A full socket is waited for instead: the engine's next deadline is
		// then in the past, for the run that does not go out.
		due = min(due, s.engine.NextTimeout(s.now))
	}
	d := due.Sub(s.now)
	if n, _ := s.engine.Unsent(); n > 0 && !s.full {
		d -= shortestSleep // pacing: the rest is waited for exactly
	}
	if polling := s.spin < 0 || s.now.Sub(s.idle) < s.spin; !polling && d > shortestSleep {
		if err := s.net.wait(d, s.full); err != nil {
			return err
		}
	}
	s.now = s.clock.now()
	_, err := s.serve()
	return err
}
