package pubsub

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/pgm"
)

// Environment variables that make a test one of several processes.
const (
	roleEnv     = "GOPGM_PUBSUB_ROLE"
	endpointEnv = "GOPGM_PUBSUB_ENDPOINT"
)

const (
	processPublishers = 2
	processMessages   = 1000
)

// TestProcesses has two publishers and two subscribers, each a process of its own,
// on one host with one address and port, and a tenth of all packets lost: both get
// everything of both.
func TestProcesses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sources of one host share the NAKs here")
	}
	endpoint := freeEndpoint(t)
	var subs, pubs []*exec.Cmd
	output := map[*exec.Cmd]*bytes.Buffer{}
	read := map[*exec.Cmd]chan bool{}
	start := func(role string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessRole$", "-test.v")
		cmd.Env = append(os.Environ(), roleEnv+"="+role, endpointEnv+"="+endpoint)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		buf, done := &bytes.Buffer{}, make(chan bool)
		for lines.Scan() && lines.Text() != "ready" {
			fmt.Fprintln(buf, lines.Text())
		}
		go func() { // for the process not to block
			defer close(done)
			for lines.Scan() {
				fmt.Fprintln(buf, lines.Text())
			}
		}()
		output[cmd], read[cmd] = buf, done
		return cmd
	}
	for i := range 2 {
		subs = append(subs, start(fmt.Sprintf("subscriber %d", i)))
	}
	for i := range processPublishers {
		pubs = append(pubs, start(fmt.Sprintf("publisher %d", i)))
	}
	for _, cmd := range append(subs, pubs...) {
		<-read[cmd]
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", cmd.Env[len(cmd.Env)-2], err, output[cmd])
		}
	}
}

// TestProcessRole is one of the processes.
func TestProcessRole(t *testing.T) {
	role, seed, _ := strings.Cut(os.Getenv(roleEnv), " ")
	endpoint := os.Getenv(endpointEnv)
	switch role {
	case "publisher":
		publisherProcess(t, endpoint, []byte(seed))
	case "subscriber":
		subscriberProcess(t, endpoint, uint64(seed[0]))
	default:
		t.Skip("only within TestProcesses")
	}
}

func publisherProcess(t *testing.T, endpoint string, topic []byte) {
	pub, err := NewPublisher(PublisherConfig{Endpoint: endpoint, Concurrent: true, Repair: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go pub.Serve(ctx)
	fmt.Println("ready")
	time.Sleep(100 * time.Millisecond) // until the other is there
	for n := range uint32(processMessages) {
		if _, err := pub.Send(topic, number(n)); err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
	if st := pub.Stats().Source; st.NAKs == 0 {
		t.Errorf("no NAK came: %+v", st)
	}
}

func subscriberProcess(t *testing.T, endpoint string, seed uint64) {
	sub, err := NewSubscriber(SubscriberConfig{Endpoint: endpoint, Net: lossy(seed, 10)})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	sub.Subscribe("")
	sub.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Println("ready")
	next := map[pgm.SourceID]uint32{}
	for received := 0; received < processPublishers*processMessages; {
		ev, err := sub.Recv()
		if err != nil {
			t.Fatalf("%v: %v; %+v", next, err, sub.Stats())
		}
		switch ev.Kind {
		case EventMessage:
			if n := binary.BigEndian.Uint32(ev.Body()); n != next[ev.Source] {
				t.Fatalf("message %d of %v, want %d", n, ev.Source, next[ev.Source])
			}
			next[ev.Source]++
			received++
		case EventGap:
			t.Fatalf("gap %d to %d: %v", ev.First, ev.Last, ev.Cause)
		}
	}
}
