package compare

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/frame"
)

var scripts = flag.Int("scripts", 200, "how many random scripts run in each role")

// TestScripts: random programs see the same with both libraries, and so do their peers. A script is
// what the peer sends and what the program calls. What is left out differs for a reason:
//
//   - where frames of a writer end, and how far a message has come that was not ended;
//   - when control frames between those of a compressed message are handled, since compress/flate
//     reads ahead, and the text of the errors of its writers;
//   - limits of compressed messages, and of messages that are dropped: see conn/gorilla;
//   - io.EOF in place of 1006, if the connection is cut while a message is dropped.
func TestScripts(t *testing.T) {
	for _, server := range []bool{true, false} {
		for _, zip := range []bool{false, true} {
			t.Run(fmt.Sprintf("server=%t/zip=%t", server, zip), func(t *testing.T) {
				for seed := range uint64(*scripts) {
					compareScript(t, seed, server, zip)
				}
			})
		}
	}
}

func compareScript(t *testing.T, seed uint64, server, zip bool) {
	t.Helper()
	want := runScript(t, &libraries[0], seed, server, zip)
	got := runScript(t, &libraries[1], seed, server, zip)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("seed %d: ours and gorilla's differ after %q:\n%q, want\n%q", seed,
				got[max(0, i-12):i], got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
		}
	}
}

// run is one run of a script.
type run struct {
	*pair
	lib     *library
	rand    *rand.Rand
	zip     bool
	limited bool             // the script sets limits, and reads messages whole
	reader  io.Reader        // the last one
	writers []io.WriteCloser // all of them
	late    bool             // the deadline of writes has passed
	begun   bool             // the last writer has been written to, and may be open
	log     []string
}

// runScript returns what the program and the peer have seen.
func runScript(t *testing.T, lib *library, seed uint64, server, zip bool) []string {
	t.Helper()
	r := &run{
		pair: lib.open(t, server, zip), lib: lib, rand: rand.New(rand.NewPCG(seed, 1)),
		zip: zip, limited: !zip && seed%3 == 0,
	}
	_, err := r.peer.Write(r.input(server))
	check(t, err)
	check(t, r.peer.(*net.TCPConn).CloseWrite())
	wire := make(chan []string, 1)
	go func() { wire <- seen(r.in) }()
	for range 5 + r.rand.IntN(25) {
		r.step()
	}
	_ = r.NetConn().(*net.TCPConn).CloseWrite()
	for _, m := range <-wire {
		if !r.zip || !strings.Contains(m, `"ping"`) {
			r.note("the peer got", m)
		}
	}
	_, _ = r.Close(), r.peer.Close()
	return r.log
}

// note adds to the log. A long text is cut, with a checksum.
func (r *run) note(what ...any) {
	line := strings.ReplaceAll(saw(what...), "writev", "write")
	if len(line) > 300 {
		line = fmt.Sprintf("%.100s... %d bytes, %x", line, len(line), crc32.ChecksumIEEE([]byte(line)))
	}
	r.log = append(r.log, line)
}

// dropped is the error of a call that may have dropped the rest of a message.
func dropped(err error) string {
	if err == io.EOF {
		return "websocket: close 1006 (abnormal closure): unexpected EOF"
	}
	return fmt.Sprint(err)
}

// handled is note in a handler.
func (r *run) handled(what ...any) {
	if !r.zip {
		r.note(what...)
	}
}

var addresses = regexp.MustCompile(`127\.0\.0\.1:\d+(->127\.0\.0\.1:\d+)?`)

// text returns random text.
func (r *run) text(most int) string {
	words := []string{"a", "lorem ", "ipsum", "ü", "日本", "\n", "{}", "0123456789"}
	var b strings.Builder
	for n := r.size(most); b.Len() < n; {
		b.WriteString(words[r.rand.IntN(len(words))])
	}
	return b.String()
}

// size returns a random size, a small one more often.
func (r *run) size(most int) int {
	switch r.rand.IntN(4) {
	case 0:
		return r.rand.IntN(4)
	case 1:
		return r.rand.IntN(min(most, 200))
	}
	return r.rand.IntN(most)
}

// input returns what the peer sends.
func (r *run) input(server bool) (b []byte) {
	for range r.rand.IntN(12) {
		b = r.appendMessage(b, server)
	}
	switch r.rand.IntN(4) {
	case 0:
		return b // the connection is cut
	case 1:
		return b[:len(b)-min(len(b), r.rand.IntN(20))]
	case 2:
		return appendFrame(b, server, frame.Header{Opcode: frame.Close, Fin: true}, "")
	}
	code := []string{"\x03\xe8", "\x03\xe9going", "\x0f\xa0own", "\x03\xf4"}[r.rand.IntN(4)]
	return appendFrame(b, server, frame.Header{Opcode: frame.Close, Fin: true}, code)
}

