package main

import (
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/pgmnet"
)

// windowPackets is how many packets the windows hold, so that small ones do not
// fill them before --window does.
const windowPackets = 1 << 20

// config returns what is the same for all sockets of a task: the defaults.
func (t *task) config() (cfg pgmnet.Config, err error) {
	cfg.Network, err = pgmnet.ParseNetwork(t.Network)
	if t.Spin {
		cfg.Spin = -1
	}
	return cfg, err
}

func (t *task) sourceConfig() pgm.SourceConfig {
	return pgm.SourceConfig{WindowBytes: int(t.Window), WindowPackets: windowPackets, FEC: t.FEC}
}

func (t *task) receiverConfig() pgm.ReceiverConfig {
	return pgm.ReceiverConfig{BufferBytes: int(t.Window), WindowPackets: windowPackets}
}

// A source is the outlet of package pgmnet.
type source struct{ *pgmnet.Source }

func openSource(t *task, _ bool) (outlet, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	s, err := pgmnet.NewSource(cfg, t.sourceConfig())
	return source{s}, err
}

func (s source) queue(msg []byte) error { return s.Queue(msg) }
func (s source) send(msg []byte) error  { return s.Send(msg) }
func (s source) close() error           { return s.Close(0) }

func (s source) stats() *pgmnet.SourceStats {
	st := s.Stats()
	return &st
}

// A receiver is the inlet of package pgmnet.
type receiver struct {
	*pgmnet.Receiver
	ev pgm.Event
}

func openReceiver(t *task) (inlet, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	r, err := pgmnet.NewReceiver(cfg, t.receiverConfig())
	return &receiver{Receiver: r}, err
}

func (r *receiver) take() (*pgm.Event, error) {
	var err error
	r.ev, err = r.Recv()
	return &r.ev, err
}

func (r *receiver) stats() *pgmnet.ReceiverStats {
	st := r.Stats()
	return &st
}
