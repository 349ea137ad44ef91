package wire

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// A golden is a packet and its bytes. Both ways, and what tshark makes of the
// bytes, are checked against this one table, goldens.
type golden struct {
	desc string
	p    any    // a pointer to a packet
	b    string // its bytes, in hexadecimal with comments

	noTshark string // why tshark 4.0 cannot check it
}

var (
	gsi     = GSI{1, 2, 3, 4, 5, 6}
	gsiOpen = GSI{0x0d, 0x2b, 0xcf, 0xa8, 0x2b, 0x68} // of the OpenPGM captures

	addr4  = netip.MustParseAddr("10.9.9.1")
	group4 = netip.MustParseAddr("239.192.0.1")
	addr6  = netip.MustParseAddr("2001:db8::1")
	group6 = netip.MustParseAddr("ff0e::7")
)

// with returns o with the options in ts marked as present.
func with(o Options, ts ...OptionType) Options {
	o.Set(ts...)
	return o
}

// goldens holds every packet type and every option, with NLAs of both families.
//
// "OpenPGM" in a description means the bytes are a capture of OpenPGM 5.3, and
// "layout of OpenPGM" that they are like one. All others were built by hand from
// the figures of the RFC. TestTshark has all of them dissected by tshark, which
// knows everything here but OPT_NBR_UNREACH, OPT_PATH_NLA, OPT_CR, OPT_CRQST and
// what noTshark says; it shows OPT_NAK_BO_RNG with minimum and maximum swapped.
var goldens = []golden{{
	desc: "SPM of an empty window, OpenPGM",
	p: &SPM{
		Header: Header{SrcPort: 0x8357, DstPort: 7500, Type: TypeSPM, GSI: gsiOpen},
		Lead:   0xffffffff, Path: addr4,
	},
	b: `
		8357 1d4c          // source port, destination port 7500
		00 00 4415         // type SPM, no options, checksum
		0d2bcfa82b68 0000  // GSI, TSDU length
		00000000           // SPM_SQN
		00000000 ffffffff  // trailing, leading edge
		0001 0000 0a090901 // path NLA 10.9.9.1
	`,
}, {
	desc: "SPM, IPv6",
	p: &SPM{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, GSI: gsi},
		SQN:    5, Trail: 0xfffffffe, Lead: 9, Path: addr6,
	},
	b: `
		03e8 1d4c                                  // source port 1000, destination port 7500
		00 00 a7f6                                 // type SPM, no options, checksum
		010203040506 0000                          // GSI, TSDU length
		00000005                                   // SPM_SQN
		fffffffe 00000009                          // trailing, leading edge
		0002 0000 20010db8000000000000000000000001 // path NLA 2001:db8::1
	`,
}, {
	desc: "SPM with OPT_PARITY_PRM and OPT_FIN, OpenPGM (which means on demand)",
	p: &SPM{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    3, Path: addr4,
		Options: with(Options{ParityPrm: ParityPrm{Proactive: true, TGSize: 4}}, OptFin, OptParityPrm),
	},
	b: `
		03e8 1d4c            // source port 1000, destination port 7500
		00 03 2c88           // type SPM, options for the network too, checksum
		010203040506 0000    // GSI, TSDU length
		00000003             // SPM_SQN
		00000000 00000000    // trailing, leading edge
		0001 0000 0a090901   // path NLA 10.9.9.1
		00 04 0010           // OPT_LENGTH, 16 in all
		08 08 00 02 00000004 // OPT_PARITY_PRM, P, groups of 4
		8e 04 00 00          // OPT_FIN, the last
	`,
}, {
	desc: "SPM with OPT_PARITY_PRM on demand",
	p: &SPM{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    5, Trail: 1, Lead: 42, Path: addr4,
		Options: with(Options{ParityPrm: ParityPrm{OnDemand: true, TGSize: 16}}, OptParityPrm),
	},
	b: `
		03e8 1d4c            // source port 1000, destination port 7500
		00 03 3a58           // type SPM, options for the network too, checksum
		010203040506 0000    // GSI, TSDU length
		00000005             // SPM_SQN
		00000001 0000002a    // trailing, leading edge
		0001 0000 0a090901   // path NLA 10.9.9.1
		00 04 000c           // OPT_LENGTH, 12 in all
		88 08 00 01 00000010 // OPT_PARITY_PRM, the last, O, groups of 16
	`,
}, {
	desc: "SPM with OPT_JOIN",
	p: &SPM{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, Flags: FlagOptions, GSI: gsi},
		SQN:    5, Trail: 1, Lead: 42, Path: addr4,
		Options: with(Options{Join: 17}, OptJoin),
	},
	b: `
		03e8 1d4c            // source port 1000, destination port 7500
		00 01 3f5a           // type SPM, options, none for the network, checksum
		010203040506 0000    // GSI, TSDU length
		00000005             // SPM_SQN
		00000001 0000002a    // trailing, leading edge
		0001 0000 0a090901   // path NLA 10.9.9.1
		00 04 000c           // OPT_LENGTH, 12 in all
		83 08 00 00 00000011 // OPT_JOIN, the last, from 17
	`,
}, {
	desc: "SPM with OPT_RST",
	p: &SPM{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, Flags: FlagOptions, GSI: gsi},
		SQN:    5, Trail: 1, Lead: 42, Path: addr4,
		Options: with(Options{Rst: Rst{NoNAKs: true, Code: 0x15}}, OptRst),
	},
	b: `
		03e8 1d4c          // source port 1000, destination port 7500
		00 01 331e         // type SPM, options, none for the network, checksum
		010203040506 0000  // GSI, TSDU length
		00000005           // SPM_SQN
		00000001 0000002a  // trailing, leading edge
		0001 0000 0a090901 // path NLA 10.9.9.1
		00 04 0008         // OPT_LENGTH, 8 in all
		8f 04 00 55        // OPT_RST, the last, N, error 0x15
	`,
}, {
	desc: "SPM with the options for NAK back-off and congestion reports",
	p: &SPM{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    5, Trail: 1, Lead: 42, Path: addr4,
		Options: with(Options{
			NAKBackoffIvl: NAKBackoffIvl{Interval: 50_000, SQN: 3},
			NAKBackoffRng: NAKBackoffRng{Max: 65_536, Min: 4096},
			CRQST:         CRReports{WorstLink: true, ReceiverWorst: true},
		}, OptNAKBackoffIvl, OptNAKBackoffRng, OptCRQST),
	},
	b: `
		03e8 1d4c                     // source port 1000, destination port 7500
		00 03 54e7                    // type SPM, options for the network too, checksum
		010203040506 0000             // GSI, TSDU length
		00000005                      // SPM_SQN
		00000001 0000002a             // trailing, leading edge
		0001 0000 0a090901            // path NLA 10.9.9.1
		00 04 0020                    // OPT_LENGTH, 32 in all
		04 0c 00 00 0000c350 00000003 // OPT_NAK_BO_IVL, 50 ms, POLL_SQN 3
		05 0c 00 00 00010000 00001000 // OPT_NAK_BO_RNG, maximum, minimum
		91 04 00 05                   // OPT_CRQST, the last, L and R
	`,
}, {
	desc: "SPM with OPT_CURR_TGSIZE and OPT_NBR_UNREACH",
	p: &SPM{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeSPM, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    5, Trail: 1, Lead: 42, Path: addr4,
		Options: with(Options{CurrTGSize: 3}, OptCurrTGSize, OptNbrUnreach),
	},
	b: `
		03e8 1d4c            // source port 1000, destination port 7500
		00 03 2d5e           // type SPM, options for the network too, checksum
		010203040506 0000    // GSI, TSDU length
		00000005             // SPM_SQN
		00000001 0000002a    // trailing, leading edge
		0001 0000 0a090901   // path NLA 10.9.9.1
		00 04 0010           // OPT_LENGTH, 16 in all
		0a 08 00 00 00000003 // OPT_CURR_TGSIZE
		8b 04 00 00          // OPT_NBR_UNREACH, the last
	`,
}, {
	desc: "ODATA",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, GSI: gsi, TSDULen: 5},
		SQN:    42, Trail: 1, Payload: []byte("hello"),
	},
	b: `
		03e8 1d4c         // source port 1000, destination port 7500
		04 00 8dbd        // type ODATA, no options, checksum
		010203040506 0005 // GSI, TSDU length
		0000002a 00000001 // SQN 42, trailing edge 1
		68656c6c6f        // "hello"
	`,
}, {
	desc: "ODATA without data",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, GSI: gsi},
		SQN:    42, Trail: 1, Payload: []byte{},
	},
	b: `
		03e8 1d4c         // source port 1000, destination port 7500
		04 00 d194        // type ODATA, no options, checksum
		010203040506 0000 // GSI, TSDU length
		0000002a 00000001 // SQN 42, trailing edge 1
	`,
}, {
	desc: "ODATA whose checksum would be zero",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, GSI: gsi, TSDULen: 2},
		SQN:    42, Trail: 1, Payload: []byte{0xd1, 0x92},
	},
	b: `
		03e8 1d4c         // source port 1000, destination port 7500
		04 00 ffff        // type ODATA, no options, checksum
		010203040506 0002 // GSI, TSDU length
		0000002a 00000001 // SQN 42, trailing edge 1
		d192              // data
	`,
}, {
	desc: "ODATA with OPT_FRAGMENT and OPT_FIN",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, Flags: FlagOptions, GSI: gsi, TSDULen: 5},
		SQN:    44, Trail: 1, Payload: []byte("hello"),
		Options: with(Options{Fragment: Fragment{First: 42, Offset: 2856, Length: 2861}}, OptFragment, OptFin),
	},
	b: `
		03e8 1d4c                              // source port 1000, destination port 7500
		04 01 e80a                             // type ODATA, options, none for the network, checksum
		010203040506 0005                      // GSI, TSDU length
		0000002c 00000001                      // SQN 44, trailing edge 1
		00 04 0018                             // OPT_LENGTH, 24 in all
		01 10 00 00 0000002a 00000b28 00000b2d // OPT_FRAGMENT: first, offset, length
		8e 04 00 00                            // OPT_FIN, the last
		68656c6c6f                             // "hello"
	`,
}, {
	desc: "ODATA with OPT_SYN and OPT_JOIN",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, Flags: FlagOptions, GSI: gsi, TSDULen: 5},
		SQN:    42, Trail: 42, Payload: []byte("hello"),
		Options: with(Options{Join: 42}, OptSyn, OptJoin),
	},
	b: `
		03e8 1d4c            // source port 1000, destination port 7500
		04 01 fd48           // type ODATA, options, none for the network, checksum
		010203040506 0005    // GSI, TSDU length
		0000002a 0000002a    // SQN 42, trailing edge 42
		00 04 0010           // OPT_LENGTH, 16 in all
		03 08 00 00 0000002a // OPT_JOIN, from 42
		8d 04 00 00          // OPT_SYN, the last
		68656c6c6f           // "hello"
	`,
}, {
	desc: "ODATA with OPT_CURR_TGSIZE, which the network ignores there (§11.8.3)",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, Flags: FlagOptions, GSI: gsi, TSDULen: 5},
		SQN:    42, Trail: 1, Payload: []byte("hello"),
		Options: with(Options{CurrTGSize: 3}, OptCurrTGSize),
	},
	b: `
		03e8 1d4c            // source port 1000, destination port 7500
		04 01 03a1           // type ODATA, options, none for the network, checksum
		010203040506 0005    // GSI, TSDU length
		0000002a 00000001    // SQN 42, trailing edge 1
		00 04 000c           // OPT_LENGTH, 12 in all
		8a 08 00 00 00000003 // OPT_CURR_TGSIZE, the last
		68656c6c6f           // "hello"
	`,
}, {
	desc: "ODATA with OPT_PGMCC_DATA that elects an acker, OpenPGM",
	p: &Data{
		Header:  Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, Flags: FlagOptions, GSI: gsi, TSDULen: 5},
		Payload: []byte("hello"),
		Options: with(Options{PGMCCData: PGMCCData{Timestamp: 0x0add2266, Acker: netip.IPv4Unspecified()}}, OptPGMCCData),
	},
	b: `
		03e8 1d4c                               // source port 1000, destination port 7500
		04 01 ce7a                              // type ODATA, options, none for the network, checksum
		010203040506 0005                       // GSI, TSDU length
		00000000 00000000                       // SQN, trailing edge
		00 04 0014                              // OPT_LENGTH, 20 in all
		92 10 00 00 0add2266 0001 0000 00000000 // OPT_PGMCC_DATA, the last: time stamp, 0.0.0.0
		68656c6c6f                              // "hello"
	`,
}, {
	desc: "ODATA with OPT_PGMCC_DATA, IPv6",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, Flags: FlagOptions, GSI: gsi, TSDULen: 5},
		SQN:    42, Trail: 1, Payload: []byte("hello"),
		Options: with(Options{PGMCCData: PGMCCData{Timestamp: 0x01020304, Acker: addr6}}, OptPGMCCData),
	},
	b: `
		03e8 1d4c                                  // source port 1000, destination port 7500
		04 01 c9b9                                 // type ODATA, options, none for the network, checksum
		010203040506 0005                          // GSI, TSDU length
		0000002a 00000001                          // SQN 42, trailing edge 1
		00 04 0020                                 // OPT_LENGTH, 32 in all
		92 1c 00 00 01020304                       // OPT_PGMCC_DATA, the last: time stamp
		0002 0000 20010db8000000000000000000000001 // 2001:db8::1
		68656c6c6f                                 // "hello"
	`,
}, {
	desc: "RDATA with OPT_CURR_TGSIZE, which the network reads there (§11.8.3)",
	p: &Data{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeRDATA, Flags: FlagOptions | FlagNetwork, GSI: gsi, TSDULen: 5},
		SQN:    42, Trail: 7, Payload: []byte("hello"),
		Options: with(Options{CurrTGSize: 3, Fragment: Fragment{First: 42, Length: 2000}}, OptCurrTGSize, OptFragment),
	},
	b: `
		03e8 1d4c                              // source port 1000, destination port 7500
		05 03 f97e                             // type RDATA, options for the network too, checksum
		010203040506 0005                      // GSI, TSDU length
		0000002a 00000007                      // SQN 42, trailing edge 7
		00 04 001c                             // OPT_LENGTH, 28 in all
		0a 08 00 00 00000003                   // OPT_CURR_TGSIZE
		81 10 00 00 0000002a 00000000 000007d0 // OPT_FRAGMENT, the last: first, offset, length
		68656c6c6f                             // "hello"
	`,
}, {
	desc: "RDATA of parity with an encoded OPT_FRAGMENT (§11.2)",
	p: &Data{
		Header: Header{
			SrcPort: 1000, DstPort: 7500, Type: TypeRDATA,
			Flags: FlagOptions | FlagVarPktLen | FlagParity, GSI: gsi, TSDULen: 4,
		},
		SQN: 41, Trail: 7, Payload: []byte{0xde, 0xad, 0xbe, 0xef},
		Options: with(Options{
			ParityGrp: 1,
			Fragment:  Fragment{First: 0x11223344, Offset: 0x55667788, Length: 0x99aabbcc, Coded: 0xa7},
		}, OptParityGrp, OptFragment),
	},
	b: `
		03e8 1d4c                              // source port 1000, destination port 7500
		05 c1 3c80                             // type RDATA, parity of varying lengths, options, checksum
		010203040506 0004                      // GSI, TSDU length
		00000029 00000007                      // SQN 41, trailing edge 7
		00 04 001c                             // OPT_LENGTH, 28 in all
		01 10 04 a7 11223344 55667788 99aabbcc // OPT_FRAGMENT, F, coded
		89 08 00 00 00000001                   // OPT_PARITY_GRP, the last
		deadbeef                               // parity
	`,
}, {
	desc: "NAK, OpenPGM",
	p: &NAK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeNAK, GSI: gsi},
		SQN:    90001, Source: netip.MustParseAddr("10.9.9.77"), Group: group4,
	},
	b: `
		1d4c 03e8          // destination port 7500, source port 1000
		08 00 6b13         // type NAK, no options, checksum
		010203040506 0000  // GSI, TSDU length
		00015f91           // NAK_SQN
		0001 0000 0a09094d // source NLA 10.9.9.77
		0001 0000 efc00001 // group NLA 239.192.0.1
	`,
}, {
	desc: "NAK with OPT_NAK_LIST, layout of OpenPGM",
	p: &NAK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeNAK, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    90001, Source: netip.MustParseAddr("10.9.9.77"), Group: group4,
		Options: with(Options{NAKList: AppendNum(AppendNum(nil, 90002), 90003)}, OptNAKList),
	},
	b: `
		1d4c 03e8                     // destination port 7500, source port 1000
		08 03 29c8                    // type NAK, options for the network too, checksum
		010203040506 0000             // GSI, TSDU length
		00015f91                      // NAK_SQN
		0001 0000 0a09094d            // source NLA 10.9.9.77
		0001 0000 efc00001            // group NLA 239.192.0.1
		00 04 0010                    // OPT_LENGTH, 16 in all
		82 0c 00 00 00015f92 00015f93 // OPT_NAK_LIST, the last
	`,
}, {
	desc: "NAK for parity, IPv6",
	p: &NAK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeNAK, Flags: FlagParity, GSI: gsi},
		SQN:    0x40 | 2, Source: addr6, Group: group6,
	},
	b: `
		1d4c 03e8                                  // destination port 7500, source port 1000
		08 80 a029                                 // type NAK, parity, checksum
		010203040506 0000                          // GSI, TSDU length
		00000042                                   // transmission group 0x40, 3 packets
		0002 0000 20010db8000000000000000000000001 // source NLA 2001:db8::1
		0002 0000 ff0e0000000000000000000000000007 // group NLA ff0e::7
	`,
}, {
	desc: "NAK with NLAs of two families",
	p: &NAK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeNAK, GSI: gsi},
		SQN:    42, Source: addr4, Group: group6,
	},
	b: `
		1d4c 03e8                                  // destination port 7500, source port 1000
		08 00 bb72                                 // type NAK, no options, checksum
		010203040506 0000                          // GSI, TSDU length
		0000002a                                   // NAK_SQN
		0001 0000 0a090901                         // source NLA 10.9.9.1
		0002 0000 ff0e0000000000000000000000000007 // group NLA ff0e::7
	`,
}, {
	desc: "NAK with OPT_CR",
	p: &NAK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeNAK, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    42, Source: addr4, Group: group4,
		Options: with(Options{CR: CR{
			Reports: CRReports{WorstPath: true, ReceiverWorst: true}, Lead: 43,
			WorstLink: 0x1111, WorstPath: 0x2222, ReceiverWorst: 0x3333, Receiver: netip.MustParseAddr("10.9.9.2"),
		}}, OptCR),
	},
	b: `
		1d4c 03e8            // destination port 7500, source port 1000
		08 03 c0eb           // type NAK, options for the network too, checksum
		010203040506 0000    // GSI, TSDU length
		0000002a             // NAK_SQN
		0001 0000 0a090901   // source NLA 10.9.9.1
		0001 0000 efc00001   // group NLA 239.192.0.1
		00 04 001c           // OPT_LENGTH, 28 in all
		90 18 00 03 0000002b // OPT_CR, the last, P and R, reference SQN
		1111 2222 3333 0000  // worst link, worst path, worst receiver
		0001 0000 0a090902   // that receiver, 10.9.9.2
	`,
}, {
	desc: "NAK with OPT_CR, IPv6",
	p: &NAK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeNAK, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    42, Source: addr4, Group: group4,
		Options: with(Options{CR: CR{
			Reports: CRReports{WorstLink: true}, Lead: 43, WorstLink: 0x1111, Receiver: addr6,
		}}, OptCR),
	},
	b: `
		1d4c 03e8                                  // destination port 7500, source port 1000
		08 03 fb77                                 // type NAK, options for the network too, checksum
		010203040506 0000                          // GSI, TSDU length
		0000002a                                   // NAK_SQN
		0001 0000 0a090901                         // source NLA 10.9.9.1
		0001 0000 efc00001                         // group NLA 239.192.0.1
		00 04 0028                                 // OPT_LENGTH, 40 in all
		90 24 00 04 0000002b                       // OPT_CR, the last, L, reference SQN
		1111 0000 0000 0000                        // worst link, worst path, worst receiver
		0002 0000 20010db8000000000000000000000001 // that receiver, 2001:db8::1
	`,
}, {
	desc: "NNAK",
	p: &NAK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeNNAK, GSI: gsi},
		SQN:    42, Source: addr4, Group: group4,
	},
	b: `
		1d4c 03e8          // destination port 7500, source port 1000
		09 00 c9c7         // type NNAK, no options, checksum
		010203040506 0000  // GSI, TSDU length
		0000002a           // NNAK_SQN
		0001 0000 0a090901 // source NLA 10.9.9.1
		0001 0000 efc00001 // group NLA 239.192.0.1
	`,
}, {
	desc: "NCF, OpenPGM",
	p: &NAK{
		Header: Header{SrcPort: 0x7a65, DstPort: 7500, Type: TypeNCF, GSI: gsiOpen},
		SQN:    2, Source: addr4, Group: group4,
	},
	b: `
		7a65 1d4c          // source port, destination port 7500
		0a 00 5342         // type NCF, no options, checksum
		0d2bcfa82b68 0000  // GSI, TSDU length
		00000002           // NCF_SQN
		0001 0000 0a090901 // source NLA 10.9.9.1
		0001 0000 efc00001 // group NLA 239.192.0.1
	`,
}, {
	desc: "NCF with OPT_NAK_BO_IVL, OPT_REDIRECT and OPT_PATH_NLA",
	p: &NAK{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeNCF, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    42, Source: addr4, Group: group4,
		Options: with(Options{
			NAKBackoffIvl: NAKBackoffIvl{Interval: 50_000},
			Redirect:      netip.MustParseAddr("10.9.9.3"), PathNLA: netip.MustParseAddr("10.9.9.4"),
		}, OptNAKBackoffIvl, OptPathNLA, OptRedirect),
	},
	b: `
		03e8 1d4c                      // source port 1000, destination port 7500
		0a 03 4811                     // type NCF, options for the network too, checksum
		010203040506 0000              // GSI, TSDU length
		0000002a                       // NCF_SQN
		0001 0000 0a090901             // source NLA 10.9.9.1
		0001 0000 efc00001             // group NLA 239.192.0.1
		00 04 0024                     // OPT_LENGTH, 36 in all
		04 0c 00 00 0000c350 00000000  // OPT_NAK_BO_IVL, 50 ms, at once
		07 0c 00 00 0001 0000 0a090903 // OPT_REDIRECT, 10.9.9.3
		8c 08 00 00 0a090904           // OPT_PATH_NLA, the last, 10.9.9.4
	`,
}, {
	desc: "NCF with OPT_REDIRECT and OPT_PATH_NLA, IPv6",
	p: &NAK{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeNCF, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    42, Source: addr4, Group: group4,
		Options: with(Options{Redirect: addr6, PathNLA: netip.MustParseAddr("2001:db8::2")}, OptPathNLA, OptRedirect),
	},
	b: `
		03e8 1d4c                                    // source port 1000, destination port 7500
		0a 03 d9ec                                   // type NCF, options for the network too, checksum
		010203040506 0000                            // GSI, TSDU length
		0000002a                                     // NCF_SQN
		0001 0000 0a090901                           // source NLA 10.9.9.1
		0001 0000 efc00001                           // group NLA 239.192.0.1
		00 04 0030                                   // OPT_LENGTH, 48 in all
		07 18 00 00                                  // OPT_REDIRECT
		0002 0000 20010db8000000000000000000000001   // 2001:db8::1
		8c 14 00 00 20010db8000000000000000000000002 // OPT_PATH_NLA, the last, 2001:db8::2
	`,
}, {
	desc: "SPMR, OpenPGM",
	p:    &SPMR{Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeSPMR, GSI: gsi}},
	b: `
		1d4c 03e8         // destination port 7500, source port 1000
		0c 00 c9bf        // type SPMR, no options, checksum
		010203040506 0000 // GSI, TSDU length
	`,
	noTshark: "does not know SPMRs",
}, {
	desc: "POLL",
	p: &POLL{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypePOLL, GSI: gsi},
		SQN:    8, Round: 2, SubType: 1, Path: addr4, Backoff: 50_000, Rand: 0xdeadbeef, Mask: 0xff,
	},
	b: `
		03e8 1d4c          // source port 1000, destination port 7500
		01 00 5fbc         // type POLL, no options, checksum
		010203040506 0000  // GSI, TSDU length
		00000008 0002 0001 // POLL_SQN, round, sub-type
		0001 0000 0a090901 // path NLA 10.9.9.1
		0000c350           // back-off interval, 50 ms
		deadbeef 000000ff  // random string, mask
	`,
}, {
	desc: "POLL with OPT_NAK_BO_IVL, IPv6",
	p: &POLL{
		Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypePOLL, Flags: FlagOptions | FlagNetwork, GSI: gsi},
		SQN:    8, Round: 2, SubType: 1, Path: addr6, Backoff: 50_000, Rand: 0xdeadbeef, Mask: 0xff,
		Options: with(Options{NAKBackoffIvl: NAKBackoffIvl{Interval: 50_000, SQN: 8}}, OptNAKBackoffIvl),
	},
	b: `
		03e8 1d4c                                  // source port 1000, destination port 7500
		01 03 fd8e                                 // type POLL, options for the network too, checksum
		010203040506 0000                          // GSI, TSDU length
		00000008 0002 0001                         // POLL_SQN, round, sub-type
		0002 0000 20010db8000000000000000000000001 // path NLA 2001:db8::1
		0000c350                                   // back-off interval, 50 ms
		deadbeef 000000ff                          // random string, mask
		00 04 0010                                 // OPT_LENGTH, 16 in all
		84 0c 00 00 0000c350 00000008              // OPT_NAK_BO_IVL, the last, 50 ms, POLL_SQN 8
	`,
}, {
	desc: "POLR",
	p: &POLR{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypePOLR, GSI: gsi},
		SQN:    8, Round: 2,
	},
	b: `
		1d4c 03e8          // destination port 7500, source port 1000
		02 00 d3b5         // type POLR, no options, checksum
		010203040506 0000  // GSI, TSDU length
		00000008 0002 0000 // POLR_SQN, round
	`,
}, {
	desc: "ACK with OPT_PGMCC_FEEDBACK, layout of OpenPGM",
	p: &ACK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeACK, Flags: FlagOptions, GSI: gsi},
		RxMax:  42, Bitmap: 0xfffffffb,
		Options: with(Options{PGMCCFeedback: PGMCCFeedback{Timestamp: 0x01020304, LossRate: 0x0567, Receiver: addr4}}, OptPGMCCFeedback),
	},
	b: `
		1d4c 03e8                               // destination port 7500, source port 1000
		0d 01 18f8                              // type ACK, options, none for the network, checksum
		010203040506 0000                       // GSI, TSDU length
		0000002a fffffffb                       // highest number, all but the 40th received
		00 04 0014                              // OPT_LENGTH, 20 in all
		93 10 00 00 01020304 0001 0567 0a090901 // OPT_PGMCC_FEEDBACK, the last: time stamp, loss, 10.9.9.1
	`,
}, {
	desc: "ACK with OPT_PGMCC_FEEDBACK, IPv6",
	p: &ACK{
		Header: Header{SrcPort: 7500, DstPort: 1000, Type: TypeACK, Flags: FlagOptions, GSI: gsi},
		RxMax:  42, Bitmap: 0xfffffffb,
		Options: with(Options{PGMCCFeedback: PGMCCFeedback{Timestamp: 0x01020304, LossRate: 0x0567, Receiver: addr6}}, OptPGMCCFeedback),
	},
	b: `
		1d4c 03e8                                  // destination port 7500, source port 1000
		0d 01 fe2e                                 // type ACK, options, none for the network, checksum
		010203040506 0000                          // GSI, TSDU length
		0000002a fffffffb                          // highest number, all but the 40th received
		00 04 0020                                 // OPT_LENGTH, 32 in all
		93 1c 00 00 01020304                       // OPT_PGMCC_FEEDBACK, the last: time stamp
		0002 0567 20010db8000000000000000000000001 // loss, 2001:db8::1
	`,
}}

