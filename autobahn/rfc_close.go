package autobahn

import (
	"fmt"

	"github.com/rfc6455/ws/frame"
)

// rfcCloseCases are about the closing handshake (RFC 6455 section 7).
func rfcCloseCases() []*Case {
	var cases []*Case
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, answered("CL-5.5-02", code))
	}
	for _, code := range []int{1012, 1013, 1014} {
		cases = append(cases, answered("CL-7.4-26", code))
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, refusedClose("CL-7.4-05", fmt.Sprintf("Close with code %d.", code), begin{code: code}, 1002))
	}
	cases = append(cases,
		refusedClose("CL-5.5-04", "Close with a payload of one octet.", begin{code: -1, reason: "a"}, 1002),
		refusedClose("CL-8.1-07", "Close with a reason that is not UTF-8.", begin{code: 1000, reason: kosme + surrogate}, 1007, 1002),
		refusedClose("U8-8.1-07", "Close with a reason that ends within a code point.", begin{code: 1000, reason: "\xce"}, 1007, 1002),
		&Case{
			ID: "CL-5.5-03", Description: "Close without payload.", Expectation: "The answer has no payload, or 1000.",
			steps: []step{begin{code: -1}, killAfter(reaction)}, ok: nothing, keepOpen: true,
		},
		trailing("a message", send{op: frame.Text, payload: "x"}),
		trailing("a ping", send{op: frame.Ping, payload: "x"}),
		trailing("a second Close frame", send{op: frame.Close, payload: "\x03\xe8"}),
		trailing("a frame that is not legal", send{op: 3, rsv: 7}),
		trailing("64 KiB of nothing in particular", raw(cycle("\xff\x00\xc3", 64*kib))),
	)
	unfinished := trailing("the rest of a message", send{op: frame.Continuation, payload: "b"})
	unfinished.steps = append([]step{send{op: frame.Text, payload: "a", more: true}}, unfinished.steps...)
	return append(cases, unfinished, silent(), afterFailure(), drained())
}

// drained breaks a rule and then sends more than a testee reads: a TCP connection
// that is closed with data unread is reset, and the Close frame would be lost
// (RFC 6455 section 7.1.1).
func drained() *Case {
	c := violation("CL-7.1-16", "Break a rule, then send 256 KiB more.",
		send{op: 3}, raw(cycle("\x00\xff", 256*kib)))
	c.Expectation = "The Close frame with 1002 arrives all the same."
	c.judge = func(t *tester) {
		if t.rec.RemoteCloseCode == nil {
			t.Behavior, t.Result = Failed, "No Close frame arrived."
		}
	}
	return c
}

// lazyCases are for clients: the server, whose duty it is, does not close TCP.
func lazyCases() []*Case {
	return []*Case{{
		ID: "CL-5.5-13", Description: "Close, and leave closing TCP to the client.",
		Expectation: "The client closes TCP itself within 15 seconds.",
		steps:       []step{begin{code: 1000}, killAfter(15 * second)}, ok: nothing, keepOpen: true, lazy: true,
		judge: func(t *tester) {
			if t.rec.DroppedByMe {
				t.Behavior, t.Result = Failed, "The client left TCP open."
			}
		},
	}}
}

// answered closes with a code that is legal.
func answered(row string, code int) *Case {
	return &Case{
		ID: row, Description: fmt.Sprintf("Close with code %d and a reason.", code),
		Expectation: "The answer has the same code, 1000 or none.",
		steps:       []step{begin{code: code, reason: "bye"}, killAfter(reaction)}, ok: nothing, keepOpen: true,
		close: closeRule{byMe: true, codes: []int{1000, code}, clean: true},
	}
}

// refusedClose closes in a way that is not legal.
func refusedClose(row, description string, b begin, codes ...int) *Case {
	return &Case{
		ID: row, Description: description,
		Expectation: "The connection ends, with a code for the error if with a Close frame.",
		steps:       []step{b, killAfter(reaction)}, ok: nothing, keepOpen: true,
		close: closeRule{byMe: true, codes: codes},
	}
}

// trailing sends something after a Close frame, in the same write where TCP puts
// it there.
func trailing(what string, s step) *Case {
	return &Case{
		ID: "CL-5.5-10", Description: "Send a Close frame and then " + what + ".",
		Expectation: "The Close frame is answered, once, and what came after it is ignored.",
		steps:       []step{begin{code: 1000}, s, killAfter(reaction)}, ok: nothing, keepOpen: true,
	}
}

// silent breaks a rule and then does nothing more: not even the testee's Close frame
// is answered, nor TCP closed.
func silent() *Case {
	return &Case{
		ID: "CL-7.1-15", Description: "Break a rule, and then neither answer the Close frame nor close TCP.",
		Expectation: "The testee closes TCP itself within 15 seconds.",
		steps:       []step{send{op: 3}, killAfter(15 * second)}, ok: nothing, close: protocolError, mute: true,
	}
}

// afterFailure goes on after breaking a rule: nothing more may be processed (RFC 6455
// section 7.1.7).
func afterFailure() *Case {
	return violation("CL-7.1-20", "Break a rule, then send a message and a ping.",
		send{op: 3}, send{op: frame.Text, payload: "x"}, send{op: frame.Ping})
}
