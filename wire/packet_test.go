package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"reflect"
	"testing"
)

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.desc, func(t *testing.T) {
			b := g.bytes(t)
			if got := appendPacket(nil, g.p); !bytes.Equal(got, b) {
				t.Errorf("encoded %+v\n got %x\nwant %x", g.p, got, b)
			}
			prefix := []byte("prefix")
			if got, want := appendPacket(prefix, g.p), append(prefix, b...); !bytes.Equal(got, want) {
				t.Errorf("encoded after a prefix\n got %x\nwant %x", got, want)
			}
			got, h, err := parseAny(b)
			if err != nil {
				t.Fatalf("decoding %x: %v", b, err)
			}
			if !reflect.DeepEqual(got, g.p) {
				t.Errorf("decoded %x\n got %+v\nwant %+v", b, got, g.p)
			}
			if header, err := ParseHeader(b); header != *h || err != nil {
				t.Errorf("ParseHeader(%x) = %+v, %v, want %+v", b, header, err, *h)
			}
			for i := range b {
				if got, _, err := parseAny(b[:i:i]); err == nil {
					t.Errorf("decoded the first %d bytes of %x: %+v", i, b, got)
				}
				// The lengths must tell too, not just the checksum.
				short := bytes.Clone(b[:i])
				if i >= HeaderLen {
					SetChecksum(short)
				}
				if got, _, err := parseAny(short); err == nil {
					t.Errorf("decoded the first %d bytes of %x with a checksum: %+v", i, b, got)
				}
			}
		})
	}
}

// The table is of use only if it holds everything.
func TestGoldenComplete(t *testing.T) {
	var types typeSet
	var options uint32
	for _, g := range goldens {
		_, h, err := parseAny(g.bytes(t))
		if err != nil {
			continue // reported by TestGolden
		}
		types |= 1 << h.Type
		options |= reflect.ValueOf(g.p).Elem().FieldByName("Options").Addr().Interface().(*Options).set
	}
	if types != allTypes {
		t.Errorf("goldens have packets of types %b, want %b", types, allTypes)
	}
	if options != knownSet {
		t.Errorf("goldens have options %b, want %b", options, knownSet)
	}
}

// A single byte of a golden packet that changes must be noticed.
func TestGoldenDamaged(t *testing.T) {
	for _, g := range goldens {
		b := g.bytes(t)
		for i := range b {
			b[i] ^= 0x10
			if got, _, err := parseAny(b); err == nil {
				t.Errorf("%s: decoded with byte %d damaged: %+v", g.desc, i, got)
			}
			b[i] ^= 0x10
		}
	}
}

