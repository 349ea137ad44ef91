package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopgm/gopgm/internal/lab"
)

// capture writes a capture file of UDP datagrams between port 3055 of two hosts,
// a millisecond apart.
func capture(t *testing.T, payloads ...string) string {
	t.Helper()
	var b bytes.Buffer
	le := binary.LittleEndian
	b.Write(le.AppendUint32(nil, 0xa1b2c3d4)) // pcap
	b.Write([]byte{2, 0, 4, 0})               // version 2.4
	b.Write(make([]byte, 8))                  // no time zone
	b.Write(le.AppendUint32(nil, 1<<16))      // longest packet
	b.Write(le.AppendUint32(nil, 101))        // packets start with the IP header
	for i, s := range payloads {
		payload, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		n := 28 + len(payload)
		ip := []byte{0x45, 0, byte(n >> 8), byte(n), 0, 0, 0, 0, 16, 17, 0, 0, 10, 77, 1, 1, 239, 192, 0, 1}
		udp := []byte{0x0b, 0xef, 0x0b, 0xef, byte((n - 20) >> 8), byte(n - 20), 0, 0}
		b.Write(le.AppendUint32(nil, 0))
		b.Write(le.AppendUint32(nil, uint32(i)*1000)) // microseconds
		b.Write(le.AppendUint32(nil, uint32(n)))
		b.Write(le.AppendUint32(nil, uint32(n)))
		b.Write(ip)
		b.Write(udp)
		b.Write(payload)
	}
	file := filepath.Join(t.TempDir(), "made.pcap")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDissect(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		lab.Skip(t, err)
	}
	file := capture(t,
		// Sent by OpenPGM 5.3: SPM, NAK and SPMR.
		"83571d4c 0000 4415 0d2bcfa82b68 0000 00000000 00000000 ffffffff 0001 0000 0a090901",
		"1d4c03e8 0800 6b13 010203040506 0000 00015f91 0001 0000 0a09094d 0001 0000 efc00001",
		"1d4c03e8 0c00 c9bf 010203040506 0000",
		// Made by hand: ODATA, a fragment, and a NAK list without a checksum.
		"03e81d4c 0400 8dbd 010203040506 0005 0000002a 00000001 68656c6c6f",
		"03e81d4c 0401 5193 010203040506 0001 00000000 00000000 00040014 81100000 00000000 00000000 00000001 ff",
		"1d4c03e8 0803 0000 010203040506 0000 00015f91 0001 0000 0a09094d 0001 0000 efc00001 0004000c 82080000 00015f92",
		// Wrong checksums, and none where there must be one.
		"03e81d4c 0400 8dbe 010203040506 0005 0000002a 00000001 68656c6c6f",
		"03e81d4c 0400 0000 010203040506 0005 0000002a 00000001 68656c6c6f",
		"1d4c03e8 0c00 c9be 010203040506 0000",
		// Cut off in an option, an option of length 0, cut off in the SPM, not PGM.
		"03e81d4c 0401 5096 010203040506 0000 00000000 00000000 00040014 81100000 0000",
		"03e81d4c 0401 50b2 010203040506 0000 00000000 00000000 00040008 81000000",
		"03e81d4c 0000 0000 010203040506 0000 00000000",
		"03e8",
	)
	got, err := Dissect(file, 3055)
	if err != nil {
		t.Fatal(err)
	}
	want := &Dissection{
		Packets:      13,
		Types:        map[string]int{"SPM": 2, "NAK": 2, "SPMR": 2, "ODATA": 6},
		Options:      map[string]int{"FRAGMENT": 1, "NAK_LIST": 1},
		NoChecksums:  2,
		BadChecksums: 3,
		Problems: []string{
			"packet 7 ODATA: Bad checksum [should be 0x8c]",
			"packet 8 ODATA: Bad checksum [should be 0x8dbd]",
			"packet 10 ODATA: Malformed Packet (Exception occurred)",
			"packet 11 ODATA: Length 0 invalid, must be >= 4",
			"packet 12 SPM: Malformed Packet (Exception occurred)",
			"packet 9 SPMR: Bad checksum",
			"packet 13: not PGM",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRepairTimes(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		lab.Skip(t, err)
	}
	const (
		nak      = "1d4c03e8 0800 6b13 010203040506 0000 00015f91 0001 0000 0a09094d 0001 0000 efc00001"
		nakList  = "1d4c03e8 0803 0000 010203040506 0000 00015f91 0001 0000 0a09094d 0001 0000 efc00001 0004000c 82080000 00015f92"
		repair91 = "03e81d4c 0500 102c 010203040506 0001 00015f91 00000000 61"
		repair92 = "03e81d4c 0500 102b 010203040506 0001 00015f92 00000000 61"
		other91  = "03e91d4c 0500 102b 010203040506 0001 00015f91 00000000 61" // another session
	)
	file := capture(t, repair91, nak, other91, nakList, repair92, repair91, repair91)
	got, err := RepairTimes(file, 3055)
	if err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{time.Millisecond, 4 * time.Millisecond}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
