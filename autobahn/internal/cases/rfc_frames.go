package cases

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// violation is a case in which the testee has to fail the connection with 1002.
func violation(row, description string, steps ...step) *script {
	return &script{
		ID: row, Description: description, Expectation: failed,
		Steps: append(steps, killAfter(reaction)), OK: nothing, Close: protocolError,
	}
}

// conversation is a case in which the messages and pongs in ok have to come.
func conversation(row, description string, ok []event, steps ...step) *script {
	return &script{
		ID: row, Description: description, Expectation: "What is due comes, then the connection closes cleanly with 1000.",
		Steps: append(steps, closeAfter(patient)), OK: ok,
	}
}

// head is a frame header, legal or not, without its payload.
type head struct {
	first  byte // FIN, RSV and opcode
	length byte // as it stands in the second byte, without the mask bit
	longer uint64
	masked int // zero: as the role demands; 1: yes; -1: no
}

// Do sends the header.
func (s head) Do(t *tester) {
	b := []byte{s.first, s.length}
	switch s.length {
	case 126:
		b = binary.BigEndian.AppendUint16(b, uint16(s.longer))
	case 127:
		b = binary.BigEndian.AppendUint64(b, s.longer)
	}
	if s.masked > 0 || s.masked == 0 && !t.Server {
		b[1] |= 0x80
		b = binary.LittleEndian.AppendUint32(b, t.Key())
	}
	t.Rec.Note("a frame header: % x", b)
	t.Write(b, 0, false)
}

// twoBytes is the start of a header. The rest never comes.
type twoBytes head

// Do sends the two bytes.
func (s twoBytes) Do(t *tester) {
	b := []byte{s.first, s.length}
	if !t.Server {
		b[1] |= 0x80
	}
	t.Rec.Note("the start of a frame header: % x", b)
	t.Write(b, 0, false)
}

