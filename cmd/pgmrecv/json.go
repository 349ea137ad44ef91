package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"

	"github.com/gopgm/gopgm/internal/cli"
	"github.com/gopgm/gopgm/internal/filecast"
	"github.com/gopgm/gopgm/pgm"
	"github.com/gopgm/gopgm/seq"
)

// appendMessage appends a message as a line of JSON. It is by hand because
// there may be many; no string in it needs escaping.
func appendMessage(b []byte, ev *event) []byte {
	b = append(b, `{"event":"message","source":"`...)
	b = append(b, ev.Source.String()...)
	b = append(b, `","sequence":`...)
	b = strconv.AppendUint(b, uint64(ev.First), 10)
	b = append(b, `,"length":`...)
	b = strconv.AppendInt(b, int64(len(ev.Data)), 10)
	b = append(b, `,"data":"`...)
	b = base64.StdEncoding.AppendEncode(b, ev.Data)
	return append(b, "\"}\n"...)
}

// appendFrames is appendMessage for a message of several frames, of which the
// first begins with the topic.
func appendFrames(b []byte, ev *event) []byte {
	b = append(b, `{"event":"message","source":"`...)
	b = append(b, ev.Source.String()...)
	b = append(b, `","first":`...)
	b = strconv.AppendUint(b, uint64(ev.First), 10)
	b = append(b, `,"last":`...)
	b = strconv.AppendUint(b, uint64(ev.Last), 10)
	b = append(b, `,"topic":`...)
	topic, _ := json.Marshal(string(ev.frames[0])) // a string cannot fail
	b = append(b, topic...)
	b = append(b, `,"frames":[`...)
	for i, f := range ev.frames {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, f)
		b = append(b, '"')
	}
	return append(b, "]}\n"...)
}

// writeEvent writes any other event as a line of JSON.
func writeEvent(w io.Writer, ev *event) error {
	line := struct {
		Event  string   `json:"event"`
		Source string   `json:"source"`
		First  *seq.Num `json:"first,omitempty"`
		Last   *seq.Num `json:"last,omitempty"`
		Cause  string   `json:"cause,omitempty"`
		Code   *uint8   `json:"code,omitempty"`
	}{Event: ev.Kind.String(), Source: ev.Source.String()}
	switch ev.Kind {
	case pgm.EventLoss:
		line.First, line.Last, line.Cause = &ev.First, &ev.Last, ev.Cause.String()
	case pgm.EventJoin:
		line.First = &ev.First
	case pgm.EventReset:
		line.Code = &ev.Code
	}
	return cli.WriteJSON(w, line)
}

// writeResult writes what became of a file as a line of JSON.
func writeResult(w io.Writer, res *filecast.Result) error {
	line := struct {
		Event  string `json:"event"`
		Source string `json:"source"`
		Name   string `json:"name,omitempty"`
		Size   *int64 `json:"size,omitempty"`
		SHA256 string `json:"sha256,omitempty"`
		Files  uint32 `json:"files,omitempty"`
		Reason string `json:"reason,omitempty"`
	}{Event: "file", Source: res.Source.String(), Name: res.Name}
	if res.Name != "" {
		line.Size = &res.Size
	}
	if res.Err == nil {
		line.SHA256 = hexDigest(res)
	} else {
		line.Event, line.Files, line.Reason = "discard", res.Files, res.Err.Error()
	}
	return cli.WriteJSON(w, line)
}
