package pubsub_test

import (
	"context"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/gopgm/gopgm/pubsub"
)

// A publisher that is left alone between messages has a goroutine of the program
// answer NAKs meanwhile.
func ExamplePublisher_Serve() {
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Endpoint:   local(42707),
		Concurrent: true,
		Repair:     10 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { fmt.Println(pub.Serve(ctx)) })
	for range 3 {
		if _, err := pub.Send([]byte("topic"), []byte("now and then")); err != nil {
			log.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	serving.Wait()
	if err := pub.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: context canceled
}

// Two parts of a program subscribe to different topics of one group, and share
// its sockets and its window.
func ExampleSubscriber_Share() {
	pub, all := open(42708, pubsub.FlushEach)
	euros, err := all.Share()
	if err != nil {
		log.Fatal(err)
	}
	defer all.Close()
	defer euros.Close()
	euros.Subscribe("EUR")
	for _, topic := range []string{"GBPUSD", "EURUSD", "USDJPY"} {
		if _, err := pub.Send([]byte(topic), []byte("1")); err != nil {
			log.Fatal(err)
		}
	}
	if err := pub.Close(); err != nil {
		log.Fatal(err)
	}
	for _, sub := range []*pubsub.Subscriber{all, euros} {
		var topics []string
		for {
			ev, err := sub.Recv()
			if err != nil {
				log.Fatal(err)
			}
			if ev.Kind == pubsub.EventLeave {
				break
			}
			if ev.Kind == pubsub.EventMessage {
				topics = append(topics, string(ev.Topic()))
			}
		}
		fmt.Println(topics)
	}
	// Output:
	// [GBPUSD EURUSD USDJPY]
	// [EURUSD]
}

// A publisher that would rather drop a quote than wait for the network: no more
// than a thousand wait, and once there are as many, those that come are dropped
// until five hundred are left.
func ExamplePublisherConfig() {
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Endpoint: local(42709),
		High:     pubsub.Mark{Messages: 1000},
		Policy:   pubsub.DropNewest,
		Repair:   10 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := pub.Send([]byte("EURUSD"), []byte("1.0831")); err != nil {
		log.Fatal(err)
	}
	fmt.Println("dropped:", pub.Stats().Dropped)
	if err := pub.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: dropped: 0
}
