package autobahn

import (
	"bytes"
	"math/rand/v2"
	"strings"

	"github.com/rfc6455/ws/frame"
)

// sentCases are about the form of what a testee sends. The tester holds every frame
// to the same rules in all cases; these have each rule's occasions.
func sentCases() []*Case {
	var lengths []event
	var steps []step
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		lengths = append(lengths, binaryMessage(strings.Repeat("x", n)))
		steps = append(steps, send{op: frame.Binary, payload: strings.Repeat("x", n)})
	}
	minimal := conversation("TX-5.2-17", "Send messages of the lengths at which the form of the length changes.", lengths, steps...)
	minimal.Expectation = "They come back with lengths in the shortest form, and without RSV bits."
	ordered := conversation("TX-5.4-09", "Send a message of 1 MiB.", nil, send{op: frame.Text, payload: digits, length: mib})
	ordered.Expectation = "It comes back, the first frame with the opcode, those that follow as continuations, the last alone with FIN."
	ordered.ok = []event{textMessage(string(cycle(digits, mib)))}
	pings := []step{}
	pongs := []event{}
	for i := range 10 {
		payload := strings.Repeat("p", i)
		pings, pongs = append(pings, send{op: frame.Ping, payload: payload}), append(pongs, pong(payload))
	}
	return []*Case{
		minimal, ordered,
		conversation("RX-5.4-01", "Send a message in two fragments.", []event{textMessage("fragment1fragment2")}, fragmented(frame.Text, "fragment1", "fragment2")...),
		conversation("RX-5.5-04", "Send ten pings at once.", pongs, pings...),
		unfinishedEcho(), crossing(),
		violation("CL-7.1-21", "Break a rule, and before the answer can have come break it again.", send{op: 3}, send{op: 4}),
	}
}

// unfinishedEcho closes while a long message may be on its way back. A testee may
// finish it or not, but once its Close frame is out nothing follows.
func unfinishedEcho() *Case {
	c := &Case{
		ID: "CL-5.5-09", Description: "Send a message of 4 MiB, and at once a Close frame.",
		Expectation: "The Close frame is answered, and nothing follows the answer.",
		steps:       []step{send{op: frame.Binary, payload: octets, length: 4 * mib}, begin{code: 1000}, killAfter(10 * second)},
		keepOpen:    true,
	}
	c.message = func(*tester, []byte, bool) {}
	c.judge = func(t *tester) {
		if t.rec.WasClean {
			t.Behavior, t.Result = OK, "The closing handshake was complete."
		}
	}
	return c
}

// crossing makes two Close frames cross: the testee has to fail the connection, and
// the tester's own is on its way already (RFC 6455 section 7.1.5). Each is the answer
// to the other, and there is no third.
func crossing() *Case {
	return &Case{
		ID: "CL-5.5-14", Description: "Break a rule, and send a Close frame together with that.",
		Expectation: "One Close frame comes, with 1002 if with a code, or none; then TCP ends.",
		steps: []step{doing(func(t *tester) {
			t.out.hold()
			defer t.out.release()
			send{op: 3}.do(t)
			begin{code: 1000}.do(t)
		}), killAfter(reaction)},
		ok: nothing, keepOpen: true, close: closeRule{byMe: true, codes: []int{1002}},
	}
}

// serverEndCases are about who closes TCP.
func serverEndCases() []*Case {
	return []*Case{{
		ID: "CL-5.5-12", Description: "Close, and wait for the server to close TCP.",
		Expectation: "The server answers the Close frame and closes TCP within three seconds.",
		steps:       []step{begin{code: 1000}, killAfter(reaction)}, ok: nothing, keepOpen: true,
	}}
}

// compressedEchoes are about the form of compressed messages that a testee sends.
func compressedEchoes() []*Case {
	large := string(dataSets[0].slice(0, 200*kib))
	first := conversation("PD-6.1-01", "Send a message of 200 KiB, compressed.", []event{textMessage(large)})
	first.Expectation = "It comes back, with RSV1 on the first frame alone if it is compressed."
	first.steps = []step{compressed{say{payload: large, fragment: 1000}, closeAfter(patient)}}
	cut := conversation("PD-7.2.1-05", "Send \"Hello\" and an empty message, compressed.", []event{textMessage("Hello"), textMessage("")})
	cut.Expectation = "They come back, without the four octets that a sync flush ends with."
	cut.steps = []step{compressed{packed(frame.Text, "f248cdc9c90700", false), packed(frame.Text, "00", false), closeAfter(patient)}}
	cut.judge = func(t *tester) {
		if t.rec.tails > 0 {
			t.Behavior, t.Result = Failed, "A message has the end of its sync flush."
		}
	}
	return []*Case{first, cut, farBack(), noOctets(), nothingButBlocks()}
}

// farBack refers as far back as the largest window goes, which is the one that holds
// where no other was agreed on (RFC 7692 section 7.1.2).
func farBack() *Case {
	r := rand.New(rand.NewPCG(7692, 6455))
	b := make([]byte, 32*kib)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	again := string(b[:300])
	c := conversation("PD-7.1.2-20", "Send 32 KiB, compressed, and then the first 300 octets of them.", []event{binaryMessage(string(b)), binaryMessage(again)})
	c.steps = []step{compressed{doing(func(t *tester) {
		p := &packer{window: 1 << t.deflate.bits}
		for _, payload := range []string{string(b), again} {
			if !t.deflate.takeover {
				p.reset()
			}
			t.fragments(send{op: frame.Binary, rsv: frame.RSV1}, p.compress([]byte(payload)), 0)
		}
	}), closeAfter(patient)}}
	return c
}

// noOctets is a compressed message without payload. No compressor makes it; a testee
// may take it for an empty message or fail, but not be confused by it.
func noOctets() *Case {
	c := conversation("PD-7.2-13", "Send a compressed message without a single octet, and a proper one.", nil)
	c.Expectation = "An empty message and the other come back, or the connection is failed with 1002 or 1007."
	c.steps = []step{compressed{send{op: frame.Text, rsv: frame.RSV1}, packed(frame.Text, "f248cdc9c90700", false), closeAfter(patient)}}
	c.ok = []event{textMessage(""), textMessage("Hello")}
	c.judge = func(t *tester) {
		if code := t.rec.RemoteCloseCode; !t.rec.ClosedByMe && code != nil && (*code == 1002 || *code == 1007) {
			t.Behavior, t.Result = OK, "The connection was failed."
			t.BehaviorClose, t.ResultClose = OK, "The connection was failed for it."
		}
	}
	return c
}

// nothingButBlocks is a message of empty stored blocks: it inflates to nothing, so
// that a bound on what it inflates to does not end it.
func nothingButBlocks() *Case {
	c := conversation("PD-8-19", "Send 64 MiB of compressed fragments that inflate to nothing.", nil)
	c.Expectation = "The connection is failed with 1008 or 1009."
	c.close = closeRule{codes: []int{1008, 1009}}
	c.ok = nothing
	blocks := bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 64*kib/5)
	c.steps = []step{compressed{doing(func(t *tester) {
		next := send{op: frame.Binary, rsv: frame.RSV1, more: true}
		for range maxEcho / len(blocks) {
			t.frame(next, blocks)
			next = send{op: frame.Continuation, more: true}
		}
	}), killAfter(10 * second)}}
	c.quiet = true
	return c
}
