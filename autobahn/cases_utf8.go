package autobahn

import (
	"encoding/hex"
	"fmt"

	"github.com/rfc6455/ws/frame"
)

// Parts of messages. The first and the last are valid text, the others are a
// surrogate and a code point beyond the last.
const (
	kosme     = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	surrogate = "\xed\xa0\x80"
	beyond    = "\xf4\x90\x80\x80"
	edited    = "edited"
	umlauts   = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!"
)

// utf8Cases are section 6.
func utf8Cases() []*Case {
	const refused = "The connection is failed with 1007."
	valid := func(description, payload string, steps ...step) *Case {
		return &Case{
			Description: description, Expectation: echoed,
			steps: append(steps, closeAfter(second)), ok: []event{textMessage(payload)},
		}
	}
	invalid := func(description string, s say) *Case {
		return &Case{
			Description: description, Expectation: refused,
			steps: []step{s, killAfter(second)}, ok: nothing, close: invalidUTF8,
		}
	}
	const middle = "middle frame payload"
	cases := number("6.1", []*Case{
		valid("Send a text message without payload.", "", send{op: frame.Text}),
		valid("Send a text message of three fragments, all empty.", "",
			send{op: frame.Text, more: true}, send{op: frame.Continuation, more: true}, send{op: frame.Continuation}),
		valid("Send a text message of three fragments, the first and the last empty.", middle,
			send{op: frame.Text, more: true}, send{op: frame.Continuation, payload: middle, more: true}, send{op: frame.Continuation}),
	})
	cases = append(cases, number("6.2", []*Case{
		valid("Send valid UTF-8 in one fragment.", umlauts, say{payload: umlauts}),
		valid("Send valid UTF-8 in two fragments, cut between code points.", umlauts,
			send{op: frame.Text, payload: umlauts[:15], more: true}, send{op: frame.Continuation, payload: umlauts[15:]}),
		valid("Send valid UTF-8 in fragments of one octet.", umlauts, say{payload: umlauts, fragment: 1}),
		valid("Send valid UTF-8 with code points of several octets in fragments of one octet.", kosme, say{payload: kosme, fragment: 1}),
	})...)
	cases = append(cases, number("6.3", []*Case{
		invalid("Send UTF-8 with a surrogate in one fragment.", say{payload: kosme + surrogate + edited}),
		invalid("Send UTF-8 with a surrogate in fragments of one octet.", say{payload: kosme + surrogate + edited, fragment: 1}),
	})...)
	cases = append(cases, failFastCases()...)
	for _, g := range utf8Groups {
		var group []*Case
		for _, p := range g.payloads {
			group = append(group, p.aCase(g.title))
		}
		cases = append(cases, number(fmt.Sprintf("6.%d", g.number), group)...)
	}
	return cases
}

// failFastCases are 6.4: a message whose second part makes it invalid comes in
// three parts, a second apart. The best is to fail at the second part, the least
// at the third.
func failFastCases() []*Case {
	const expectation = "After the first part nothing happens. The second part fails the connection with 1007, or at least the third does."
	// The parts are cut between code points, or within the one that is invalid.
	cuts := [][3]string{
		{kosme, beyond, edited},
		{kosme + beyond[:1], beyond[1:2], beyond[2:] + edited},
	}
	inThree := func(first, middle, last []step) *Case {
		return &Case{
			Expectation: expectation,
			steps: append(first, later{wait: second, tag: "A", steps: append(middle,
				later{wait: second, toFail: true, tag: "B", steps: append(last, killAfter(second))})}),
			ok:        []event{timeout("A")},
			nonStrict: []event{timeout("A"), timeout("B")},
			close:     invalidUTF8,
		}
	}
	var cases []*Case
	for _, cut := range cuts {
		c := inThree(
			[]step{send{op: frame.Text, payload: cut[0], more: true}},
			[]step{send{op: frame.Continuation, payload: cut[1], more: true}},
			[]step{send{op: frame.Continuation, payload: cut[2]}},
		)
		c.Description = fmt.Sprintf("Send invalid UTF-8 in three fragments with pauses: %x, %x, %x.", cut[0], cut[1], cut[2])
		cases = append(cases, c)
	}
	for _, cut := range cuts {
		bytes := func(s string) step { return doing(func(t *tester) { t.payloadBytes(s) }) }
		c := inThree(
			[]step{doing(func(t *tester) { t.beginFrame(frame.Text, len(kosme+beyond+edited)) }), bytes(cut[0])},
			[]step{bytes(cut[1])},
			[]step{bytes(cut[2]), doing(func(t *tester) {
				if t.state == open {
					send{op: frame.Continuation}.do(t)
				}
			})},
		)
		c.Description = fmt.Sprintf("Send invalid UTF-8 in one frame, in three pieces with pauses: %x, %x, %x.", cut[0], cut[1], cut[2])
		cases = append(cases, c)
	}
	return number("6.4", cases)
}

// aCase returns the case of one payload.
func (p utf8Payload) aCase(title string) *Case {
	b, err := hex.DecodeString(p.hex)
	if err != nil {
		panic(err) // the table is wrong
	}
	payload := string(b)
	c := &Case{steps: []step{say{payload: payload}, killAfter(second / 2)}}
	if p.valid {
		c.Description = fmt.Sprintf("Send valid UTF-8 (%s): %s.", title, p.hex)
		c.Expectation, c.ok = echoed, []event{textMessage(payload)}
	} else {
		c.Description = fmt.Sprintf("Send invalid UTF-8 (%s): %s.", title, p.hex)
		c.Expectation, c.ok, c.close = "The connection is failed with 1007.", nothing, invalidUTF8
	}
	return c
}
