package e2e

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/gopgm/gopgm/internal/lab"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// absent returns an address on the host's network that no host has.
func absent(h *lab.Host, way *carriage) netip.Addr {
	if addrOf(h, way).Is6() {
		return netip.MustParseAddr("fd77::ffff")
	}
	b := h.Addr4.As4()
	b[3] = 254
	return netip.AddrFrom4(b)
}

// TestUnicast sends a session to three hosts one by one, which lose 0, 2 and 10 %,
// while a fourth does not exist and at a fifth nobody listens.
func TestUnicast(t *testing.T) {
	l := lab.Require(t, 2+len(losses))
	for i, p := range losses {
		hurt(t, l.Hosts[i+1], p)
	}
	for i := range carriages {
		way := &carriages[i]
		for _, mode := range modesOf(way, pgmnet.Auto, pgmnet.GSO, pgmnet.Mmsg, pgmnet.Single, pgmnet.Portable) {
			t.Run(fmt.Sprintf("%s/%v", way.name, mode), func(t *testing.T) {
				to := []netip.Addr{absent(l.Hosts[0], way), addrOf(l.Hosts[len(losses)+1], way)}
				var ears []*ear
				for i := range losses {
					h := l.Hosts[i+1]
					ears = append(ears, newEar(openReceiverWith(t, h, way, func(c *pgmnet.Config) {
						c.IO, c.Unicast = mode, true
					})))
					to = append(to, addrOf(h, way))
				}
				f := &feed{Source: openSourceWith(t, l.Hosts[0], way, func(c *pgmnet.Config) {
					c.IO, c.To = mode, to
				})}
				var msg [200]byte
				for range 100 {
					for range 20 {
						binary.BigEndian.PutUint32(msg[:], f.sent)
						if err := f.Queue(msg[:]); err != nil {
							t.Fatal(err)
						}
						f.sent++
					}
					for _, e := range ears {
						e.take(t)
					}
				}
				play(t, []*feed{f}, ears, "complete", allOf(ears, f))
				for i, e := range ears {
					st := e.Stats()
					if (st.Repairs > 0) != (losses[i] > 0) || st.Lost != 0 {
						t.Errorf("%g %% lost: %d repairs, %d lost", losses[i], st.Repairs, st.Lost)
					}
				}
				st := f.Stats()
				t.Logf("%d packets new, %d repairs, %d sent in %d writes by %s, %d refused",
					st.ODATAPackets, st.RDATAPackets, st.IO.Sent, st.IO.Writes, st.IO.SendMethod, st.IO.SendErrors)
			})
		}
	}
}

// TestUnicastFiles sends a file with the tools to hosts one by one.
func TestUnicastFiles(t *testing.T) {
	l := lab.Require(t, 1+len(losses))
	tools := buildTools(t)
	file, want := noiseFile(t, 8<<20)
	var receivers []*tool
	var dirs []string
	to := ""
	for i, p := range losses {
		h := l.Hosts[i+1]
		hurt(t, h, p)
		dirs = append(dirs, t.TempDir())
		receivers = append(receivers, startTool(t, h, resilienceLimit, filepath.Join(tools, "pgmrecv"),
			"--unicast", "--output", dirs[i], "--count", "1"))
		to += "," + h.Addr4.String()
	}
	waitListening(t, l, len(losses), pgmnet.DefaultPort)
	source := startTool(t, l.Hosts[0], resilienceLimit, filepath.Join(tools, "pgmsend"), "--to", to[1:], "--linger", "1s", "--file", file)
	for i, r := range receivers {
		t.Logf("%g %% lost: %v", losses[i], r.wait(t))
		checkFiles(t, dirs[i], want)
	}
	t.Logf("sent: %v", source.wait(t))
}

// TestUnicastFull sends to three hosts faster than the network takes it, by a socket
// that is full after a few runs, mostly amid the list: each host gets everything, and
// nothing twice.
func TestUnicastFull(t *testing.T) {
	l := lab.Require(t, 4)
	if err := l.Hosts[0].Rate(100e6); err != nil {
		t.Fatal(err)
	}
	for i := range carriages {
		way := &carriages[i]
		for _, mode := range modesOf(way, pgmnet.GSO, pgmnet.Mmsg, pgmnet.Single) {
			t.Run(fmt.Sprintf("%s/%v", way.name, mode), func(t *testing.T) {
				var ears []*ear
				var to []netip.Addr
				for _, h := range l.Hosts[1:] {
					ears = append(ears, newEar(openReceiverWith(t, h, way, func(c *pgmnet.Config) {
						c.IO, c.Unicast = mode, true
					})))
					to = append(to, addrOf(h, way))
				}
				s := enter(t, l.Hosts[0], way, func(c *pgmnet.Config) {
					c.IO, c.To, c.WriteBuffer = mode, to, 60<<10
				}, func(c pgmnet.Config) (*pgmnet.Source, error) {
					return pgmnet.NewSource(c, pgm.SourceConfig{Join: true, Rate: 1e9})
				})
				t.Cleanup(func() { s.Abort(0) })
				f := &feed{Source: s}
				var msg [700]byte
				for f.sent < 4000 {
					binary.BigEndian.PutUint32(msg[:], f.sent)
					if err := f.Queue(msg[:]); err != nil {
						t.Fatal(err)
					}
					if f.sent++; f.sent%20 == 0 {
						for _, e := range ears {
							e.take(t)
						}
					}
				}
				play(t, []*feed{f}, ears, "complete", allOf(ears, f))
				st := f.Stats()
				if st.IO.Full < 10 || st.RDATAPackets != 0 || st.IO.SendErrors > 0 && st.NAKs > 0 {
					t.Errorf("the socket was full %d times, %d repairs, %d NAKs, %d packets not sent to all", st.IO.Full, st.RDATAPackets, st.NAKs, st.IO.SendErrors)
				}
				for _, e := range ears {
					// The limit of the rate hands packets on by whatever processor is at
					// hand, where one may overtake another.
					if st := e.Stats(); st.Missing != st.Reordered || st.Drops.Total() != 0 {
						t.Errorf("%d packets missing, of which %d only late; dropped: %v", st.Missing, st.Reordered, st.Drops)
					}
				}
				t.Logf("full %d times; %d packets sent in %d writes", st.IO.Full, st.IO.Sent, st.IO.Writes)
			})
		}
	}
}