func (r *run) appendMessage(b []byte, server bool) []byte {
	text := r.text(20_000)
	if r.rand.IntN(4) == 0 {
		text = fmt.Sprintf(`{"n": %d, "s": "x"} rest`, r.rand.IntN(100))
	}
	h := frame.Header{Opcode: frame.Opcode(1 + r.rand.IntN(2))}
	if r.zip && r.rand.IntN(2) == 0 {
		h.RSV, text = frame.RSV1, deflated(text)
	}
	for {
		for r.rand.IntN(5) == 0 && !r.zip {
			op := frame.Ping + frame.Opcode(r.rand.IntN(2))
			b = appendFrame(b, server, frame.Header{Opcode: op, Fin: true}, "ping")
		}
		n := len(text)
		if h.Fin = r.rand.IntN(2) == 0; !h.Fin {
			n = r.rand.IntN(len(text) + 1)
		}
		if b = appendFrame(b, server, h, text[:n]); h.Fin {
			return b
		}
		text, h = text[n:], frame.Header{}
	}
}

func appendFrame(b []byte, masked bool, h frame.Header, payload string) []byte {
	h.Length, h.Masked = int64(len(payload)), masked
	return append(frame.Append(b, h), payload...) // the masking key is zero
}

func deflated(text string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestSpeed)
	_, _ = io.WriteString(w, text)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// seen returns what a peer sees: messages, whole and inflated, and control frames.
func seen(in *bufio.Reader) (messages []string) {
	var op frame.Opcode
	var rsv byte
	var text []byte
	var control []string
	for {
		h, p, err := readFrame(in)
		switch {
		case err != nil:
			return append(append(messages, control...), "cut: "+err.Error())
		case h.Opcode.IsControl():
			control = append(control, fmt.Sprintf("%v %q", h.Opcode, p))
			continue
		case h.Opcode != frame.Continuation:
			op, rsv, text = h.Opcode, h.RSV, nil
		}
		if text = append(text, p...); h.Fin {
			if rsv != 0 {
				text = inflated(text)
			}
			messages = append(messages, fmt.Sprintf("%v %q", op, text))
			op, text = 0, nil
		}
	}
}

func inflated(p []byte) []byte {
	p, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(p),
		strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		return []byte(err.Error())
	}
	return p
}

func readFrame(in *bufio.Reader) (h frame.Header, p []byte, err error) {
	for n, size := 2, 0; size == 0; n++ {
		head, err := in.Peek(n)
		if err != nil {
			return h, nil, err
		}
		if h, size, err = frame.Parse(head); err != nil {
			return h, nil, err
		}
		_, _ = in.Discard(size)
	}
	p = make([]byte, h.Length)
	_, err = io.ReadFull(in, p)
	for i := range p {
		if h.Masked {
			p[i] ^= byte(h.Key >> (8 * (i % 4)))
		}
	}
	return h, p, err
}

// step is one call of the program.
func (r *run) step() {
	reads := []func(){
		r.readMessage, r.readMessage, r.nextReader, r.readSome, r.readSome, r.readAll, r.readJSON,
	}
	if r.limited {
		reads = []func(){r.readMessage, r.readMessage, r.readMessage, r.limit}
	}
	steps := append(reads, r.writeMessage, r.writeMessage, r.nextWriter, r.writeSome, r.writeSome,
		r.closeWriter, r.writeControl, r.writeJSON, r.writePrepared, r.compress, r.handlers,
		r.callHandlers, r.deadlines, r.wrongCalls)
	steps[r.rand.IntN(len(steps))]()
}

// partial returns what a read that failed has got. How much of a compressed message that is depends
// on the decompressor.
func (r *run) partial(p []byte, err error) string {
	if err != nil && r.zip {
		return ""
	}
	return string(p)
}

func (r *run) readMessage() {
	op, p, err := r.ReadMessage()
	r.note("ReadMessage", op, err == nil && p == nil, r.partial(p, err), dropped(err))
	r.reader = nil
}

func (r *run) nextReader() {
	op, reader, err := r.NextReader()
	r.note("NextReader", op, reader == nil, dropped(err))
	r.reader = reader
}

func (r *run) readSome() {
	if r.reader == nil {
		return
	}
	p := make([]byte, 1+r.size(9000))
	n, err := io.ReadFull(r.reader, p)
	r.note("ReadFull", len(p), r.partial(p[:n], err), err)
	if err != nil {
		r.reader = nil
	}
}

func (r *run) readAll() {
	if r.reader == nil {
		return
	}
	p, err := io.ReadAll(r.reader)
	r.note("ReadAll", r.partial(p, err), err)
	r.reader = nil
}

func (r *run) readJSON() {
	var v any
	err := r.ReadJSON(&v)
	r.note("ReadJSON", v, dropped(err))
	r.reader = nil
}

// message returns a random message. Control frames are short enough.
func (r *run) message() (op int, text string) {
	if op = 1 + r.rand.IntN(2); r.rand.IntN(8) == 0 {
		return 9 + r.rand.IntN(2), "control"
	}
	return op, r.text(30_000)
}

