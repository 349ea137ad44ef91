package wire

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/internal/lab"
)

// TestTshark has tshark, an independent reading of the RFC, dissect the golden
// packets.
func TestTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		lab.Skip(t, err)
	}
	var checked []golden
	var packets [][]byte
	for _, g := range goldens {
		if g.noTshark == "" {
			checked = append(checked, g)
			packets = append(packets, g.bytes(t))
		}
	}
	file := filepath.Join(t.TempDir(), "golden.pcap")
	if err := os.WriteFile(file, pcap(packets), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-r", file, "-T", "fields", "-E", "separator=;", "-E", "occurrence=l",
		"-e", "pgm.hdr.type", "-e", "pgm.hdr.cksum.status", "-e", "_ws.malformed", "-e", "_ws.expert.message").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(checked) {
		t.Fatalf("tshark dissected %d packets, want %d:\n%s", len(lines), len(checked), out)
	}
	for i, g := range checked {
		// Type, checksum good, not malformed, no remarks.
		if want := fmt.Sprintf("0x%02x;1;;", packets[i][4]); lines[i] != want {
			t.Errorf("%s: tshark reads %x as %q, want %q", g.desc, packets[i], lines[i], want)
		}
	}
}

// pcap returns a capture file of PGM packets in IPv4.
func pcap(packets [][]byte) []byte {
	const linkTypeIPv4, protocolPGM = 228, 113
	le, be := binary.LittleEndian, binary.BigEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint32(b, 2|4<<16) // version 2.4
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(b, 65535)
	b = le.AppendUint32(b, linkTypeIPv4)
	for i, pkt := range packets {
		n := uint32(20 + len(pkt))
		b = le.AppendUint32(b, uint32(i)) // seconds
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, n)
		b = le.AppendUint32(b, n)
		b = append(b, 0x45, 0)
		b = be.AppendUint16(b, uint16(n))
		b = append(b, 0, 0, 0, 0, 16, protocolPGM, 0, 0, 10, 9, 9, 1, 239, 192, 0, 1)
		b = append(b, pkt...)
	}
	return b
}
