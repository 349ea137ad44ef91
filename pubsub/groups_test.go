package pubsub

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// TestGroups has one Subscriber receive from two groups, two sources in each, with
// loss: each message says its source and its group. What is sent to a third group
// on the same port does not come.
func TestGroups(t *testing.T) {
	endpoint := freeEndpoint(t)
	at := func(groups string) string { return strings.Replace(endpoint, "239.192.66.6", groups, 1) }
	sub := newSubscriberAt(t, at("239.192.66.6,239.192.66.7"), SubscriberConfig{Net: lossy(3, 5)})
	type origin struct {
		group netip.Addr
		next  uint32
	}
	origins := map[pgm.SourceID]*origin{}
	var pubs []*Publisher
	for _, group := range []string{"239.192.66.6", "239.192.66.6", "239.192.66.7", "239.192.66.7", "239.192.66.8"} {
		p := newPublisherAt(t, at(group), PublisherConfig{})
		pubs = append(pubs, p)
		origins[p.Source()] = &origin{group: netip.MustParseAddr(group)}
	}
	stranger := pubs[len(pubs)-1].Source()
	const count = 300
	missing := count * (len(pubs) - 1)
	for n, end := uint32(0), time.Now().Add(20*time.Second); missing > 0; n++ {
		if time.Now().After(end) {
			t.Fatalf("%d messages missing", missing)
		}
		for _, p := range pubs {
			if n < count {
				if _, err := p.Send([]byte("t"), number(n)); err != nil {
					t.Fatal(err)
				}
			} else if err := p.Poll(0); err != nil {
				t.Fatal(err)
			}
		}
		for {
			ev, err := sub.TryRecv()
			if err != nil {
				t.Fatal(err)
			}
			if ev == nil {
				break
			}
			from := origins[ev.Source]
			switch {
			case from == nil || ev.Source == stranger:
				t.Fatalf("%v of %v", ev.Kind, ev.Source)
			case ev.Group != from.group:
				t.Fatalf("%v of group %v, want %v", ev.Kind, ev.Group, from.group)
			case ev.Kind == EventGap:
				t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
			case ev.Kind == EventMessage:
				if got := binary.BigEndian.Uint32(ev.Body()); got != from.next {
					t.Fatalf("message %d of %v, want %d", got, ev.Source, from.next)
				}
				from.next++
				missing--
			}
		}
	}
}
