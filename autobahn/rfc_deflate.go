package autobahn

import (
	"encoding/hex"
	"fmt"

	"github.com/rfc6455/ws/frame"
)

// packed is a frame whose payload is in hexadecimal, with RSV1 unless it continues a
// message.
func packed(op frame.Opcode, payload string, more bool) send {
	b, err := hex.DecodeString(payload)
	if err != nil {
		panic(err) // a case is wrong
	}
	s := send{op: op, payload: string(b), more: more, rsv: frame.RSV1}
	if op == frame.Continuation {
		s.rsv = 0
	}
	return s
}

// rfcDeflateCases are about messages that are compressed (RFC 7692 sections 6 and 7).
func rfcDeflateCases() []*Case {
	text := func(row, description string, want []string, steps ...step) *Case {
		var events []event
		for _, w := range want {
			events = append(events, textMessage(w))
		}
		c := conversation(row, description, events)
		c.steps = []step{compressed(append(steps, closeAfter(patient)))}
		return c
	}
	one := []string{"Hello"}
	whole := func(p string) send { return packed(frame.Text, p, false) }
	cases := []*Case{
		text("PD-7.2.2-06", "Send \"Hello\" as in RFC 7692 section 7.2.3.1.", one, whole("f248cdc9c90700")),
		text("PD-7.2.3-07", "The same in two fragments.", one, packed(frame.Text, "f248cd", true), packed(frame.Continuation, "c9c90700", false)),
		text("PD-6-25", "The same after an empty first fragment.", one, packed(frame.Text, "", true), packed(frame.Continuation, "f248cdc9c90700", false)),
		text("PD-7.2.3-07", "The same before an empty last fragment.", one, packed(frame.Text, "f248cdc9c90700", true), packed(frame.Continuation, "", false)),
		text("PD-7.2.3-09", "Send a stored block.", one, whole("000500faff48656c6c6f00")),
		text("PD-7.2.3-10", "Send a block with the final bit.", one, whole("f348cdc9c9070000")),
		text("PD-7.2.3-11", "Send two blocks, the first ended by a sync flush.", one, whole("f248050000"+"00ffffcac9c90700")),
		text("PD-7.2.3-12", "Send an empty message.", []string{""}, whole("00")),
		text("PD-6-03", "Send a message that is compressed, one that is not, and one that is.",
			[]string{"Hello", "plain", "Hello"}, whole("f248cdc9c90700"), send{op: frame.Text, payload: "plain"}, whole("f248cdc9c90700")),
		text("PD-7.2.3-08", "Send \"Hello\" twice, the second time from the window where it is kept.",
			[]string{"Hello", "Hello"}, whole("f248cdc9c90700"), doing(func(t *tester) {
				if t.deflate.takeover {
					whole("f200110000").do(t)
				} else {
					whole("f248cdc9c90700").do(t)
				}
			})),
		{
			ID: "PD-6-17", Description: "Send a ping between two compressed fragments.", Expectation: "The pong comes, then the message.",
			steps: []step{compressed{
				packed(frame.Text, "f248cd", true),
				send{op: frame.Ping, payload: "p"},
				packed(frame.Continuation, "c9c90700", false), closeAfter(patient),
			}},
			ok: []event{pong("p"), textMessage("Hello")},
		},
	}
	cases = append(cases, compressedEchoes()...)
	cases = append(cases, wrongBits()...)
	cases = append(cases, wrongData()...)
	for _, c := range cases {
		if c.deflate == nil {
			c.deflate = &deflateRules[0].rule
		}
	}
	return cases
}

// wrongBits are RSV bits where they may not be, also with compression.
func wrongBits() []*Case {
	fails := func(row, description string, steps ...step) *Case {
		c := violation(row, description)
		c.steps = []step{compressed(append(steps, killAfter(reaction)))}
		return c
	}
	first := packed(frame.Text, "f248cd", true)
	cases := []*Case{
		fails("PD-6.1-02", "Send RSV1 on a continuation frame of a compressed message.", first, send{op: frame.Continuation, payload: "x", rsv: frame.RSV1}),
		fails("PD-6.1-02", "Send RSV1 on a continuation frame of a message that is not compressed.",
			send{op: frame.Text, payload: "a", more: true}, send{op: frame.Continuation, payload: "x", rsv: frame.RSV1}),
	}
	for _, op := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
		cases = append(cases, fails("RX-5.5-10", fmt.Sprintf("Send RSV1 on a %s frame.", op), send{op: op, rsv: frame.RSV1}))
	}
	for _, rsv := range []uint8{1, 2, 3, 5, 6, 7} {
		cases = append(cases, fails("PD-6-04", fmt.Sprintf("Send a message with RSV bits %d.", rsv), send{op: frame.Text, payload: "x", rsv: rsv}))
	}
	return cases
}

// wrongData is what does not inflate, or to too much.
func wrongData() []*Case {
	wrong := func(row, description string, codes []int, steps ...step) *Case {
		return &Case{
			ID: row, Description: description, Expectation: fmt.Sprintf("The connection is failed with one of %v.", codes),
			steps: []step{compressed(append(steps, killAfter(reaction)))}, ok: nothing, close: closeRule{codes: codes},
		}
	}
	broken := []int{1007, 1002}
	bomb := doing(func(t *tester) {
		t.fragments(send{op: frame.Binary, rsv: frame.RSV1}, zeros(maxEcho), 0)
	})
	return []*Case{
		wrong("PD-7.2-14", "Send a block of the reserved type.", broken, packed(frame.Text, "ffff", false)),
		wrong("PD-7.2-15", "Send a message that ends within a block.", broken, packed(frame.Text, "f248cd", false)),
		wrong("PD-7.2-16", "Send a distance that reaches before the first octet.", broken, packed(frame.Text, "f200110000", false)),
		wrong("U8-8.1-06", "Send invalid UTF-8, compressed.", []int{1007}, say{payload: kosme + surrogate + edited}),
		wrong("U8-8.1-06", "Send invalid UTF-8, compressed, in fragments of one octet.", []int{1007}, say{payload: kosme + surrogate + edited, fragment: 1}),
		wrong("U8-8.1-06", "Send text that ends within a code point, compressed.", []int{1007}, say{payload: "\xce"}),
		wrong("PD-8-18", "Send 64 MiB of zeros, compressed.", []int{1009}, bomb),
	}
}

// zeros returns n zero octets, compressed: the first, and what refers to it.
func zeros(n int) []byte {
	var p packer
	p.put(1<<1, 3) // a block with the fixed code
	p.symbol(0)
	for n--; n >= 258; n -= 258 {
		p.pair(258, 1)
	}
	for range n {
		p.symbol(0)
	}
	p.symbol(256)
	p.put(0, 3) // the empty stored block of a sync flush
	p.flush()
	return p.out
}
