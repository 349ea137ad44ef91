package interop

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Dissection is what tshark makes of the PGM packets in a capture.
type Dissection struct {
	Packets int            // all UDP packets on the port, and all of IP protocol 113
	Types   map[string]int // PGM packets by type: "SPM", "ODATA", "NAK", ...
	Options map[string]int // PGM packets by option: "FRAGMENT", "NAK_LIST", ...; LENGTH left out

	NoChecksums  int // packets without one, which only ODATA and RDATA must have
	BadChecksums int

	// Problems has a line for each of at most 20 packets that are not PGM, or that
	// made tshark warn: of a bad checksum, a malformed packet, an invalid length.
	Problems []string
}

// The names that tshark's dissector has for the numbers of RFC 3208.
var (
	typeNames = map[string]string{
		"0x00": "SPM", "0x01": "POLL", "0x02": "POLR", "0x04": "ODATA", "0x05": "RDATA", "0x08": "NAK",
		"0x09": "NNAK", "0x0a": "NCF", "0x0c": "SPMR", "0x0d": "ACK",
	}
	optionNames = map[string]string{
		"0x01": "FRAGMENT", "0x02": "NAK_LIST", "0x03": "JOIN", "0x04": "NAK_BO_IVL", "0x05": "NAK_BO_RNG",
		"0x07": "REDIRECT", "0x08": "PARITY_PRM", "0x09": "PARITY_GRP", "0x0a": "CURR_TGSIZE",
		"0x0b": "NBR_UNREACH", "0x0c": "PATH_NLA", "0x0d": "SYN", "0x0e": "FIN", "0x0f": "RST", "0x10": "CR",
		"0x11": "CRQST", "0x12": "PGMCC_DATA", "0x13": "PGMCC_FEEDBACK",
	}
)

// Dissect lets tshark judge the PGM packets of a capture file: those of IP
// protocol 113 and those in UDP on a port. What the kernel had not cut into
// packets yet when it was captured is no packet; see lab.Host.SplitGSO.
func Dissect(file string, port int) (*Dissection, error) {
	d := &Dissection{Types: map[string]int{}, Options: map[string]int{}}
	filter := fmt.Sprintf("(udp.port==%d || ip.proto==113 || ipv6.nxt==113 || ipv6.hopopts.nxt==113) && !icmp && !icmpv6", port)
	err := tshark(file, port, filter+" && pgm", d.addPGM,
		"frame.number", "pgm.hdr.type", "pgm.hdr.cksum.status", "pgm.genopts.type",
		"_ws.expert.severity", "_ws.expert.message")
	if err != nil {
		return nil, err
	}
	// tshark leaves alone what is shorter than 18 bytes, and so every SPMR.
	return d, tshark(file, port, filter+" && !pgm", d.addOther, "frame.number", "data.data")
}

// tshark calls add with fields of each packet in a file that a filter selects.
func tshark(file string, port int, filter string, add func(fields []string), fields ...string) error {
	if _, err := exec.LookPath("tshark"); err != nil {
		return errors.New("interop: no tshark command; install tshark")
	}
	args := []string{"-n", "-r", file, "-Y", filter,
		"-d", fmt.Sprintf("udp.port==%d,pgm", port), "-o", "pgm.check_checksum:TRUE",
		"-T", "fields", "-E", "separator=|", "-E", "occurrence=a"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("interop: tshark: %w: %s", err, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		values := strings.SplitN(strings.TrimSuffix(line, "\n"), "|", len(fields))
		if len(values) < len(fields) {
			return fmt.Errorf("interop: tshark printed %q; want %d fields", line, len(fields))
		}
		add(values)
	}
	return nil
}

// The numbers tshark has for the state of a checksum, and for the severity of
// what it notes.
const (
	checksumGood   = "1"
	checksumAbsent = "3"

	severityWarning = "6291456"
	severityError   = "8388608"
)

func (d *Dissection) addPGM(fields []string) {
	frame, kind, checksum, options, severity, message := fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]
	d.Packets++
	d.Types[name(typeNames, kind)]++
	for option := range strings.SplitSeq(options, ",") {
		if option != "" {
			d.Options[name(optionNames, option)]++
		}
	}
	// Some versions put the checksum itself before its state.
	switch checksum[strings.LastIndex(checksum, ",")+1:] {
	case checksumGood:
	case checksumAbsent:
		d.NoChecksums++
	default:
		d.BadChecksums++
	}
	if strings.Contains(severity, severityWarning) || strings.Contains(severity, severityError) {
		d.problem(frame, kind, message)
	}
}

func (d *Dissection) addOther(fields []string) {
	frame, data := fields[0], fields[1]
	d.Packets++
	packet, err := hex.DecodeString(data)
	if err != nil || len(packet) != 16 || packet[4] != 0x0c {
		d.problem(frame, "", "not PGM")
		return
	}
	d.Types["SPMR"]++
	switch {
	case packet[6] == 0 && packet[7] == 0:
		d.NoChecksums++
	case sum(packet) != 0xffff:
		d.BadChecksums++
		d.problem(frame, "0x0c", "Bad checksum")
	}
}

// sum is the one's complement sum of an even number of bytes.
func sum(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func (d *Dissection) problem(frame, kind, what string) {
	if len(d.Problems) < 20 {
		where := strings.TrimSpace("packet " + frame + " " + name(typeNames, kind))
		d.Problems = append(d.Problems, where+": "+what)
	}
}

// name gives the name of a number, or the number for one without a name.
func name(names map[string]string, number string) string {
	if n, ok := names[number]; ok {
		return n
	}
	return number
}