// OpenPGM leaves octet 2 of an option header as its memory was, and sets F at
// another place than §9 does. Only a network element may read that octet. These
// are captures of OpenPGM 5.3.
func TestGarbageOctet(t *testing.T) {
	for _, tt := range []struct {
		b    string
		want any
	}{{
		b: `
			7a65 1d4c                     // source port, destination port 7500
			0a 03 c811                    // type NCF, options for the network too, checksum
			0d2bcfa82b68 0000             // GSI, TSDU length
			00000004                      // NCF_SQN
			0001 0000 0a090901            // source NLA 10.9.9.1
			0001 0000 efc00001            // group NLA 239.192.0.1
			00 04 0010                    // OPT_LENGTH, 16 in all
			82 0c 09 00 00000005 00000006 // OPT_NAK_LIST, the last
		`,
		want: &NAK{
			Header: Header{SrcPort: 0x7a65, DstPort: 7500, Type: TypeNCF, Flags: FlagOptions | FlagNetwork, GSI: gsiOpen},
			SQN:    4, Source: addr4, Group: group4,
			Options: with(Options{NAKList: AppendNum(AppendNum(nil, 5), 6)}, OptNAKList),
		},
	}, {
		b: `
			03e8 1d4c            // source port 1000, destination port 7500
			00 03 c992           // type SPM, options for the network too, checksum
			010203040506 0000    // GSI, TSDU length
			00000000             // SPM_SQN
			00000000 ffffffff    // trailing, leading edge
			0001 0000 0a090901   // path NLA 10.9.9.1
			00 04 000c           // OPT_LENGTH, 12 in all
			88 08 71 02 00000004 // OPT_PARITY_PRM, the last, P, groups of 4
		`,
		want: &SPM{
			Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, Flags: FlagOptions | FlagNetwork, GSI: gsi},
			Lead:   0xffffffff, Path: addr4,
			Options: with(Options{ParityPrm: ParityPrm{Proactive: true, TGSize: 4}}, OptParityPrm),
		},
	}, {
		b: `
			03e8 1d4c                               // source port 1000, destination port 7500
			04 01 5fea                              // type ODATA, options, none for the network, checksum
			010203040506 0005                       // GSI, TSDU length
			00000000 00000000                       // SQN, trailing edge
			00 04 0014                              // OPT_LENGTH, 20 in all
			92 10 25 00 0add6bf6 0001 0000 00000000 // OPT_PGMCC_DATA, the last: time stamp, 0.0.0.0
			68656c6c6f                              // "hello"
		`,
		want: &Data{
			Header:  Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, Flags: FlagOptions, GSI: gsi, TSDULen: 5},
			Payload: []byte("hello"),
			Options: with(Options{PGMCCData: PGMCCData{Timestamp: 0x0add6bf6, Acker: netip.IPv4Unspecified()}}, OptPGMCCData),
		},
	}} {
		b := unhex(t, tt.b)
		if got, _, err := parseAny(b); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("parsing %x\n got %+v, %v\nwant %+v", b, got, err, tt.want)
		}
	}
}

