package cases

import (
	"fmt"
	"strings"

	"github.com/rfc6455/ws/frame"
)

// hello is a short message.
const hello = "Hello, world!"

// binaryBytes is a payload that is not UTF-8.
const binaryBytes = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

// Expectations that many cases have.
const (
	echoed   = "The message comes back, then the connection closes cleanly with 1000."
	failed   = "The connection is failed with 1002."
	failedAt = "The first message comes back, then the connection is failed with 1002. No pong comes."
)

// framingCases are section 1: one message in one frame.
func framingCases() []*script {
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
	var cases []*script
	for group, kind := range []struct {
		name, filler string
		op           frame.Opcode
	}{{"text", "*", frame.Text}, {"binary", "\xfe", frame.Binary}} {
		for i, size := range sizes {
			payload := strings.Repeat(kind.filler, size.length)
			c := &script{
				ID:          fmt.Sprintf("1.%d.%d", group+1, i+1),
				Description: fmt.Sprintf("Send a %s message of %d octets.", kind.name, size.length),
				Expectation: echoed,
				Steps:       []step{send{Op: kind.op, Payload: payload, Chop: size.chop}, size.wait},
				OK:          []event{{Kind: "message", Data: []byte(payload), Binary: kind.op == frame.Binary}},
				Close:       normalClose,
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
func pingCases() []*script {
	long := strings.Repeat("\xfe", 125)
	unsolicited := send{Op: frame.Pong, Payload: "unsolicited pong payload"}
	const answered = "A pong with the same payload comes, then the connection closes cleanly with 1000."
	cases := []*script{
		{
			Description: "Send a ping without payload.", Expectation: answered,
			Steps: []step{send{Op: frame.Ping}, closeAfter(second)}, OK: []event{pong("")},
		},
		{
			Description: "Send a ping with a text payload.", Expectation: answered,
			Steps: []step{send{Op: frame.Ping, Payload: hello}, closeAfter(second)}, OK: []event{pong(hello)},
		},
		{
			Description: "Send a ping with a payload that is not UTF-8.", Expectation: answered,
			Steps: []step{send{Op: frame.Ping, Payload: binaryBytes}, closeAfter(second)}, OK: []event{pong(binaryBytes)},
		},
		{
			Description: "Send a ping with the largest payload, 125 octets.", Expectation: answered,
			Steps: []step{send{Op: frame.Ping, Payload: long}, closeAfter(second)}, OK: []event{pong(long)},
		},
		{
			Description: "Send a ping with 126 octets, one too many.", Expectation: failed,
			Steps: []step{send{Op: frame.Ping, Payload: long + "\xfe"}, killAfter(second)}, OK: nothing, Close: protocolError,
		},
		{
			Description: "Send a ping with 125 octets, one octet at a time.", Expectation: answered,
			Steps: []step{send{Op: frame.Ping, Payload: long, Chop: 1}, closeAfter(2 * second)}, OK: []event{pong(long)},
		},
		{
			Description: "Send a pong that nobody asked for, without payload, then close.", Expectation: "Nothing comes but the answer to the Close frame.",
			Steps: []step{send{Op: frame.Pong}, begin{Code: 1000}, closeAfter(second)}, OK: nothing,
		},
		{
			Description: "Send a pong that nobody asked for, with payload, then close.", Expectation: "Nothing comes but the answer to the Close frame.",
			Steps: []step{unsolicited, begin{Code: 1000}, closeAfter(second)}, OK: nothing,
		},
		{
			Description: "Send a pong that nobody asked for, then a ping.", Expectation: "One pong comes, for the ping.",
			Steps: []step{unsolicited, send{Op: frame.Ping, Payload: "ping payload"}, closeAfter(second)},
			OK:    []event{pong("ping payload")},
		},
		tenPings(0),
		tenPings(1),
	}
	return number("2", cases)
}

// tenPings sends ten pings in a row.
func tenPings(chop int) *script {
	c := &script{
		Description: "Send 10 pings.",
		Expectation: "A pong comes for each, in their order. RFC 6455 section 5.5.3 would allow fewer.",
	}
	if chop > 0 {
		c.Description = "Send 10 pings, one octet at a time."
	}
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		c.Steps = append(c.Steps, send{Op: frame.Ping, Payload: payload, Chop: chop})
		c.OK = append(c.OK, pong(payload))
	}
	c.Steps = append(c.Steps, closeAfter(3*second))
	return c
}

// reservedBitCases are section 3.
func reservedBitCases() []*script {
	// after sends a message, then one with reserved bits set, then a ping.
	after := func(rsv uint8, how string, s send) *script {
		first, second := s, s
		first.Op, first.Payload = frame.Text, hello
		second.Op, second.Payload, second.RSV = frame.Text, hello, rsv
		s.Op = frame.Ping
		return &script{
			Description: fmt.Sprintf("Send a message, one with RSV bits %d, and a ping%s.", rsv, how), Expectation: failedAt,
			Steps: []step{first, second, s}, OK: []event{textMessage(hello)}, NonStrict: nothing,
		}
	}
	// alone sends one frame with reserved bits.
	alone := func(name string, s send) *script {
		return &script{
			Description: fmt.Sprintf("Send a %s with RSV bits %d.", name, s.RSV), Expectation: failed,
			Steps: []step{s}, OK: nothing,
		}
	}
	cases := []*script{
		alone("text message", send{Op: frame.Text, Payload: hello, RSV: 1}),
		after(2, "", send{}),
		after(3, ", each frame in a write of its own", send{Sync: true}),
		after(4, ", one octet at a time", send{Chop: 1}),
		alone("binary message", send{Op: frame.Binary, Payload: binaryBytes, RSV: 5}),
		alone("binary message", send{Op: frame.Binary, Payload: hello, RSV: 6}),
		alone("Close frame", send{Op: frame.Close, RSV: 7}),
	}
	return number("3", failing(cases))
}

// opcodeCases are section 4: opcodes without a meaning, of data frames in 4.1 and of control
// frames in 4.2.
func opcodeCases() []*script {
	var cases []*script
	for group, first := range []frame.Opcode{3, 11} {
		alone := func(op frame.Opcode, payload string) *script {
			return &script{
				Description: fmt.Sprintf("Send a frame with the reserved opcode %d.", op), Expectation: failed,
				Steps: []step{send{Op: op, Payload: payload}}, OK: nothing,
			}
		}
		after := func(op frame.Opcode, payload string, chop int) *script {
			c := &script{
				Description: fmt.Sprintf("Send a message, a frame with the reserved opcode %d, and a ping.", op), Expectation: failedAt,
				Steps: []step{
					send{Op: frame.Text, Payload: hello, Chop: chop},
					send{Op: op, Payload: payload, Chop: chop},
					send{Op: frame.Ping, Chop: chop},
				},
				OK: []event{textMessage(hello)}, NonStrict: nothing,
			}
			if chop > 0 {
				c.Description += " They are written one octet at a time."
			}
			return c
		}
		cases = append(cases, number(fmt.Sprintf("4.%d", group+1), failing([]*script{
			alone(first, ""),
			alone(first+1, "reserved opcode payload"),
			after(first+2, "", 0),
			after(first+3, hello, 0),
			after(first+4, hello, 1),
		}))...)
	}
	return cases
}

// failing completes cases in which the testee has to fail the connection within a second.
func failing(cases []*script) []*script {
	for _, c := range cases {
		c.Steps = append(c.Steps, killAfter(second))
		c.Close = protocolError
	}
	return cases
}

// number gives the cases of a group their identifiers. A case without a rule for the end of
// the connection gets the usual one.
func number(group string, cases []*script) []*script {
	for i, c := range cases {
		c.ID = fmt.Sprintf("%s.%d", group, i+1)
		if c.Close.Codes == nil {
			c.Close = normalClose
		}
	}
	return cases
}
