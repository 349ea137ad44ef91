package wire

import (
	"bytes"
	"testing"
)

// TestCodedParts takes the parts of data packets with and without options, and
// finds in them what the packet was made of. RFC 3208 §11.2.
func TestCodedParts(t *testing.T) {
	for _, tt := range []struct {
		desc string
		opts []OptionType
		want bool
	}{
		{"no option", nil, false},
		{"OPT_SYN", []OptionType{OptSyn}, false},
		{"OPT_FRAGMENT", []OptionType{OptFragment}, true},
		{"OPT_FRAGMENT among others", []OptionType{OptSyn, OptFragment, OptJoin, OptCurrTGSize}, true},
	} {
		p := Data{Header: Header{Type: TypeODATA}, Payload: []byte("payload")}
		p.Options.Fragment = Fragment{First: 0xfffffff0, Offset: 1400, Length: 100000}
		p.Options.Set(tt.opts...)
		tsdu, c := CodedParts(AppendData(nil, &p))
		if !bytes.Equal(tsdu, p.Payload) || (c != nil) != tt.want {
			t.Errorf("%s: CodedParts = %q, %v, want %q, %v", tt.desc, tsdu, c, p.Payload, tt.want)
		}
		want := Fragment{Coded: FragmentNull}
		if tt.want {
			want = p.Options.Fragment
		} else {
			c = &NoFragment
		}
		if got := c.Fragment(); got != want || got.Code() != *c {
			t.Errorf("%s: fragment %+v, want %+v", tt.desc, got, want)
		}
	}
}
