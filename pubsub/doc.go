// Package pubsub publishes messages by topic, and subscribes to them, over PGM
// reliable multicast. On the wire it is what ZeroMQ puts inside its epgm:// and
// pgm:// transports, so a PUB or SUB socket of libzmq is a peer.
//
// A message is a list of frames, byte strings of any length. The first begins
// with the topic: a [Subscriber] gets the messages whose first frame begins with
// one of the prefixes it subscribed to. [Publisher.Send] makes the topic a frame
// of its own.
//
//	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{Endpoint: "epgm://eth0;239.192.0.1:5555"})
//	...
//	id, err := pub.Send([]byte("EURUSD"), []byte("1.0831"))
//
//	sub, err := pubsub.NewSubscriber(pubsub.SubscriberConfig{Endpoint: "epgm://eth0;239.192.0.1:5555"})
//	...
//	sub.Subscribe("EUR")
//	for {
//		ev, err := sub.Recv()
//		...
//	}
//
// # Who does the work
//
// As in package pgmnet the caller's own goroutine does all of it. A message is
// encoded in its place in the transmit window and leaves from there; Send with
// no backlog is one system call. What a Subscriber returns is a view of the
// buffer that the kernel filled, unless the message lies across packets.
//
// What cannot leave yet waits in the same window: it is the queue. Its bounds
// are the high and low watermark, see [PublisherConfig].
//
// [Poll] serves many Publishers and Subscribers in one goroutine. A program with
// an event loop of its own, such as one of epoll, watches the descriptors of
// [Publisher.FDs] and [Subscriber.FDs], and the time that Due tells.
//
// Several Subscribers of one process need the sockets and the work only once: see
// [Subscriber.Share].
//
// Net.Sources and Net.Block choose the publishers, [Subscriber.Join], Leave, Allow and
// Block change groups and publishers while running, and Net.To and Net.Unicast carry
// it all over networks without multicast: see package pgmnet.
//
// A program that neither sends nor receives for a while runs Serve, of either
// type, in a goroutine of its own.
//
// Neither type is safe for concurrent use, unless Concurrent is set in its
// configuration, which Serve needs.
//
// # When a message left
//
// Send returns an id. With [PublisherConfig].Completions, [Publisher.NextCompletion]
// tells when messages were taken, went to the kernel, left for the network by the
// kernel's or the network card's own time stamp, and left the window. With
// Net.Stamps, messages received have the time when they arrived.
//
// # How a session ends
//
// [Publisher.Close] sends the backlog, tells Subscribers of the end and answers
// NAKs for a while; [Publisher.Abort] does neither and gives them a reason. They get
// an EventLeave that says which, and whose: [Publisher.Source] is the name.
//
// # Order
//
// Messages of one source come in the order in which they were published. With
// Receiver.Delivery set to pgm.Unordered each comes as soon as it is whole,
// whatever is missing before it; with Receiver.MaxGap what is missing for longer is
// given up.
//
// # Other transports
//
// [NewPublisherOn] and [NewSubscriberOn] take a transport of the caller's own.
//
// # What gets lost
//
// Whole messages only are delivered. When packets are lost for good, the
// messages of which a part was in them are dropped, and an EventGap says which
// packets, of which source, and why.
package pubsub
