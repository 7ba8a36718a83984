package engine

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// MaxEcho is how many bytes the tester takes in one message. No case sends a message of more
// than a quarter of that.
const MaxEcho = 64 << 20

// receive takes bytes that have arrived. It unmasks them in place.
func (t *Tester) receive(b []byte) {
	if t.state == open {
		t.Rec.Traffic.IncomingOctetsWireLevel += len(b)
	}
	t.Rec.GotOctets(b)
	for len(b) > 0 && t.state != closed && !t.deaf {
		if !t.inFrame {
			b = t.receiveHeader(b)
			continue
		}
		n := int(min(t.in.Length-t.got, int64(len(b))))
		t.receivePayload(b[:n])
		b = b[n:]
	}
}

// receiveHeader takes what is there of a frame header, and returns what follows.
func (t *Tester) receiveHeader(b []byte) []byte {
	had := len(t.partial)
	t.partial = append(t.partial, b[:min(len(b), frame.MaxHeaderSize)]...)
	h, n, err := frame.Parse(t.partial)
	if err != nil {
		t.fail(1002, "frame header is not valid: "+err.Error())
		t.deaf = true
		return nil
	}
	if n == 0 {
		return b[len(t.partial)-had:]
	}
	t.partial = t.partial[:0]
	t.in, t.inFrame, t.got, t.payload = h, true, 0, t.payload[:0]
	t.checkHeader(h)
	if !h.Opcode.IsControl() && !t.inMessage {
		t.inMessage, t.text, t.packed = true, h.Opcode == frame.Text, t.Deflate != nil && h.RSV == frame.RSV1
		t.message, t.utf8 = t.message[:0], UTF8Check{}
	}
	if h.Length == 0 && t.state != closed {
		t.endFrame()
	}
	return b[n-had:]
}

// checkHeader fails the connection if a header breaks a rule. The frame is read all the same,
// so that a Close frame after it is seen.
func (t *Tester) checkHeader(h frame.Header) {
	inMessage := t.inMessage
	control := h.Opcode.IsControl()
	compressed := t.Deflate != nil && h.RSV == frame.RSV1
	for _, rule := range []struct {
		broken bool
		reason string
	}{
		{h.RSV != 0 && !compressed, "RSV bits without an extension that defines them"},
		{t.Server && !h.Masked, "unmasked client-to-server frame"},
		{!t.Server && h.Masked, "masked server-to-client frame"},
		{control && !h.Fin, "fragmented control frame"},
		{control && h.Length > frame.MaxControlPayload, "control frame with payload length > 125 octets"},
		{h.Opcode.IsReserved(), "frame using reserved opcode"},
		{h.Opcode == frame.Close && h.Length == 1, "received close control frame with payload len 1"},
		{control && compressed, "received compressed control frame"},
		{!control && !inMessage && h.Opcode == frame.Continuation, "received continuation data frame outside fragmented message"},
		{!control && inMessage && h.Opcode != frame.Continuation, "received non-continuation data frame while inside fragmented message"},
		{!control && inMessage && compressed, "received continuation data frame with compress bit set"},
	} {
		if rule.broken {
			t.fail(1002, rule.reason)
		}
	}
}

// receivePayload takes a piece of the current frame's payload.
func (t *Tester) receivePayload(b []byte) {
	if t.in.Masked {
		mask(b, t.in.Key, t.got)
	}
	t.got += int64(len(b))
	if t.in.Opcode.IsControl() {
		t.payload = append(t.payload, b[:min(len(b), 1<<10)]...)
	} else {
		t.payload = append(t.payload, b[:max(0, min(len(b), logged-len(t.payload)))]...)
		t.receiveData(b)
	}
	if t.got == t.in.Length && t.state != closed {
		t.endFrame()
	}
}

// receiveData takes a piece of the current message.
func (t *Tester) receiveData(b []byte) {
	if len(t.message)+len(b) > MaxEcho {
		t.Crash("the testee's message is larger than anything that was sent to it")
		return
	}
	if t.state == open {
		t.Rec.Traffic.IncomingOctetsWebSocketLevel += len(b)
		if !t.packed {
			t.Rec.Traffic.IncomingOctetsAppLevel += len(b)
		}
	}
	t.message = append(t.message, b...)
	// It fails once for each frame, in however many pieces TCP brings that.
	first := t.got == int64(len(b))
	if t.text && !t.packed && (first || !t.utf8.bad) && !t.utf8.Write(b) {
		t.fail(1007, "encountered invalid UTF-8 while processing text message")
	}
}