// What is reserved, or of no use to an end point, is ignored.
func TestIgnored(t *testing.T) {
	for _, tt := range []struct {
		desc string
		b    string
		want Options
	}{
		{"unknown option", "00 04 000c 14 04 00 00 8e 04 00 00", with(Options{}, OptFin)},
		{"unknown option of an odd length", "00 04 0011 6e 09 00 00 0102030405 8e 04 00 00", with(Options{}, OptFin)},
		{"unknown option, the last", "00 04 000c 0e 04 00 00 94 04 00 00", with(Options{}, OptFin)},
		{"unknown options, the same twice", "00 04 000c 06 04 00 00 86 04 00 00", Options{}},
		{"OPT_INVALID", "00 04 000c 7f 04 00 00 8e 04 00 00", with(Options{}, OptFin)},
		{"reserved bits of OPT_FIN", "00 04 0008 8e 04 ff ff", with(Options{}, OptFin)},
		{"reserved bits of OPT_PARITY_PRM", "00 04 000c 88 08 ff fc 00000004",
			with(Options{ParityPrm: ParityPrm{TGSize: 4}}, OptParityPrm)},
		{"U bit of OPT_RST", "00 04 0008 8f 04 00 bf", with(Options{Rst: Rst{Code: 0x3f}}, OptRst)},
		{"U bit of OPT_FRAGMENT in a packet that is not parity",
			"00 04 0014 81 10 00 80 00000001 00000002 00000003",
			with(Options{Fragment: Fragment{First: 1, Offset: 2, Length: 3}}, OptFragment)},
		{"reserved word of an NLA", "00 04 0010 87 0c 00 00 0001 ffff 0a090901",
			with(Options{Redirect: addr4}, OptRedirect)},
		{"receiver's option before the network's", "00 04 0010 0e 04 00 00 8a 08 00 00 00000003",
			with(Options{CurrTGSize: 3}, OptFin, OptCurrTGSize)},
		{"IPv4 address in IPv6", "00 04 0018 8c 14 00 00 00000000000000000000ffff0a090901",
			with(Options{PathNLA: addr4}, OptPathNLA)},
		{"as many options as there may be", "00 04 0044" +
			"7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 7f040000" +
			"7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 8e040000", with(Options{}, OptFin)},
	} {
		b := unhex(t, "1d4c 03e8 0c 01 0000 010203040506 0000"+tt.b)
		SetChecksum(b)
		p, err := ParseSPMR(b)
		if err != nil || !reflect.DeepEqual(p.Options, tt.want) {
			t.Errorf("%s: ParseSPMR(%x) = %+v, %v, want %+v", tt.desc, b, p.Options, err, tt.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	const (
		keep  = false // the row's checksum is as it is
		fixed = true  // the checksum is put right
	)
	spmr := func(options string) string { return "1d4c 03e8 0c 01 0000 010203040506 0000" + options }
	for _, tt := range []struct {
		desc     string
		b        string
		checksum bool
		want     error
	}{
		{"nothing", "", keep, ErrTruncated},
		{"header one byte short", "1d4c 03e8 0c 00 c9bf 010203040506 00", keep, ErrTruncated},
		{"version 1", "1d4c 03e8 4c 00 0000 010203040506 0000", fixed, ErrVersion},
		{"version 2", "1d4c 03e8 8c 00 0000 010203040506 0000", fixed, ErrVersion},
		{"reserved bit of the type", "1d4c 03e8 1c 00 0000 010203040506 0000", fixed, ErrVersion},
		{"other reserved bit of the type", "1d4c 03e8 2c 00 0000 010203040506 0000", fixed, ErrVersion},
		{"type 3", "1d4c 03e8 03 00 0000 010203040506 0000", fixed, ErrType},
		{"type 6", "1d4c 03e8 06 00 0000 010203040506 0000", fixed, ErrType},
		{"type 7", "1d4c 03e8 07 00 0000 010203040506 0000", fixed, ErrType},
		{"type 0xb", "1d4c 03e8 0b 00 0000 010203040506 0000", fixed, ErrType},
		{"type 0xe", "1d4c 03e8 0e 00 0000 010203040506 0000", fixed, ErrType},
		{"type 0xf", "1d4c 03e8 0f 00 0000 010203040506 0000", fixed, ErrType},

		{"checksum off by one", "1d4c 03e8 0c 00 c9be 010203040506 0000", keep, ErrChecksum},
		{"checksum of its bytes swapped", "1d4c 03e8 0c 00 bfc9 010203040506 0000", keep, ErrChecksum},
		{"checksum ffff for none", "1d4c 03e8 0c 00 ffff 010203040506 0000", keep, ErrChecksum},
		{"ODATA without checksum", "03e8 1d4c 04 00 0000 010203040506 0000 0000002a 00000001", keep, ErrNoChecksum},
		{"RDATA without checksum", "03e8 1d4c 05 00 0000 010203040506 0000 0000002a 00000001", keep, ErrNoChecksum},

		{"SPMR with data", "1d4c 03e8 0c 00 0000 010203040506 0005 68656c6c6f", fixed, ErrLength},
		{"SPMR with data it does not tell of", "1d4c 03e8 0c 00 0000 010203040506 0000 68656c6c6f", fixed, ErrLength},
		{"SPMR with a TSDU length and no data", "1d4c 03e8 0c 00 0000 010203040506 0005", fixed, ErrTruncated},
		{"ODATA shorter than its TSDU length", "03e8 1d4c 04 00 0000 010203040506 0006 0000002a 00000001 68656c6c6f", fixed, ErrTruncated},
		{"ODATA longer than its TSDU length", "03e8 1d4c 04 00 0000 010203040506 0004 0000002a 00000001 68656c6c6f", fixed, ErrLength},
		{"ODATA of no more than a header", "03e8 1d4c 04 00 0000 010203040506 0000", fixed, ErrTruncated},
		{"SPM with a byte too many", "03e8 1d4c 00 00 0000 010203040506 0000 00000005 00000001 0000002a 0001 0000 0a090901 00", fixed, ErrLength},
		{"SPM without path NLA", "03e8 1d4c 00 00 0000 010203040506 0000 00000005 00000001 0000002a", fixed, ErrTruncated},
		{"SPM with an NLA of AFI 0", "03e8 1d4c 00 00 0000 010203040506 0000 00000005 00000001 0000002a 0000 0000 0a090901", fixed, ErrAddress},
		{"SPM with an NLA of AFI 3", "03e8 1d4c 00 00 0000 010203040506 0000 00000005 00000001 0000002a 0003 0000 0a090901", fixed, ErrAddress},
		{"SPM with half an IPv6 NLA", "03e8 1d4c 00 00 0000 010203040506 0000 00000005 00000001 0000002a 0002 0000 0a090901", fixed, ErrTruncated},
		{"NAK with a group NLA of AFI 16", "1d4c 03e8 08 00 0000 010203040506 0000 00015f91 0001 0000 0a09094d 0010 0000 efc00001", fixed, ErrAddress},
		{"POLL that ends in its NLA", "03e8 1d4c 01 00 0000 010203040506 0000 00000008 0002 0001 0001 0000 0a0909", fixed, ErrTruncated},
		{"POLL without mask", "03e8 1d4c 01 00 0000 010203040506 0000 00000008 0002 0001 0001 0000 0a090901 0000c350 deadbeef", fixed, ErrTruncated},

		{"options missing", spmr(""), fixed, ErrTruncated},
		{"OPT_LENGTH not first", spmr("8e 04 00 00"), fixed, ErrOption},
		{"OPT_LENGTH of 5", spmr("00 05 0009 00 8e 04 00 00"), fixed, ErrOption},
		{"OPT_LENGTH as the last option", spmr("80 04 0004"), fixed, ErrOption},
		{"OPT_LENGTH alone", spmr("00 04 0004"), fixed, ErrOption},
		{"total length 3", spmr("00 04 0003 8e 04 00 00"), fixed, ErrOption},
		{"total length 0", spmr("00 04 0000 8e 04 00 00"), fixed, ErrOption},
		{"total length beyond the packet", spmr("00 04 0009 8e 04 00 00"), fixed, ErrTruncated},
		{"total length in mid option", spmr("00 04 0007 8e 04 00"), fixed, ErrOption},
		{"total length beyond the last option", spmr("00 04 000c 8e 04 00 00 00 00 00 00"), fixed, ErrOption},
		{"bytes after the total length", spmr("00 04 0008 8e 04 00 00 00"), fixed, ErrLength},
		{"no OPT_END", spmr("00 04 0008 0e 04 00 00"), fixed, ErrOption},
		{"option after OPT_END", spmr("00 04 000c 8e 04 00 00 8d 04 00 00"), fixed, ErrOption},
		{"second OPT_LENGTH", spmr("00 04 000c 00 04 000c 8e 04 00 00"), fixed, ErrOption},
		{"the same option twice", spmr("00 04 000c 0e 04 00 00 8e 04 00 00"), fixed, ErrOption},
		{"17 options", spmr("00 04 0048" +
			"7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 7f040000" +
			"7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 7f040000 8e040000"), fixed, ErrOption},
		{"option of length 0", spmr("00 04 0008 8e 00 00 00"), fixed, ErrOption},
		{"option of length 3", spmr("00 04 0007 8e 03 00"), fixed, ErrOption},
		{"unknown option of length 0", spmr("00 04 0008 ff 00 00 00"), fixed, ErrOption},
		{"option longer than all", spmr("00 04 0008 ff 05 00 00"), fixed, ErrOption},

		{"OPT_FRAGMENT of 12, as the text of §9.2.4", spmr("00 04 0010 81 0c 00 00 00000001 00000002"), fixed, ErrOption},
		{"OPT_FRAGMENT of 20", spmr("00 04 0018 81 14 00 00 00000001 00000002 00000003 00000004"), fixed, ErrOption},
		{"OPT_NAK_LIST of nothing", spmr("00 04 0008 82 04 00 00"), fixed, ErrOption},
		{"OPT_NAK_LIST of one and a half", spmr("00 04 000e 82 0a 00 00 00000001 0002"), fixed, ErrOption},
		{"OPT_JOIN without its number", spmr("00 04 0008 83 04 00 00"), fixed, ErrOption},
		{"OPT_NAK_BO_IVL of 8", spmr("00 04 000c 84 08 00 00 00000001"), fixed, ErrOption},
		{"OPT_NAK_BO_RNG of 16", spmr("00 04 0014 85 10 00 00 00000001 00000002 00000003"), fixed, ErrOption},
		{"OPT_REDIRECT without AFI", spmr("00 04 000c 87 08 00 00 0a090901"), fixed, ErrOption},
		{"OPT_REDIRECT with AFI 3", spmr("00 04 0010 87 0c 00 00 0003 0000 0a090901"), fixed, ErrAddress},
		{"OPT_REDIRECT for IPv4 of an IPv6 length", spmr("00 04 001c 87 18 00 00 0001 0000 20010db8000000000000000000000001"), fixed, ErrOption},
		{"OPT_REDIRECT for IPv6 of an IPv4 length", spmr("00 04 0010 87 0c 00 00 0002 0000 0a090901"), fixed, ErrOption},
		{"OPT_PARITY_PRM of 4", spmr("00 04 0008 88 04 00 03"), fixed, ErrOption},
		{"OPT_PARITY_GRP of 12", spmr("00 04 0010 89 0c 00 00 00000001 00000002"), fixed, ErrOption},
		{"OPT_CURR_TGSIZE of 6", spmr("00 04 000a 8a 06 00 00 0001"), fixed, ErrOption},
		{"OPT_NBR_UNREACH of 8", spmr("00 04 000c 8b 08 00 00 00000001"), fixed, ErrOption},
		{"OPT_PATH_NLA of 12", spmr("00 04 0010 8c 0c 00 00 0001 0000 0a090901"), fixed, ErrOption},
		{"OPT_SYN of 8", spmr("00 04 000c 8d 08 00 00 00000001"), fixed, ErrOption},
		{"OPT_RST of 8", spmr("00 04 000c 8f 08 00 00 00000001"), fixed, ErrOption},
		{"OPT_CR without NLA", spmr("00 04 0014 90 10 00 07 0000002b 1111 2222 3333 0000"), fixed, ErrOption},
		{"OPT_CRQST of 8", spmr("00 04 000c 91 08 00 07 00000000"), fixed, ErrOption},
		{"OPT_PGMCC_DATA of 20", spmr("00 04 0018 92 14 00 00 01020304 0001 0000 0a090901 00000000"), fixed, ErrOption},
		{"OPT_PGMCC_FEEDBACK with AFI 0", spmr("00 04 0014 93 10 00 00 01020304 0000 0567 0a090901"), fixed, ErrAddress},
	} {
		b := unhex(t, tt.b)
		if tt.checksum == fixed {
			SetChecksum(b)
		}
		if got, _, err := parseAny(b); err != tt.want {
			t.Errorf("%s: parsing %x = %+v, %v, want %v", tt.desc, b, got, err, tt.want)
		}
	}
}

// The longest NAK list there may be, and one longer.
func TestNAKListLength(t *testing.T) {
	p := NAK{Header: Header{Type: TypeNAK}, Source: addr4, Group: group4}
	p.Options.Set(OptNAKList)
	for range MaxNAKList {
		p.Options.NAKList = AppendNum(p.Options.NAKList, 7)
	}
	b := AppendNAK(nil, &p)
	got, err := ParseNAK(b)
	if err != nil || got.Options.NAKList.Len() != MaxNAKList || got.Options.NAKList.At(MaxNAKList-1) != 7 {
		t.Errorf("ParseNAK of %d numbers = %+v, %v", MaxNAKList, got, err)
	}

	p.Options.NAKList = AppendNum(p.Options.NAKList, 7)
	wantPanic(t, "AppendNAK of 63 numbers", func() { AppendNAK(nil, &p) })

	const optionLen = HeaderLen + 4 + 8 + 8 + optionHeaderLen + 1
	b[optionLen] += 4
	binary.BigEndian.PutUint16(b[optionLen-3:], binary.BigEndian.Uint16(b[optionLen-3:])+4)
	b = append(b, 0, 0, 0, 8)
	SetChecksum(b)
	if _, err := ParseNAK(b); err != ErrOption {
		t.Errorf("ParseNAK of 63 numbers: %v, want %v", err, ErrOption)
	}
}

// "A value of zero in this field means the transmitter generated no checksum."
// RFC 3208 §8, "Checksum"
func TestNoChecksum(t *testing.T) {
	for _, g := range goldens {
		b := g.bytes(t)
		b[checksumOffset], b[checksumOffset+1] = 0, 0
		var want error
		if _, ok := g.p.(*Data); ok {
			want = ErrNoChecksum
		}
		if _, _, err := parseAny(b); err != want {
			t.Errorf("%s without checksum: %v, want %v", g.desc, err, want)
		}
	}
}

// Each ParseX takes its own types and no other.
func TestWrongType(t *testing.T) {
	parsers := []struct {
		name  string
		types typeSet
		parse func(b []byte) error
	}{
		{"SPM", 1 << TypeSPM, func(b []byte) error { _, err := ParseSPM(b); return err }},
		{"Data", 1<<TypeODATA | 1<<TypeRDATA, func(b []byte) error { _, err := ParseData(b); return err }},
		{"NAK", 1<<TypeNAK | 1<<TypeNNAK | 1<<TypeNCF, func(b []byte) error { _, err := ParseNAK(b); return err }},
		{"SPMR", 1 << TypeSPMR, func(b []byte) error { _, err := ParseSPMR(b); return err }},
		{"POLL", 1 << TypePOLL, func(b []byte) error { _, err := ParsePOLL(b); return err }},
		{"POLR", 1 << TypePOLR, func(b []byte) error { _, err := ParsePOLR(b); return err }},
		{"ACK", 1 << TypeACK, func(b []byte) error { _, err := ParseACK(b); return err }},
	}
	for _, g := range goldens {
		b := g.bytes(t)
		for _, parser := range parsers {
			var want error
			if typ := Type(b[4]); !typ.in(parser.types) {
				want = ErrType
			}
			if err := parser.parse(b); err != want {
				t.Errorf("%s: Parse%s = %v, want %v", g.desc, parser.name, err, want)
			}
		}
	}
}

// Append takes nothing from a Header but what is the caller's to say.
func TestAppendCompletesHeader(t *testing.T) {
	h := Header{SrcPort: 1, DstPort: 2, Type: TypeODATA, Flags: 0xff, GSI: gsi, TSDULen: 99}
	got, err := ParseData(AppendData(nil, &Data{Header: h, Payload: []byte("x")}))
	want := h
	want.Flags, want.TSDULen = FlagVarPktLen|FlagParity, 1
	if err != nil || got.Header != want {
		t.Errorf("AppendData of %+v has header %+v, %v, want %+v", h, got.Header, err, want)
	}
	spm, err := ParseSPM(AppendSPM(nil, &SPM{Header: h}))
	want.Type, want.TSDULen = TypeSPM, 0
	if err != nil || spm.Header != want {
		t.Errorf("AppendSPM of %+v has header %+v, %v, want %+v", h, spm.Header, err, want)
	}
}

func TestAppendAddr(t *testing.T) {
	for _, tt := range []struct{ in, want netip.Addr }{
		{netip.Addr{}, netip.IPv4Unspecified()},
		{netip.MustParseAddr("::ffff:10.9.9.1"), addr4},
		{netip.MustParseAddr("2001:db8::1%eth0"), addr6},
		{netip.IPv6Unspecified(), netip.IPv6Unspecified()},
	} {
		p := SPM{Path: tt.in, Options: with(Options{PathNLA: tt.in, Redirect: tt.in}, OptPathNLA, OptRedirect)}
		got, err := ParseSPM(AppendSPM(nil, &p))
		if err != nil || got.Path != tt.want || got.Options.PathNLA != tt.want || got.Options.Redirect != tt.want {
			t.Errorf("AppendSPM with NLA %v reads %v, %v and %v, %v, want %v",
				tt.in, got.Path, got.Options.PathNLA, got.Options.Redirect, err, tt.want)
		}
	}
}

func TestCallersBugs(t *testing.T) {
	wantPanic(t, "AppendData of an SPM", func() { AppendData(nil, &Data{}) })
	wantPanic(t, "AppendNAK of an SPM", func() { AppendNAK(nil, &NAK{}) })
	wantPanic(t, "AppendData of 65,536 bytes", func() {
		AppendData(nil, &Data{Header: Header{Type: TypeODATA}, Payload: make([]byte, 65536)})
	})
	wantPanic(t, "AppendNAK of an empty NAK list", func() {
		AppendNAK(nil, &NAK{Header: Header{Type: TypeNAK}, Options: with(Options{}, OptNAKList)})
	})
	wantPanic(t, "PatchData to an SPM", func() {
		PatchData(AppendData(nil, &Data{Header: Header{Type: TypeODATA}}), TypeSPM, 0)
	})
}

func wantPanic(t *testing.T, desc string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", desc)
		}
	}()
	f()
}

func TestAllocs(t *testing.T) {
	buf := make([]byte, 0, 2000)
	for _, g := range goldens {
		b := g.bytes(t)
		if n := testing.AllocsPerRun(100, func() { buf = appendPacket(buf[:0], g.p) }); n != 0 {
			t.Errorf("%s: %v allocs to append, want 0", g.desc, n)
		}
		var err error
		parse := func() {
			switch g.p.(type) {
			case *SPM:
				_, err = ParseSPM(b)
			case *Data:
				_, err = ParseData(b)
			case *NAK:
				_, err = ParseNAK(b)
			case *SPMR:
				_, err = ParseSPMR(b)
			case *POLL:
				_, err = ParsePOLL(b)
			case *POLR:
				_, err = ParsePOLR(b)
			case *ACK:
				_, err = ParseACK(b)
			}
		}
		if n := testing.AllocsPerRun(100, parse); n != 0 || err != nil {
			t.Errorf("%s: %v allocs to parse, %v, want 0", g.desc, n, err)
		}
		b[checksumOffset]++
		if n := testing.AllocsPerRun(100, parse); n != 0 || err == nil {
			t.Errorf("%s: %v allocs to reject, %v, want 0", g.desc, n, err)
		}
	}
}

// FuzzParse checks that parsing does not panic, and that what parses encodes to
// something that parses the same, but for what Append normalises: the option
// bits of the flags, unknown options and reserved fields.
func FuzzParse(f *testing.F) {
	for _, g := range goldens {
		f.Add(g.bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parseAny(b)
		if len(b) < HeaderLen {
			return
		}
		b = bytes.Clone(b)
		SetChecksum(b) // for the fuzzer cannot guess it
		first, h, err := parseAny(b)
		if err != nil {
			return
		}
		encoded := appendPacket(nil, first)
		second, h2, err := parseAny(encoded)
		if err != nil {
			t.Fatalf("%x\nparsed %+v\nencoded %x\nparsing that: %v", b, first, encoded, err)
		}
		if kept := FlagParity | FlagVarPktLen; h.Flags&kept != h2.Flags&kept {
			t.Errorf("%x\nflags %#x became %#x", b, h.Flags, h2.Flags)
		}
		h.Flags = h2.Flags
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%x\nparsed %+v\nencoded %x\nparsed %+v", b, first, encoded, second)
		}
		if again := appendPacket(nil, second); !bytes.Equal(again, encoded) {
			t.Errorf("%x\nencoded %x\nencoded again %x", b, encoded, again)
		}
	})
}
