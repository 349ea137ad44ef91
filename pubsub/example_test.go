package pubsub_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"time"

	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

// local is an endpoint that does not leave this machine; the port is that of the
// example.
func local(port int) string { return fmt.Sprintf("epgm://127.0.0.1;239.192.0.77:%d", port) }

// open returns a publisher, and a subscriber to all it publishes.
func open(port int, flush pubsub.Flush) (*pubsub.Publisher, *pubsub.Subscriber) {
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: local(port)})
	if err != nil {
		log.Fatal(err)
	}
	sub.Subscribe("")
	sub.SetDeadline(time.Now().Add(10 * time.Second))
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Endpoint: local(port),
		Flush:    flush,
		Repair:   10 * time.Millisecond, // nothing gets lost on this machine
	})
	if err != nil {
		log.Fatal(err)
	}
	return pub, sub
}

func ExampleNewPublisher() {
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{Endpoint: "epgm://eth0;239.192.0.1:5555"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := pub.Send([]byte("EURUSD"), []byte("1.0831")); err != nil {
		log.Print(err)
	}
	if err := pub.Poll(time.Second); err != nil { // nothing to publish: answer NAKs
		log.Print(err)
	}
	if err := pub.Close(); err != nil {
		log.Print(err)
	}
}

func ExampleNewSubscriber() {
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: "epgm://eth0;239.192.0.1:5555"})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	sub.Subscribe("EUR")
	for {
		ev, err := sub.Recv()
		if err != nil {
			log.Fatal(err)
		}
		if ev.Kind == pubsub.EventMessage {
			fmt.Printf("%s: %s\n", ev.Topic(), ev.Body())
		}
	}
}

// A topic is a frame of its own; a subscription is a prefix of it.
func ExamplePublisher_Send() {
	pub, sub := open(42701, pubsub.FlushEach)
	defer sub.Close()
	sub.Unsubscribe("")
	sub.Subscribe("EUR")

	for _, topic := range []string{"EURUSD", "GBPUSD", "EURCHF"} {
		id, err := pub.Send([]byte(topic), []byte("1.0831"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("sent %d: %s\n", id, topic)
	}
	pub.Close()

	for {
		ev, err := sub.Recv()
		if err != nil {
			log.Fatal(err)
		}
		switch ev.Kind {
		case pubsub.EventMessage:
			fmt.Printf("received %s: %s\n", ev.Topic(), ev.Body())
		case pubsub.EventLeave:
			fmt.Println("left:", ev.Why)
			return
		}
	}
	// Output:
	// sent 1: EURUSD
	// sent 2: GBPUSD
	// sent 3: EURCHF
	// received EURUSD: 1.0831
	// received EURCHF: 1.0831
	// left: fin
}

// A message of several frames arrives whole or not at all.
func ExamplePublisher_SendFrames() {
	pub, sub := open(42702, pubsub.FlushEach)
	defer sub.Close()
	pub.SendFrames([]byte("order"), []byte("id=7"), nil, []byte("100 pieces"))
	pub.Close()

	for {
		ev, err := sub.Recv()
		if err != nil {
			log.Fatal(err)
		}
		if ev.Kind == pubsub.EventMessage {
			fmt.Printf("%d frames: %q\n", len(ev.Frames), ev.Frames)
			return
		}
	}
	// Output:
	// 4 frames: ["order" "id=7" "" "100 pieces"]
}

// Reserve returns a place in the packet that will leave: what is encoded there is
// never copied.
func ExamplePublisher_Reserve() {
	pub, sub := open(42703, pubsub.FlushEach)
	defer sub.Close()
	body, err := pub.Reserve([]byte("tick"), 64)
	if err != nil {
		log.Fatal(err)
	}
	binary.BigEndian.PutUint64(body, 108_310)
	n := 8 + copy(body[8:], "EURUSD")
	if _, err := pub.Commit(n); err != nil {
		log.Fatal(err)
	}
	pub.Close()

	for {
		ev, err := sub.Recv()
		if err != nil {
			log.Fatal(err)
		}
		if ev.Kind == pubsub.EventMessage {
			fmt.Printf("%s %d\n", ev.Body()[8:], binary.BigEndian.Uint64(ev.Body()))
			return
		}
	}
	// Output:
	// EURUSD 108310
}

// Messages that fill packets up are received many at a time.
func ExampleSubscriber_RecvBatch() {
	pub, sub := open(42704, pubsub.FlushFull)
	defer sub.Close()
	for i := range 10 {
		pub.Send([]byte("count"), fmt.Appendf(nil, "%d", i))
	}
	pub.Close()

	events := make([]pubsub.Event, 64)
	for {
		n, err := sub.RecvBatch(events)
		if err != nil {
			log.Fatal(err)
		}
		if events[0].Kind != pubsub.EventMessage {
			continue
		}
		for i := range events[:n] {
			fmt.Printf("%s ", events[i].Body())
		}
		fmt.Printf("= %d messages\n", n)
		return
	}
	// Output:
	// 0 1 2 3 4 5 6 7 8 9 = 10 messages
}

func ExampleSubscriber_All() {
	pub, sub := open(42705, pubsub.FlushEach)
	defer sub.Close()
	pub.Send([]byte("a"), []byte("one"))
	pub.Send([]byte("b"), []byte("two"))
	pub.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for ev, err := range sub.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(ev.Kind)
		if ev.Kind == pubsub.EventMessage {
			fmt.Printf(" %s", ev.Body())
		}
		fmt.Println()
		if ev.Kind == pubsub.EventLeave {
			break
		}
	}
	// Output:
	// join
	// message one
	// message two
	// leave
}

// What is lost for good is an event, and no part of a message that it was in is
// delivered. Here the subscriber loses two packets of every eight and, being
// passive, does not ask for them again.
func ExampleSubscriber_gaps() {
	packets := 0
	lossy := func(pkt []byte) bool {
		const odata = 4
		if pkt[4] != odata {
			return false
		}
		packets++
		return packets%8 >= 6
	}
	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{
		Endpoint: local(42706),
		Net:      pgmnet.Config{Drop: lossy},
		Receiver: pgm.ReceiverConfig{Passive: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	sub.Subscribe("")
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{Endpoint: local(42706), Repair: -1})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 8 {
		pub.Send([]byte("n"), fmt.Appendf(nil, "%d", i+1))
	}
	pub.Send([]byte("n"), []byte("end"))
	pub.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for ev, err := range sub.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch ev.Kind {
		case pubsub.EventMessage:
			fmt.Printf("%s ", ev.Body())
		case pubsub.EventGap:
			fmt.Printf("(%d packets lost: %v) ", ev.Last.Sub(ev.First)+1, ev.Cause)
		case pubsub.EventLeave:
			return
		}
	}
	// Output:
	// 1 2 3 4 5 (2 packets lost: passive receiver) 8 end
}
