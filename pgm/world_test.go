package pgm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/seq"
)

// worldStart is the instant that scenarios call 0s.
const worldStart = mono.Time(time.Second)

// world is where a scenario takes place: a Source, or a Receiver, or both and a
// link between them, in virtual time. Whatever the machines give is logged.
type world struct {
	t     *testing.T
	where string // the command being carried out
	now   mono.Time
	out   []string // the log of this step

	src *Source
	rcv *Receiver

	blocked bool // the network takes none of the source's packets
	held    bool // nobody takes the receiver's events

	linked bool // each gets what the other sends
	delay  time.Duration
	air    []flight
	lose   []loser

	spmSQN seq.Num // of the next SPM that does not say its own
}

// flight is a packet on the link.
type flight struct {
	at     mono.Time
	to     func(pkt []byte)
	packet []byte
}

// loser loses packets on the link.
type loser struct {
	words []string // what the packet's description must contain
	times int      // how many more
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s: %s", w.where, fmt.Sprintf(format, args...))
}

// log notes what happens now, to the microsecond: what follows from logarithms
// differs by less from one kind of processor to another.
func (w *world) log(format string, args ...any) {
	w.out = append(w.out, w.now.Sub(worldStart).Round(time.Microsecond).String()+" "+fmt.Sprintf(format, args...))
}

// do carries out one command.
func (w *world) do(line string) {
	words := strings.Fields(line)
	a := newArgs(w, words[1:])
	if at, ok := a.duration("t"); ok {
		w.runTo(worldStart.Add(at))
	}
	switch words[0] {
	case "source":
		w.newSource(a)
	case "receiver":
		w.newReceiver(a)
	case "link":
		w.linked = true
		w.delay, _ = a.duration("delay")
	case "lose":
		l := loser{times: 1}
		if n, ok := a.number("times"); ok {
			l.times = int(n)
		}
		l.words = a.rest()
		w.lose = append(w.lose, l)
	case "send":
		w.send(a)
	case "recv":
		w.recv(a)
	case "advance":
		if d, ok := a.duration("by"); ok {
			w.runTo(w.now.Add(d))
		} else if at, ok := a.duration("to"); ok {
			w.runTo(worldStart.Add(at))
		}
	case "close":
		w.src.Close(w.now)
	case "abort":
		code, _ := a.number("code")
		w.src.Abort(w.now, uint8(code))
	case "block":
		w.blocked = true
	case "unblock":
		w.blocked = false
	case "hold":
		w.held = true
	case "take":
		w.held = false
	case "stats":
		w.stats(a.rest())
	case "timeout":
		w.timeout()
	default:
		w.fatalf("unknown command")
	}
	a.done()
	w.settle()
}

// newSource begins with the fields of a SourceConfig that the command names.
func (w *world) newSource(a *args) {
	cfg := SourceConfig{TSI: testTSI, Addr: sourceAddr, Group: groupAddr}
	a.config(&cfg)
	var err error
	if w.src, err = NewSource(w.now, cfg); err != nil {
		w.fatalf("%v", err)
	}
}

// newReceiver begins with the fields of a ReceiverConfig that the command names.
// Rand is what its draws are, in turn, as a share of the range they are from.
func (w *world) newReceiver(a *args) {
	cfg := ReceiverConfig{}
	draws := &draws{shares: []float64{0.5}}
	if s, ok := a.take("Rand"); ok {
		draws.shares = nil
		for _, v := range strings.Split(s, ",") {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || f < 0 || f >= 1 {
				w.fatalf("Rand: want numbers from 0 to less than 1")
			}
			draws.shares = append(draws.shares, f)
		}
	}
	cfg.Rand = draws
	a.config(&cfg)
	var err error
	if w.rcv, err = NewReceiver(cfg); err != nil {
		w.fatalf("%v", err)
	}
}

// draws is a rand.Source that a scenario writes itself.
type draws struct {
	shares []float64
	n      int
}

var _ rand.Source = (*draws)(nil)

// Uint64 serves both Float64, which is made of the low 53 bits, and Int64N, which
// is made of the high ones. The count in the lowest ensures that Int64N, which
// draws again when it has to, comes to an end.
func (d *draws) Uint64() uint64 {
	f := d.shares[d.n%len(d.shares)]
	d.n++
	return uint64(f*(1<<11))<<53 | uint64(f*(1<<53)) + uint64(d.n&7)
}

// send has the application send messages: n of them, of size bytes or data.
func (w *world) send(a *args) {
	n, ok := a.number("n")
	if !ok {
		n = 1
	}
	size, sized := a.number("size")
	data, _ := a.take("data")
	if sized {
		data = strings.Repeat("x", int(size))
	}
	for range n {
		if _, _, err := w.src.Send(w.now, []byte(data)); err != nil {
			w.log("refused: %v", err)
			return
		}
		w.settle()
	}
}

