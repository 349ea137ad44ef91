package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Capture writes what passes the host's interface, in and out, to a pcapng file
// until stop is called. It is capturing when it returns. The error of stop says
// so if packets are missing from the file.
//
// A super-packet that the kernel has not cut yet is one large packet in the
// file: capture at a receiver with [Host.SplitGSO] on.
func (h *Host) Capture(file string) (stop func() error, err error) {
	if _, err := exec.LookPath("dumpcap"); err != nil {
		return nil, errors.New("lab: no dumpcap command; install tshark")
	}
	file, err = filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	cmd := h.Command("dumpcap", "-q", "-i", Interface, "-B", "64", "-w", file)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if strings.HasPrefix(lines.Text(), "File: ") { // the interface is open
			return func() error { return stopCapture(cmd, lines) }, nil
		}
	}
	return nil, fmt.Errorf("lab: dumpcap: %w: %s", cmd.Wait(), strings.Join(said, "; "))
}

// dropped matches "Packets received/dropped on interface 'eth0': 10/0 (...".
var dropped = regexp.MustCompile(`received/dropped on interface .*: \d+/([1-9]\d*) `)

func stopCapture(cmd *exec.Cmd, lines *bufio.Scanner) error {
	// The kernel hands over a block of packets when it is full or a quarter of a
	// second old, and dumpcap does not ask for what is left when it is told to end.
	time.Sleep(400 * time.Millisecond)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	var lost error
	for lines.Scan() {
		if m := dropped.FindStringSubmatch(lines.Text()); m != nil {
			lost = fmt.Errorf("lab: the capture lacks %s packets; send more slowly", m[1])
		}
	}
	return errors.Join(cmd.Wait(), lost)
}
