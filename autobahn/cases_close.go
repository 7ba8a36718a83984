package autobahn

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/rfc6455/ws/frame"
)

// closeCases are section 7.
func closeCases() []*Case {
	cases := basicCloseCases()
	cases = append(cases, closePayloadCases()...)
	var valid, invalid, undefined []*Case
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		valid = append(valid, &Case{
			Description: fmt.Sprintf("Close with the valid code %d.", code),
			Expectation: "The connection closes cleanly, with the same code or 1000.",
			steps:       []step{begin{code: code}, killAfter(second)}, ok: nothing,
			close: closeRule{byMe: true, codes: []int{1000, code}, clean: true}, judge: wrongCodeFails,
		})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		invalid = append(invalid, &Case{
			Description: fmt.Sprintf("Close with the invalid code %d.", code),
			Expectation: "The connection ends, with 1002 if with a Close frame.",
			steps:       []step{begin{code: code}, killAfter(second)}, ok: nothing,
			close: closeRule{byMe: true, codes: []int{1002}}, judge: wrongCodeFails,
		})
	}
	for _, code := range []int{5000, 65535} {
		undefined = append(undefined, &Case{
			Description: fmt.Sprintf("Close with code %d, for which there is no rule.", code),
			Expectation: "Anything.",
			steps:       []step{begin{code: code}, killAfter(second)}, ok: nothing, keepOpen: true,
			close: closeRule{byMe: true, codes: []int{1000, code, 1002}},
			judge: func(t *tester) {
				informational(t)
				t.Result = "What happens is left open by RFC 6455."
			},
		})
	}
	cases = append(cases, number("7.7", valid)...)
	cases = append(cases, number("7.9", invalid)...)
	return append(cases, number("7.13", undefined)...)
}

// basicCloseCases are 7.1: what is sent around a Close frame.
func basicCloseCases() []*Case {
	const greeting = "Hello World!"
	const clean = "The connection closes cleanly with 1000. What came after the Close frame is ignored."
	text := send{op: frame.Text, payload: greeting}
	normal := begin{code: 1000}
	// ends makes cases in which the tester opens the closing handshake itself.
	ends := func(description string, steps ...step) *Case {
		return &Case{
			Description: description, Expectation: clean,
			steps: append(steps, killAfter(second)), ok: nothing, keepOpen: true, judge: wrongCodeFails,
		}
	}
	first := &Case{
		Description: "Send a message, and close when it has come back.", Expectation: echoed,
		steps: []step{text, killAfter(second)}, ok: []event{textMessage(greeting)}, judge: wrongCodeFails,
	}
	last := ends("Send a message of 256 KiB, a short one, a Close frame and a ping in a row.",
		send{op: frame.Text, payload: digits, length: 256 << 10}, text, normal, send{op: frame.Ping})
	last.Expectation = "Messages may come back before the Close frame is answered, or not."
	last.ok, last.nonStrict = []event{textMessage(greeting)}, nothing
	last.judge = func(t *tester) {
		switch t.Behavior {
		case OK:
			t.Result = "The message came back before the Close frame was answered."
		case NonStrict:
			t.Result = "The Close frame was answered before the messages came back."
		}
		informational(t)
	}
	return number("7.1", []*Case{
		first,
		ends("Send two Close frames.", normal, send{op: frame.Close}),
		ends("Send a ping after a Close frame.", normal, send{op: frame.Ping}),
		ends("Send a message after a Close frame.", normal, text),
		ends("Send a Close frame between two fragments of a message.",
			send{op: frame.Text, payload: "fragment1", more: true}, normal,
			send{op: frame.Continuation, payload: "fragment2"}),
		last,
	})
}

// closePayloadCases are 7.3 and 7.5: the form of a Close frame's payload.
func closePayloadCases() []*Case {
	ends := func(description string, b begin) *Case {
		return &Case{
			Description: description, Expectation: "The connection closes cleanly with 1000.",
			steps: []step{b, killAfter(second)}, ok: nothing, keepOpen: true, judge: wrongCodeFails,
		}
	}
	wrong := func(description string, b begin, codes ...int) *Case {
		c := ends(description, b)
		c.Expectation = "The connection ends, with a code for the error if with a Close frame."
		c.close = closeRule{byMe: true, codes: codes}
		return c
	}
	cases := number("7.3", []*Case{
		ends("Close without payload.", begin{code: -1}),
		wrong("Close with a payload of one octet.", begin{code: -1, reason: "a"}, 1002),
		ends("Close with a code.", begin{code: 1000}),
		ends("Close with a code and a reason.", begin{code: 1000, reason: "Hello World!"}),
		ends("Close with a reason of the largest size, 123 octets.", begin{code: 1000, reason: strings.Repeat("*", 123)}),
		wrong("Close with a reason that is an octet too long.", begin{code: 1000, reason: strings.Repeat("*", 124)}, 1002),
	})
	notText := wrong("Close with a reason that is not UTF-8.", begin{code: 1000, reason: kosme + surrogate + edited}, 1002, 1007)
	notText.judge = func(t *tester) {
		wrongCodeFails(t)
		reason := "?"
		if r := t.rec.LocalCloseReason; r != nil {
			reason = hex.EncodeToString([]byte(*r))
		}
		t.rec.LocalCloseReason = &reason // JSON holds text alone
	}
	return append(cases, number("7.5", []*Case{notText})...)
}
