package cases

import (
	"bytes"
	"math/rand/v2"
	"strings"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// sentCases are about the form of what a testee sends. The tester checks every frame in all
// cases; these make a testee send what each rule is about.
func sentCases() []*script {
	var lengths []event
	var steps []step
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		lengths = append(lengths, binaryMessage(strings.Repeat("x", n)))
		steps = append(steps, send{Op: frame.Binary, Payload: strings.Repeat("x", n)})
	}
	minimal := conversation("TX-5.2-17", "Send messages of the lengths at which the form of the length changes.", lengths, steps...)
	minimal.Expectation = "They come back with lengths in the shortest form, and without RSV bits."
	ordered := conversation("TX-5.4-09", "Send a message of 1 MiB.", nil, send{Op: frame.Text, Payload: digits, Length: mib})
	ordered.Expectation = "It comes back, the first frame with the opcode, those that follow as continuations, the last alone with FIN."
	ordered.OK = []event{textMessage(string(engine.Cycle(digits, mib)))}
	pings := []step{}
	pongs := []event{}
	for i := range 10 {
		payload := strings.Repeat("p", i)
		pings, pongs = append(pings, send{Op: frame.Ping, Payload: payload}), append(pongs, pong(payload))
	}
	return []*script{
		minimal, ordered,
		conversation("RX-5.4-01", "Send a message in two fragments.", []event{textMessage("fragment1fragment2")}, fragmented(frame.Text, "fragment1", "fragment2")...),
		conversation("RX-5.5-04", "Send ten pings at once.", pongs, pings...),
		unfinishedEcho(), crossing(),
		violation("CL-7.1-21", "Break a rule, and before the answer can have come break it again.", send{Op: 3}, send{Op: 4}),
	}
}

// unfinishedEcho closes while a long message may be on its way back. A testee may finish the
// message or not, but nothing may follow its Close frame.
func unfinishedEcho() *script {
	c := &script{
		ID: "CL-5.5-09", Description: "Send a message of 4 MiB, and at once a Close frame.",
		Expectation: "The Close frame is answered, and nothing follows the answer.",
		Steps:       []step{send{Op: frame.Binary, Payload: octets, Length: 4 * mib}, begin{Code: 1000}, killAfter(10 * second)},
		KeepOpen:    true,
	}
	c.Message = func(*tester, []byte, bool) {}
	c.Judge = func(t *tester) {
		if t.Rec.WasClean {
			t.Behavior, t.Result = engine.OK, "The closing handshake was complete."
		}
	}
	return c
}

// crossing makes two Close frames cross: the testee has to fail the connection while the
// tester's own Close frame is on its way (RFC 6455 section 7.1.5). Each answers the other, and
// there is no third.
func crossing() *script {
	return &script{
		ID: "CL-5.5-14", Description: "Break a rule, and send a Close frame together with that.",
		Expectation: "One Close frame comes, with 1002 if with a code, or none; then TCP ends.",
		Steps: []step{doing(func(t *tester) {
			t.Together([]step{send{Op: 3}, begin{Code: 1000}})
		}), killAfter(reaction)},
		OK: nothing, KeepOpen: true, Close: closeRule{ByMe: true, Codes: []int{1002}},
	}
}

// serverEndCases are about who closes TCP.
func serverEndCases() []*script {
	return []*script{{
		ID: "CL-5.5-12", Description: "Close, and wait for the server to close TCP.",
		Expectation: "The server answers the Close frame and closes TCP within three seconds.",
		Steps:       []step{begin{Code: 1000}, killAfter(reaction)}, OK: nothing, KeepOpen: true,
	}}
}

// compressedEchoes are about the form of compressed messages that a testee sends.
func compressedEchoes() []*script {
	large := string(dataSets[0].slice(0, 200*kib))
	first := conversation("PD-6.1-01", "Send a message of 200 KiB, compressed.", []event{textMessage(large)})
	first.Expectation = "It comes back, with RSV1 on the first frame alone if it is compressed."
	first.Steps = []step{compressed{say{Payload: large, Fragment: 1000}, closeAfter(patient)}}
	cut := conversation("PD-7.2.1-05", "Send \"Hello\" and an empty message, compressed.", []event{textMessage("Hello"), textMessage("")})
	cut.Expectation = "They come back, without the four octets that a sync flush ends with."
	cut.Steps = []step{compressed{packed(frame.Text, "f248cdc9c90700", false), packed(frame.Text, "00", false), closeAfter(patient)}}
	cut.Judge = func(t *tester) {
		if t.Rec.Tails > 0 {
			t.Behavior, t.Result = engine.Failed, "A message has the end of its sync flush."
		}
	}
	return []*script{first, cut, farBack(), noOctets(), nothingButBlocks()}
}

// farBack refers as far back as the largest window goes. That window holds if no other was
// agreed on (RFC 7692 section 7.1.2).
func farBack() *script {
	r := rand.New(rand.NewPCG(7692, 6455))
	b := make([]byte, 32*kib)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	again := string(b[:300])
	c := conversation("PD-7.1.2-20", "Send 32 KiB, compressed, and then the first 300 octets of them.", []event{binaryMessage(string(b)), binaryMessage(again)})
	c.Steps = []step{compressed{doing(func(t *tester) {
		p := &engine.Packer{Window: 1 << t.Deflate.Bits}
		for _, payload := range []string{string(b), again} {
			if !t.Deflate.Takeover {
				p.Reset()
			}
			t.Fragments(send{Op: frame.Binary, RSV: frame.RSV1}, p.Compress([]byte(payload)), 0)
		}
	}), closeAfter(patient)}}
	return c
}

// noOctets is a compressed message without payload. No compressor makes one. A testee may take
// it for an empty message and go on with the next, or fail the connection.
func noOctets() *script {
	c := conversation("PD-7.2-13", "Send a compressed message without a single octet, and a proper one.", nil)
	c.Expectation = "An empty message and the other come back, or the connection is failed with 1002 or 1007."
	c.Steps = []step{compressed{send{Op: frame.Text, RSV: frame.RSV1}, packed(frame.Text, "f248cdc9c90700", false), closeAfter(patient)}}
	c.OK = []event{textMessage(""), textMessage("Hello")}
	c.Judge = func(t *tester) {
		if code := t.Rec.RemoteCloseCode; !t.Rec.ClosedByMe && code != nil && (*code == 1002 || *code == 1007) {
			t.Behavior, t.Result = engine.OK, "The connection was failed."
			t.BehaviorClose, t.ResultClose = engine.OK, "The connection was failed for it."
		}
	}
	return c
}

// nothingButBlocks is a message of empty stored blocks. It inflates to nothing, so that a bound
// on what a message inflates to does not end it.
func nothingButBlocks() *script {
	c := conversation("PD-8-19", "Send 64 MiB of compressed fragments that inflate to nothing.", nil)
	c.Expectation = "The connection is failed with 1008 or 1009."
	c.Close = closeRule{Codes: []int{1008, 1009}}
	c.OK = nothing
	blocks := bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 64*kib/5)
	c.Steps = []step{compressed{doing(func(t *tester) {
		next := send{Op: frame.Binary, RSV: frame.RSV1, More: true}
		for range engine.MaxEcho / len(blocks) {
			t.Frame(next, blocks)
			next = send{Op: frame.Continuation, More: true}
		}
	}), killAfter(10 * second)}}
	c.Quiet = true
	return c
}
