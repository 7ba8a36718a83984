package websocket_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	websocket "github.com/rfc6455/ws/conn/gorilla"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// The tests in the files meaning_*_test.go say what gorilla/websocket means, too: the module
// conn/gorilla/compare runs them against it. So they import nothing but this package, frame,
// handshake and the standard library.

// long is how long a test waits for what has to come.
const long = time.Minute

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pipe returns the two ends of a TCP connection.
func pipe(t testing.TB) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer ln.Close()
	far, err = net.Dial("tcp", ln.Addr().String())
	check(t, err)
	near, err = ln.Accept()
	check(t, err)
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	check(t, far.SetDeadline(time.Now().Add(long)))
	return near, far
}

// taken is a ResponseWriter whose connection is nc.
type taken struct {
	*httptest.ResponseRecorder
	nc    net.Conn
	early string // what the client has sent behind its request
}

func (w taken) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	in := bufio.NewReader(io.MultiReader(bytes.NewReader([]byte(w.early)), w.nc))
	_, _ = in.Peek(len(w.early))
	return w.nc, bufio.NewReadWriter(in, bufio.NewWriter(w.nc)), nil
}

// request returns a client's request. Each header in set replaces one of it.
func request(set http.Header) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://example.com/chat", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	maps.Copy(r.Header, set)
	return r
}

// side is a connection under test, and its peer, who speaks in frames.
type side struct {
	*websocket.Conn
	t    testing.TB
	role frame.Role // of Conn
	peer net.Conn
	in   *bufio.Reader // from the peer's end
}

// server returns a connection of u's whose peer has sent r.
func server(t testing.TB, u *websocket.Upgrader, r *http.Request) *side {
	t.Helper()
	near, far := pipe(t)
	return serverOver(t, u, r, near, far)
}

func serverOver(t testing.TB, u *websocket.Upgrader, r *http.Request, near, far net.Conn) *side {
	t.Helper()
	in := bufio.NewReader(far)
	read := make(chan error, 1)
	go func() {
		resp, err := http.ReadResponse(in, r)
		if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
			err = errors.New(resp.Status)
		}
		read <- err
	}()
	c, err := u.Upgrade(taken{httptest.NewRecorder(), near, ""}, r, nil)
	check(t, err)
	check(t, <-read)
	return &side{c, t, frame.Server, far, in}
}

// client returns a connection of d's. Its peer adds set to the response.
func client(t testing.TB, d *websocket.Dialer, set http.Header) *side {
	t.Helper()
	near, far := pipe(t)
	return clientOver(t, d, set, near, far)
}

func clientOver(t testing.TB, d *websocket.Dialer, set http.Header, near, far net.Conn) *side {
	t.Helper()
	in := bufio.NewReader(far)
	answered := make(chan error, 1)
	go func() { answered <- answer(in, far, set) }()
	copied := *d
	copied.NetDial = func(string, string) (net.Conn, error) { return near, nil }
	c, _, err := copied.Dial("ws://example.com/chat", nil)
	check(t, err)
	check(t, <-answered)
	return &side{c, t, frame.Client, far, in}
}

// answer reads a request and accepts it.
func answer(in *bufio.Reader, out io.Writer, set http.Header) error {
	r, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	h := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Accept": {handshake.Accept(r.Header.Get("Sec-WebSocket-Key"))},
	}
	maps.Copy(h, set)
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(&b)
	b.WriteString("\r\n")
	_, err = out.Write(b.Bytes())
	return err
}

// both runs a test in each role.
func both(t *testing.T, f func(t *testing.T, s *side)) {
	t.Run("server", func(t *testing.T) { f(t, server(t, new(websocket.Upgrader), request(nil))) })
	t.Run("client", func(t *testing.T) { f(t, client(t, new(websocket.Dialer), nil)) })
}

// send sends a frame of the peer's.
func (s *side) send(h frame.Header, payload string) {
	s.t.Helper()
	_, err := s.peer.Write(s.frame(h, payload))
	check(s.t, err)
}

// frame returns the bytes of a frame of the peer's. Nothing is checked.
func (s *side) frame(h frame.Header, payload string) []byte {
	h.Length = int64(len(payload))
	h.Masked = s.role == frame.Server
	if h.Masked {
		h.Key = 0x04030201
	}
	b := append(frame.Append(nil, h), payload...)
	if h.Masked {
		for i := range len(payload) {
			b[len(b)-len(payload)+i] ^= byte(1 + i%4)
		}
	}
	return b
}

// message and control are headers of the peer's frames.
func message(op int) frame.Header { return frame.Header{Opcode: frame.Opcode(op), Fin: true} }

// got reads a frame of Conn's.
func (s *side) got() (frame.Header, string) {
	s.t.Helper()
	h, p, err := readFrame(s.in)
	check(s.t, err)
	if h.Masked != (s.role == frame.Client) {
		s.t.Fatalf("a frame with Masked = %t from a %v", h.Masked, s.role)
	}
	return h, p
}

// readFrame reads a frame and unmasks it.
func readFrame(in *bufio.Reader) (frame.Header, string, error) {
	var head []byte
	for {
		b, err := in.ReadByte()
		if err != nil {
			return frame.Header{}, "", err
		}
		head = append(head, b)
		h, n, err := frame.Parse(head)
		if err != nil {
			return h, "", err
		}
		if n == 0 {
			continue
		}
		p := make([]byte, h.Length)
		_, err = io.ReadFull(in, p)
		for i := range p {
			if h.Masked {
				p[i] ^= byte(h.Key >> (8 * (i % 4)))
			}
		}
		return h, string(p), err
	}
}

// want reads a frame of Conn's, which has to be a whole message or a control frame.
func (s *side) want(op int, payload string) {
	s.t.Helper()
	h, p := s.got()
	if int(h.Opcode) != op || !h.Fin || h.RSV != 0 || p != payload {
		s.t.Fatalf("got %+v %.80q, want opcode %d %.80q", h, p, op, payload)
	}
}

// wantClose reads a Close frame and returns its code.
func (s *side) wantClose() frame.CloseCode {
	s.t.Helper()
	h, p := s.got()
	if h.Opcode != frame.Close {
		s.t.Fatalf("got %+v %.80q, want a Close frame", h, p)
	}
	code, _, err := frame.ParseClose([]byte(p))
	check(s.t, err)
	return code
}

// wantMessage reads a message by ReadMessage.
func (s *side) wantMessage(op int, payload string) {
	s.t.Helper()
	got, p, err := s.ReadMessage()
	if err != nil || got != op || string(p) != payload {
		s.t.Fatalf("ReadMessage = %d, %.80q, %v, want %d, %.80q", got, p, err, op, payload)
	}
}

// isTemporary reports whether err says so.
func isTemporary(err error) bool {
	e, ok := err.(interface{ Temporary() bool })
	return ok && e.Temporary()
}

// isTimeout reports whether err is a net.Error that says so.
func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
