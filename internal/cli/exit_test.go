package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gopgm/gopgm/pgm"
)

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		want string
	}{
		{nil, OK, ""},
		{errors.New("broken\nat line 2"), Error, "tool: broken at line 2\n"},
		{Usagef("no %s", "flag"), Usage, "tool: no flag (see tool --help)\n"},
		{&LossError{errors.New("2 packets were lost")}, Loss, "tool: 2 packets were lost\n"},
		{fmt.Errorf("%w: Port", pgm.ErrConfig), Error, "tool: Port\n"},
	} {
		var out strings.Builder
		if code := Report(&out, "tool", tt.err); code != tt.code || out.String() != tt.want {
			t.Errorf("Report(%v) = %d, %q, want %d, %q", tt.err, code, out.String(), tt.code, tt.want)
		}
	}
}