// unmaskedCases are for servers: every frame of a client is masked.
func unmaskedCases() []*script {
	const row = "RX-5.1-01"
	return []*script{
		violation(row, "Send a text frame without mask.", raw("\x81\x02hi")),
		violation(row, "Send an empty text frame without mask.", raw("\x81\x00")),
		violation(row, "Send a ping without mask.", raw("\x89\x01p")),
		violation(row, "Send a Close frame without mask.", raw("\x88\x02\x03\xe8")),
		masks("TX-5.1-14", "No frame that comes back is masked."),
		golden("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "\x01\x83\x37\xfa\x21\x3d\x7f\x9f\x4d",
			"\x80\x82\x37\xfa\x21\x3d\x5b\x95", "\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
	}
}

// masks is a case in which a testee sends frames of all kinds. Close is the last.
func masks(row, expectation string) *script {
	c := conversation(row, "Send a ping, an empty message, and messages of each form of length.",
		[]event{pong("p"), textMessage(""), textMessage("a"), binaryMessage(strings.Repeat("b", 300)), binaryMessage(strings.Repeat("c", 65536))},
		send{Op: frame.Ping, Payload: "p"}, send{Op: frame.Text}, send{Op: frame.Text, Payload: "a"},
		send{Op: frame.Binary, Payload: "b", Length: 300}, send{Op: frame.Binary, Payload: "c", Length: 65536})
	c.Expectation = expectation
	return c
}

// golden sends the examples of RFC 6455 section 5.7.
func golden(whole, first, last, ping string) *script {
	return conversation("RX-5.7-12", "Send the examples of RFC 6455 section 5.7.",
		[]event{textMessage("Hello"), textMessage("Hello"), pong("Hello")}, raw(whole), raw(first), raw(last), raw(ping))
}

// maskedCases are for clients: no frame of a server is masked.
func maskedCases() []*script {
	const row = "RX-5.1-02"
	cases := []*script{
		violation(row, "Send a text frame with a mask of zeros.", raw("\x81\x82\x00\x00\x00\x00hi")),
		violation(row, "Send a ping with a mask.", raw("\x89\x80\x01\x02\x03\x04")),
		masks("TX-5.1-13", "All frames that come back are masked."),
		golden("\x81\x05Hello", "\x01\x03Hel", "\x80\x02lo", "\x89\x05Hello"),
	}
	// A client chooses its masking keys.
	many := conversation("TX-5.3-15", fmt.Sprintf("Send %d short messages and look at the keys of what comes back.", manyKeys), nil)
	many.Steps = append([]step{doing(func(t *tester) { t.Say([]byte("0"), false, 0) })}, many.Steps...)
	many.Message = func(t *tester, payload []byte, _ bool) {
		if t.Echo.Sent++; t.Echo.Sent < manyKeys {
			t.Say(fmt.Append(nil, t.Echo.Sent), false, 0)
			return
		}
		t.Behavior, t.Result = engine.OK, "All keys are different."
		if !differ(t.Rec.Keys) {
			t.Behavior, t.Result = engine.Failed, "The masking keys are not all different, or follow each other."
		}
		t.CloseFrame(1000, "")
	}
	return append(cases, many)
}

// manyKeys is how many masking keys the tester looks at. They are few enough for the round
// trips to be over long before the case's time is up.
const manyKeys = 20

// differ reports whether masking keys are different, and do not follow each other in steps of
// one size.
func differ(keys []uint32) bool {
	seen, steps := make(map[uint32]bool), make(map[uint32]int)
	for i, k := range keys {
		if k == 0 || seen[k] {
			return false
		}
		seen[k] = true
		if i > 0 {
			steps[k-keys[i-1]]++
		}
	}
	for _, n := range steps {
		if n > 2 {
			return false
		}
	}
	return len(keys) >= manyKeys
}

// rfcFrameCases are about frames, fragments and control frames.
func rfcFrameCases() []*script {
	cases := reservedCases()
	cases = append(cases, lengthCases()...)
	cases = append(cases, rfcFragmentCases()...)
	return append(cases, controlCases()...)
}

// reservedCases go through all reserved bits and opcodes. They send a frame's header alone.
func reservedCases() []*script {
	var cases []*script
	for rsv := range byte(7) {
		for _, op := range []frame.Opcode{frame.Text, frame.Ping, frame.Close} {
			cases = append(cases, violation("RX-5.2-03", fmt.Sprintf("Send the header of a %s frame with RSV bits %d.", op, rsv+1),
				head{first: 0x80 | (rsv+1)<<4 | byte(op), length: 20}))
		}
	}
	for rsv := range byte(7) {
		cases = append(cases, violation("RX-5.2-03", fmt.Sprintf("Send a continuation frame with RSV bits %d.", rsv+1),
			send{Op: frame.Text, Payload: "a", More: true}, head{first: 0x80 | (rsv+1)<<4, length: 20}))
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases = append(cases, violation("RX-5.2-04", fmt.Sprintf("Send the header of a frame with opcode %d.", op),
			head{first: 0x80 | op, length: 20}))
	}
	return cases
}

// lengthCases are about the three forms of a length (RFC 6455 section 5.2).
func lengthCases() []*script {
	var cases []*script
	first := send{Op: frame.Text, Payload: "a", More: true}
	for _, length := range []uint64{1 << 63, 1<<64 - 1, 1<<63 | 5} {
		cases = append(cases,
			violation("RX-5.2-06", fmt.Sprintf("Announce a binary frame of %#x octets: the top bit is set.", length),
				head{first: 0x82, length: 127, longer: length}),
			violation("RX-5.2-06", fmt.Sprintf("Announce a continuation frame of %#x octets: the top bit is set.", length),
				first, head{first: 0x80, length: 127, longer: length}))
	}
	for _, l := range []head{{0x81, 126, 5, 0}, {0x81, 126, 125, 0}, {0x82, 127, 5, 0}, {0x82, 127, 125, 0}, {0x82, 127, 65535, 0}} {
		cases = append(cases, violation("RX-5.2-07", fmt.Sprintf("Announce %d octets with a length that is longer than it need be (%d).", l.longer, l.length), l))
	}
	for _, length := range []uint64{1 << 31, 1 << 32, 1 << 40, 1<<63 - 1} {
		c := violation("LM-10.4-02", fmt.Sprintf("Announce a binary frame of %#x octets.", length), head{first: 0x82, length: 127, longer: length})
		c.Expectation = "The connection is failed with 1009 before any payload, and no memory is taken for it."
		c.Close.Codes = []int{1009}
		cases = append(cases, c)
	}
	over := violation("LM-10.4-01", "Announce a continuation frame that makes a message of more than 2^63 octets.",
		first, head{first: 0x80, length: 127, longer: 1<<63 - 1})
	over.Close.Codes = []int{1009}
	cases = append(cases, over)
	for _, size := range []int{0, 1, 125, 126, 127, 128, 300, 65535, 65536} {
		payload := strings.Repeat("x", size)
		cases = append(cases, conversation("RX-5.2-05", fmt.Sprintf("Send a binary message of %d octets, seven at a time.", size),
			[]event{binaryMessage(payload)}, send{Op: frame.Binary, Payload: payload, Chop: 7}))
	}
	cases = append(cases, conversation("RX-5.2-09", "Send frames with lengths of each form, one octet at a time.",
		[]event{textMessage("a"), textMessage(strings.Repeat("b", 200)), textMessage(strings.Repeat("c", 65600))},
		send{Op: frame.Text, Payload: "a", Chop: 1}, send{Op: frame.Text, Payload: strings.Repeat("b", 200), Chop: 1},
		send{Op: frame.Text, Payload: strings.Repeat("c", 65600), Chop: 1}))
	return cases
}

// fragmented returns the frames of a message, one for each piece of its payload.
func fragmented(op frame.Opcode, pieces ...string) []step {
	var steps []step
	for i, p := range pieces {
		s := send{Op: op, Payload: p, More: i < len(pieces)-1}
		if i > 0 {
			s.Op = frame.Continuation
		}
		steps = append(steps, s)
	}
	return steps
}

// rfcFragmentCases are about fragments (RFC 6455 section 5.4) and what they hold.
func rfcFragmentCases() []*script {
	text := func(row, description string, pieces ...string) *script {
		return conversation(row, description, []event{textMessage(strings.Join(pieces, ""))}, fragmented(frame.Text, pieces...)...)
	}
	binary := func(row, description string, pieces ...string) *script {
		return conversation(row, description, []event{binaryMessage(strings.Join(pieces, ""))}, fragmented(frame.Binary, pieces...)...)
	}
	late := violation("RX-5.4-02", "Send a message in two fragments, and a third.",
		append(fragmented(frame.Text, "a", "b"), send{Op: frame.Continuation, Payload: "c"})...)
	late.OK, late.NonStrict = []event{textMessage("ab")}, nothing
	ping := send{Op: frame.Ping, Payload: "p"}
	return []*script{
		text("RX-5.2-08", "Send fragments of lengths that are no multiples of four.", "a", "bc", "def", "ghijk", "lmnopqr"),
		late,
		violation("RX-5.4-03", "Send a fragment of a text message, then a binary message.",
			send{Op: frame.Text, Payload: "a", More: true}, send{Op: frame.Binary, Payload: "b"}),
		violation("RX-5.4-03", "Send a fragment of a binary message, then the first of another.",
			send{Op: frame.Binary, Payload: "a", More: true}, send{Op: frame.Binary, Payload: "b", More: true}),
		text("RX-5.4-05", "Send a text message of fragments, the last empty.", "a", ""),
		text("RX-5.4-05", "Send a text message of fragments, the first empty.", "", "a"),
		binary("RX-5.4-05", "Send a binary message of four empty fragments.", "", "", "", ""),
		text("RX-5.4-07", "Send a text message, each octet of a code point in a fragment.", "\xf0", "\x9f", "\x98", "\x80"),
		conversation("RX-5.4-07", "Send a ping within a code point.", []event{pong("p"), textMessage("κ")},
			send{Op: frame.Text, Payload: "\xce", More: true}, ping, send{Op: frame.Continuation, Payload: "\xba"}),
		conversation("RX-5.4-04", "Send two pings and a pong among the fragments of a message.",
			[]event{pong("p"), pong("p"), textMessage("abc")},
			send{Op: frame.Text, Payload: "a", More: true}, ping, send{Op: frame.Pong},
			send{Op: frame.Continuation, Payload: "b", More: true}, ping, send{Op: frame.Continuation, Payload: "c"}),
		conversation("RX-6.2-12", "Send an empty binary message and an empty text message.",
			[]event{binaryMessage(""), textMessage("")}, send{Op: frame.Binary}, send{Op: frame.Text}),
		binary("RX-6.2-13", "Send a binary message that is not UTF-8.", "\xff\xfe"),
		manyFragments(),
	}
}

// manyFragments is a flood of fragments of one octet. A testee may bound how many it takes. It
// must not need time or memory out of proportion.
func manyFragments() *script {
	const n = 10_000
	c := conversation("RX-5.4-06", fmt.Sprintf("Send a message in %d fragments of one octet.", n), nil)
	c.Expectation = "The message comes back, or the connection is failed with 1008 or 1009."
	c.Steps = append([]step{doing(func(t *tester) { t.Say(bytes.Repeat([]byte("*"), n), false, 1) })}, c.Steps...)
	c.Message = func(t *tester, payload []byte, _ bool) {
		if len(payload) == n {
			t.Behavior, t.Result = engine.OK, "The message came back."
		}
		t.CloseFrame(1000, "")
	}
	c.Judge = func(t *tester) {
		if code := t.Rec.RemoteCloseCode; !t.Rec.ClosedByMe && code != nil && (*code == 1008 || *code == 1009) {
			t.Behavior, t.Result = engine.OK, "The testee has a bound."
			t.BehaviorClose, t.ResultClose = engine.OK, "The connection was failed for it."
		}
	}
	return c
}

// controlCases are about pings, pongs and the form of control frames.
func controlCases() []*script {
	var cases []*script
	for _, op := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
		cases = append(cases,
			violation("RX-5.5-01", fmt.Sprintf("Announce a %s frame with a length of 16 bits, in two octets.", op), twoBytes{first: 0x80 | byte(op), length: 126}),
			violation("RX-5.5-01", fmt.Sprintf("Announce a %s frame with a length of 64 bits, in two octets.", op), twoBytes{first: 0x80 | byte(op), length: 127}),
			violation("RX-5.5-02", fmt.Sprintf("Send a %s frame without FIN.", op), head{first: byte(op), length: 0}))
	}
	for _, payload := range []string{"", hello, binaryBytes, strings.Repeat("\xff", 125)} {
		cases = append(cases, conversation("RX-5.5-03", fmt.Sprintf("Send a ping of %d octets and a message.", len(payload)),
			[]event{pong(payload), textMessage("after")}, send{Op: frame.Ping, Payload: payload}, send{Op: frame.Text, Payload: "after"}))
	}
	cases = append(cases,
		conversation("RX-5.5-05", "Send a pong that nobody asked for, and a message.",
			[]event{textMessage("after")}, send{Op: frame.Pong, Payload: "x"}, send{Op: frame.Text, Payload: "after"}),
		conversation("U8-8.1-09", "Send a pong that is not UTF-8, and a message.",
			[]event{textMessage("after")}, send{Op: frame.Pong, Payload: "\xff"}, send{Op: frame.Text, Payload: "after"}),
		pingFlood())
	return cases
}

// pingFlood sends more pings than a testee keeps pongs for. The testee may leave out pongs (RFC
// 6455 section 5.5.3), but has to send what comes after them.
func pingFlood() *script {
	const n = 5000
	c := conversation("RX-5.5-07", fmt.Sprintf("Send %d pings of 125 octets in a row, and a message.", n), nil)
	c.Expectation = "The message comes back. Pongs may have been left out."
	c.KeepOpen = true
	flood := doing(func(t *tester) {
		for range n {
			t.Frame(send{Op: frame.Ping}, bytes.Repeat([]byte("p"), frame.MaxControlPayload))
		}
		t.Frame(send{Op: frame.Text}, []byte("after"))
	})
	c.Quiet = true
	c.Steps = append([]step{flood}, c.Steps...)
	c.Message = func(t *tester, payload []byte, _ bool) {
		pongs := len(t.Received)
		t.Received = nil // thousands, of no further interest
		if string(payload) == "after" && pongs > 0 {
			t.Behavior, t.Result = engine.OK, fmt.Sprintf("The message came back, after %d pongs.", pongs)
		}
		t.CloseFrame(1000, "")
	}
	return c
}
