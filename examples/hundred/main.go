// Hundred serves a hundred Subscribers and a Publisher from one goroutine, by
// means of pubsub.Poll. Each subscribes to a topic of its own and to one of all.
// It prints how many messages came, and ends.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/gopgm/gopgm/pubsub"
)

func main() {
	endpoint := flag.String("endpoint", "epgm://127.0.0.1;239.192.66.8:5602", "where to send and receive")
	subscribers := flag.Int("subscribers", 100, "how many")
	rounds := flag.Int("rounds", 20, "how often to send a message to each, and one to all")
	limit := flag.Duration("limit", 20*time.Second, "give up after this time")
	flag.Parse()
	if err := run(*endpoint, *subscribers, *rounds, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "hundred:", err)
		os.Exit(1)
	}
}

func run(endpoint string, subscribers, rounds int, limit time.Duration) error {
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{Endpoint: endpoint, Repair: -1})
	if err != nil {
		return err
	}
	defer pub.Close()
	items := []pubsub.PollItem{{Pub: pub, ServeOnly: true}}
	for i := range subscribers {
		sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: endpoint})
		if err != nil {
			return err
		}
		defer sub.Close()
		sub.Subscribe(topic(i))
		sub.Subscribe("all")
		items = append(items, pubsub.PollItem{Sub: sub})
	}

	end := time.Now().Add(limit)
	round, received, want := 0, 0, rounds*2*subscribers
	for received < want {
		if received == round*2*subscribers {
			if err := send(pub, subscribers); err != nil {
				return err
			}
			round++
		}
		n, err := pubsub.Poll(items, time.Until(end))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%d of %d messages after %v", received, want, limit)
		}
		for _, it := range items {
			if !it.Ready {
				continue
			}
			if it.Err != nil {
				return it.Err
			}
			ev, err := it.Sub.Recv() // what Poll has found
			if err != nil {
				return err
			}
			switch ev.Kind {
			case pubsub.EventMessage:
				received++
			case pubsub.EventGap:
				return fmt.Errorf("lost packets %d to %d: %v", ev.First, ev.Last, ev.Cause)
			}
		}
	}
	fmt.Printf("%d subscribers received %d messages\n", subscribers, received)
	return nil
}

func topic(i int) string { return fmt.Sprintf("topic-%03d", i) }

// send sends one message to each subscriber, and one to all.
func send(pub *pubsub.Publisher, subscribers int) error {
	for i := range subscribers {
		if _, err := pub.Send([]byte(topic(i)), []byte("one")); err != nil {
			return err
		}
	}
	_, err := pub.Send([]byte("all"), []byte("all"))
	return err
}
