package interop

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopgm/gopgm/seq"
	"github.com/gopgm/gopgm/wire"
)

// RepairTimes returns, in order, how long each number was waited for that the
// capture has a NAK and then RDATA of: from the first NAK to the first RDATA. It
// knows one session from another by its TSI. The capture must be of single
// packets; see lab.Host.SplitGSO.
func RepairTimes(file string, port int) ([]time.Duration, error) {
	type number struct {
		tsi wire.TSI
		seq.Num
	}
	asked := map[number]time.Duration{}
	var times []time.Duration
	var bad error
	add := func(fields []string) {
		at, err := sinceEpoch(fields[0])
		packet, err2 := hex.DecodeString(fields[1])
		if err != nil || err2 != nil {
			bad = fmt.Errorf("interop: tshark printed %q", fields)
			return
		}
		if nak, err := wire.ParseNAK(packet); err == nil && nak.Type == wire.TypeNAK {
			list := []seq.Num{nak.SQN}
			for i := range nak.Options.NAKList.Len() {
				list = append(list, nak.Options.NAKList.At(i))
			}
			for _, n := range list {
				if _, ok := asked[number{nak.TSI(), n}]; !ok {
					asked[number{nak.TSI(), n}] = at
				}
			}
			return
		}
		var data wire.Data
		if data.Parse(packet) != nil {
			return
		}
		n := number{data.TSI(), data.SQN}
		if since, ok := asked[n]; ok && since >= 0 {
			times = append(times, at-since)
			asked[n] = -1
		}
	}
	filter := fmt.Sprintf("udp.port==%d && (pgm.hdr.type==0x05 || pgm.hdr.type==0x08)", port)
	if err := tshark(file, port, filter, add, "frame.time_epoch", "udp.payload"); err != nil {
		return nil, err
	}
	slices.Sort(times)
	return times, bad
}

// sinceEpoch reads seconds with nine digits behind the point.
func sinceEpoch(s string) (time.Duration, error) {
	n, err := strconv.ParseInt(strings.Replace(s, ".", "", 1), 10, 64)
	return time.Duration(n), err
}
