package compare

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"
	"time"

	theirs "github.com/gorilla/websocket"
	websocket "github.com/rfc6455/ws/conn/gorilla"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// conn has the methods of both libraries' Conn that a script calls.
type conn interface {
	Close() error
	NetConn() net.Conn
	Subprotocol() string
	ReadMessage() (messageType int, p []byte, err error)
	NextReader() (messageType int, r io.Reader, err error)
	ReadJSON(v any) error
	WriteMessage(messageType int, data []byte) error
	NextWriter(messageType int) (io.WriteCloser, error)
	WriteControl(messageType int, data []byte, deadline time.Time) error
	WriteJSON(v any) error
	SetReadLimit(limit int64)
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	EnableWriteCompression(enable bool)
	SetCompressionLevel(level int) error
	PingHandler() func(appData string) error
	SetPingHandler(h func(appData string) error)
	SetPongHandler(h func(appData string) error)
	CloseHandler() func(code int, text string) error
	SetCloseHandler(h func(code int, text string) error)
}

// dialing has the fields of both libraries' Dialer that a test sets.
type dialing struct {
	NetDial           func(network, addr string) (net.Conn, error)
	NetDialContext    func(ctx context.Context, network, addr string) (net.Conn, error)
	NetDialTLSContext func(ctx context.Context, network, addr string) (net.Conn, error)
	Proxy             func(*http.Request) (*url.URL, error)
	TLSClientConfig   *tls.Config
	HandshakeTimeout  time.Duration
	Subprotocols      []string
	EnableCompression bool
	Jar               http.CookieJar
}

// upgrading has the fields of both libraries' Upgrader that a test sets.
type upgrading struct {
	Subprotocols      []string
	Error             func(w http.ResponseWriter, r *http.Request, status int, reason error)
	CheckOrigin       func(r *http.Request) bool
	EnableCompression bool
}

// library is one of the two.
type library struct {
	name    string
	upgrade func(u upgrading, w http.ResponseWriter, r *http.Request, h http.Header) (conn, error)
	dial    func(d dialing, url string, h http.Header) (conn, *http.Response, error)
	prepare func(messageType int, p []byte) (write func(conn) error, err error)
}

var libraries = []library{
	{
		name: "gorilla",
		upgrade: func(u upgrading, w http.ResponseWriter, r *http.Request, h http.Header) (conn, error) {
			var upgrader theirs.Upgrader
			setFields(&upgrader, u)
			c, err := upgrader.Upgrade(w, r, h)
			return c, err
		},
		dial: func(d dialing, url string, h http.Header) (conn, *http.Response, error) {
			var dialer theirs.Dialer
			setFields(&dialer, d)
			return dialer.Dial(url, h)
		},
		prepare: func(messageType int, p []byte) (func(conn) error, error) {
			pm, err := theirs.NewPreparedMessage(messageType, p)
			return func(c conn) error { return c.(*theirs.Conn).WritePreparedMessage(pm) }, err
		},
	},
	{
		name: "ours",
		upgrade: func(u upgrading, w http.ResponseWriter, r *http.Request, h http.Header) (conn, error) {
			var upgrader websocket.Upgrader
			setFields(&upgrader, u)
			c, err := upgrader.Upgrade(w, r, h)
			return c, err
		},
		dial: func(d dialing, url string, h http.Header) (conn, *http.Response, error) {
			var dialer websocket.Dialer
			setFields(&dialer, d)
			return dialer.Dial(url, h)
		},
		prepare: func(messageType int, p []byte) (func(conn) error, error) {
			pm, err := websocket.NewPreparedMessage(messageType, p)
			return func(c conn) error { return c.(*websocket.Conn).WritePreparedMessage(pm) }, err
		},
	},
}

// setFields sets the fields of a library's struct that from has, too.
func setFields(to, from any) {
	target := reflect.ValueOf(to).Elem()
	for f, v := range reflect.ValueOf(from).Fields() {
		target.FieldByName(f.Name).Set(v)
	}
}

const noTakeover = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// pair is a connection of a library, and the end of its peer.
type pair struct {
	conn
	peer net.Conn
	in   *bufio.Reader // of the peer
}

// open makes a connection in a role, with compression or without.
func (l *library) open(t *testing.T, server, zip bool) *pair {
	t.Helper()
	near, far := pipe(t)
	p := &pair{peer: far, in: bufio.NewReader(far)}
	done := make(chan error, 1)
	var err error
	if server {
		go func() { done <- p.awaitResponse() }()
		r := request(nil)
		r.Header.Set("Sec-Websocket-Extensions", noTakeover)
		p.conn, err = l.upgrade(upgrading{EnableCompression: zip},
			hijacked{httptest.NewRecorder(), near}, r, nil)
	} else {
		go func() { done <- p.accept(zip) }()
		p.conn, _, err = l.dial(dialing{
			EnableCompression: zip,
			NetDial:           func(string, string) (net.Conn, error) { return near, nil },
		}, "ws://example.com/", nil)
	}
	check(t, err)
	check(t, <-done)
	return p
}

func (p *pair) awaitResponse() error {
	_, err := http.ReadResponse(p.in, nil)
	return err
}

// accept answers the request of a client.
func (p *pair) accept(zip bool) error {
	r, err := http.ReadRequest(p.in)
	if err != nil {
		return err
	}
	response := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + handshake.Accept(r.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	if zip {
		response += "Sec-WebSocket-Extensions: " + noTakeover + "\r\n"
	}
	_, err = io.WriteString(p.peer, response+"\r\n")
	return err
}

// hijacked is a ResponseWriter whose connection is nc.
type hijacked struct {
	*httptest.ResponseRecorder
	nc net.Conn
}

func (w hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.nc, bufio.NewReadWriter(bufio.NewReader(w.nc), bufio.NewWriter(w.nc)), nil
}

// request returns a client's request with more headers.
func request(more http.Header) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for name, values := range more {
		r.Header[name] = values
	}
	return r
}

// pipe returns the two ends of a TCP connection.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	near, far = wstest.TCP(t)
	check(t, far.SetDeadline(time.Now().Add(time.Minute)))
	return near, far
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
