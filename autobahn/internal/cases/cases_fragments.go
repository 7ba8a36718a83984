package cases

import (
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// fragmentCases are section 5.
func fragmentCases() []*script {
	const (
		together = "The message comes back in one piece, then the connection closes cleanly with 1000."
		orphan   = "non-continuation payload"
	)
	first := send{Op: frame.Text, Payload: "fragment1", More: true}
	last := send{Op: frame.Continuation, Payload: "fragment2"}
	ping := send{Op: frame.Ping, Payload: "ping payload"}
	text := send{Op: frame.Text, Payload: hello}
	whole := textMessage("fragment1fragment2")
	fails := func(description string, steps ...step) *script {
		return &script{
			Description: description, Expectation: failed,
			Steps: append(steps, killAfter(second)), OK: nothing, Close: protocolError,
		}
	}
	works := func(description string, ok []event, steps ...step) *script {
		return &script{Description: description, Expectation: together, Steps: append(steps, closeAfter(second)), OK: ok}
	}
	cases := []*script{
		fails("Send a ping in two fragments.",
			send{Op: frame.Ping, Payload: "fragment1", More: true}, last),
		fails("Send a pong in two fragments.",
			send{Op: frame.Pong, Payload: "fragment1", More: true}, last),
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
			w.apply(send{Op: frame.Continuation, Payload: orphan}, text)...))
	}
	for _, w := range ways {
		cases = append(cases, fails("Send a continuation frame that is not final where there is nothing to continue, then a message"+w.how,
			w.apply(send{Op: frame.Continuation, Payload: orphan, More: true}, text)...))
	}
	late := fails("Send a message in two fragments, a continuation frame with nothing to continue, then a message.",
		first, last,
		send{Op: frame.Continuation, Payload: "fragment3", More: true}, send{Op: frame.Text, Payload: "fragment4"})
	late.OK, late.NonStrict = []event{whole}, nothing
	again := func(fin bool) []step {
		stray := send{Op: frame.Continuation, Payload: "fragment1", More: !fin}
		middle := send{Op: frame.Text, Payload: "fragment2", More: true}
		end := send{Op: frame.Continuation, Payload: "fragment3"}
		return []step{stray, middle, end, stray, middle, end}
	}
	cases = append(cases, late,
		fails("Send, twice, a continuation frame that is not final with nothing to continue and a message in two fragments.", again(false)...),
		fails("Send, twice, a final continuation frame with nothing to continue and a message in two fragments.", again(true)...),
		fails("Send the first fragment of a message, then a whole message.",
			first, send{Op: frame.Text, Payload: "fragment2"}),
		longMessage(ways[0]), longMessage(ways[1]),
	)
	return number("5", cases)
}

// way is a way of putting frames into writes.
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

// apply returns the frames so that they go out in that way.
func (w way) apply(frames ...send) []step {
	var steps []step
	for _, s := range frames {
		s.Chop, s.Sync = w.chop, w.sync
		steps = append(steps, s)
	}
	return steps
}

// longMessage is a message of five fragments, with pings among them and a pause.
func longMessage(w way) *script {
	fragment := func(op frame.Opcode, payload string, more bool) send {
		return send{Op: op, Payload: payload, More: more}
	}
	rest := w.apply(
		fragment(frame.Continuation, "fragment3", true),
		fragment(frame.Continuation, "fragment4", true),
		send{Op: frame.Ping, Payload: "pongme 2!"},
		fragment(frame.Continuation, "fragment5", false),
	)
	steps := w.apply(
		fragment(frame.Text, "fragment1", true),
		fragment(frame.Continuation, "fragment2", true),
		send{Op: frame.Ping, Payload: "pongme 1!"},
	)
	return &script{
		Description: "Send a text message in five fragments with a ping after the second and the fourth, and a second's pause after the first ping" + w.how,
		Expectation: "A pong comes for each ping, then the message, in one piece.",
		Steps:       append(steps, later{Wait: second, Steps: append(rest, closeAfter(second))}),
		OK:          []event{pong("pongme 1!"), pong("pongme 2!"), textMessage("fragment1fragment2fragment3fragment4fragment5")},
	}
}

// miscellaneousCases are section 10.
func miscellaneousCases() []*script {
	payload := strings.Repeat("*", 65536)
	const size = 1300
	return number("10.1", []*script{{
		Description: "Send a text message of 65536 octets in fragments of 1300.",
		Expectation: echoed,
		Steps: []step{
			doing(func(t *tester) { t.AutoFragment = size }),
			say{Payload: payload},
			killAfter(10 * second),
		},
		OK: []event{textMessage(payload)},
		Judge: func(t *tester) {
			if t.Rec.TxFrames[frame.Continuation] != len(payload)/size || t.Rec.TxFrames[frame.Text] != 1 {
				t.Behavior, t.Result = engine.Failed, "The frames that were sent are not those that the case is about."
			}
		},
	}})
}
