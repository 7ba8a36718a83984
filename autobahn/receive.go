package autobahn

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// maxEcho bounds what the tester takes in one message. No case sends more than a
// quarter of it.
const maxEcho = 64 << 20

// receive takes bytes that have arrived. It changes them.
func (t *tester) receive(b []byte) {
	if t.state == open {
		t.rec.Traffic.IncomingOctetsWireLevel += len(b)
	}
	t.rec.gotOctets(b)
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

// receiveHeader takes what is there of a frame header and returns the rest.
func (t *tester) receiveHeader(b []byte) []byte {
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
		t.inMessage, t.text, t.packed = true, h.Opcode == frame.Text, t.deflate != nil && h.RSV == frame.RSV1
		t.message, t.utf8 = t.message[:0], utf8Check{}
	}
	if h.Length == 0 && t.state != closed {
		t.endFrame()
	}
	return b[n-had:]
}

// checkHeader fails the connection for a header that breaks a rule. The frame is
// taken all the same, so that a Close frame after it is seen.
func (t *tester) checkHeader(h frame.Header) {
	inMessage := t.inMessage
	control := h.Opcode.IsControl()
	compressed := t.deflate != nil && h.RSV == frame.RSV1
	for _, rule := range []struct {
		broken bool
		reason string
	}{
		{h.RSV != 0 && !compressed, "RSV bits without an extension that defines them"},
		{t.server && !h.Masked, "unmasked client-to-server frame"},
		{!t.server && h.Masked, "masked server-to-client frame"},
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
func (t *tester) receivePayload(b []byte) {
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
func (t *tester) receiveData(b []byte) {
	if len(t.message)+len(b) > maxEcho {
		t.crash("the testee's message is larger than anything that was sent to it")
		return
	}
	if t.state == open {
		t.rec.Traffic.IncomingOctetsWebSocketLevel += len(b)
		if !t.packed {
			t.rec.Traffic.IncomingOctetsAppLevel += len(b)
		}
	}
	t.message = append(t.message, b...)
	// Once for each frame, in however many pieces TCP brings it.
	first := t.got == int64(len(b))
	if t.text && !t.packed && (first || !t.utf8.bad) && !t.utf8.write(b) {
		t.fail(1007, "encountered invalid UTF-8 while processing text message")
	}
}

// endFrame acts on a frame that is complete.
func (t *tester) endFrame() {
	t.inFrame = false
	t.rec.gotFrame(t.in, t.payload)
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

func (t *tester) countFrame() {
	if t.state == open {
		t.rec.Traffic.IncomingWebSocketFrames++
	}
}

// endMessage inflates a message that is complete, checks it and hands it to the
// case.
func (t *tester) endMessage() {
	payload := t.message
	if t.packed {
		if bytes.HasSuffix(payload, []byte(tail)) {
			t.rec.tails++
		}
		var known bool
		var err error
		if payload, known, err = t.deflate.decompress(payload, t.echo.payload); err != nil {
			t.crash(err.Error())
			return
		}
		if t.state == open {
			t.rec.Traffic.IncomingOctetsAppLevel += len(payload)
		}
		if t.text && !known && !t.utf8.write(payload) {
			t.fail(1007, "encountered invalid UTF-8 while processing text message")
		}
	}
	if t.text && !t.utf8.done() { // a second time, if it was invalid before: this drops TCP
		t.fail(1007, "UTF-8 text message payload ended within Unicode code point")
	}
	if t.state == open {
		t.rec.Traffic.IncomingWebSocketMessages++
	}
	if t.rec.FailedByMe || t.state == closed {
		return
	}
	if t.c.message != nil {
		t.c.message(t, payload, !t.text)
		return
	}
	t.record(event{kind: "message", data: slices.Clone(payload), binary: !t.text})
}

// receiveControl acts on a control frame.
func (t *tester) receiveControl(op frame.Opcode, payload []byte) {
	switch op {
	case frame.Close:
		t.receiveClose(payload)
	case frame.Ping:
		if t.state == open {
			t.frame(send{op: frame.Pong}, payload)
		}
	case frame.Pong:
		t.record(event{kind: "pong", data: payload})
	}
}

// receiveClose acts on the testee's Close frame, whether it is the first or the
// answer to the tester's own.
func (t *tester) receiveClose(payload []byte) {
	if len(payload) >= 2 {
		code := int(payload[0])<<8 | int(payload[1])
		t.rec.RemoteCloseCode = &code
		if !legalCode(code) && !(t.c.strict && code >= 1012 && code <= 1014) {
			t.fail(1002, "invalid close code")
		}
	}
	if len(payload) > 2 {
		var u utf8Check
		if !u.write(payload[2:]) {
			t.fail(1007, "invalid close reason (non-UTF-8 payload)")
		}
		if !utf8.Valid(payload[2:]) {
			t.crash("the reason in the testee's Close frame is not UTF-8")
			return
		}
		t.rec.RemoteCloseReason = text(string(payload[2:]))
	}
	t.endHandshake()
}

// legalCode reports whether the tester takes a status code from a testee. It knows
// those of RFC 6455 section 7.4.1 alone, not 1012 to 1014, which came later.
func legalCode(code int) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1011 || code >= 3000 && code <= 4999
}

// endHandshake goes on with the closing handshake when the testee's Close frame is
// in.
func (t *tester) endHandshake() {
	switch t.state {
	case closing:
		if t.closeTimer != nil {
			t.closeTimer.Stop()
		}
		t.rec.WasClean = true
		switch {
		case !t.server:
			t.awaitDrop()
		case !t.c.lazy:
			t.drop(true)
		}
	case open:
		t.rec.WasClean = true
		if t.c.mute {
			return
		}
		t.sendClose(1000, "")
		if t.server {
			t.drop(false)
		}
	case closed:
		t.rec.WasClean = false
	}
}

// record keeps an event, and opens the closing handshake when all is as expected.
func (t *tester) record(e event) {
	t.received = append(t.received, e)
	for _, want := range [][]event{t.c.ok, t.c.nonStrict} {
		if want != nil && !sameEvents(want, t.received) {
			return
		}
	}
	if t.c.close.byMe && !t.c.keepOpen {
		t.closeFrame(t.c.close.codes[0], "")
	}
}
