package autobahn

import (
	"fmt"
	"strings"

	"github.com/rfc6455/ws/frame"
)

const hello = "Hello, world!"

// binaryBytes is a payload that is not UTF-8.
const binaryBytes = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

const (
	echoed   = "The message comes back, then the connection closes cleanly with 1000."
	failed   = "The connection is failed with 1002."
	failedAt = "The first message comes back, then the connection is failed with 1002. No pong comes."
)

// framingCases are section 1: one message in one frame.
func framingCases() []*Case {
	sizes := []struct {
		length, chop int
		wait         killAfter
	}{
		{0, 0, killAfter(second)},
		{125, 0, killAfter(second)},
		{126, 0, killAfter(second)},
		{127, 0, killAfter(second)},
		{128, 0, killAfter(second)},
		{65535, 0, killAfter(10 * second)},
		{65536, 0, killAfter(10 * second)},
		{65536, 997, killAfter(10 * second)},
	}
	var cases []*Case
	for group, kind := range []struct {
		name, filler string
		op           frame.Opcode
	}{{"text", "*", frame.Text}, {"binary", "\xfe", frame.Binary}} {
		for i, size := range sizes {
			payload := strings.Repeat(kind.filler, size.length)
			c := &Case{
				ID:          fmt.Sprintf("1.%d.%d", group+1, i+1),
				Description: fmt.Sprintf("Send a %s message of %d octets.", kind.name, size.length),
				Expectation: echoed,
				steps:       []step{send{op: kind.op, payload: payload, chop: size.chop}, size.wait},
				ok:          []event{{kind: "message", data: []byte(payload), binary: kind.op == frame.Binary}},
				close:       normalClose,
			}
			if size.chop > 0 {
				c.Description += fmt.Sprintf(" It is written %d octets at a time.", size.chop)
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// pingCases are section 2.
func pingCases() []*Case {
	long := strings.Repeat("\xfe", 125)
	unsolicited := send{op: frame.Pong, payload: "unsolicited pong payload"}
	const answered = "A pong with the same payload comes, then the connection closes cleanly with 1000."
	cases := []*Case{
		{
			Description: "Send a ping without payload.", Expectation: answered,
			steps: []step{send{op: frame.Ping}, closeAfter(second)}, ok: []event{pong("")},
		},
		{
			Description: "Send a ping with a text payload.", Expectation: answered,
			steps: []step{send{op: frame.Ping, payload: hello}, closeAfter(second)}, ok: []event{pong(hello)},
		},
		{
			Description: "Send a ping with a payload that is not UTF-8.", Expectation: answered,
			steps: []step{send{op: frame.Ping, payload: binaryBytes}, closeAfter(second)}, ok: []event{pong(binaryBytes)},
		},
		{
			Description: "Send a ping with the largest payload, 125 octets.", Expectation: answered,
			steps: []step{send{op: frame.Ping, payload: long}, closeAfter(second)}, ok: []event{pong(long)},
		},
		{
			Description: "Send a ping with 126 octets, one too many.", Expectation: failed,
			steps: []step{send{op: frame.Ping, payload: long + "\xfe"}, killAfter(second)}, ok: nothing, close: protocolError,
		},
		{
			Description: "Send a ping with 125 octets, one octet at a time.", Expectation: answered,
			steps: []step{send{op: frame.Ping, payload: long, chop: 1}, closeAfter(2 * second)}, ok: []event{pong(long)},
		},
		{
			Description: "Send a pong that nobody asked for, without payload, then close.", Expectation: "Nothing comes but the answer to the Close frame.",
			steps: []step{send{op: frame.Pong}, begin{code: 1000}, closeAfter(second)}, ok: nothing,
		},
		{
			Description: "Send a pong that nobody asked for, with payload, then close.", Expectation: "Nothing comes but the answer to the Close frame.",
			steps: []step{unsolicited, begin{code: 1000}, closeAfter(second)}, ok: nothing,
		},
		{
			Description: "Send a pong that nobody asked for, then a ping.", Expectation: "One pong comes, for the ping.",
			steps: []step{unsolicited, send{op: frame.Ping, payload: "ping payload"}, closeAfter(second)},
			ok:    []event{pong("ping payload")},
		},
		tenPings(0),
		tenPings(1),
	}
	return number("2", cases)
}

// tenPings sends ten pings in a row.
func tenPings(chop int) *Case {
	c := &Case{
		Description: "Send 10 pings.",
		Expectation: "A pong comes for each, in their order. RFC 6455 section 5.5.3 would allow fewer.",
	}
	if chop > 0 {
		c.Description = "Send 10 pings, one octet at a time."
	}
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		c.steps = append(c.steps, send{op: frame.Ping, payload: payload, chop: chop})
		c.ok = append(c.ok, pong(payload))
	}
	c.steps = append(c.steps, closeAfter(3*second))
	return c
}

// reservedBitCases are section 3.
func reservedBitCases() []*Case {
	// after sends a message, then one with reserved bits set, then a ping.
	after := func(rsv uint8, how string, s send) *Case {
		first, second := s, s
		first.op, first.payload = frame.Text, hello
		second.op, second.payload, second.rsv = frame.Text, hello, rsv
		s.op = frame.Ping
		return &Case{
			Description: fmt.Sprintf("Send a message, one with RSV bits %d, and a ping%s.", rsv, how), Expectation: failedAt,
			steps: []step{first, second, s}, ok: []event{textMessage(hello)}, nonStrict: nothing,
		}
	}
	// alone sends one frame with reserved bits.
	alone := func(name string, s send) *Case {
		return &Case{
			Description: fmt.Sprintf("Send a %s with RSV bits %d.", name, s.rsv), Expectation: failed,
			steps: []step{s}, ok: nothing,
		}
	}
	cases := []*Case{
		alone("text message", send{op: frame.Text, payload: hello, rsv: 1}),
		after(2, "", send{}),
		after(3, ", each frame in a write of its own", send{sync: true}),
		after(4, ", one octet at a time", send{chop: 1}),
		alone("binary message", send{op: frame.Binary, payload: binaryBytes, rsv: 5}),
		alone("binary message", send{op: frame.Binary, payload: hello, rsv: 6}),
		alone("Close frame", send{op: frame.Close, rsv: 7}),
	}
	return number("3", failing(cases))
}

// opcodeCases are section 4: 4.1 the data opcodes without a meaning, 4.2 the
// control opcodes.
func opcodeCases() []*Case {
	var cases []*Case
	for group, first := range []frame.Opcode{3, 11} {
		alone := func(op frame.Opcode, payload string) *Case {
			return &Case{
				Description: fmt.Sprintf("Send a frame with the reserved opcode %d.", op), Expectation: failed,
				steps: []step{send{op: op, payload: payload}}, ok: nothing,
			}
		}
		after := func(op frame.Opcode, payload string, chop int) *Case {
			c := &Case{
				Description: fmt.Sprintf("Send a message, a frame with the reserved opcode %d, and a ping.", op), Expectation: failedAt,
				steps: []step{
					send{op: frame.Text, payload: hello, chop: chop},
					send{op: op, payload: payload, chop: chop},
					send{op: frame.Ping, chop: chop},
				},
				ok: []event{textMessage(hello)}, nonStrict: nothing,
			}
			if chop > 0 {
				c.Description += " They are written one octet at a time."
			}
			return c
		}
		cases = append(cases, number(fmt.Sprintf("4.%d", group+1), failing([]*Case{
			alone(first, ""),
			alone(first+1, "reserved opcode payload"),
			after(first+2, "", 0),
			after(first+3, hello, 0),
			after(first+4, hello, 1),
		}))...)
	}
	return cases
}

// failing completes cases in which the testee has to fail the connection within a
// second.
func failing(cases []*Case) []*Case {
	for _, c := range cases {
		c.steps = append(c.steps, killAfter(second))
		c.close = protocolError
	}
	return cases
}

// number gives cases their identifiers, and the rule for the end of the connection
// to those that have none.
func number(group string, cases []*Case) []*Case {
	for i, c := range cases {
		c.ID = fmt.Sprintf("%s.%d", group, i+1)
		if c.close.codes == nil {
			c.close = normalClose
		}
	}
	return cases
}
