package autobahn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/rfc6455/ws/frame"
)

// testee is an echo server that is wrong in ways of a test's choice. It checks next to
// nothing.
type testee struct {
	accept     string        // instead of the right Sec-WebSocket-Accept
	extension  string        // in the response
	header     string        // another line of the response
	refusal    string        // instead of the response
	mirror     bool          // send each frame of a message back as it came
	long       bool          // send lengths in more octets than need be
	talks      bool          // send a pong after a Close frame
	echoAs     frame.Opcode  // of every message; zero: as it came
	change     string        // appended to every message
	masked     bool          // mask what is sent, with a key of zeros
	pong       bool          // send a pong before each echo
	holds      bool          // keep echoes back until a ping has been answered
	closeCode  int           // the answer to a Close frame; zero: an empty payload
	noClose    bool          // do not answer a Close frame
	keepTCP    bool          // do not close TCP after the answer
	fails      int           // the code for a frame with an RSV bit or an unknown opcode, or one too long; zero: ignore it
	drops      bool          // close TCP for that
	checksUTF8 bool          // fail with 1007 at the end of a message
	failsFast  bool          // and do so with the fragment that is invalid
	slow       time.Duration // to answer a Close frame, and to fail; by the clock of the bubble that it runs in
	slowTCP    time.Duration // to close TCP, likewise
}

// dial connects to the testee through memory, as the field Dial of a Client does. In a synctest
// bubble waiting takes no time then, and it makes no difference how busy the machine is.
func (e testee) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go e.connection(far)
	return near, nil
}

func (e testee) connection(c net.Conn) {
	defer c.Close()
	defer func() { time.Sleep(e.slowTCP) }()
	r := bufio.NewReader(c)
	request, err := http.ReadRequest(r)
	if err != nil && e.refusal == "" {
		return
	}
	if e.refusal != "" {
		fmt.Fprint(c, e.refusal)
		if e.keepTCP {
			io.Copy(io.Discard, r)
		}
		return
	}
	accept := e.accept
	if accept == "" {
		sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		accept = base64.StdEncoding.EncodeToString(sum[:])
	}
	fmt.Fprintf(c, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", accept)
	if e.extension != "" {
		fmt.Fprintf(c, "Sec-WebSocket-Extensions: %s\r\n", e.extension)
	}
	fmt.Fprint(c, e.header+"\r\n")
	e.echo(c, r)
}

// echo echoes until the connection ends, in one way or another.
func (e testee) echo(c io.Writer, r *bufio.Reader) {
	var message []byte
	var kind frame.Opcode
	var held bytes.Buffer
	for {
		h, payload, err := readFrame(r)
		if err != nil {
			return
		}
		if e.mirror && !h.Opcode.IsControl() {
			h.Masked = false
			c.Write(append(frame.Append(nil, h), payload...))
			continue
		}
		if h.Opcode.IsReserved() || h.RSV != 0 || h.Opcode.IsControl() && len(payload) > 125 {
			if e.drops {
				return
			}
			if e.fails != 0 {
				e.sendClose(c, e.fails)
				if e.keepTCP {
					io.Copy(io.Discard, r)
				}
				return
			}
			continue
		}
		switch h.Opcode {
		case frame.Ping:
			e.send(c, frame.Pong, payload)
			held.WriteTo(c)
			continue
		case frame.Pong:
			continue
		case frame.Close:
			if !e.noClose {
				e.sendClose(c, e.closeCode)
			}
			if e.talks {
				e.send(c, frame.Pong, nil)
			}
			if e.keepTCP || e.noClose {
				io.Copy(io.Discard, r) // until the tester closes
			}
			return
		case frame.Text, frame.Binary:
			kind, message = h.Opcode, nil
		}
		message = append(message, payload...)
		invalid := e.checksUTF8 && kind == frame.Text && !validSoFar(message, h.Fin)
		if !h.Fin && !(invalid && e.failsFast) {
			continue
		}
		if invalid {
			e.sendClose(c, 1007)
			return
		}
		if e.pong {
			e.send(c, frame.Pong, nil)
		}
		if e.echoAs != 0 {
			kind = e.echoAs
		}
		if e.holds {
			e.send(&held, kind, append(message, e.change...))
			continue
		}
		e.send(c, kind, append(message, e.change...))
	}
}

// validSoFar reports whether text is UTF-8, or can become so if it goes on.
func validSoFar(text []byte, ended bool) bool {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			return !ended && !utf8.FullRune(text)
		}
		text = text[n:]
	}
	return true
}

