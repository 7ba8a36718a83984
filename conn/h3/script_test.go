package h3_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
	"github.com/rfc6455/ws/frame"
)

// Types of frames of HTTP/3.
const (
	data     = 0x0
	headers  = 0x1
	settings = 0x4
	goAway   = 0x7
)

// wire is one end of a stream: it sends what it is told to, right or wrong.
type wire struct {
	testing.TB
	*quic.Stream
}

// h3Frame returns a frame of HTTP/3.
func h3Frame(kind uint64, payload string) string {
	b := quicvarint.Append(nil, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	return string(b) + payload
}

// fields encodes lines such as "name: value". Of several lines with the same name the last counts,
// in the place of the first, and an empty value removes the field.
func fields(lines ...string) string {
	values := map[string]string{}
	var names []string
	for _, line := range lines {
		i := strings.Index(line[1:], ": ") + 1
		if _, ok := values[line[:i]]; !ok {
			names = append(names, line[:i])
		}
		values[line[:i]] = line[i+2:]
	}
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for _, name := range names {
		if values[name] != "" {
			_ = e.WriteField(qpack.HeaderField{Name: name, Value: values[name]})
		}
	}
	return b.String()
}

// send writes text as it is.
func (w *wire) send(text string) {
	w.Helper()
	if _, err := io.WriteString(w.Stream, text); err != nil {
		w.Errorf("Write = %v, want nil", err)
	}
}

// data sends text in a DATA frame.
func (w *wire) data(text string) {
	w.Helper()
	w.send(h3Frame(data, text))
}

// next reads a frame.
func (w *wire) next() (kind uint64, payload string) {
	w.Helper()
	kind, payload, err := w.read()
	if err != nil {
		w.Fatalf("reading a frame: %v", err)
	}
	return kind, payload
}

func (w *wire) read() (kind uint64, payload string, err error) {
	r := quicvarint.NewReader(w.Stream)
	if kind, err = quicvarint.Read(r); err != nil {
		return 0, "", err
	}
	n, err := quicvarint.Read(r)
	if err != nil {
		return 0, "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return kind, string(b), err
}

// section reads a HEADERS frame.
func (w *wire) section() map[string]string {
	w.Helper()
	kind, payload := w.next()
	if kind != headers {
		w.Fatalf("got a frame of type %#x, want HEADERS", kind)
	}
	next := qpack.NewDecoder().Decode([]byte(payload))
	found := map[string]string{}
	for {
		f, err := next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			w.Fatal(err)
		}
		if f.Name != strings.ToLower(f.Name) {
			w.Errorf("field %q, want it in lower case", f.Name)
		}
		found[f.Name] = f.Value
	}
}

// message reads a frame of a WebSocket, which has to be in one DATA frame.
func (w *wire) message() (frame.Header, string) {
	w.Helper()
	kind, payload := w.next()
	h, n, err := frame.Parse([]byte(payload))
	if kind != data || err != nil || int64(len(payload)-n) != h.Length {
		w.Fatalf("got a frame of type %#x with %q, want DATA with a frame of a WebSocket (%v)", kind, payload, err)
	}
	return h, string(unmask([]byte(payload[n:]), h.Key))
}

func unmask(p []byte, key uint32) []byte {
	for i := range p {
		p[i] ^= byte(key >> (8 * (i % 4)))
	}
	return p
}

// wantEnd wants FIN after what was read.
func (w *wire) wantEnd() {
	w.Helper()
	if kind, payload, err := w.read(); err != io.EOF {
		w.Errorf("got a frame of type %#x with %q, %v, want FIN", kind, payload, err)
	}
}

// wantReset wants the stream to be reset with a code, in both directions.
func (w *wire) wantReset(code http3.ErrCode) {
	w.Helper()
	var e *quic.StreamError
	kind, payload, err := w.read()
	if !errors.As(err, &e) || !e.Remote || http3.ErrCode(e.ErrorCode) != code {
		w.Errorf("got a frame of type %#x with %q, %v, want a reset with %v", kind, payload, err, code)
	}
	select {
	case <-w.Stream.Context().Done():
	case <-time.After(limit):
		w.Fatal("no STOP_SENDING came")
	}
	if cause := context.Cause(w.Stream.Context()); !errors.As(cause, &e) || !e.Remote || http3.ErrCode(e.ErrorCode) != code {
		w.Errorf("this direction ended with %v, want STOP_SENDING with %v", cause, code)
	}
}

// masked returns a frame of a client's, whose key changes nothing.
func masked(op frame.Opcode, payload string) string {
	return string(frame.Append(nil, frame.Header{Fin: true, Opcode: op, Masked: true, Length: int64(len(payload))})) + payload
}

// control opens a control stream that begins with SETTINGS.
func control(t testing.TB, c *quic.Conn, pairs ...uint64) *quic.SendStream {
	t.Helper()
	s, err := c.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	var payload []byte
	for _, n := range pairs {
		payload = quicvarint.Append(payload, n)
	}
	if _, err := io.WriteString(s, "\x00"+h3Frame(settings, string(payload))); err != nil {
		t.Fatal(err)
	}
	return s
}

// peerSettings waits for the peer's control stream and returns its SETTINGS.
func peerSettings(t testing.TB, ctx context.Context, c *quic.Conn) map[uint64]uint64 {
	t.Helper()
	for {
		s, err := c.AcceptUniStream(ctx)
		if err != nil {
			t.Fatalf("no control stream: %v", err)
		}
		_ = s.SetReadDeadline(time.Now().Add(limit))
		r := quicvarint.NewReader(s)
		if kind, err := quicvarint.Read(r); err != nil || kind != 0 {
			continue
		}
		kind, _ := quicvarint.Read(r)
		n, err := quicvarint.Read(r)
		if err != nil || kind != settings {
			t.Fatalf("the control stream begins with a frame of type %#x, %v, want SETTINGS", kind, err)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		values := map[uint64]uint64{}
		for len(b) > 0 {
			id, i, _ := quicvarint.Parse(b)
			value, j, err := quicvarint.Parse(b[i:])
			if err != nil {
				t.Fatal(err)
			}
			values[id], b = value, b[i+j:]
		}
		return values
	}
}

// wantClosed wants the peer to close the connection with a code.
func wantClosed(t testing.TB, c *quic.Conn, code http3.ErrCode) {
	t.Helper()
	await(t, c.Context().Done(), "end of the connection")
	var e *quic.ApplicationError
	if err := context.Cause(c.Context()); !errors.As(err, &e) || !e.Remote || http3.ErrCode(e.ErrorCode) != code {
		t.Errorf("the connection ended with %v, want %v", err, code)
	}
}

// rawClient is one end of a connection to a server of ours.
type rawClient struct {
	testing.TB
	ctx    context.Context
	conn   *quic.Conn
	opened chan *ws.Conn // the server's sockets
}

// toServer runs f with a client of a server.
func toServer(f func(*rawClient)) func(*testing.T) {
	return func(t *testing.T) {
		u := &ws.Upgrader{Config: ws.Config{
			MaxMessageSize: 4 << 20, CloseTimeout: limit,
			Compression: ws.Compression{Mode: ws.CompressionTakeover},
		}, Subprotocols: []string{"chat"}}
		opened := make(chan *ws.Conn, 10)
		s := serve(t, accepting(u, opened), nil)
		f(connect(t, s, opened))
		for len(opened) > 0 {
			_ = (<-opened).CloseNow()
		}
	}
}

// connect connects to a server without a control stream.
func connect(t testing.TB, s *server, opened chan *ws.Conn) *rawClient {
	ctx, cancel := context.WithTimeout(bg, limit)
	t.Cleanup(cancel)
	_, pool := certificate()
	c, err := quic.DialAddr(ctx, s.addr, &tls.Config{RootCAs: pool, NextProtos: []string{"h3"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseWithError(0x100, "") })
	return &rawClient{t, ctx, c, opened}
}

// stream opens a stream.
func (c *rawClient) stream() *wire {
	c.Helper()
	s, err := c.conn.OpenStreamSync(c.ctx)
	if err != nil {
		c.Fatal(err)
	}
	_ = s.SetDeadline(time.Now().Add(limit))
	return &wire{c, s}
}

// ask sends an extended CONNECT, to which edits add.
func (c *rawClient) ask(edits ...string) *wire {
	c.Helper()
	w := c.stream()
	w.send(h3Frame(headers, fields(append([]string{
		":method: CONNECT", ":protocol: websocket", ":scheme: https", ":path: /chat", ":authority: server.example",
		"sec-websocket-version: 13", "origin: https://server.example",
	}, edits...)...)))
	return w
}

// open opens a socket and returns both ends.
func (c *rawClient) open(edits ...string) (*wire, *ws.Conn) {
	c.Helper()
	w := c.ask(edits...)
	if h := w.section(); h[":status"] != "200" {
		c.Fatalf("response %v, want status 200", h)
	}
	conn := await(c, c.opened, "socket")
	c.Cleanup(func() { _ = conn.CloseNow() })
	return w, conn
}

// rawServer is one end of a connection that a Dialer has opened.
type rawServer struct {
	testing.TB
	ctx  context.Context
	ln   *quic.Listener
	d    *h3.Dialer
	conn *quic.Conn
}

// dialed is the result of a Dial.
type dialed struct {
	c    *ws.Conn
	resp *http.Response
	err  error
}

// toClient runs f with a server that a Dialer may dial.
func toClient(f func(*rawServer)) func(*testing.T) {
	return func(t *testing.T) { f(listen(t, nil)) }
}

func listen(t testing.TB, conf *quic.Config) *rawServer {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, limit)
	t.Cleanup(cancel)
	cert, _ := certificate()
	ln, err := quic.ListenAddr("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h3"}}, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return &rawServer{TB: t, ctx: ctx, ln: ln, d: dialer(t)}
}

// dial dials the server.
func (s *rawServer) dial() <-chan dialed {
	done := make(chan dialed, 1)
	go func() {
		c, resp, err := s.d.Dial(s.ctx, "wss://"+s.ln.Addr().String()+"/chat?x=1")
		done <- dialed{c, resp, err}
	}()
	return done
}

// accept accepts a connection.
func (s *rawServer) accept() {
	s.Helper()
	c, err := s.ln.Accept(s.ctx)
	if err != nil {
		s.Fatal(err)
	}
	s.conn = c
	s.Cleanup(func() { _ = c.CloseWithError(0x100, "") })
}

// request accepts a stream and reads the request.
func (s *rawServer) request() (*wire, map[string]string) {
	s.Helper()
	stream, err := s.conn.AcceptStream(s.ctx)
	if err != nil {
		s.Fatal(err)
	}
	_ = stream.SetDeadline(time.Now().Add(limit))
	w := &wire{s, stream}
	return w, w.section()
}

// open opens a socket and returns both ends.
func (s *rawServer) open() (*wire, *ws.Conn) {
	s.Helper()
	done := s.dial()
	s.accept()
	control(s, s.conn, 0x8, 1)
	w, _ := s.request()
	w.send(h3Frame(headers, fields(":status: 200")))
	r := await(s, done, "result of Dial")
	if r.err != nil {
		s.Fatal(r.err)
	}
	s.Cleanup(func() { _ = r.c.CloseNow() })
	return w, r.c
}

// noTarget fails the test if somebody connects to ln.
func noTarget(t testing.TB, ln net.Listener) {
	_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Millisecond))
	if nc, err := ln.Accept(); err == nil {
		t.Errorf("the server connected to %v, want no connection", nc.LocalAddr())
	}
}