// endFrame acts on a frame that is complete.
func (t *Tester) endFrame() {
	t.inFrame = false
	t.Rec.GotFrame(t.in, t.payload)
	switch {
	case t.in.Opcode.IsControl():
		t.receiveControl(t.in.Opcode, slices.Clone(t.payload))
	case t.in.Fin:
		t.countFrame()
		t.inMessage = false
		t.endMessage()
	default:
		t.countFrame()
	}
}

// countFrame counts a data frame, if the connection is open.
func (t *Tester) countFrame() {
	if t.state == open {
		t.Rec.Traffic.IncomingWebSocketFrames++
	}
}

// endMessage inflates a message that is complete, checks it, and hands it to the case or
// records it.
func (t *Tester) endMessage() {
	payload := t.message
	if t.packed {
		if bytes.HasSuffix(payload, []byte(tail)) {
			t.Rec.Tails++
		}
		var known bool
		var err error
		if payload, known, err = t.Deflate.Decompress(payload, t.Echo.Payload); err != nil {
			t.Crash(err.Error())
			return
		}
		if t.state == open {
			t.Rec.Traffic.IncomingOctetsAppLevel += len(payload)
		}
		if t.text && !known && !t.utf8.Write(payload) {
			t.fail(1007, "encountered invalid UTF-8 while processing text message")
		}
	}
	if t.text && !t.utf8.Done() { // a second time, if it was invalid before: this drops TCP
		t.fail(1007, "UTF-8 text message payload ended within Unicode code point")
	}
	if t.state == open {
		t.Rec.Traffic.IncomingWebSocketMessages++
	}
	if t.Rec.FailedByMe || t.state == closed {
		return
	}
	if t.Script.Message != nil {
		t.Script.Message(t, payload, !t.text)
		return
	}
	t.record(Event{Kind: "message", Data: slices.Clone(payload), Binary: !t.text})
}

// receiveControl acts on a control frame.
func (t *Tester) receiveControl(op frame.Opcode, payload []byte) {
	switch op {
	case frame.Close:
		t.receiveClose(payload)
	case frame.Ping:
		if t.state == open {
			t.Frame(Send{Op: frame.Pong}, payload)
		}
	case frame.Pong:
		t.record(Event{Kind: "pong", Data: payload})
	}
}

// receiveClose acts on the testee's Close frame, whether it is the first or the
// answer to the tester's own.
func (t *Tester) receiveClose(payload []byte) {
	if len(payload) >= 2 {
		code := int(payload[0])<<8 | int(payload[1])
		t.Rec.RemoteCloseCode = &code
		if !LegalCode(code) && !(t.Script.Strict && code >= 1012 && code <= 1014) {
			t.fail(1002, "invalid close code")
		}
	}
	if len(payload) > 2 {
		var u UTF8Check
		if !u.Write(payload[2:]) {
			t.fail(1007, "invalid close reason (non-UTF-8 payload)")
		}
		if !utf8.Valid(payload[2:]) {
			t.Crash("the reason in the testee's Close frame is not UTF-8")
			return
		}
		t.Rec.RemoteCloseReason = new(string(payload[2:]))
	}
	t.endHandshake()
}

// LegalCode reports whether a testee may send a status code by RFC 6455 section 7.4.1. Codes
// 1012 to 1014, which came later, are not among them.
func LegalCode(code int) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1011 || code >= 3000 && code <= 4999
}

// endHandshake goes on with the closing handshake after the testee's Close frame.
func (t *Tester) endHandshake() {
	switch t.state {
	case closing:
		if t.closeTimer != nil {
			t.closeTimer.Stop()
		}
		t.Rec.WasClean = true
		switch {
		case !t.Server:
			t.awaitDrop()
		case !t.Script.Lazy:
			t.drop(true)
		}
	case open:
		t.Rec.WasClean = true
		if t.Script.Mute {
			return
		}
		t.sendClose(1000, "")
		if t.Server {
			t.drop(false)
		}
	case closed:
		t.Rec.WasClean = false
	}
}

// record keeps an event, and opens the closing handshake if no more is due.
func (t *Tester) record(e Event) {
	t.Received = append(t.Received, e)
	for _, want := range [][]Event{t.Script.OK, t.Script.NonStrict} {
		if want != nil && !t.complete(want) {
			return
		}
	}
	if t.Script.Close.ByMe && !t.Script.KeepOpen {
		t.CloseFrame(t.Script.Close.Codes[0], "")
	}
}

// complete reports whether no more is to come of a list's events: all have come, or, in the
// second catalogue, as many others.
func (t *Tester) complete(want []Event) bool {
	return t.Script.matches(want, t.Received) || t.Script.Strict && len(t.Received) >= len(want)
}
