package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gopgm/gopgm/seq"
)

// checkPatch patches an encoding of p to type typ and the trailing edge trail,
// and compares with encoding it so at once.
func checkPatch(t *testing.T, p *Data, typ Type, trail seq.Num) {
	t.Helper()
	want := *p
	want.Type, want.Trail = typ, trail
	pkt := AppendData(nil, p)
	before := bytes.Clone(pkt)
	PatchData(pkt, typ, trail)
	if w := AppendData(nil, &want); !bytes.Equal(pkt, w) {
		t.Errorf("PatchData(%x, %v, %#x)\n got %x\nwant %x", before, typ, trail, pkt, w)
	}
}

func TestPatchData(t *testing.T) {
	for _, g := range goldens {
		p, ok := g.p.(*Data)
		if !ok {
			continue
		}
		for _, trail := range []seq.Num{0, 1, p.Trail, 0xffff, 0x10000, 0xfffeffff, 0xffffffff} {
			checkPatch(t, p, TypeODATA, trail)
			checkPatch(t, p, TypeRDATA, trail)
		}
	}
}

// Every low word of the trailing edge, and so every sum there is: among them
// those where the checksum passes from or to its two representations of zero.
func TestPatchDataEverySum(t *testing.T) {
	p := &Data{Header: Header{SrcPort: 1000, DstPort: 7500, Type: TypeODATA, GSI: gsi}, SQN: 42}
	original := AppendData(nil, p)
	pkt := bytes.Clone(original)
	p.Type = TypeRDATA
	var want []byte
	zeros := 0
	for trail := range seq.Num(0x10000) {
		p.Trail = trail
		want = AppendData(want[:0], p)
		if binary.BigEndian.Uint16(want[checksumOffset:]) == 0xffff {
			zeros++
		}
		PatchData(pkt, TypeRDATA, trail) // from what the step before left
		if !bytes.Equal(pkt, want) {
			t.Fatalf("PatchData to trail %#x\n got %x\nwant %x", trail, pkt, want)
		}
		fresh := bytes.Clone(original)
		PatchData(fresh, TypeRDATA, trail)
		if !bytes.Equal(fresh, want) {
			t.Fatalf("PatchData(%x) to trail %#x\n got %x\nwant %x", original, trail, fresh, want)
		}
	}
	if zeros == 0 {
		t.Error("no checksum was zero")
	}
}

func TestPatchDataAllocs(t *testing.T) {
	pkt := AppendData(nil, benchData(1424, true))
	if n := testing.AllocsPerRun(100, func() { PatchData(pkt, TypeRDATA, 7) }); n != 0 {
		t.Errorf("PatchData: %v allocs, want 0", n)
	}
}

// A payload put in place first must give the same packet as AppendData.
func TestAppendDataHeader(t *testing.T) {
	for _, g := range goldens {
		p, ok := g.p.(*Data)
		if !ok {
			continue
		}
		want := g.bytes(t)
		head := len(want) - len(p.Payload)
		pkt := make([]byte, len(want))
		copy(pkt[head:], p.Payload)
		if got := AppendDataHeader(pkt[:0], p, len(p.Payload)); len(got) != head {
			t.Errorf("%s: AppendDataHeader appends %d bytes, want %d", g.desc, len(got), head)
		}
		SetChecksum(pkt)
		if !bytes.Equal(pkt, want) {
			t.Errorf("%s: built in place\n got %x\nwant %x", g.desc, pkt, want)
		}
	}
}

func TestDataHeaderLen(t *testing.T) {
	p := Data{Header: Header{Type: TypeODATA}}
	if n := len(AppendDataHeader(nil, &p, 0)); n != DataHeaderLen {
		t.Errorf("header is %d bytes, want %d", n, DataHeaderLen)
	}
	p.Options.Set(OptFragment)
	if n := len(AppendDataHeader(nil, &p, 0)); n != FragmentHeaderLen {
		t.Errorf("header with OPT_FRAGMENT is %d bytes, want %d", n, FragmentHeaderLen)
	}
}

func FuzzPatchData(f *testing.F) {
	for _, g := range goldens {
		if p, ok := g.p.(*Data); ok {
			f.Add(g.bytes(f), true, uint32(p.Trail)+1)
			f.Add(g.bytes(f), false, uint32(0))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, repair bool, trail uint32) {
		if len(b) < HeaderLen {
			return
		}
		b = bytes.Clone(b)
		SetChecksum(b)
		p, err := ParseData(b)
		if err != nil {
			return
		}
		typ := TypeODATA
		if repair {
			typ = TypeRDATA
		}
		checkPatch(t, &p, typ, seq.Num(trail))
	})
}
