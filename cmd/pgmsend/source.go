package main

import (
	"errors"
	"os"
	"time"

	"github.com/gopgm/gopgm/pgmnet"
	"github.com/gopgm/gopgm/pubsub"
)

// A source is what messages leave by: PGM, or pub/sub on top of it.
type source interface {
	Queue(msg []byte) error
	Flush() error
	Poll(d time.Duration) error
	SetDeadline(t time.Time)
	Stats() pgmnet.SourceStats
	Close(linger time.Duration) error
	Abort(code uint8) error
}

func newSource(o *options) (source, error) {
	if o.ZMQ {
		return newPublisher(o)
	}
	return pgmnet.NewSource(o.Config, o.source())
}

// publisher is a source of messages with a topic.
type publisher struct {
	*pubsub.Publisher
	frames [][]byte // the last one is the message
}

func newPublisher(o *options) (*publisher, error) {
	pc := o.source()
	var told pubsub.Stage
	if o.completions {
		told = pubsub.AllStages
	}
	pub, err := pubsub.NewPublisher(pubsub.PublisherConfig{
		Net:    o.Config,
		Source: pc,
		High:   pubsub.Mark{Bytes: pc.MaxBacklog},
		Flush:  pubsub.FlushFull,
		Linger: farewell,
		Repair: farewell, // the tool itself has waited for the end of requests

		Completions: told,
	})
	if err != nil {
		return nil, err
	}
	p := &publisher{Publisher: pub}
	if o.Changed("topic") {
		p.frames = append(p.frames, []byte(o.topic))
	}
	p.frames = append(p.frames, nil)
	return p, nil
}

// Queue publishes msg, in company if there is more.
func (p *publisher) Queue(msg []byte) error {
	p.frames[len(p.frames)-1] = msg
	_, err := p.SendFrames(p.frames...)
	return err
}

// Stats counts whole messages, of which packets hold several or a part.
func (p *publisher) Stats() pgmnet.SourceStats {
	st := p.Publisher.Stats()
	st.Source.Messages, st.Source.MessageBytes = st.Messages, st.Bytes
	return st.Source
}

// Close ends the session; linger is that of the configuration.
func (p *publisher) Close(time.Duration) error { return p.Publisher.Close() }

// Abort ends the session without what cannot be sent in a moment.
func (p *publisher) Abort(uint8) error {
	if err := p.Publisher.Close(); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
