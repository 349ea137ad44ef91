package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/mono"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// testLedger has messages of 1, 3, 1 and 1 packets, numbered across the wrap.
func testLedger(t *testing.T) *ledger {
	l := newLedger(0xfffffffd)
	for _, m := range []struct {
		first, last seq.Num
		data        string
	}{{0xfffffffd, 0xfffffffd, "a"}, {0xfffffffe, 0, "bcd"}, {1, 1, ""}, {2, 2, "e"}} {
		if err := l.add(5, m.first, m.last, []byte(m.data), 1); err != nil {
			t.Fatal(err)
		}
	}
	l.sent, l.trail = 3, 0xfffffffe
	l.closed = true
	return l
}

func ev(kind pgm.EventKind, first, last seq.Num, data string) pgm.Event {
	e := pgm.Event{Kind: kind, First: first, Last: last, Data: []byte(data), Floor: 0xfffffffd}
	if kind == pgm.EventLoss {
		e.Cause = pgm.CauseData
	}
	return e
}

// Each script breaks one rule with its last event, or none.
func TestAudit(t *testing.T) {
	const (
		msg, loss, join, fin = pgm.EventMessage, pgm.EventLoss, pgm.EventJoin, pgm.EventFin
		start                = 0xfffffffd
	)
	a := ev(msg, start, start, "a")
	bcd := ev(msg, 0xfffffffe, 0, "bcd")
	empty := ev(msg, 1, 1, "")
	e := ev(msg, 2, 2, "e")
	with := func(ev pgm.Event, c pgm.Cause) pgm.Event { ev.Cause = c; return ev }
	syn := ev(join, 0xfffffffe, 0, "")
	syn.Syn = true

	for _, tt := range []struct {
		desc   string
		events []pgm.Event
		want   string // part of the error of the last event
	}{
		{"all delivered", []pgm.Event{ev(join, start, 0, ""), a, bcd, empty, e, ev(fin, 0, 0, "")}, ""},
		{"late join", []pgm.Event{ev(join, 1, 0, ""), empty, e, ev(fin, 0, 0, "")}, ""},
		{"loss", []pgm.Event{ev(join, start, 0, ""), a, ev(loss, 0xfffffffe, 1, ""), e, ev(fin, 0, 0, "")}, ""},
		{"trail", []pgm.Event{ev(join, start, 0, ""), with(ev(loss, start, start, ""), pgm.CauseTrail), bcd}, ""},
		{"expired and back", []pgm.Event{ev(join, start, 0, ""), a, ev(pgm.EventExpired, 0, 0, ""), ev(join, 2, 0, ""), e}, ""},

		{"no join", []pgm.Event{a}, "without a join"},
		{"joined twice", []pgm.Event{ev(join, start, 0, ""), ev(join, start, 0, "")}, "joined twice"},
		{"joined after fin", []pgm.Event{ev(join, 2, 0, ""), e, ev(fin, 0, 0, ""), ev(join, 2, 0, "")}, "after the end"},
		{"joined before the first", []pgm.Event{ev(join, start-1, 0, "")}, "joined at"},
		{"joined after the last", []pgm.Event{ev(join, 4, 0, "")}, "joined at"},
		{"syn elsewhere", []pgm.Event{syn}, "beginning"},
		{"delivered twice", []pgm.Event{ev(join, start, 0, ""), a, a}, "want it to begin with"},
		{"skipped", []pgm.Event{ev(join, start, 0, ""), a, empty}, "want it to begin with"},
		{"out of order", []pgm.Event{ev(join, start, 0, ""), bcd}, "want it to begin with"},
		{"lost and delivered", []pgm.Event{ev(join, start, 0, ""), ev(loss, start, start, ""), a}, "want it to begin with"},
		{"delivered and lost", []pgm.Event{ev(join, start, 0, ""), a, ev(loss, start, 0, "")}, "want it to begin with"},
		{"loss that ends before it begins", []pgm.Event{ev(join, start, 0, ""), a, ev(loss, 0xfffffffe, start, "")}, "want it to begin with"},
		{"loss without a cause", []pgm.Event{ev(join, start, 0, ""), with(ev(loss, start, start, ""), pgm.CauseNone)}, "with cause none"},
		{"lost what was never sent", []pgm.Event{ev(join, 2, 0, ""), ev(loss, 2, 3, "")}, "never sent"},
		{"message never sent", []pgm.Event{ev(join, 3, 0, ""), ev(msg, 3, 3, "")}, "never sent"},
		{"wrong bytes", []pgm.Event{ev(join, start, 0, ""), ev(msg, start, start, "x")}, "differs"},
		{"cut short", []pgm.Event{ev(join, 0xfffffffe, 0, ""), ev(msg, 0xfffffffe, 0, "bc")}, "differs"},
		{"half a message", []pgm.Event{ev(join, 0xfffffffe, 0, ""), ev(msg, 0xfffffffe, 0xffffffff, "bc")}, "sent as"},
		{"begun midway", []pgm.Event{ev(join, 0xffffffff, 0, ""), ev(msg, 0xffffffff, 0, "cd")}, "sent as"},
		{"fin too early", []pgm.Event{ev(join, start, 0, ""), a, bcd, empty, ev(fin, 0, 0, "")}, "fin at"},
		{"after fin", []pgm.Event{ev(join, 2, 0, ""), e, ev(fin, 0, 0, ""), e}, "without a join"},
		{"reset without abort", []pgm.Event{ev(join, start, 0, ""), ev(pgm.EventReset, 0, 0, "")}, "reset"},
		{"trail that did not pass", []pgm.Event{ev(join, start, 0, ""), a, with(ev(loss, 0xfffffffe, 0, ""), pgm.CauseTrail)}, "window begins"},
		{"fragment of one", []pgm.Event{ev(join, start, 0, ""), with(ev(loss, start, start, ""), pgm.CauseFragment)}, "one packet"},
		{"size within bounds", []pgm.Event{ev(join, start, 0, ""), with(ev(loss, start, start, ""), pgm.CauseSize)}, "1 bytes"},
		{"not passive", []pgm.Event{ev(join, start, 0, ""), with(ev(loss, start, start, ""), pgm.CausePassive)}, "not passive"},
	} {
		a := audit{ledger: testLedger(t), cfg: &pgm.ReceiverConfig{}}
		for i, ev := range tt.events {
			err := a.event(mono.Time(i), &ev)
			switch last := i == len(tt.events)-1; {
			case err == nil && last && tt.want != "":
				t.Errorf("%s: no error, want %q", tt.desc, tt.want)
			case err != nil && (!last || tt.want == "" || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%s: event %d: %v, want %q", tt.desc, i, err, tt.want)
			}
		}
	}
}

// With unordered delivery each number is told of once, in any order, and before
// the end.
func TestAuditUnordered(t *testing.T) {
	const (
		msg, loss, join, fin = pgm.EventMessage, pgm.EventLoss, pgm.EventJoin, pgm.EventFin
		start                = 0xfffffffd
	)
	begin := ev(join, start, 0, "")
	a, bcd, empty, e := ev(msg, start, start, "a"), ev(msg, 0xfffffffe, 0, "bcd"), ev(msg, 1, 1, ""), ev(msg, 2, 2, "e")
	end := ev(fin, 0, 0, "")
	for _, tt := range []struct {
		desc   string
		events []pgm.Event
		want   string
	}{
		{"backwards", []pgm.Event{begin, e, empty, bcd, a, end}, ""},
		{"loss late", []pgm.Event{begin, bcd, e, ev(loss, start, start, ""), empty, end}, ""},
		{"twice, ahead", []pgm.Event{begin, e, e}, "told of before"},
		{"twice", []pgm.Event{begin, e, a, a}, "everything before"},
		{"delivered and lost", []pgm.Event{begin, empty, ev(loss, 0xfffffffe, 1, "")}, "told of before"},
		{"before the join", []pgm.Event{ev(join, 1, 0, ""), e, bcd}, "everything before"},
		{"never sent", []pgm.Event{begin, ev(loss, 2, 3, "")}, "never sent"},
		{"fin with a hole", []pgm.Event{begin, a, e, end}, "not told of"},
		{"expired with a hole", []pgm.Event{begin, e, ev(pgm.EventExpired, 0, 0, "")}, "not told of"},
		{"fin too early", []pgm.Event{begin, bcd, a, end}, "fin at"},
	} {
		au := audit{ledger: testLedger(t), cfg: &pgm.ReceiverConfig{Delivery: pgm.Unordered}}
		for i, ev := range tt.events {
			err := au.event(mono.Time(i), &ev)
			switch last := i == len(tt.events)-1; {
			case err == nil && last && tt.want != "":
				t.Errorf("%s: no error, want %q", tt.desc, tt.want)
			case err != nil && (!last || tt.want == "" || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%s: event %d: %v, want %q", tt.desc, i, err, tt.want)
			}
		}
	}
}

// A receiver may give up a gap once it has known of it for MaxGap.
func TestAuditSkip(t *testing.T) {
	for _, tt := range []struct {
		gap  time.Duration
		at   mono.Time
		want string
	}{
		{0, 1000, "may not skip"},
		{-1, 10, ""},
		{100, 109, "missing for 99ns"},
		{100, 110, ""},
	} {
		a := audit{ledger: testLedger(t), cfg: &pgm.ReceiverConfig{MaxGap: tt.gap}, complete: true}
		a.learn(5, newPacket(&host{}, SourceAddr(0), SourceAddr(0), odata(0xfffffffd, 0, nil)))
		a.learn(10, newPacket(&host{}, SourceAddr(0), SourceAddr(0), odata(2, 0, nil)))
		a.learn(20, newPacket(&host{}, SourceAddr(0), SourceAddr(0), odata(1, 0, nil)))
		join, skip := ev(pgm.EventJoin, 1, 0, ""), ev(pgm.EventLoss, 1, 1, "")
		skip.Cause = pgm.CauseSkip
		if err := a.event(tt.at, &join); err != nil {
			t.Fatal(err)
		}
		err := a.event(tt.at, &skip)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("MaxGap %v, at %v: %v, want %q", tt.gap, tt.at, err, tt.want)
		}
	}
}

func TestAuditComplete(t *testing.T) {
	a := audit{ledger: testLedger(t), cfg: &pgm.ReceiverConfig{}, complete: true}
	for i, e := range []pgm.Event{
		ev(pgm.EventJoin, 0xffffffff, 0, ""),
		{Kind: pgm.EventLoss, First: 0xffffffff, Last: 0, Cause: pgm.CauseFragment}, // joined midway
	} {
		if err := a.event(0, &e); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	e := ev(pgm.EventLoss, 1, 1, "")
	if err := a.event(0, &e); err == nil || !strings.Contains(err.Error(), "without an excuse") {
		t.Errorf("loss: %v, want an error", err)
	}
}

// A receiver may not begin later than the first packet it got, or than the next
// message if that was part of one.
func TestAuditHear(t *testing.T) {
	for _, tt := range []struct {
		first seq.Num
		ok    bool
	}{{0xfffffffe, true}, {0xffffffff, true}, {1, true}, {2, false}} {
		a := audit{ledger: testLedger(t), cfg: &pgm.ReceiverConfig{}}
		a.hear(newPacket(&host{}, SourceAddr(0), SourceAddr(0), odata(0xffffffff, 0, nil)))
		a.hear(newPacket(&host{}, SourceAddr(0), SourceAddr(0), odata(2, 0, nil)))
		e := ev(pgm.EventJoin, tt.first, 0, "")
		if err := a.event(0, &e); (err == nil) != tt.ok {
			t.Errorf("join at %#x: %v, want ok = %v", uint32(tt.first), err, tt.ok)
		}
	}
}

func TestLedger(t *testing.T) {
	for _, tt := range []struct {
		desc        string
		first, last seq.Num
		size        int
		ok          bool
	}{
		{"one packet", 7, 7, 10, true},
		{"empty", 7, 7, 0, true},
		{"two packets", 7, 8, 11, true},
		{"gap before", 8, 8, 1, false},
		{"no packets", 7, 6, 0, false},
		{"too few packets", 7, 7, 11, false},
		{"more packets than bytes", 7, 9, 2, false},
	} {
		l := newLedger(7)
		if err := l.add(0, tt.first, tt.last, make([]byte, tt.size), 10); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok = %v", tt.desc, err, tt.ok)
		}
	}
}

// TestAuditFloor has a message claim that more was told of than was.
func TestAuditFloor(t *testing.T) {
	a := audit{ledger: testLedger(t), cfg: &pgm.ReceiverConfig{Delivery: pgm.Unordered}}
	begin, e := ev(pgm.EventJoin, 0xfffffffd, 0, ""), ev(pgm.EventMessage, 2, 2, "e")
	e.Floor = 2
	if err := a.event(0, &begin); err != nil {
		t.Fatal(err)
	}
	if err := a.event(0, &e); err == nil || !strings.Contains(err.Error(), "has floor") {
		t.Errorf("message: %v, want an error of its floor", err)
	}
}