func (r *run) writeMessage() {
	op, text := r.message()
	if r.rand.IntN(30) == 0 {
		op, text = int(frame.Close), "\x03\xe8"
	}
	err := r.WriteMessage(op, []byte(text))
	if r.zip && err != nil {
		err = errMine
	}
	r.note("WriteMessage", op, len(text), err)
	r.begun = false
}

func (r *run) nextWriter() {
	op := 1 + r.rand.IntN(2)
	w, err := r.NextWriter(op)
	if r.note("NextWriter", op, w == nil, err); err == nil {
		r.writers = append(r.writers, w)
	}
	r.begun = false
}

// writer returns a writer, the last one more often.
func (r *run) writer() io.WriteCloser {
	last := len(r.writers) - 1
	which := last
	if r.rand.IntN(4) == 0 {
		which = r.rand.IntN(len(r.writers))
	}
	r.begun = r.begun || which == last
	return r.writers[which]
}

func (r *run) writeSome() {
	if len(r.writers) == 0 {
		return
	}
	text := r.text(9000)
	if r.rand.IntN(2) == 0 {
		text = r.text(80)
	}
	_, _ = r.writer().Write([]byte(text))
}

func (r *run) closeWriter() {
	if len(r.writers) == 0 {
		return
	}
	r.note("Close", r.writer().Close() == nil)
}

func (r *run) writeControl() {
	op := []int{8, 9, 9, 9, 10, 10}[r.rand.IntN(6)]
	at := []time.Time{{}, time.Now().Add(time.Minute), time.Now().Add(-time.Minute)}[r.rand.IntN(3)]
	size := []int{0, 1, 2, 125, 126}[r.rand.IntN(5)]
	r.note("WriteControl", op, at.IsZero(), size, r.WriteControl(op, make([]byte, size), at))
}

func (r *run) writeJSON() {
	r.note("WriteJSON", nil == r.WriteJSON(map[string]any{"a": r.rand.IntN(9), "b": "<>"}))
	r.begun = false
}

func (r *run) writePrepared() {
	op, text := r.message()
	write, err := r.lib.prepare(op, []byte(text))
	if r.note("NewPreparedMessage", op, err); err == nil && !r.begun {
		r.note("WritePreparedMessage", write(r.conn), write(r.conn))
	}
}

func (r *run) compress() {
	on, level := r.rand.IntN(2) == 0, r.rand.IntN(14)-3
	r.EnableWriteCompression(on)
	r.note("SetCompressionLevel", on, level, r.SetCompressionLevel(level))
}

var errMine = errors.New("mine")

func (r *run) handlers() {
	var result error
	if r.rand.IntN(8) == 0 && !r.zip {
		result = []error{errMine, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed}[r.rand.IntN(4)]
	}
	switch which := r.rand.IntN(6); which {
	case 0:
		r.SetPingHandler(func(s string) error { r.handled("ping", s); return result })
	case 1:
		r.SetPongHandler(func(s string) error { r.handled("pong", s); return result })
	case 2:
		r.SetCloseHandler(func(code int, s string) error { r.handled("close", code, s); return result })
	case 3:
		h := r.PingHandler()
		r.SetPingHandler(func(s string) error { r.handled("wrapped"); return h(s) })
	case 4:
		r.SetPongHandler(func(s string) error { return r.SetReadDeadline(time.Now().Add(time.Minute)) })
	case 5:
		r.SetPingHandler(nil)
		r.SetPongHandler(nil)
		r.SetCloseHandler(nil)
	}
	r.note("handlers", result)
}

func (r *run) callHandlers() {
	if r.rand.IntN(4) > 0 {
		r.note("PingHandler", r.PingHandler()("by hand"))
		return
	}
	if r.rand.IntN(4) == 0 {
		r.note("CloseHandler", r.CloseHandler()(1001, "by hand"))
	}
}

func (r *run) limit() {
	n := int64(r.rand.IntN(20_000) - 10)
	r.SetReadLimit(n)
	r.note("SetReadLimit", n)
}

// deadlines sets them. Writes that are late stay so: a frame that one library has sent before may
// wait in a writer of the other.
func (r *run) deadlines() {
	at := []time.Time{{}, time.Now().Add(time.Minute)}[r.rand.IntN(2)]
	r.note("SetReadDeadline", at.IsZero(), r.SetReadDeadline(at))
	if r.rand.IntN(20) == 0 {
		at, r.late = time.Now().Add(-time.Minute), true
		r.note("late", r.SetWriteDeadline(at))
	} else if !r.late {
		r.note("SetWriteDeadline", r.SetWriteDeadline(at))
	}
}

func (r *run) wrongCalls() {
	switch r.rand.IntN(3) {
	case 0:
		if len(r.writers) == 0 {
			r.note("WriteMessage", r.WriteMessage(7, nil))
		}
	case 1:
		_, err := r.NextWriter(0)
		r.note("NextWriter", err)
		r.begun = false
	case 2:
		r.note("WriteControl", r.WriteControl(1, nil, time.Time{}))
	}
}
