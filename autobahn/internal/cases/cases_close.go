package cases

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// closeCases are section 7.
func closeCases() []*script {
	cases := basicCloseCases()
	cases = append(cases, closePayloadCases()...)
	var valid, invalid, undefined []*script
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		valid = append(valid, &script{
			Description: fmt.Sprintf("Close with the valid code %d.", code),
			Expectation: "The connection closes cleanly, with the same code or 1000.",
			Steps:       []step{begin{Code: code}, killAfter(second)}, OK: nothing,
			Close: closeRule{ByMe: true, Codes: []int{1000, code}, Clean: true}, Judge: engine.WrongCodeFails,
		})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		invalid = append(invalid, &script{
			Description: fmt.Sprintf("Close with the invalid code %d.", code),
			Expectation: "The connection ends, with 1002 if with a Close frame.",
			Steps:       []step{begin{Code: code}, killAfter(second)}, OK: nothing,
			Close: closeRule{ByMe: true, Codes: []int{1002}}, Judge: engine.WrongCodeFails,
		})
	}
	for _, code := range []int{5000, 65535} {
		undefined = append(undefined, &script{
			Description: fmt.Sprintf("Close with code %d, for which there is no rule.", code),
			Expectation: "Anything.",
			Steps:       []step{begin{Code: code}, killAfter(second)}, OK: nothing, KeepOpen: true,
			Close: closeRule{ByMe: true, Codes: []int{1000, code, 1002}},
			Judge: func(t *tester) {
				engine.NoJudgement(t)
				t.Result = "What happens is left open by RFC 6455."
			},
		})
	}
	cases = append(cases, number("7.7", valid)...)
	cases = append(cases, number("7.9", invalid)...)
	return append(cases, number("7.13", undefined)...)
}

// basicCloseCases are 7.1: what is sent around a Close frame.
func basicCloseCases() []*script {
	const greeting = "Hello World!"
	const clean = "The connection closes cleanly with 1000. What came after the Close frame is ignored."
	text := send{Op: frame.Text, Payload: greeting}
	normal := begin{Code: 1000}
	// ends makes a case in which the tester opens the closing handshake itself.
	ends := func(description string, steps ...step) *script {
		return &script{
			Description: description, Expectation: clean,
			Steps: append(steps, killAfter(second)), OK: nothing, KeepOpen: true, Judge: engine.WrongCodeFails,
		}
	}
	first := &script{
		Description: "Send a message, and close when it has come back.", Expectation: echoed,
		Steps: []step{text, killAfter(second)}, OK: []event{textMessage(greeting)}, Judge: engine.WrongCodeFails,
	}
	last := ends("Send a message of 256 KiB, a short one, a Close frame and a ping in a row.",
		send{Op: frame.Text, Payload: digits, Length: 256 << 10}, text, normal, send{Op: frame.Ping})
	last.Expectation = "Messages may come back before the Close frame is answered, or not."
	last.OK, last.NonStrict = []event{textMessage(greeting)}, nothing
	last.Judge = func(t *tester) {
		switch t.Behavior {
		case engine.OK:
			t.Result = "The message came back before the Close frame was answered."
		case engine.NonStrict:
			t.Result = "The Close frame was answered before the messages came back."
		}
		engine.NoJudgement(t)
	}
	return number("7.1", []*script{
		first,
		ends("Send two Close frames.", normal, send{Op: frame.Close}),
		ends("Send a ping after a Close frame.", normal, send{Op: frame.Ping}),
		ends("Send a message after a Close frame.", normal, text),
		ends("Send a Close frame between two fragments of a message.",
			send{Op: frame.Text, Payload: "fragment1", More: true}, normal,
			send{Op: frame.Continuation, Payload: "fragment2"}),
		last,
	})
}

// closePayloadCases are 7.3 and 7.5: the form of a Close frame's payload.
func closePayloadCases() []*script {
	ends := func(description string, b begin) *script {
		return &script{
			Description: description, Expectation: "The connection closes cleanly with 1000.",
			Steps: []step{b, killAfter(second)}, OK: nothing, KeepOpen: true, Judge: engine.WrongCodeFails,
		}
	}
	wrong := func(description string, b begin, codes ...int) *script {
		c := ends(description, b)
		c.Expectation = "The connection ends, with a code for the error if with a Close frame."
		c.Close = closeRule{ByMe: true, Codes: codes}
		return c
	}
	cases := number("7.3", []*script{
		ends("Close without payload.", begin{Code: -1}),
		wrong("Close with a payload of one octet.", begin{Code: -1, Reason: "a"}, 1002),
		ends("Close with a code.", begin{Code: 1000}),
		ends("Close with a code and a reason.", begin{Code: 1000, Reason: "Hello World!"}),
		ends("Close with a reason of the largest size, 123 octets.", begin{Code: 1000, Reason: strings.Repeat("*", 123)}),
		wrong("Close with a reason that is an octet too long.", begin{Code: 1000, Reason: strings.Repeat("*", 124)}, 1002),
	})
	notText := wrong("Close with a reason that is not UTF-8.", begin{Code: 1000, Reason: kosme + surrogate + edited}, 1002, 1007)
	notText.Judge = func(t *tester) {
		engine.WrongCodeFails(t)
		reason := "?"
		if r := t.Rec.LocalCloseReason; r != nil {
			reason = hex.EncodeToString([]byte(*r))
		}
		t.Rec.LocalCloseReason = &reason // JSON holds text alone
	}
	return append(cases, number("7.5", []*script{notText})...)
}
