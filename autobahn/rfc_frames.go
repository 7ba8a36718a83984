package autobahn

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/rfc6455/ws/frame"
)

// violation is a case in which the testee has to fail the connection with 1002.
func violation(row, description string, steps ...step) *Case {
	return &Case{
		ID: row, Description: description, Expectation: failed,
		steps: append(steps, killAfter(reaction)), ok: nothing, close: protocolError,
	}
}

// conversation is a case in which certain messages and pongs have to come.
func conversation(row, description string, ok []event, steps ...step) *Case {
	return &Case{
		ID: row, Description: description, Expectation: "What is due comes, then the connection closes cleanly with 1000.",
		steps: append(steps, closeAfter(patient)), ok: ok,
	}
}

// head is a frame header with all its parts given, legal or not, and nothing of the
// payload.
type head struct {
	first  byte // FIN, RSV and opcode
	length byte // as it stands in the second byte, without the mask bit
	longer uint64
	masked int // zero: as the role demands; 1: yes; -1: no
}

func (s head) do(t *tester) {
	b := []byte{s.first, s.length}
	switch s.length {
	case 126:
		b = binary.BigEndian.AppendUint16(b, uint16(s.longer))
	case 127:
		b = binary.BigEndian.AppendUint64(b, s.longer)
	}
	if s.masked > 0 || s.masked == 0 && !t.server {
		b[1] |= 0x80
		b = binary.LittleEndian.AppendUint32(b, rand.Uint32())
	}
	t.rec.note("a frame header: % x", b)
	t.write(b, 0, false)
}

// twoBytes is the start of a header, the rest of which never comes.
type twoBytes head

func (s twoBytes) do(t *tester) {
	b := []byte{s.first, s.length}
	if !t.server {
		b[1] |= 0x80
	}
	t.rec.note("the start of a frame header: % x", b)
	t.write(b, 0, false)
}

// unmaskedCases are for servers: every frame of a client is masked.
func unmaskedCases() []*Case {
	const row = "RX-5.1-01"
	return []*Case{
		violation(row, "Send a text frame without mask.", raw("\x81\x02hi")),
		violation(row, "Send an empty text frame without mask.", raw("\x81\x00")),
		violation(row, "Send a ping without mask.", raw("\x89\x01p")),
		violation(row, "Send a Close frame without mask.", raw("\x88\x02\x03\xe8")),
		masks("TX-5.1-14", "No frame that comes back is masked."),
		golden("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "\x01\x83\x37\xfa\x21\x3d\x7f\x9f\x4d",
			"\x80\x82\x37\xfa\x21\x3d\x5b\x95", "\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
	}
}

// masks has a testee send frames of all kinds but Close, which comes in the end.
func masks(row, expectation string) *Case {
	c := conversation(row, "Send a ping, an empty message, and messages of each form of length.",
		[]event{pong("p"), textMessage(""), textMessage("a"), binaryMessage(strings.Repeat("b", 300)), binaryMessage(strings.Repeat("c", 65536))},
		send{op: frame.Ping, payload: "p"}, send{op: frame.Text}, send{op: frame.Text, payload: "a"},
		send{op: frame.Binary, payload: "b", length: 300}, send{op: frame.Binary, payload: "c", length: 65536})
	c.Expectation = expectation
	return c
}

// golden sends the examples of RFC 6455 section 5.7.
func golden(whole, first, last, ping string) *Case {
	return conversation("RX-5.7-12", "Send the examples of RFC 6455 section 5.7.",
		[]event{textMessage("Hello"), textMessage("Hello"), pong("Hello")}, raw(whole), raw(first), raw(last), raw(ping))
}

// maskedCases are for clients: no frame of a server is masked.
func maskedCases() []*Case {
	const row = "RX-5.1-02"
	cases := []*Case{
		violation(row, "Send a text frame with a mask of zeros.", raw("\x81\x82\x00\x00\x00\x00hi")),
		violation(row, "Send a ping with a mask.", raw("\x89\x80\x01\x02\x03\x04")),
		masks("TX-5.1-13", "All frames that come back are masked."),
		golden("\x81\x05Hello", "\x01\x03Hel", "\x80\x02lo", "\x89\x05Hello"),
	}
	// The keys of a client are its own frames'.
	many := conversation("TX-5.3-15", fmt.Sprintf("Send %d short messages and look at the keys of what comes back.", manyKeys), nil)
	many.steps = append([]step{doing(func(t *tester) { t.say([]byte("0"), false, 0) })}, many.steps...)
	many.message = func(t *tester, payload []byte, _ bool) {
		if t.echo.sent++; t.echo.sent < manyKeys {
			t.say([]byte(fmt.Sprint(t.echo.sent)), false, 0)
			return
		}
		t.Behavior, t.Result = OK, "All keys are different."
		if !differ(t.rec.keys) {
			t.Behavior, t.Result = Failed, "The masking keys are not all different, or follow each other."
		}
		t.closeFrame(1000, "")
	}
	return append(cases, many)
}

// manyKeys is how many masking keys a client is asked for: few enough for the
// round trips to be over long before the case is.
const manyKeys = 20

// differ reports whether masking keys are unlike each other, and no steps of one
// size.
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
func rfcFrameCases() []*Case {
	cases := reservedCases()
	cases = append(cases, lengthCases()...)
	cases = append(cases, rfcFragmentCases()...)
	return append(cases, controlCases()...)
}

// reservedCases go through all reserved bits and opcodes, on the header alone.
func reservedCases() []*Case {
	var cases []*Case
	for rsv := range byte(7) {
		for _, op := range []frame.Opcode{frame.Text, frame.Ping, frame.Close} {
			cases = append(cases, violation("RX-5.2-03", fmt.Sprintf("Send the header of a %s frame with RSV bits %d.", op, rsv+1),
				head{first: 0x80 | (rsv+1)<<4 | byte(op), length: 20}))
		}
	}
	for rsv := range byte(7) {
		cases = append(cases, violation("RX-5.2-03", fmt.Sprintf("Send a continuation frame with RSV bits %d.", rsv+1),
			send{op: frame.Text, payload: "a", more: true}, head{first: 0x80 | (rsv+1)<<4, length: 20}))
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases = append(cases, violation("RX-5.2-04", fmt.Sprintf("Send the header of a frame with opcode %d.", op),
			head{first: 0x80 | op, length: 20}))
	}
	return cases
}

// lengthCases are about the three forms of a length (RFC 6455 section 5.2).
func lengthCases() []*Case {
	var cases []*Case
	first := send{op: frame.Text, payload: "a", more: true}
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
		c.close.codes = []int{1009}
		cases = append(cases, c)
	}
	over := violation("LM-10.4-01", "Announce a continuation frame that makes a message of more than 2^63 octets.",
		first, head{first: 0x80, length: 127, longer: 1<<63 - 1})
	over.close.codes = []int{1009}
	cases = append(cases, over)
	for _, size := range []int{0, 1, 125, 126, 127, 128, 300, 65535, 65536} {
		payload := strings.Repeat("x", size)
		cases = append(cases, conversation("RX-5.2-05", fmt.Sprintf("Send a binary message of %d octets, seven at a time.", size),
			[]event{binaryMessage(payload)}, send{op: frame.Binary, payload: payload, chop: 7}))
	}
	cases = append(cases, conversation("RX-5.2-09", "Send frames with lengths of each form, one octet at a time.",
		[]event{textMessage("a"), textMessage(strings.Repeat("b", 200)), textMessage(strings.Repeat("c", 65600))},
		send{op: frame.Text, payload: "a", chop: 1}, send{op: frame.Text, payload: strings.Repeat("b", 200), chop: 1},
		send{op: frame.Text, payload: strings.Repeat("c", 65600), chop: 1}))
	return cases
}

