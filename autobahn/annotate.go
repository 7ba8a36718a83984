package autobahn

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// annotator says in words what is remarkable about the frames of a log: which rules
// they break, and what they mean where that does not show. It goes through both
// directions as a reader would.
type annotator struct {
	deflate bool // permessage-deflate was negotiated
	server  bool // the tester is the server

	in, out direction
}

// direction is where the frames of one side are.
type direction struct{ inMessage, closed bool }

// note returns what is to be said about an entry; most frames need nothing.
func (a *annotator) note(e entry) string {
	switch e.row[0] {
	case "RF":
		masked := e.row[5].(bool)
		return a.frame(&a.in, e, a.server, masked)
	case "TF":
		return a.frame(&a.out, e, !a.server, e.row[5] != nil)
	}
	return ""
}

// frame notes a frame of one direction, whose sender has to mask or not to.
func (a *annotator) frame(d *direction, e entry, mask, masked bool) string {
	op, fin, rsv := e.row[2].(frame.Opcode), e.row[3].(bool), e.row[4].(uint8)
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

// size returns how long a frame's payload is.
func size(e entry) int {
	if e.row[0] == "TF" && e.row[6] != nil {
		return e.row[6].(int)
	}
	switch n := e.row[1].([]any)[0].(type) {
	case int:
		return n
	case int64:
		return int(n)
	}
	return 0
}

// closeNotes says what is wrong with a Close frame.
func closeNotes(e entry) []string {
	code, reason, ok := closeParts(e)
	switch {
	case size(e) == 1:
		return []string{"a code has two octets"}
	case !ok:
		return nil
	case !legalCode(code) && (code < 1012 || code > 1014):
		return []string{"a code that may not be sent"}
	case !utf8.ValidString(reason):
		return []string{"the reason is not UTF-8"}
	}
	return nil
}

// payloadOf returns a payload, or its start, from what the log shows of it.
func payloadOf(e entry) []byte {
	shown := strings.TrimSuffix(e.row[1].([]any)[1].(string), " ...")
	if digits, ok := strings.CutPrefix(shown, "0x"); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			return b
		}
	}
	return []byte(shown)
}

// closeParts returns the code and the reason in the payload of a Close frame, as far as
// the log has it.
func closeParts(e entry) (code int, reason string, ok bool) {
	p := payloadOf(e)
	if len(p) < 2 {
		return 0, "", false
	}
	return int(p[0])<<8 | int(p[1]), string(p[2:]), true
}
