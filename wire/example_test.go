package wire_test

import (
	"fmt"
	"net/netip"

	"github.com/gopgm/gopgm/wire"
)

func ExampleAppendNAK() {
	nak := wire.NAK{
		Header: wire.Header{
			SrcPort: 7500, DstPort: 1000, Type: wire.TypeNAK, GSI: wire.GSI{1, 2, 3, 4, 5, 6},
		},
		SQN:    90001,
		Source: netip.MustParseAddr("10.9.9.77"),
		Group:  netip.MustParseAddr("239.192.0.1"),
	}
	// Ask for two more with the same packet.
	nak.Options.Set(wire.OptNAKList)
	nak.Options.NAKList = wire.AppendNum(nak.Options.NAKList, 90002)
	nak.Options.NAKList = wire.AppendNum(nak.Options.NAKList, 90003)

	b := wire.AppendNAK(nil, &nak)
	fmt.Printf("%x\n", b[:wire.HeaderLen])
	fmt.Printf("%x\n", b[wire.HeaderLen:])
	// Output:
	// 1d4c03e8080329c80102030405060000
	// 00015f91000100000a09094d00010000efc0000100040010820c000000015f9200015f93
}

func ExampleParseData() {
	pkt := wire.AppendData(nil, &wire.Data{
		Header:  wire.Header{SrcPort: 1000, DstPort: 7500, Type: wire.TypeODATA, GSI: wire.GSI{1, 2, 3, 4, 5, 6}},
		SQN:     42,
		Trail:   1,
		Payload: []byte("hello"),
	})

	data, err := wire.ParseData(pkt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(data.Type, data.TSI(), data.SQN, data.Trail, string(data.Payload))

	pkt[len(pkt)-1] ^= 1
	_, err = wire.ParseData(pkt)
	fmt.Println(err)
	// Output:
	// ODATA 1.2.3.4.5.6.1000 42 1 hello
	// wire: bad checksum
}

// A source turns a packet it kept into a repair in place.
func ExamplePatchData() {
	pkt := wire.AppendData(nil, &wire.Data{
		Header:  wire.Header{SrcPort: 1000, DstPort: 7500, Type: wire.TypeODATA},
		SQN:     42,
		Trail:   1,
		Payload: []byte("hello"),
	})
	wire.PatchData(pkt, wire.TypeRDATA, 30)

	data, err := wire.ParseData(pkt)
	fmt.Println(data.Type, data.SQN, data.Trail, err)
	// Output:
	// RDATA 42 30 <nil>
}