// fragmented returns the frames of a message with the given pieces.
func fragmented(op frame.Opcode, pieces ...string) []step {
	var steps []step
	for i, p := range pieces {
		s := send{op: op, payload: p, more: i < len(pieces)-1}
		if i > 0 {
			s.op = frame.Continuation
		}
		steps = append(steps, s)
	}
	return steps
}

// rfcFragmentCases are about fragments (RFC 6455 section 5.4) and what they hold.
func rfcFragmentCases() []*Case {
	text := func(row, description string, pieces ...string) *Case {
		return conversation(row, description, []event{textMessage(strings.Join(pieces, ""))}, fragmented(frame.Text, pieces...)...)
	}
	binary := func(row, description string, pieces ...string) *Case {
		return conversation(row, description, []event{binaryMessage(strings.Join(pieces, ""))}, fragmented(frame.Binary, pieces...)...)
	}
	late := violation("RX-5.4-02", "Send a message in two fragments, and a third.",
		append(fragmented(frame.Text, "a", "b"), send{op: frame.Continuation, payload: "c"})...)
	late.ok, late.nonStrict = []event{textMessage("ab")}, nothing
	ping := send{op: frame.Ping, payload: "p"}
	return []*Case{
		text("RX-5.2-08", "Send fragments of lengths that are no multiples of four.", "a", "bc", "def", "ghijk", "lmnopqr"),
		late,
		violation("RX-5.4-03", "Send a fragment of a text message, then a binary message.",
			send{op: frame.Text, payload: "a", more: true}, send{op: frame.Binary, payload: "b"}),
		violation("RX-5.4-03", "Send a fragment of a binary message, then the first of another.",
			send{op: frame.Binary, payload: "a", more: true}, send{op: frame.Binary, payload: "b", more: true}),
		text("RX-5.4-05", "Send a text message of fragments, the last empty.", "a", ""),
		text("RX-5.4-05", "Send a text message of fragments, the first empty.", "", "a"),
		binary("RX-5.4-05", "Send a binary message of four empty fragments.", "", "", "", ""),
		text("RX-5.4-07", "Send a text message, each octet of a code point in a fragment.", "\xf0", "\x9f", "\x98", "\x80"),
		conversation("RX-5.4-07", "Send a ping within a code point.", []event{pong("p"), textMessage("κ")},
			send{op: frame.Text, payload: "\xce", more: true}, ping, send{op: frame.Continuation, payload: "\xba"}),
		conversation("RX-5.4-04", "Send two pings and a pong among the fragments of a message.",
			[]event{pong("p"), pong("p"), textMessage("abc")},
			send{op: frame.Text, payload: "a", more: true}, ping, send{op: frame.Pong},
			send{op: frame.Continuation, payload: "b", more: true}, ping, send{op: frame.Continuation, payload: "c"}),
		conversation("RX-6.2-12", "Send an empty binary message and an empty text message.",
			[]event{binaryMessage(""), textMessage("")}, send{op: frame.Binary}, send{op: frame.Text}),
		binary("RX-6.2-13", "Send a binary message that is not UTF-8.", "\xff\xfe"),
		manyFragments(),
	}
}

