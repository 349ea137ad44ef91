package wire

import (
	"fmt"
	"testing"

	"github.com/gopgm/gopgm/seq"
)

var benchSizes = []int{24, 100, 1424, 65000}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			buf := make([]byte, n)
			for i := range buf {
				buf[i] = byte(i * 7)
			}
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				Checksum(buf)
			}
		})
	}
}

// benchData returns an ODATA packet of n bytes, with OPT_FRAGMENT if asked.
func benchData(n int, fragment bool) *Data {
	d := &Data{Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA}, SQN: 7, Trail: 3}
	head := DataHeaderLen
	if fragment {
		d.Options.Set(OptFragment)
		d.Options.Fragment = Fragment{First: 7, Length: 100_000}
		head = FragmentHeaderLen
	}
	d.Payload = make([]byte, n-head)
	for i := range d.Payload {
		d.Payload[i] = byte(i * 7)
	}
	return d
}

func benchmarkData(b *testing.B, f func(b *testing.B, d *Data)) {
	for _, bb := range []struct {
		n        int
		fragment bool
	}{{100, false}, {1424, false}, {1424, true}} {
		b.Run(fmt.Sprintf("bytes=%d/fragment=%t", bb.n, bb.fragment), func(b *testing.B) {
			b.SetBytes(int64(bb.n))
			b.ReportAllocs()
			f(b, benchData(bb.n, bb.fragment))
		})
	}
}

func BenchmarkParseData(b *testing.B) {
	benchmarkData(b, func(b *testing.B, d *Data) {
		pkt := AppendData(nil, d)
		for b.Loop() {
			if _, err := ParseData(pkt); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendData(b *testing.B) {
	benchmarkData(b, func(b *testing.B, d *Data) {
		buf := make([]byte, 0, 2000)
		for b.Loop() {
			AppendData(buf, d)
		}
	})
}

// BenchmarkFinishData completes a packet whose payload is in place.
func BenchmarkFinishData(b *testing.B) {
	benchmarkData(b, func(b *testing.B, d *Data) {
		pkt := AppendData(nil, d)
		for b.Loop() {
			AppendDataHeader(pkt[:0], d, len(d.Payload))
			SetChecksum(pkt)
		}
	})
}

func BenchmarkPatchData(b *testing.B) {
	benchmarkData(b, func(b *testing.B, d *Data) {
		pkt := AppendData(nil, d)
		trail := seq.Num(0)
		for b.Loop() {
			PatchData(pkt, TypeRDATA, trail)
			trail++
		}
	})
}
