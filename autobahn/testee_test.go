package autobahn

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/rfc6455/ws/frame"
)

// testee is an echo server that is wrong in ways of one's choice. It checks
// nothing, and ends with what arrives.
type testee struct {
	accept     string       // instead of the right Sec-WebSocket-Accept
	extension  string       // in the response
	header     string       // another line of the response
	refusal    string       // instead of the response
	mirror     bool         // send each frame of a message back as it came
	long       bool         // send lengths in more octets than need be
	talks      bool         // send a pong after a Close frame
	echoAs     frame.Opcode // of every message; zero: as it came
	change     string       // appended to every message
	masked     bool         // mask what is sent, with a key of zeros
	pong       bool         // send a pong before each echo
	closeCode  int          // the answer to a Close frame; zero: an empty payload
	noClose    bool         // do not answer a Close frame
	keepTCP    bool         // do not close TCP after the answer
	fails      int          // the code for a frame with an RSV bit or an unknown opcode, or one too long; zero: ignore it
	drops      bool         // close TCP for that
	checksUTF8 bool         // fail with 1007
}

// serve listens, and serves until the test is over. It returns the URL.
func (e testee) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go e.connection(c)
		}
	}()
	return "ws://" + l.Addr().String() + "/"
}

func (e testee) connection(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	request, err := http.ReadRequest(r)
	if err != nil {
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
		accept = acceptKey(request.Header.Get("Sec-WebSocket-Key"))
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
				e.send(c, frame.Close, closePayload(e.fails))
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
			continue
		case frame.Pong:
			continue
		case frame.Close:
			if !e.noClose {
				e.send(c, frame.Close, closePayload(e.closeCode))
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
		if !h.Fin {
			continue
		}
		if u := (utf8Check{}); e.checksUTF8 && kind == frame.Text && (!u.write(message) || !u.done()) {
			e.send(c, frame.Close, closePayload(1007))
			return
		}
		if e.pong {
			e.send(c, frame.Pong, nil)
		}
		if e.echoAs != 0 {
			kind = e.echoAs
		}
		e.send(c, kind, append(message, e.change...))
	}
}

func (e testee) send(c io.Writer, op frame.Opcode, payload []byte) {
	h := frame.Header{Opcode: op, Fin: true, Length: int64(len(payload)), Masked: e.masked}
	b := frame.Append(nil, h)
	if e.long && len(payload) < 126 {
		b = []byte{b[0], 126, 0, byte(len(payload))}
	}
	c.Write(append(b, payload...))
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
		mask(b[n:], h.Key, 0)
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
			t.Parallel()
			o := runOne(t, test.testee.serve(t), test.id)
			if got := o.verdict.Behavior + " " + o.verdict.BehaviorClose; got != test.want {
				t.Errorf("got %s (%s %s), want %s", got, o.verdict.Result, o.verdict.ResultClose, test.want)
			}
		})
	}
}

// runOne runs one case as a client.
func runOne(t *testing.T, url, id string) *Outcome {
	t.Helper()
	var report Report
	c := Client{URL: url, Agent: "My/Lib 1.0", Cases: Pick(Catalogue(), []string{id}, nil)}
	if err := c.Run(context.Background(), &report); err != nil {
		t.Fatal(err)
	}
	if all := report.all(); len(all) == 1 {
		return all[0]
	}
	t.Fatalf("there are not one but %d outcomes", len(report.all()))
	return nil
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