func (e testee) send(c io.Writer, op frame.Opcode, payload []byte) {
	h := frame.Header{Opcode: op, Fin: true, Length: int64(len(payload)), Masked: e.masked}
	b := frame.Append(nil, h)
	if e.long && len(payload) < 126 {
		b = []byte{b[0], 126, 0, byte(len(payload))}
	}
	c.Write(append(b, payload...))
}

// sendClose sends a Close frame, to answer one or to fail the connection. If the testee is slow,
// it waits before that.
func (e testee) sendClose(c io.Writer, code int) {
	time.Sleep(e.slow) // by the clock of the bubble into which run puts it
	e.send(c, frame.Close, closePayload(code))
}

func closePayload(code int) []byte {
	if code == 0 {
		return nil
	}
	return []byte{byte(code >> 8), byte(code)}
}

// readFrame reads a frame and removes its mask.
func readFrame(r *bufio.Reader) (frame.Header, []byte, error) {
	for size := 2; ; size++ {
		head, err := r.Peek(size)
		if err != nil {
			return frame.Header{}, nil, err
		}
		h, n, err := frame.Parse(head)
		if err != nil {
			return h, nil, err
		}
		if n == 0 {
			continue
		}
		b := make([]byte, n+int(h.Length))
		for got := 0; got < len(b); {
			k, err := r.Read(b[got:])
			if err != nil {
				return h, nil, err
			}
			got += k
		}
		for i := range b[n:] {
			b[n+i] ^= byte(h.Key >> (i % 4 * 8))
		}
		return h, b[n:], nil
	}
}

// TestVerdicts runs cases against testees with one fault each, and none.
func TestVerdicts(t *testing.T) {
	good := testee{closeCode: 1000, fails: 1002, checksUTF8: true}
	with := func(change func(e *testee)) testee {
		e := good
		change(&e)
		return e
	}
	for _, test := range []struct {
		name   string
		testee testee
		id     string
		want   string // behavior, behaviorClose
	}{
		{"good", good, "1.1.8", "OK OK"},
		{"good", good, "1.2.4", "OK OK"},
		{"good", good, "2.10", "OK OK"},
		{"good", good, "3.4", "OK OK"},
		{"good", good, "5.8", "OK OK"},
		{"good", good, "6.2.3", "OK OK"},
		{"good", good, "6.3.2", "OK OK"},
		{"good", good, "7.7.3", "OK OK"},
		{"good", good, "7.13.1", "INFORMATIONAL INFORMATIONAL"},
		{"good", good, "9.1.1", "OK OK"},
		{"good", good, "9.3.4", "OK OK"},
		{"good", good, "9.7.2", "OK OK"},
		{"good", good, "10.1.1", "OK OK"},
		{"no compression", good, "12.1.1", "UNIMPLEMENTED OK"},
		{"empty Close frame", with(func(e *testee) { e.closeCode = 0 }), "1.1.1", "OK OK"},
		{"other type", with(func(e *testee) { e.echoAs = frame.Binary }), "1.1.2", "FAILED OK"},
		{"other content", with(func(e *testee) { e.change = "x" }), "1.1.2", "FAILED OK"},
		{"other length", with(func(e *testee) { e.change = "x" }), "9.1.1", "FAILED OK"},
		{"pong unasked", with(func(e *testee) { e.pong = true }), "1.1.2", "FAILED OK"},
		{"masked frames", with(func(e *testee) { e.masked = true }), "1.1.1", "FAILED UNCLEAN"},
		{"no answer to Close", with(func(e *testee) { e.noClose = true }), "1.1.1", "OK UNCLEAN"},
		{"TCP left to the client", with(func(e *testee) { e.keepTCP = true }), "3.1", "OK FAILED BY CLIENT"},
		{"TCP left to the client", with(func(e *testee) { e.keepTCP = true }), "2.1", "OK UNCLEAN"},
		{"TCP left to the client", with(func(e *testee) { e.keepTCP = true }), "7.9.1", "FAILED WRONG CODE"},
		{"other code", with(func(e *testee) { e.closeCode = 1001 }), "1.1.1", "OK WRONG CODE"},
		{"other code", with(func(e *testee) { e.closeCode = 1001 }), "7.1.2", "FAILED WRONG CODE"},
		{"code that may not be sent", with(func(e *testee) { e.closeCode = 1005 }), "1.1.1", "OK UNCLEAN"},
		{"violation ignored", with(func(e *testee) { e.fails = 0 }), "3.1", "OK FAILED"},
		{"violation ignored, message after it", with(func(e *testee) { e.fails = 0 }), "3.2", "FAILED FAILED"},
		{"violation ends TCP", with(func(e *testee) { e.drops = true }), "3.1", "OK OK"},
		{"violation has another code", with(func(e *testee) { e.fails = 1003 }), "3.1", "OK WRONG CODE"},
		{"invalid text comes back", with(func(e *testee) { e.checksUTF8 = false }), "6.3.1", "FAILED FAILED"},
		{"invalid text fails late", good, "6.4.1", "NON-STRICT OK"},
		{"wrong key", with(func(e *testee) { e.accept = "x" }), "1.1.1", "FAILED FAILED"},
		{"extension unasked", with(func(e *testee) { e.extension = "permessage-deflate" }), "1.1.1", "FAILED FAILED"},
		{"unknown parameter", with(func(e *testee) { e.extension = "permessage-deflate; x" }), "12.1.1", "FAILED FAILED"},
		{"no echo compressed", with(func(e *testee) { e.extension, e.fails = "permessage-deflate", 0 }), "3.1", "OK FAILED"},
	} {
		t.Run(test.name+"/"+test.id, func(t *testing.T) {
			o := test.testee.run(t, test.id, 0)
			if got := verdictOf(o); got != test.want {
				t.Errorf("got %s, want %s: %s", got, test.want, o)
			}
		})
	}
}

