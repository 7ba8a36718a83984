package cases

import (
	"encoding/hex"
	"fmt"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// Parts of messages. All are valid text but surrogate, which is half of a pair, and beyond, a
// code point beyond the last.
const (
	kosme     = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	surrogate = "\xed\xa0\x80"
	beyond    = "\xf4\x90\x80\x80"
	edited    = "edited"
	umlauts   = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!"
)

// utf8Cases are section 6.
func utf8Cases() []*script {
	const refused = "The connection is failed with 1007."
	valid := func(description, payload string, steps ...step) *script {
		return &script{
			Description: description, Expectation: echoed,
			Steps: append(steps, closeAfter(second)), OK: []event{textMessage(payload)},
		}
	}
	invalid := func(description string, s say) *script {
		return &script{
			Description: description, Expectation: refused,
			Steps: []step{s, killAfter(second)}, OK: nothing, Close: invalidUTF8,
		}
	}
	const middle = "middle frame payload"
	cases := number("6.1", []*script{
		valid("Send a text message without payload.", "", send{Op: frame.Text}),
		valid("Send a text message of three fragments, all empty.", "",
			send{Op: frame.Text, More: true}, send{Op: frame.Continuation, More: true}, send{Op: frame.Continuation}),
		valid("Send a text message of three fragments, the first and the last empty.", middle,
			send{Op: frame.Text, More: true}, send{Op: frame.Continuation, Payload: middle, More: true}, send{Op: frame.Continuation}),
	})
	cases = append(cases, number("6.2", []*script{
		valid("Send valid UTF-8 in one fragment.", umlauts, say{Payload: umlauts}),
		valid("Send valid UTF-8 in two fragments, cut between code points.", umlauts,
			send{Op: frame.Text, Payload: umlauts[:15], More: true}, send{Op: frame.Continuation, Payload: umlauts[15:]}),
		valid("Send valid UTF-8 in fragments of one octet.", umlauts, say{Payload: umlauts, Fragment: 1}),
		valid("Send valid UTF-8 with code points of several octets in fragments of one octet.", kosme, say{Payload: kosme, Fragment: 1}),
	})...)
	cases = append(cases, number("6.3", []*script{
		invalid("Send UTF-8 with a surrogate in one fragment.", say{Payload: kosme + surrogate + edited}),
		invalid("Send UTF-8 with a surrogate in fragments of one octet.", say{Payload: kosme + surrogate + edited, Fragment: 1}),
	})...)
	cases = append(cases, failFastCases()...)
	for _, g := range utf8Groups {
		var group []*script
		for _, p := range g.payloads {
			group = append(group, p.aCase(g.title))
		}
		cases = append(cases, number(fmt.Sprintf("6.%d", g.number), group)...)
	}
	return cases
}

// failFastCases are 6.4: a message comes in three parts, a second apart, and the second makes
// it invalid. The best is to fail the connection at the second part, the least at the third.
func failFastCases() []*script {
	const expectation = "After the first part nothing happens. The second part fails the connection with 1007, or at least the third does."
	// The parts are cut between code points, or within the one that is invalid.
	cuts := [][3]string{
		{kosme, beyond, edited},
		{kosme + beyond[:1], beyond[1:2], beyond[2:] + edited},
	}
	inThree := func(first, middle, last []step) *script {
		return &script{
			Expectation: expectation,
			Steps: append(first, later{Wait: second, Tag: "A", Steps: append(middle,
				later{Wait: second, ToFail: true, Tag: "B", Steps: append(last, killAfter(second))})}),
			OK:        []event{engine.Timeout("A")},
			NonStrict: []event{engine.Timeout("A"), engine.Timeout("B")},
			Close:     invalidUTF8,
		}
	}
	var cases []*script
	for _, cut := range cuts {
		c := inThree(
			[]step{send{Op: frame.Text, Payload: cut[0], More: true}},
			[]step{send{Op: frame.Continuation, Payload: cut[1], More: true}},
			[]step{send{Op: frame.Continuation, Payload: cut[2]}},
		)
		c.Description = fmt.Sprintf("Send invalid UTF-8 in three fragments with pauses: %x, %x, %x.", cut[0], cut[1], cut[2])
		cases = append(cases, c)
	}
	for _, cut := range cuts {
		bytes := func(s string) step { return doing(func(t *tester) { t.PayloadBytes(s) }) }
		c := inThree(
			[]step{doing(func(t *tester) { t.BeginFrame(frame.Text, len(kosme+beyond+edited)) }), bytes(cut[0])},
			[]step{bytes(cut[1])},
			[]step{bytes(cut[2]), doing(func(t *tester) {
				if t.IsOpen() {
					send{Op: frame.Continuation}.Do(t)
				}
			})},
		)
		c.Description = fmt.Sprintf("Send invalid UTF-8 in one frame, in three pieces with pauses: %x, %x, %x.", cut[0], cut[1], cut[2])
		cases = append(cases, c)
	}
	return number("6.4", cases)
}

// aCase returns the case that sends one payload.
func (p utf8Payload) aCase(title string) *script {
	b, err := hex.DecodeString(p.hex)
	if err != nil {
		panic(err) // the table is wrong
	}
	payload := string(b)
	c := &script{Steps: []step{say{Payload: payload}, killAfter(second / 2)}}
	if p.valid {
		c.Description = fmt.Sprintf("Send valid UTF-8 (%s): %s.", title, p.hex)
		c.Expectation, c.OK = echoed, []event{textMessage(payload)}
	} else {
		c.Description = fmt.Sprintf("Send invalid UTF-8 (%s): %s.", title, p.hex)
		c.Expectation, c.OK, c.Close = "The connection is failed with 1007.", nothing, invalidUTF8
	}
	return c
}
