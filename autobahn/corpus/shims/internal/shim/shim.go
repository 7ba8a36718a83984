// Package shim is what the shims of libraries for Go have in common: the loop over the cases, and a
// net.Conn on which a case arrives after an opening handshake.
package shim

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rfc6455/ws/autobahn/corpus"
)

// Main answers cases until there are no more. run has a library read what arrives on w and notes
// what it reports.
func Main(run func(c corpus.Case, w *Wire) (skip string)) {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var c corpus.Case
		if err := in.Decode(&c); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		w := newWire(c)
		skip := w.guard(run)
		w.mu.Lock()
		a := corpus.Answer{ID: c.ID, Events: w.events, Pings: w.Pings, Out: hex.EncodeToString(w.out.Bytes()), Skip: skip}
		w.mu.Unlock()
		if err := out.Encode(a); err != nil {
			log.Fatal(err)
		}
	}
}

// guard runs the library. If it panics, that is an event.
func (w *Wire) guard(run func(corpus.Case, *Wire) string) (skip string) {
	defer func() {
		if recover() != nil {
			w.Note("panic", nil)
		}
	}()
	return run(w.c, w)
}

// Wire is a net.Conn on which the opening handshake and the chunks of a case arrive, and then the
// end.
type Wire struct {
	Pings bool // the library reports pings

	mu     sync.Mutex
	head   []byte // of the handshake: what arrives first
	sent   []byte // the start of what was sent: the handshake of this side
	open   bool   // all that was sent after the handshake goes to out
	in     [][]byte
	out    bytes.Buffer
	events []string
	c      corpus.Case
}

func newWire(c corpus.Case) *Wire {
	w := &Wire{c: c}
	for _, chunk := range c.In {
		b, err := hex.DecodeString(chunk)
		if err != nil {
			log.Fatal(err)
		}
		w.in = append(w.in, b)
	}
	return w
}

// Note notes an event with its payload.
func (w *Wire) Note(kind string, p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, strings.TrimSpace(kind+" "+hex.EncodeToString(p)))
}

// Message notes a message.
func (w *Wire) Message(text bool, p []byte) {
	if text {
		w.Note("text", p)
	} else {
		w.Note("binary", p)
	}
}

// Closed notes the peer's Close frame.
func (w *Wire) Closed(code int, reason string) { w.Note("close "+strconv.Itoa(code), []byte(reason)) }

// Offer is the value of Sec-WebSocket-Extensions that asks for what the case has.
func (w *Wire) Offer() string {
	d := w.c.Deflate
	if d == nil {
		return ""
	}
	s := fmt.Sprintf("permessage-deflate; client_max_window_bits=%d; server_max_window_bits=%d", d.ClientBits, d.ServerBits)
	if d.ServerNoTakeover {
		s += "; server_no_context_takeover"
	}
	if d.ClientNoTakeover {
		s += "; client_no_context_takeover"
	}
	return s
}

// Request is that of the client, for a library that is the server.
func (w *Wire) Request() *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: shim\r\nUpgrade: websocket\r\n" +
		"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")))
	if err != nil {
		log.Fatal(err)
	}
	if offer := w.Offer(); offer != "" {
		r.Header.Set("Sec-WebSocket-Extensions", offer)
	}
	return r
}

// Header, WriteHeader and Hijack make Wire the http.ResponseWriter of that request.
func (w *Wire) Header() http.Header { return http.Header{} }
func (w *Wire) WriteHeader(int)     {}
func (w *Wire) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w, bufio.NewReadWriter(bufio.NewReader(w), bufio.NewWriter(w)), nil
}

// Accept returns the value of Sec-WebSocket-Accept (RFC 6455 section 4.2.2).
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Open ends the handshake, if the library does not use the connection for it.
func (w *Wire) Open() { w.open = true }

func (w *Wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open {
		return w.out.Write(p)
	}
	w.sent = append(w.sent, p...)
	if bytes.HasSuffix(w.sent, []byte("\r\n\r\n")) {
		w.open = true
		if w.c.Role == "client" {
			w.respond()
		}
	}
	return len(p), nil
}

// respond answers the request of a library that is the client.
func (w *Wire) respond() {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(w.sent)))
	if err != nil {
		log.Fatal(err)
	}
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + Accept(r.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	if offer := w.Offer(); offer != "" {
		head += "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	w.head = []byte(head + "\r\n")
}

// Response is what a library that is the server has sent.
func (w *Wire) Response() string { return string(w.sent) }

func (w *Wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.head) > 0 {
		n := copy(p, w.head)
		w.head = w.head[n:]
		return n, nil
	}
	if len(w.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.in[0])
	if w.in[0] = w.in[0][n:]; len(w.in[0]) == 0 {
		w.in = w.in[1:]
	}
	return n, nil
}

func (w *Wire) Close() error                     { return nil }
func (w *Wire) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (w *Wire) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (w *Wire) SetDeadline(time.Time) error      { return nil }
func (w *Wire) SetReadDeadline(time.Time) error  { return nil }
func (w *Wire) SetWriteDeadline(time.Time) error { return nil }