// verdictOf returns what a case has come to: its behavior and behaviorClose.
func verdictOf(o *Outcome) string { return o.Result().Behavior + " " + o.Result().BehaviorClose }

// run runs one case of either catalogue on the testee, in a bubble.
func (e testee) run(t *testing.T, id string, patience int) (o *Outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		var report Report
		cases := Pick(append(Catalogue(), BeyondServers()...), []string{id}, nil)
		c := Client{URL: "ws://testee/", Dial: afterTrial(e.dial), Agent: "My/Lib 1.0", Cases: cases, Patience: patience}
		if err := c.Run(t.Context(), &report); err != nil {
			t.Fatal(err)
		}
		time.Sleep(late) // the bubble's clock stops with this function: let the testee end first
		all := outcomesOf(&report)
		if len(all) != 1 {
			t.Fatalf("there are not one but %d outcomes", len(all))
		}
		o = all[0]
	})
	return o
}

// afterTrial returns a function that connects to a testee without a fault the first time,
// for the trial of [Client.Run], and then as dial does.
func afterTrial(dial dialer) dialer {
	tried := false
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !tried {
			tried = true
			return testee{closeCode: 1000}.dial(ctx, network, addr)
		}
		return dial(ctx, network, addr)
	}
}

// dialer is the type of the field Dial of [Client].
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// late is more than the Autobahn|Testsuite waits for most things.
const late = 3 * time.Second / 2

// TestPatience has testees that are right, but take longer than the
// Autobahn|Testsuite gives them.
func TestPatience(t *testing.T) {
	good := testee{closeCode: 1000, fails: 1002, checksUTF8: true, failsFast: true}
	slow, slowTCP := good, good
	slow.slow, slowTCP.slowTCP = late, late
	for _, test := range []struct {
		name        string
		testee      testee
		id          string
		wstest, ten string // behavior, behaviorClose
	}{
		{"slow to answer a Close frame", slow, "1.1.2", "OK UNCLEAN", "OK OK"},
		{"slow to fail", slow, "3.1", "OK FAILED", "OK OK"},
		{"slow to fail what is not UTF-8", slow, "6.4.1", "NON-STRICT OK", "OK OK"},
		{"slow to close TCP", slowTCP, "2.1", "OK UNCLEAN", "OK OK"},
	} {
		for patience, want := range map[int]string{0: test.wstest, 1: test.wstest, 10: test.ten} {
			o := test.testee.run(t, test.id, patience)
			if got := verdictOf(o); got != want {
				t.Errorf("%s, patience %d: got %s, want %s: %s", test.name, patience, got, want, o)
			}
		}
	}
}

func TestOutcomeString(t *testing.T) {
	for want, e := range map[string]testee{
		"2.1 OK, close OK": {closeCode: 1000},
		"2.1 OK, close UNCLEAN: Actual events match at least one expected. The spec requires the connection to be failed cleanly here; " +
			"peer did not respond (in time) in closing handshake": {noClose: true},
	} {
		if got := e.run(t, "2.1", 0).String(); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestClientCannotConnect(t *testing.T) {
	var report Report
	for _, url := range []string{"ws://127.0.0.1:1/", "http://127.0.0.1/", "://"} {
		c := Client{URL: url, Agent: "x"}
		if err := c.Run(context.Background(), &report); err == nil || !strings.HasPrefix(err.Error(), "websocket: ") {
			t.Errorf("%s: got %v, want an error", url, err)
		}
	}
}
