package pgmnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gopgm/gopgm/pgm"
)

// ip4 is an IPv4 packet of PGM with so many bytes of options.
func ip4(options int, payload string) []byte {
	b := make([]byte, 20+options, 20+options+len(payload))
	b[0] = 0x45 + byte(options/4)
	binary.BigEndian.PutUint16(b[2:], uint16(cap(b)))
	b[8], b[9] = 16, 113
	return append(b, payload...)
}

func TestStripIPv4(t *testing.T) {
	change := func(at int, to byte) []byte {
		b := ip4(4, "payload")
		b[at] = to
		return b
	}
	for _, tt := range []struct {
		desc string
		in   []byte
		want string
		ok   bool
	}{
		{"no options", ip4(0, "payload"), "payload", true},
		{"Router Alert", ip4(4, "payload"), "payload", true},
		{"all options", ip4(40, "payload"), "payload", true},
		{"no payload", ip4(4, ""), "", true},
		{"more than its length says", append(ip4(0, "payload"), "more"...), "payload", true},
		{"don't fragment", change(6, 0x40), "payload", true},
		{"nothing", nil, "", false},
		{"header cut", ip4(0, "")[:19], "", false},
		{"options cut", ip4(40, "")[:59], "", false},
		{"payload cut", ip4(0, "payload")[:26], "", false},
		{"IPv6", change(0, 0x66), "", false},
		{"header of 16 bytes", change(0, 0x44), "", false},
		{"header of 0 bytes", change(0, 0x40), "", false},
		{"length less than the header", change(3, 23), "", false},
		{"length more than there is", change(2, 0xff), "", false},
		{"UDP", change(9, 17), "", false},
		{"first fragment", change(6, 0x20), "", false},
		{"later fragment", change(7, 0x01), "", false},
	} {
		got, ok := stripIPv4(tt.in)
		if string(got) != tt.want || ok != tt.ok {
			t.Errorf("%s: stripIPv4(%x) = %q, %v, want %q, %v", tt.desc, tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzStripIPv4(f *testing.F) {
	f.Add(ip4(0, "payload"))
	f.Add(ip4(4, "payload"))
	f.Add(ip4(40, "")[:59])
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := stripIPv4(b)
		if !ok {
			if got != nil {
				t.Errorf("stripIPv4(%x) = %x and false", b, got)
			}
			return
		}
		header := 4 * int(b[0]&15)
		total := int(binary.BigEndian.Uint16(b[2:]))
		if b[9] != 113 || header < 20 || !bytes.Equal(got, b[header:total]) || cap(got) != len(got) {
			t.Errorf("stripIPv4(%x) = %x", b, got)
		}
	})
}

func TestExplainRaw(t *testing.T) {
	err := explainRaw(syscall.EPERM)
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "setcap cap_net_raw+ep") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without the privilege: %v", err)
	}
	if err := explainRaw(syscall.EMFILE); !errors.Is(err, syscall.EMFILE) || strings.Contains(err.Error(), "setcap") {
		t.Errorf("too many files: %v", err)
	}
}

// TestRawUnsupported asks for native PGM/IP where there is none.
func TestRawUnsupported(t *testing.T) {
	for _, mode := range []IO{GSO, Portable} {
		cfg := testConfig(t, mode)
		cfg.Native = true
		_, err := NewReceiver(cfg, pgm.ReceiverConfig{})
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), mode.String()) {
			t.Errorf("NewReceiver with %v: %v", mode, err)
		}
	}
}

func TestOverhead(t *testing.T) {
	for _, tt := range []struct {
		native, v6 bool
		want       int
	}{{false, false, 28}, {false, true, 48}, {true, false, 24}, {true, true, 48}} {
		if got := Overhead(tt.native, tt.v6); got != tt.want {
			t.Errorf("Overhead(%v, %v) = %d, want %d", tt.native, tt.v6, got, tt.want)
		}
	}
}
