package frame_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// unhex reads bytes in hexadecimal, spaced as one likes.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

// hexOf returns s in hexadecimal, for building a spec.
func hexOf(s string) string {
	return hex.EncodeToString([]byte(s))
}

// wire turns a spec into the bytes that an endpoint receives. A spec is frames in hexadecimal,
// separated by "|", as a server sends them. At the letter k a client puts its masking key, and
// masks what follows; a server puts nothing. In what a client sends, the mask bit of each frame's
// second byte is set.
func wire(to frame.Role, spec string) (out []byte) {
	keys := []string{"00 00 00 00", "37 fa 21 3d", "ff 00 80 01"}
	for i, f := range strings.Split(spec, "|") {
		head, payload, _ := strings.Cut(f, "k")
		b, p := unhex(head), unhex(payload)
		if to == frame.Client {
			out = append(append(out, b...), p...)
			continue
		}
		if len(b) > 1 {
			b[1] |= 0x80
		}
		out = append(out, b...)
		if strings.Contains(f, "k") {
			key := unhex(keys[i%len(keys)])
			out = append(out, key...)
			for j, c := range p {
				out = append(out, c^key[j%4])
			}
		}
	}
	return out
}

// trace is what a decoder has reported.
type trace struct {
	events []string // whole messages and control frames, as event writes them
	err    error
	at     int // bytes fed, up to the piece that gave the error

	message    []byte
	opcode     frame.Opcode
	compressed bool
}

// event formats a message or a control frame: "text 6869".
func event(op frame.Opcode, payload []byte) string {
	return fmt.Sprintf("%v %x", op, payload)
}

// A split says how many bytes to feed next, and whether to read them past Step if that is possible.
type split func(left int) (n int, take bool)

func whole(left int) (int, bool)      { return left, false }
func singleBytes(int) (int, bool)     { return 1, false }
func wholeWithTake(l int) (int, bool) { return l, true }

// random returns a split of random lengths. A third of the pieces goes through Take.
func random(seed uint64) split {
	r := rand.New(rand.NewPCG(seed, 6455))
	return func(left int) (int, bool) {
		return 1 + r.IntN(min(left, 1+r.IntN(40))), r.IntN(3) == 0
	}
}

// feed feeds the bytes to a decoder in pieces and returns what it reports. Each piece is
// overwritten afterwards, since the decoder must not need it any more.
func feed(t testing.TB, d *frame.Decoder, b []byte, next split) *trace {
	t.Helper()
	tr := &trace{}
	b = bytes.Clone(b)
	for len(b) > 0 && tr.err == nil {
		n, take := next(len(b))
		n = min(n, len(b))
		if left := d.Remaining(); take && left > 0 {
			n = int(min(int64(n), left))
			tr.take(d, b[:n])
		} else {
			tr.step(t, d, b[:n])
		}
		for i := range n {
			b[i] = 0xAA
		}
		b = b[n:]
		tr.at += n
	}
	return tr
}

// take feeds payload that was read past Step.
func (tr *trace) take(d *frame.Decoder, p []byte) {
	if tr.err = d.Take(p); tr.err != nil {
		return
	}
	tr.message = append(tr.message, p...)
	if d.Remaining() == 0 && !d.InMessage() {
		tr.end()
	}
}

// end notes that a message is complete.
func (tr *trace) end() {
	s := event(tr.opcode, tr.message)
	if tr.compressed {
		s = "compressed " + s
	}
	tr.events = append(tr.events, s)
	tr.message = nil
}

// step feeds one piece to Step until it asks for more, and checks each answer against Step's
// contract.
func (tr *trace) step(t testing.TB, d *frame.Decoder, in []byte) {
	t.Helper()
	for {
		ev, n, err := d.Step(in)
		if err != nil {
			tr.err = err
			checkDead(t, d, ev, n, err)
			return
		}
		switch ev.Kind {
		case frame.NeedData:
			if n != len(in) || ev.Data != nil {
				t.Fatalf("NeedData with n = %d of %d, %+v", n, len(in), ev)
			}
			return
		case frame.Control:
			if ev.Fin || ev.Compressed || int64(len(ev.Data)) != ev.Length {
				t.Fatalf("control event %+v", ev)
			}
			tr.events = append(tr.events, event(ev.Opcode, ev.Data))
		default:
			tr.data(t, d, ev)
		}
		in = in[n:]
	}
}

// data notes a Start or a Chunk.
func (tr *trace) data(t testing.TB, d *frame.Decoder, ev frame.Event) {
	t.Helper()
	if ev.Kind == frame.Start && ev.Opcode != frame.Continuation {
		tr.opcode, tr.compressed = ev.Opcode, ev.Compressed
	}
	if ev.Kind == frame.Chunk && (ev.Opcode != tr.opcode || len(ev.Data) == 0) {
		t.Fatalf("chunk %+v in a message of %v", ev, tr.opcode)
	}
	if ev.Compressed != tr.compressed || int64(len(ev.Data))+d.Remaining() > ev.Length {
		t.Fatalf("event %+v, remaining %d, compressed %v", ev, d.Remaining(), tr.compressed)
	}
	if ev.Fin == d.InMessage() || ev.Fin && d.Remaining() != 0 {
		t.Fatalf("event %+v: InMessage %v, Remaining %d", ev, d.InMessage(), d.Remaining())
	}
	tr.message = append(tr.message, ev.Data...)
	if ev.Fin {
		tr.end()
	}
}

// checkDead asks a decoder that has returned err for more, and wants the same error again.
func checkDead(t testing.TB, d *frame.Decoder, ev frame.Event, n int, err error) {
	t.Helper()
	if n != 0 || ev.Kind != frame.NeedData || ev.Data != nil {
		t.Fatalf("error %v with n = %d, %+v", err, n, ev)
	}
	for _, in := range [][]byte{nil, {0x81, 0x00}, {0x81, 0x80, 0, 0, 0, 0}} {
		if _, n, again := d.Step(in); n != 0 || again != err {
			t.Fatalf("Step of a dead decoder: %d, %v, want %v", n, again, err)
		}
	}
	if again := d.Take(nil); again != err {
		t.Fatalf("Take of a dead decoder: %v, want %v", again, err)
	}
	if d.Remaining() != 0 || d.Between() {
		t.Fatalf("Remaining and Between of a dead decoder: %d, %t, want 0, false", d.Remaining(), d.Between())
	}
}
