package pubsub_test

import (
	"fmt"
	"log"
	"time"

	"github.com/gopgm/gopgm/pubsub"
)

// Send messages and learn when each left this host.
func ExamplePublisher_NextCompletion() {
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Endpoint:    "epgm://127.0.0.1;239.192.66.7:5556",
		Completions: pubsub.StageKernel | pubsub.StageWire | pubsub.StageRetired,
		Repair:      10 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	sent := map[uint64]time.Time{}
	for range 3 {
		began := time.Now()
		id, err := pub.Send([]byte("EURUSD"), []byte("1.0831"))
		if err != nil {
			log.Fatal(err)
		}
		sent[id] = began
	}
	if err := pub.Close(); err != nil {
		log.Fatal(err)
	}
	var c pubsub.Completion
	for pub.NextCompletion(&c) {
		for id := c.First; id <= c.Last; id++ {
			switch {
			case c.Stage == pubsub.StageRetired:
				fmt.Printf("message %d is done with\n", id)
			case c.Stage == pubsub.StageWire && c.Clock == pubsub.ClockDriver && c.At.Sub(sent[id]) > time.Second:
				fmt.Printf("message %d took long\n", id)
			}
		}
	}

	// Output:
	// message 1 is done with
	// message 2 is done with
	// message 3 is done with
}
