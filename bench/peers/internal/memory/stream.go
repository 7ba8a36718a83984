//go:build linux

// Package memory measures libraries without system calls. It measures connections over streams in
// memory, and DEFLATE codecs on whole messages.
package memory

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// stream is a transport from which the same bytes can be read again and again, as many as are asked
// for. It counts what is written to it and drops it.
type stream struct {
	net.Conn // nil: nobody asks for addresses
	wire     []byte
	pos      int  // in wire, of the next byte
	written  int  // bytes
	expired  bool // the read deadline has passed
}

func (s *stream) Read(p []byte) (int, error) {
	if s.expired {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, s.wire[s.pos:])
	s.pos = (s.pos + n) % len(s.wire)
	return n, nil
}

// SetReadDeadline sets a deadline that has passed, or none. It knows no other.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.expired = !t.IsZero()
	return nil
}

func (s *stream) Write(p []byte) (int, error) {
	s.written += len(p)
	return len(p), nil
}

func (s *stream) Close() error                     { return nil }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }

// wire returns a client's frames with the payloads in turn. Together they are 64 KiB or more, so
// that one read can return as much as a buffer holds. After the last frame the first payload comes
// next.
func wire(payloads [][]byte, h frame.Header) ([]byte, error) {
	e := frame.Encoder{Role: frame.Client, AllowRSV1: true}
	var out []byte
	for i := 0; len(out) < 64<<10 || i%len(payloads) != 0; i++ {
		var err error
		h.Fin, h.Key = true, 0x9d3f7a51+uint32(i)*0x01000193
		if out, err = e.AppendFrame(out, h, payloads[i%len(payloads)]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ours returns a connection of this module. It compresses if deflate is not nil.
func ours(s *stream, role frame.Role, deflate *handshake.Deflate) *ws.Conn {
	var cfg ws.Config
	if deflate != nil {
		cfg.Compression.Mode = ws.CompressionNoTakeover
	}
	return ws.New(s, role, ws.Negotiated{Deflate: deflate}, cfg)
}

// gorillaServer returns a server's connection of gorilla/websocket.
func gorillaServer(s *stream) (*websocket.Conn, error) {
	r, err := http.NewRequest(http.MethodGet, "http://memory.invalid/", nil)
	if err != nil {
		return nil, err
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"cGVlcnMgYmVuY2htYXJrIQ=="},
	}
	var u websocket.Upgrader
	return u.Upgrade(&hijacker{s: s}, r, nil)
}

// hijacker is a net/http response whose connection is the stream.
type hijacker struct {
	http.ResponseWriter // nil: an upgrade that succeeds does not use it
	s                   *stream
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	// The reader and the writer have the sizes that net/http uses. The reader must be empty, since
	// a client must not send anything before it has the response.
	return h.s, bufio.NewReadWriter(bufio.NewReader(h.s), bufio.NewWriter(h.s)), nil
}

// gorillaClient returns a client's connection of gorilla/websocket.
func gorillaClient(s *stream) (*websocket.Conn, error) {
	c := &answering{stream: s}
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return c, nil }}
	conn, _, err := d.Dial("ws://memory.invalid/", nil)
	return conn, err
}

// answering is a stream that plays the server in the opening handshake.
type answering struct {
	*stream
	response io.Reader
}

func (a *answering) Write(p []byte) (int, error) {
	const name = "Sec-WebSocket-Key: "
	if a.response == nil {
		_, rest, _ := strings.Cut(string(p), name)
		key, _, _ := strings.Cut(rest, "\r\n")
		a.response = strings.NewReader(fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\n"+
			"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			handshake.Accept(key)))
	}
	return a.stream.Write(p)
}

func (a *answering) Read(p []byte) (int, error) {
	if n, err := a.response.Read(p); err == nil {
		return n, nil
	}
	return a.stream.Read(p)
}