// manyFragments is a flood of fragments of one octet: a testee may have a bound, and
// must not take time or memory out of proportion.
func manyFragments() *Case {
	const n = 10_000
	c := conversation("RX-5.4-06", fmt.Sprintf("Send a message in %d fragments of one octet.", n), nil)
	c.Expectation = "The message comes back, or the connection is failed with 1008 or 1009."
	c.steps = append([]step{doing(func(t *tester) { t.say(bytes.Repeat([]byte("*"), n), false, 1) })}, c.steps...)
	c.message = func(t *tester, payload []byte, _ bool) {
		if len(payload) == n {
			t.Behavior, t.Result = OK, "The message came back."
		}
		t.closeFrame(1000, "")
	}
	c.judge = func(t *tester) {
		if code := t.rec.RemoteCloseCode; !t.rec.ClosedByMe && code != nil && (*code == 1008 || *code == 1009) {
			t.Behavior, t.Result = OK, "The testee has a bound."
			t.BehaviorClose, t.ResultClose = OK, "The connection was failed for it."
		}
	}
	return c
}

// controlCases are about pings, pongs and the form of control frames.
func controlCases() []*Case {
	var cases []*Case
	for _, op := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
		cases = append(cases,
			violation("RX-5.5-01", fmt.Sprintf("Announce a %s frame with a length of 16 bits, in two octets.", op), twoBytes{first: 0x80 | byte(op), length: 126}),
			violation("RX-5.5-01", fmt.Sprintf("Announce a %s frame with a length of 64 bits, in two octets.", op), twoBytes{first: 0x80 | byte(op), length: 127}),
			violation("RX-5.5-02", fmt.Sprintf("Send a %s frame without FIN.", op), head{first: byte(op), length: 0}))
	}
	for _, payload := range []string{"", hello, binaryBytes, strings.Repeat("\xff", 125)} {
		cases = append(cases, conversation("RX-5.5-03", fmt.Sprintf("Send a ping of %d octets and a message.", len(payload)),
			[]event{pong(payload), textMessage("after")}, send{op: frame.Ping, payload: payload}, send{op: frame.Text, payload: "after"}))
	}
	cases = append(cases,
		conversation("RX-5.5-05", "Send a pong that nobody asked for, and a message.",
			[]event{textMessage("after")}, send{op: frame.Pong, payload: "x"}, send{op: frame.Text, payload: "after"}),
		conversation("U8-8.1-09", "Send a pong that is not UTF-8, and a message.",
			[]event{textMessage("after")}, send{op: frame.Pong, payload: "\xff"}, send{op: frame.Text, payload: "after"}),
		pingFlood())
	return cases
}

// pingFlood sends more pings than a testee would ever keep pongs for. It may leave
// out pongs (RFC 6455 section 5.5.3), but not what comes after.
func pingFlood() *Case {
	const n = 5000
	c := conversation("RX-5.5-07", fmt.Sprintf("Send %d pings of 125 octets in a row, and a message.", n), nil)
	c.Expectation = "The message comes back. Pongs may have been left out."
	c.keepOpen = true
	flood := doing(func(t *tester) {
		for range n {
			t.frame(send{op: frame.Ping}, bytes.Repeat([]byte("p"), frame.MaxControlPayload))
		}
		t.frame(send{op: frame.Text}, []byte("after"))
	})
	c.quiet = true
	c.steps = append([]step{flood}, c.steps...)
	c.message = func(t *tester, payload []byte, _ bool) {
		pongs := len(t.received)
		t.received = nil // thousands, of no further interest
		if string(payload) == "after" && pongs > 0 {
			t.Behavior, t.Result = OK, fmt.Sprintf("The message came back, after %d pongs.", pongs)
		}
		t.closeFrame(1000, "")
	}
	return c
}
