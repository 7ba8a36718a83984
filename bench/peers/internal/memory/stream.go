//go:build linux

// Package memory measures libraries without system calls: connections over
// streams in memory, and DEFLATE codecs on whole messages.
package memory

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// stream is a transport that gives the same bytes again and again, as many as
// are asked for, and takes everything.
type stream struct {
	net.Conn // nil: addresses are not asked for
	wire     []byte
	pos      int
	written  int
}

func (s *stream) Read(p []byte) (int, error) {
	n := copy(p, s.wire[s.pos:])
	s.pos = (s.pos + n) % len(s.wire)
	return n, nil
}

func (s *stream) Write(p []byte) (int, error) {
	s.written += len(p)
	return len(p), nil
}

func (s *stream) Close() error                     { return nil }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }

// wire is a client's frames with the payloads, all of them in turn as often as
// it takes for reads of any size.
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

// ours is a server's connection, with compression where deflate is not nil.
func ours(s *stream, role frame.Role, deflate *handshake.Deflate) *ws.Conn {
	var cfg ws.Config
	if deflate != nil {
		cfg.Compression.Mode = ws.CompressionNoTakeover
	}
	return ws.New(s, role, ws.Negotiated{Deflate: deflate}, cfg)
}

// gorillaServer is a server's connection of gorilla/websocket.
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
	// Readers and writers of the size that net/http has. The reader must be
	// empty: it would count as bytes that came too early.
	return h.s, bufio.NewReadWriter(bufio.NewReader(h.s), bufio.NewWriter(h.s)), nil
}

// gorillaClient is a client's connection of gorilla/websocket.
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
		a.response = strings.NewReader(fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
			"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", handshake.Accept(key)))
	}
	return a.stream.Write(p)
}

func (a *answering) Read(p []byte) (int, error) {
	if n, err := a.response.Read(p); err == nil {
		return n, nil
	}
	return a.stream.Read(p)
}
