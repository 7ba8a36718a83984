package autobahn

import (
	"strings"

	"github.com/rfc6455/ws/frame"
)

// fragmentCases are section 5.
func fragmentCases() []*Case {
	const (
		together = "The message comes back in one piece, then the connection closes cleanly with 1000."
		orphan   = "non-continuation payload"
	)
	first := send{op: frame.Text, payload: "fragment1", more: true}
	last := send{op: frame.Continuation, payload: "fragment2"}
	ping := send{op: frame.Ping, payload: "ping payload"}
	text := send{op: frame.Text, payload: hello}
	whole := textMessage("fragment1fragment2")
	fails := func(description string, steps ...step) *Case {
		return &Case{
			Description: description, Expectation: failed,
			steps: append(steps, killAfter(second)), ok: nothing, close: protocolError,
		}
	}
	works := func(description string, ok []event, steps ...step) *Case {
		return &Case{Description: description, Expectation: together, steps: append(steps, closeAfter(second)), ok: ok}
	}
	cases := []*Case{
		fails("Send a ping in two fragments.",
			send{op: frame.Ping, payload: "fragment1", more: true}, last),
		fails("Send a pong in two fragments.",
			send{op: frame.Pong, payload: "fragment1", more: true}, last),
	}
	for _, w := range ways {
		cases = append(cases, works("Send a text message in two fragments"+w.how, []event{whole}, w.apply(first, last)...))
	}
	for _, w := range ways {
		cases = append(cases, works("Send a text message in two fragments with a ping between them"+w.how,
			[]event{pong("ping payload"), whole}, w.apply(first, ping, last)...))
	}
	for _, w := range ways {
		cases = append(cases, fails("Send a final continuation frame where there is nothing to continue, then a message"+w.how,
			w.apply(send{op: frame.Continuation, payload: orphan}, text)...))
	}
	for _, w := range ways {
		cases = append(cases, fails("Send a continuation frame that is not final where there is nothing to continue, then a message"+w.how,
			w.apply(send{op: frame.Continuation, payload: orphan, more: true}, text)...))
	}
	late := fails("Send a message in two fragments, a continuation frame with nothing to continue, then a message.",
		first, last,
		send{op: frame.Continuation, payload: "fragment3", more: true}, send{op: frame.Text, payload: "fragment4"})
	late.ok, late.nonStrict = []event{whole}, nothing
	again := func(fin bool) []step {
		stray := send{op: frame.Continuation, payload: "fragment1", more: !fin}
		middle := send{op: frame.Text, payload: "fragment2", more: true}
		end := send{op: frame.Continuation, payload: "fragment3"}
		return []step{stray, middle, end, stray, middle, end}
	}
	cases = append(cases, late,
		fails("Send, twice, a continuation frame that is not final with nothing to continue and a message in two fragments.", again(false)...),
		fails("Send, twice, a final continuation frame with nothing to continue and a message in two fragments.", again(true)...),
		fails("Send the first fragment of a message, then a whole message.",
			first, send{op: frame.Text, payload: "fragment2"}),
		longMessage(ways[0]), longMessage(ways[1]),
	)
	return number("5", cases)
}

// way is how frames are put into writes.
type way struct {
	how  string
	chop int
	sync bool
}

var ways = []way{
	{".", 0, false},
	{", each frame in a write of its own.", 0, true},
	{", one octet at a time.", 1, false},
}

// apply makes frames go out in that way.
func (w way) apply(frames ...send) []step {
	var steps []step
	for _, s := range frames {
		s.chop, s.sync = w.chop, w.sync
		steps = append(steps, s)
	}
	return steps
}

// longMessage is a message of five fragments, with pings among them and a pause.
func longMessage(w way) *Case {
	fragment := func(op frame.Opcode, payload string, more bool) send {
		return send{op: op, payload: payload, more: more}
	}
	rest := w.apply(
		fragment(frame.Continuation, "fragment3", true),
		fragment(frame.Continuation, "fragment4", true),
		send{op: frame.Ping, payload: "pongme 2!"},
		fragment(frame.Continuation, "fragment5", false),
	)
	steps := w.apply(
		fragment(frame.Text, "fragment1", true),
		fragment(frame.Continuation, "fragment2", true),
		send{op: frame.Ping, payload: "pongme 1!"},
	)
	return &Case{
		Description: "Send a text message in five fragments with a ping after the second and the fourth, and a second's pause after the first ping" + w.how,
		Expectation: "A pong comes for each ping, then the message, in one piece.",
		steps:       append(steps, later{wait: second, steps: append(rest, closeAfter(second))}),
		ok:          []event{pong("pongme 1!"), pong("pongme 2!"), textMessage("fragment1fragment2fragment3fragment4fragment5")},
	}
}

// miscellaneousCases are section 10.
func miscellaneousCases() []*Case {
	payload := strings.Repeat("*", 65536)
	const size = 1300
	return number("10.1", []*Case{{
		Description: "Send a text message of 65536 octets in fragments of 1300.",
		Expectation: echoed,
		steps: []step{
			doing(func(t *tester) { t.autoFragment = size }),
			say{payload: payload},
			killAfter(10 * second),
		},
		ok: []event{textMessage(payload)},
		judge: func(t *tester) {
			if t.rec.txFrames[frame.Continuation] != len(payload)/size || t.rec.txFrames[frame.Text] != 1 {
				t.Behavior, t.Result = Failed, "The frames that were sent are not those that the case is about."
			}
		},
	}})
}