// recv hands a packet to the machine that packets of its type are for. The NAKs
// and SPMRs of other receivers are for the receiver, unless there is a source.
func (w *world) recv(a *args) {
	typ, pkt, from := w.packet(a)
	if typ.Upstream() && w.src != nil {
		w.toSource(from, pkt)
		return
	}
	w.toReceiver(from, pkt)
}

func (w *world) toSource(from netip.Addr, pkt []byte) {
	if err := w.src.HandlePacket(w.now, from, pkt); err != nil {
		w.log("drop: %s", err.(Drop).String())
	}
}

func (w *world) toReceiver(from netip.Addr, pkt []byte) {
	if err := w.rcv.HandlePacket(w.now, from, groupAddr, pkt); err != nil {
		w.log("drop: %s", err.(Drop).String())
	}
	w.events()
}

func (w *world) events() {
	var ev Event
	for !w.held && w.rcv.NextEvent(&ev) {
		s := eventString(ev)
		if ev.Kind == EventReset {
			s += fmt.Sprintf(" code %d", ev.Code)
		}
		if ev.Syn {
			s += " SYN"
		}
		w.log("event %s", s)
	}
}

// settle takes out all that the machines have at this time, and carries over what
// arrives without delay.
func (w *world) settle() {
	for steps := 0; ; steps++ {
		if steps > 10000 {
			w.fatalf("no end of packets")
		}
		moved := false
		if w.src != nil && !w.blocked {
			moved = w.takeSource()
		}
		if w.rcv != nil {
			w.events()
			moved = w.takeReceiver() || moved
		}
		moved = w.land() || moved
		if moved {
			continue
		}
		if w.src != nil && !w.blocked && w.src.NextTimeout(w.now) <= w.now {
			w.src.HandleTimeout(w.now)
			moved = true
		}
		if w.rcv != nil && w.rcv.NextTimeout() <= w.now {
			w.rcv.HandleTimeout(w.now)
			moved = true
		}
		if !moved {
			return
		}
	}
}

func (w *world) takeSource() (moved bool) {
	for {
		tx, ok := w.src.NextTransmit(w.now)
		if !ok {
			return moved
		}
		moved = true
		run := bytes.Join(tx.Data, nil)
		sent, segment, n := *tx, tx.Segment, tx.Packets
		w.src.Sent(w.now, n)
		for range n {
			pkt := run[:min(segment, len(run))]
			run = run[len(pkt):]
			w.fly(&sent, pkt, func(pkt []byte) { w.toReceiver(sourceAddr, pkt) })
		}
	}
}

func (w *world) takeReceiver() (moved bool) {
	for {
		tx, ok := w.rcv.NextTransmit(w.now)
		if !ok {
			return moved
		}
		moved = true
		w.fly(tx, bytes.Join(tx.Data, nil), func(pkt []byte) {
			if tx.To.IsValid() {
				w.toSource(receiverAddr, pkt)
			}
		})
	}
}

// fly logs a packet that is sent, and puts it on the link if there is one.
func (w *world) fly(tx *Transmit, pkt []byte, to func([]byte)) {
	text := packetString(pkt)
	switch {
	case tx.To.IsValid():
		text += " to " + tx.To.String()
	case tx.LinkLocal:
		text += " to the group, TTL 1"
	default:
		text += " to the group"
	}
	if tx.RouterAlert {
		text += ", router alert"
	}
	if !w.linked {
		w.log("send %s", text)
		return
	}
	for i := range w.lose {
		l := &w.lose[i]
		if l.times > 0 && l.match(text) {
			l.times--
			w.log("lose %s", text)
			return
		}
	}
	w.log("send %s", text)
	w.air = append(w.air, flight{w.now.Add(w.delay), to, bytes.Clone(pkt)})
}

// match reports whether the words come in the text, the first at its start.
func (l *loser) match(text string) bool {
	want := strings.Join(l.words, " ")
	return strings.HasPrefix(text+" ", want+" ") || strings.HasPrefix(text, want+",")
}

// land hands over the packets that have arrived.
func (w *world) land() (moved bool) {
	for len(w.air) > 0 && w.air[0].at <= w.now {
		f := w.air[0]
		w.air = w.air[1:]
		f.to(f.packet)
		moved = true
	}
	return moved
}

