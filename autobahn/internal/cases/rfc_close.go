package cases

import (
	"fmt"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// rfcCloseCases are about the closing handshake (RFC 6455 section 7).
func rfcCloseCases() []*script {
	var cases []*script
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, answered("CL-5.5-02", code))
	}
	for _, code := range []int{1012, 1013, 1014} {
		cases = append(cases, answered("CL-7.4-26", code))
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, refusedClose("CL-7.4-05", fmt.Sprintf("Close with code %d.", code), begin{Code: code}, 1002))
	}
	cases = append(cases,
		refusedClose("CL-5.5-04", "Close with a payload of one octet.", begin{Code: -1, Reason: "a"}, 1002),
		refusedClose("CL-8.1-07", "Close with a reason that is not UTF-8.", begin{Code: 1000, Reason: kosme + surrogate}, 1007, 1002),
		refusedClose("U8-8.1-07", "Close with a reason that ends within a code point.", begin{Code: 1000, Reason: "\xce"}, 1007, 1002),
		&script{
			ID: "CL-5.5-03", Description: "Close without payload.", Expectation: "The answer has no payload, or 1000.",
			Steps: []step{begin{Code: -1}, killAfter(reaction)}, OK: nothing, KeepOpen: true,
		},
		trailing("a message", send{Op: frame.Text, Payload: "x"}),
		trailing("a ping", send{Op: frame.Ping, Payload: "x"}),
		trailing("a second Close frame", send{Op: frame.Close, Payload: "\x03\xe8"}),
		trailing("a frame that is not legal", send{Op: 3, RSV: 7}),
		trailing("64 KiB of nothing in particular", raw(engine.Cycle("\xff\x00\xc3", 64*kib))),
	)
	unfinished := trailing("the rest of a message", send{Op: frame.Continuation, Payload: "b"})
	unfinished.Steps = append([]step{send{Op: frame.Text, Payload: "a", More: true}}, unfinished.Steps...)
	return append(cases, unfinished, silent(), afterFailure(), drained())
}

// drained breaks a rule and then sends more than a testee reads. If TCP is closed while data
// is unread, it is reset, and the Close frame would be lost (RFC 6455 section 7.1.1).
func drained() *script {
	c := violation("CL-7.1-16", "Break a rule, then send 256 KiB more.",
		send{Op: 3}, raw(engine.Cycle("\x00\xff", 256*kib)))
	c.Expectation = "The Close frame with 1002 arrives all the same."
	c.Judge = func(t *tester) {
		if t.Rec.RemoteCloseCode == nil {
			t.Behavior, t.Result = engine.Failed, "No Close frame arrived."
		}
	}
	return c
}

// lazyCases are for clients: the server does not close TCP, though that is its duty.
func lazyCases() []*script {
	return []*script{{
		ID: "CL-5.5-13", Description: "Close, and leave closing TCP to the client.",
		Expectation: "The client closes TCP itself within 15 seconds.",
		Steps:       []step{begin{Code: 1000}, killAfter(15 * second)}, OK: nothing, KeepOpen: true, Lazy: true,
		Judge: func(t *tester) {
			if t.Rec.DroppedByMe {
				t.Behavior, t.Result = engine.Failed, "The client left TCP open."
			}
		},
	}}
}

// answered is a case that closes with a code that is legal.
func answered(row string, code int) *script {
	return &script{
		ID: row, Description: fmt.Sprintf("Close with code %d and a reason.", code),
		Expectation: "The answer has the same code, 1000 or none.",
		Steps:       []step{begin{Code: code, Reason: "bye"}, killAfter(reaction)}, OK: nothing, KeepOpen: true,
		Close: closeRule{ByMe: true, Codes: []int{1000, code}, Clean: true},
	}
}

// refusedClose is a case that closes in a way that is not legal.
func refusedClose(row, description string, b begin, codes ...int) *script {
	return &script{
		ID: row, Description: description,
		Expectation: "The connection ends, with a code for the error if with a Close frame.",
		Steps:       []step{b, killAfter(reaction)}, OK: nothing, KeepOpen: true,
		Close: closeRule{ByMe: true, Codes: codes},
	}
}

// trailing is a case that sends something after a Close frame. Both may come in one TCP
// segment.
func trailing(what string, s step) *script {
	return &script{
		ID: "CL-5.5-10", Description: "Send a Close frame and then " + what + ".",
		Expectation: "The Close frame is answered, once, and what came after it is ignored.",
		Steps:       []step{begin{Code: 1000}, s, killAfter(reaction)}, OK: nothing, KeepOpen: true,
	}
}

// silent breaks a rule and then does nothing more: it does not answer the testee's Close
// frame, and does not close TCP.
func silent() *script {
	return &script{
		ID: "CL-7.1-15", Description: "Break a rule, and then neither answer the Close frame nor close TCP.",
		Expectation: "The testee closes TCP itself within 15 seconds.",
		Steps:       []step{send{Op: 3}, killAfter(15 * second)}, OK: nothing, Close: protocolError, Mute: true,
	}
}

// afterFailure breaks a rule and goes on. The testee may not process what follows (RFC 6455
// section 7.1.7).
func afterFailure() *script {
	return violation("CL-7.1-20", "Break a rule, then send a message and a ping.",
		send{Op: 3}, send{Op: frame.Text, Payload: "x"}, send{Op: frame.Ping})
}