// bytes returns the packet's bytes.
func (g *golden) bytes(tb testing.TB) []byte { return unhex(tb, g.b) }

// unhex reads hexadecimal with spaces, and comments to the end of a line.
func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "//")
		for field := range strings.FieldsSeq(line) {
			digits.WriteString(field)
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		tb.Fatalf("unhex(%q): %v", s, err)
	}
	return b
}

// appendPacket appends the packet p points to.
func appendPacket(b []byte, p any) []byte {
	switch p := p.(type) {
	case *SPM:
		return AppendSPM(b, p)
	case *Data:
		return AppendData(b, p)
	case *NAK:
		return AppendNAK(b, p)
	case *SPMR:
		return AppendSPMR(b, p)
	case *POLL:
		return AppendPOLL(b, p)
	case *POLR:
		return AppendPOLR(b, p)
	case *ACK:
		return AppendACK(b, p)
	}
	panic("unknown packet")
}

// parseAny reads a packet of whatever type its header says, and returns a
// pointer to it and to its header.
func parseAny(b []byte) (any, *Header, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return nil, nil, err
	}
	switch h.Type {
	case TypeSPM:
		p, err := ParseSPM(b)
		return &p, &p.Header, err
	case TypeODATA, TypeRDATA:
		p, err := ParseData(b)
		return &p, &p.Header, err
	case TypeNAK, TypeNNAK, TypeNCF:
		p, err := ParseNAK(b)
		return &p, &p.Header, err
	case TypeSPMR:
		p, err := ParseSPMR(b)
		return &p, &p.Header, err
	case TypePOLL:
		p, err := ParsePOLL(b)
		return &p, &p.Header, err
	case TypePOLR:
		p, err := ParsePOLR(b)
		return &p, &p.Header, err
	case TypeACK:
		p, err := ParseACK(b)
		return &p, &p.Header, err
	}
	panic("ParseHeader let through type " + h.Type.String())
}