// runTo lets time pass up to at. What is due at that instant is left for settle:
// a packet that arrives then comes first.
func (w *world) runTo(at mono.Time) {
	if at < w.now {
		w.fatalf("that time is over")
	}
	for steps := 0; ; steps++ {
		next := mono.Never
		if w.src != nil && !w.blocked {
			next = min(next, w.src.NextTimeout(w.now))
		}
		if w.rcv != nil {
			next = min(next, w.rcv.NextTimeout())
		}
		if len(w.air) > 0 {
			next = min(next, w.air[0].at)
		}
		if next >= at {
			w.now = at
			return
		}
		if steps > 100000 {
			w.fatalf("a machine spins")
		}
		w.now = max(w.now, next)
		w.settle()
	}
}

// stats logs counters by name.
func (w *world) stats(names []string) {
	for _, name := range names {
		found := false
		if w.src != nil {
			found = w.stat("source", reflect.ValueOf(w.src.Stats()), name)
		}
		if w.rcv != nil {
			found = w.stat("receiver", reflect.ValueOf(w.rcv.Stats()), name) || found
		}
		if !found {
			w.fatalf("no counter %s", name)
		}
	}
}

func (w *world) stat(of string, v reflect.Value, name string) bool {
	f := v.FieldByName(name)
	if !f.IsValid() {
		return false
	}
	w.log("%s %s = %v", of, name, f.Interface())
	return true
}

// timeout logs when the machines are to be called next.
func (w *world) timeout() {
	say := func(of string, at mono.Time) {
		if at == mono.Never {
			w.log("%s timeout never", of)
			return
		}
		w.log("%s timeout %v", of, at.Sub(worldStart).Round(time.Microsecond))
	}
	if w.src != nil {
		say("source", w.src.NextTimeout(w.now))
	}
	if w.rcv != nil {
		say("receiver", w.rcv.NextTimeout())
	}
}

// args are the words of a command after the first.
type args struct {
	w     *world
	words []string
}

func newArgs(w *world, words []string) *args { return &args{w, words} }

// take returns the value of the word key=value, or of the word key alone.
func (a *args) take(key string) (value string, ok bool) {
	for i, word := range a.words {
		k, v, _ := strings.Cut(word, "=")
		if k == key {
			a.words = slices.Delete(a.words, i, i+1)
			return v, true
		}
	}
	return "", false
}

func (a *args) rest() []string {
	words := a.words
	a.words = nil
	return words
}

// done fails if a word was not used.
func (a *args) done() {
	if len(a.words) > 0 {
		a.w.fatalf("do not know %q", a.words)
	}
}

func (a *args) duration(key string) (time.Duration, bool) {
	s, ok := a.take(key)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		a.w.fatalf("%s: %v", key, err)
	}
	return d, true
}

func (a *args) number(key string) (uint32, bool) {
	s, ok := a.take(key)
	if !ok {
		return 0, false
	}
	return a.parse(s), true
}

func (a *args) parse(s string) uint32 {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		a.w.fatalf("%v", err)
	}
	return uint32(n)
}

// numbers returns the value of key as so many numbers; any number if n is 0.
func (a *args) numbers(key string, n int) ([]uint32, bool) {
	s, ok := a.take(key)
	if !ok {
		return nil, false
	}
	var list []uint32
	for _, v := range strings.Split(s, ",") {
		list = append(list, a.parse(v))
	}
	if n != 0 && len(list) != n {
		a.w.fatalf("%s: want %d numbers", key, n)
	}
	return list, true
}

func (a *args) addr(key string, otherwise netip.Addr) netip.Addr {
	s, ok := a.take(key)
	if !ok {
		return otherwise
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		a.w.fatalf("%s: %v", key, err)
	}
	return addr
}

// config sets the fields of a configuration that the words name: Field=value, or
// Field alone for true, and Struct.Field for one of a struct in it.
func (a *args) config(cfg any) {
	for _, word := range a.rest() {
		key, value, given := strings.Cut(word, "=")
		v := reflect.ValueOf(cfg).Elem()
		for _, name := range strings.Split(key, ".") {
			if v = v.FieldByName(name); !v.IsValid() {
				a.w.fatalf("no field %s", key)
			}
		}
		var err error
		switch {
		case v.Type() == reflect.TypeFor[time.Duration]():
			var d time.Duration
			d, err = time.ParseDuration(value)
			v.SetInt(int64(d))
		case v.Type() == reflect.TypeFor[netip.Addr]():
			v.Set(reflect.ValueOf(netip.MustParseAddr(value)))
		case v.Kind() == reflect.Bool:
			v.SetBool(!given || value == "true")
		case v.CanInt():
			var n int64
			n, err = strconv.ParseInt(value, 0, 64)
			v.SetInt(n)
		case v.CanUint():
			var n uint64
			n, err = strconv.ParseUint(value, 0, 64)
			v.SetUint(n)
		default:
			a.w.fatalf("%s: cannot set a %v", key, v.Type())
		}
		if err != nil {
			a.w.fatalf("%v", err)
		}
	}
}
