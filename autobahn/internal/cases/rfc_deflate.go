package cases

import (
	"encoding/hex"
	"fmt"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// packed is a frame with a payload in hexadecimal. It has RSV1, unless it continues a
// message.
func packed(op frame.Opcode, payload string, more bool) send {
	b, err := hex.DecodeString(payload)
	if err != nil {
		panic(err) // a case is wrong
	}
	s := send{Op: op, Payload: string(b), More: more, RSV: frame.RSV1}
	if op == frame.Continuation {
		s.RSV = 0
	}
	return s
}

// rfcDeflateCases are about messages that are compressed (RFC 7692 sections 6 and 7).
func rfcDeflateCases() []*script {
	text := func(row, description string, want []string, steps ...step) *script {
		var events []event
		for _, w := range want {
			events = append(events, textMessage(w))
		}
		c := conversation(row, description, events)
		c.Steps = []step{compressed(append(steps, closeAfter(patient)))}
		return c
	}
	one := []string{"Hello"}
	whole := func(p string) send { return packed(frame.Text, p, false) }
	cases := []*script{
		text("PD-7.2.2-06", "Send \"Hello\" as in RFC 7692 section 7.2.3.1.", one, whole("f248cdc9c90700")),
		text("PD-7.2.3-07", "The same in two fragments.", one, packed(frame.Text, "f248cd", true), packed(frame.Continuation, "c9c90700", false)),
		text("PD-6-25", "The same after an empty first fragment.", one, packed(frame.Text, "", true), packed(frame.Continuation, "f248cdc9c90700", false)),
		text("PD-7.2.3-07", "The same before an empty last fragment.", one, packed(frame.Text, "f248cdc9c90700", true), packed(frame.Continuation, "", false)),
		text("PD-7.2.3-09", "Send a stored block.", one, whole("000500faff48656c6c6f00")),
		text("PD-7.2.3-10", "Send a block with the final bit.", one, whole("f348cdc9c9070000")),
		text("PD-7.2.3-11", "Send two blocks, the first ended by a sync flush.", one, whole("f248050000"+"00ffffcac9c90700")),
		text("PD-7.2.3-12", "Send an empty message.", []string{""}, whole("00")),
		text("PD-6-03", "Send a message that is compressed, one that is not, and one that is.",
			[]string{"Hello", "plain", "Hello"}, whole("f248cdc9c90700"), send{Op: frame.Text, Payload: "plain"}, whole("f248cdc9c90700")),
		text("PD-7.2.3-08", "Send \"Hello\" twice, the second time from the window where it is kept.",
			[]string{"Hello", "Hello"}, whole("f248cdc9c90700"), doing(func(t *tester) {
				if t.Deflate.Takeover {
					whole("f200110000").Do(t)
				} else {
					whole("f248cdc9c90700").Do(t)
				}
			})),
		{
			ID: "PD-6-17", Description: "Send a ping between two compressed fragments.", Expectation: "The pong comes, then the message.",
			Steps: []step{compressed{
				packed(frame.Text, "f248cd", true),
				send{Op: frame.Ping, Payload: "p"},
				packed(frame.Continuation, "c9c90700", false), closeAfter(patient),
			}},
			OK: []event{pong("p"), textMessage("Hello")},
		},
	}
	cases = append(cases, compressedEchoes()...)
	cases = append(cases, wrongBits()...)
	cases = append(cases, wrongData()...)
	for _, c := range cases {
		if c.Deflate == nil {
			c.Deflate = &deflateRules[0].rule
		}
	}
	return cases
}

// wrongBits are RSV bits where even with compression none may be.
func wrongBits() []*script {
	fails := func(row, description string, steps ...step) *script {
		c := violation(row, description)
		c.Steps = []step{compressed(append(steps, killAfter(reaction)))}
		return c
	}
	first := packed(frame.Text, "f248cd", true)
	cases := []*script{
		fails("PD-6.1-02", "Send RSV1 on a continuation frame of a compressed message.", first, send{Op: frame.Continuation, Payload: "x", RSV: frame.RSV1}),
		fails("PD-6.1-02", "Send RSV1 on a continuation frame of a message that is not compressed.",
			send{Op: frame.Text, Payload: "a", More: true}, send{Op: frame.Continuation, Payload: "x", RSV: frame.RSV1}),
	}
	for _, op := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
		cases = append(cases, fails("RX-5.5-10", fmt.Sprintf("Send RSV1 on a %s frame.", op), send{Op: op, RSV: frame.RSV1}))
	}
	for _, rsv := range []uint8{1, 2, 3, 5, 6, 7} {
		cases = append(cases, fails("PD-6-04", fmt.Sprintf("Send a message with RSV bits %d.", rsv), send{Op: frame.Text, Payload: "x", RSV: rsv}))
	}
	return cases
}

// wrongData is what does not inflate, or inflates to too much.
func wrongData() []*script {
	wrong := func(row, description string, codes []int, steps ...step) *script {
		return &script{
			ID: row, Description: description, Expectation: fmt.Sprintf("The connection is failed with one of %v.", codes),
			Steps: []step{compressed(append(steps, killAfter(reaction)))}, OK: nothing, Close: closeRule{Codes: codes},
		}
	}
	broken := []int{1007, 1002}
	bomb := doing(func(t *tester) {
		t.Fragments(send{Op: frame.Binary, RSV: frame.RSV1}, engine.Zeros(engine.MaxEcho), 0)
	})
	return []*script{
		wrong("PD-7.2-14", "Send a block of the reserved type.", broken, packed(frame.Text, "ffff", false)),
		wrong("PD-7.2-15", "Send a message that ends within a block.", broken, packed(frame.Text, "f248cd", false)),
		wrong("PD-7.2-16", "Send a distance that reaches before the first octet.", broken, packed(frame.Text, "f200110000", false)),
		wrong("U8-8.1-06", "Send invalid UTF-8, compressed.", []int{1007}, say{Payload: kosme + surrogate + edited}),
		wrong("U8-8.1-06", "Send invalid UTF-8, compressed, in fragments of one octet.", []int{1007}, say{Payload: kosme + surrogate + edited, Fragment: 1}),
		wrong("U8-8.1-06", "Send text that ends within a code point, compressed.", []int{1007}, say{Payload: "\xce"}),
		wrong("PD-8-18", "Send 64 MiB of zeros, compressed.", []int{1009}, bomb),
	}
}
