package report

import (
	"testing"
	"time"

	"github.com/rfc6455/ws/autobahn/internal/cases"
	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// TestAnnotator logs frames in both directions and reads what is said about them.
func TestAnnotator(t *testing.T) {
	type line struct {
		in   bool
		h    frame.Header
		s    engine.Send
		load string
		want string
	}
	text, more := frame.Header{Opcode: frame.Text, Fin: true}, frame.Header{Opcode: frame.Text}
	rest := frame.Header{Fin: true}
	with := func(h frame.Header, change func(h *frame.Header)) frame.Header {
		change(&h)
		return h
	}
	for name, test := range map[string]struct {
		deflate bool
		lines   []line
	}{
		"fine": {false, []line{
			{h: more},
			{in: true, h: text},
			{h: frame.Header{Opcode: frame.Ping, Fin: true}},
			{h: rest},
			{h: text},
			{h: frame.Header{Opcode: frame.Close, Fin: true}, load: "\x03\xe8bye"},
			{in: true, h: frame.Header{Opcode: frame.Close, Fin: true}},
		}},
		"order": {false, []line{
			{h: rest, want: "nothing to continue"},
			{h: more},
			{h: text, want: "the message before has not ended"},
			{h: frame.Header{Opcode: frame.Ping}, want: "fragmented control frame"},
			{h: frame.Header{Opcode: frame.Close, Fin: true}, load: "\x03\xe8"},
			{h: text, want: "after this side's Close frame"},
			{in: true, h: text},
		}},
		"bits": {false, []line{
			{h: frame.Header{Opcode: 3, Fin: true}, want: "reserved opcode"},
			{h: with(text, func(h *frame.Header) { h.RSV = frame.RSV1 }), want: "RSV bits without a meaning"},
			{h: with(text, func(h *frame.Header) { h.Masked = true }), want: "masked, as a server's may not be"},
			{in: true, h: with(text, func(h *frame.Header) { h.Opcode = 9; h.Length = 126 }), want: "control frame of more than 125 octets"},
		}},
		"compression": {true, []line{
			{h: with(more, func(h *frame.Header) { h.RSV = frame.RSV1 }), want: "compressed"},
			{h: with(rest, func(h *frame.Header) { h.RSV = frame.RSV1 }), want: "RSV1 where no message begins"},
			{h: with(text, func(h *frame.Header) { h.RSV = frame.RSV2 }), want: "RSV bits without a meaning"},
		}},
		"close without a whole code": {false, []line{{h: frame.Header{Opcode: frame.Close, Fin: true}, load: "a", want: "a code has two octets"}}},
		"close with a wrong code":    {false, []line{{h: frame.Header{Opcode: frame.Close, Fin: true}, load: "\x03\xed", want: "a code that may not be sent"}}},
		"close with a wrong reason":  {false, []line{{h: frame.Header{Opcode: frame.Close, Fin: true}, load: "\x03\xe8\xff", want: "the reason is not UTF-8"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := engine.Record{Opened: time.Now(), Enabled: true}
			r.Init()
			a := annotator{server: true, deflate: test.deflate}
			for i, l := range test.lines {
				l.h.Length = max(l.h.Length, int64(len(l.load)))
				if l.in {
					l.h.Masked = true
					r.GotFrame(l.h, []byte(l.load))
				} else {
					r.SentFrame(l.h, l.s, []byte(l.load))
				}
				if got := a.note(r.Entries[len(r.Entries)-1]); got != l.want {
					t.Errorf("line %d: %q, want %q", i+1, got, l.want)
				}
			}
		})
	}
}

func TestSectionOf(t *testing.T) {
	for id, want := range map[string]string{
		"1.1.1": "1", "12.5.18": "12", "rfc.HS-4.2-05.1": "rfc.HS", "rfc.deflate.6.4.1": "rfc.deflate",
	} {
		if got := sectionOf(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	for _, c := range append(append(cases.Catalogue(), cases.BeyondServers()...), cases.BeyondClients()...) {
		if sectionTitles[sectionOf(c.ID)] == "" {
			t.Errorf("the section of %s has no title", c.ID)
		}
	}
}
