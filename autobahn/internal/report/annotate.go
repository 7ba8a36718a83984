package report

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// annotator says in words what is remarkable about the frames of a log: which rules they break,
// and what does not show in the frame alone. It takes the frames in their order, and keeps in
// mind those before, of both directions.
type annotator struct {
	deflate bool // permessage-deflate was negotiated
	server  bool // the tester is the server

	in, out direction
}

// direction is how far one side has come: within a message, or past its Close frame.
type direction struct{ inMessage, closed bool }

// note returns what is to be said about an entry; empty: nothing, as for most frames.
func (a *annotator) note(e engine.Entry) string {
	switch e.Row[0] {
	case "RF":
		masked := e.Row[5].(bool)
		return a.frame(&a.in, e, a.server, masked)
	case "TF":
		return a.frame(&a.out, e, !a.server, e.Row[5] != nil)
	}
	return ""
}

// frame returns what is to be said about a frame. Mask says whether its sender has to mask, and
// masked whether it has.
func (a *annotator) frame(d *direction, e engine.Entry, mask, masked bool) string {
	op, fin, rsv := e.Row[2].(frame.Opcode), e.Row[3].(bool), e.Row[4].(uint8)
	control := op.IsControl()
	var notes []string
	add := func(broken bool, rule string) {
		if broken {
			notes = append(notes, rule)
		}
	}
	add(d.closed, "after this side's Close frame")
	add(mask && !masked, "not masked, as a client's has to be")
	add(!mask && masked, "masked, as a server's may not be")
	add(op.IsReserved(), "reserved opcode")
	add(rsv != 0 && (!a.deflate || rsv != frame.RSV1), "RSV bits without a meaning")
	add(rsv == frame.RSV1 && a.deflate && (control || op == frame.Continuation), "RSV1 where no message begins")
	add(rsv == frame.RSV1 && a.deflate && !control && op != frame.Continuation, "compressed")
	add(control && !fin, "fragmented control frame")
	add(control && size(e) > frame.MaxControlPayload, "control frame of more than 125 octets")
	add(op == frame.Continuation && !d.inMessage, "nothing to continue")
	add((op == frame.Text || op == frame.Binary) && d.inMessage, "the message before has not ended")
	if op == frame.Close {
		notes = append(notes, closeNotes(e)...)
		d.closed = true
	}
	if !control {
		d.inMessage = !fin
	}
	return strings.Join(notes, "; ")
}

// size returns how many bytes a frame's payload has.
func size(e engine.Entry) int {
	if e.Row[0] == "TF" && e.Row[6] != nil {
		return e.Row[6].(int)
	}
	switch n := e.Row[1].([]any)[0].(type) {
	case int:
		return n
	case int64:
		return int(n)
	}
	return 0
}

// closeNotes says what is wrong with a Close frame.
func closeNotes(e engine.Entry) []string {
	code, reason, ok := closeParts(e)
	switch {
	case size(e) == 1:
		return []string{"a code has two octets"}
	case !ok:
		return nil
	case !engine.LegalCode(code) && (code < 1012 || code > 1014):
		return []string{"a code that may not be sent"}
	case !utf8.ValidString(reason):
		return []string{"the reason is not UTF-8"}
	}
	return nil
}

// payloadOf returns a payload, or its start, from what the log shows of it.
func payloadOf(e engine.Entry) []byte {
	shown := strings.TrimSuffix(e.Row[1].([]any)[1].(string), " ...")
	if digits, ok := strings.CutPrefix(shown, "0x"); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			return b
		}
	}
	return []byte(shown)
}

// closeParts returns the code and the reason in the payload of a Close frame, as far as the log
// has that. It reports false if there is no code.
func closeParts(e engine.Entry) (code int, reason string, ok bool) {
	p := payloadOf(e)
	if len(p) < 2 {
		return 0, "", false
	}
	return int(p[0])<<8 | int(p[1]), string(p[2:]), true
}
