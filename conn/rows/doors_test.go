package rows

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// r0 is the request of the list's conventions; its head goes on.
const r0 = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

// acceptRows are the rows of a server's handshake that need more than a request
// and its answer.
func acceptRows(q *requirements) {
	q.doors("HT-9112-09", "seen by hooks", absoluteTarget)
	q.doors("HT-9110-21", "a header of the program's", injectedHeader)
	q.doors("HT-9110-21", "a subprotocol of the program's", injectedSubprotocol)
	q.doors("HS-4.2-11", "seen by hooks", listOverLines)
	q.doors("HS-4.2-14", "", earlyFrames)
	q.doors("HS-4.2-15", "nothing comes", inBubble(func(t *testing.T, d door) { slowRequest(t, d, nil) }))
	q.doors("HS-4.2-15", "a byte a second", inBubble(func(t *testing.T, d door) { slowRequest(t, d, []byte(r0)) }))
	q.doors("HS-4.2-23", "", unknownPath)
	q.doors("HS-4.2-27", "", otherAnswers)
	q.doors("HS-4.2-28", "", sendsAtOnce)
	q.doors("HS-4.2-29", "", refusalEnds)
	q.doors("HS-4.2-30", "", abandoned)
	q.doors("HS-4.2-31", "", inBubble(outlivesDeadlines))
	q.server("U8-8.1-10", "", throughDoors(opaqueBytes))
	q.server("SE-10.5-05", "", throughDoors(authenticated))
	q.server("SE-10.6-06", "Upgrade", func(t *testing.T) { overTLS(t, doors[0]) })
	q.server("SE-10.6-06", "UpgradeNet", func(t *testing.T) { overTLS(t, doors[1]) })
	q.server("SE-10.7-07", "a handshake", throughDoors(refusalEnds))
}

// throughDoors runs a test through each door of a server.
func throughDoors(run func(*testing.T, door)) func(*testing.T) {
	return func(t *testing.T) {
		for _, d := range doors {
			t.Run(d.name, func(t *testing.T) { run(t, d) })
		}
	}
}

// open sends a request and reads its answer, which must have this status.
func open(t *testing.T, nc net.Conn, request string, status int) (reply, *bufio.Reader) {
	t.Helper()
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatalf("io.WriteString = %v, want nil", err)
	}
	r := bufio.NewReader(nc)
	a := readAnswer(t, r, "GET")
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a, r
}

// absoluteTarget: of a target in absolute form the authority is the host.
func absoluteTarget(t *testing.T, d door) {
	u := &ws.Upgrader{Check: func(r *handshake.Request) error {
		if r.Host != "server.example.com" || r.URL.Path != "/chat" || r.URL.RawQuery != "a=b" {
			t.Errorf("host %q, URL %v, want server.example.com and /chat?a=b", r.Host, r.URL)
		}
		return nil
	}}
	request := strings.Replace(r0, "/chat HTTP", "http://server.example.com/chat?a=b HTTP", 1)
	request = strings.Replace(request, "Host: server", "Host: other", 1)
	nc := d.start(t, u, echoing)
	_, r := open(t, nc, request+"\r\n", 101)
	wantFrames(t, nc, r)
}

// injectedHeader: a header of the program's that would be two is not sent; the
// program is told.
func injectedHeader(t *testing.T, d door) {
	for name, value := range map[string]string{"X-A": "a\r\nX-B: c", "X-C": "a\nb", "X-D": "a\x00b", "X-E: f\r\nX-G": "a"} {
		told := make(chan error, 1)
		u := &ws.Upgrader{Header: http.Header{name: {value}}}
		nc := d.start(t, u, func(_ *ws.Conn, _ *handshake.Request, err error) { told <- err })
		a, r := open(t, nc, r0+"\r\n", 500)
		for _, name := range []string{"X-A", "X-B", "X-C", "X-D", "X-E", "X-G"} {
			if got := a.header.Values(name); len(got) > 0 {
				t.Errorf("%s = %q, want none", name, got)
			}
		}
		wantEOF(t, r)
		_ = nc.Close()
		if err := await(t, told); err == nil {
			t.Errorf("header %q: %q gave no error, want one", name, value)
		}
	}
}

// injectedSubprotocol is the same with a subprotocol.
func injectedSubprotocol(t *testing.T, d door) {
	for _, u := range []*ws.Upgrader{
		{Subprotocols: []string{"a\r\nX: y"}},
		{SelectSubprotocol: func(*handshake.Request) (string, error) { return "a\r\nX: y", nil }},
	} {
		told := make(chan error, 1)
		nc := d.start(t, u, func(_ *ws.Conn, _ *handshake.Request, err error) { told <- err })
		a, _ := open(t, nc, r0+"Sec-WebSocket-Protocol: a\r\n\r\n", 500)
		if got := a.header.Values("X"); len(got) > 0 {
			t.Errorf("X = %q, want none", got)
		}
		_ = nc.Close()
		if err := await(t, told); err == nil {
			t.Error("the subprotocol gave no error, want one")
		}
	}
}

// listOverLines: the client's subprotocols are one list, in order.
func listOverLines(t *testing.T, d door) {
	u := &ws.Upgrader{SelectSubprotocol: func(r *handshake.Request) (string, error) {
		if want := []string{"a", "b", "c"}; !slices.Equal(r.Subprotocols, want) {
			t.Errorf("subprotocols %q, want %q", r.Subprotocols, want)
		}
		return "c", nil
	}}
	chosen := make(chan string, 1)
	nc := d.start(t, u, func(c *ws.Conn, r *handshake.Request, err error) {
		if err == nil {
			chosen <- c.Subprotocol()
		}
		echoing(c, r, err)
	})
	a, r := open(t, nc, r0+"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, c\r\n\r\n", 101)
	if got := a.header.Values("Sec-WebSocket-Protocol"); len(got) != 1 || got[0] != "c" || await(t, chosen) != "c" {
		t.Errorf("chosen %q, want c", got)
	}
	wantFrames(t, nc, r)
}

// earlyFrames: frames in the same segment as the request are taken after the
// 101, however many.
func earlyFrames(t *testing.T, d door) {
	for _, n := range []int{1, 1000} {
		nc := d.start(t, &ws.Upgrader{}, echoing)
		early := wire(frame.Server, "81 02 k 6869")
		_, r := open(t, nc, r0+"\r\n"+strings.Repeat(string(early), n), 101)
		p := wstest.NewPeer(t, readConn{nc, r}, frame.Client)
		for range n {
			p.WantText("hi")
		}
		p.Close(ws.CloseNormal, "")
		p.WantClose(ws.CloseNormal)
		p.WantEOF()
	}
}

// pipeListener accepts the near ends of pipes.
type pipeListener struct {
	conns chan net.Conn
	close func()
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.done) })
	return l
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.close(); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects to the listener.
func (l *pipeListener) dial() net.Conn {
	near, far := wstest.Pipe(pipeSize)
	l.conns <- near
	return far
}

// inBubble runs a test of a door in a synctest bubble.
func inBubble(run func(*testing.T, door)) func(*testing.T, door) {
	return func(t *testing.T, d door) {
		synctest.Test(t, func(t *testing.T) { run(t, d) })
	}
}

// slowRequest: a client that takes its time is dropped at the deadline of the
// door, and nothing was switched.
func slowRequest(t *testing.T, d door, request []byte) {
	ln := newPipeListener()
	defer d.serve(ln, &ws.Upgrader{HandshakeTimeout: 5 * time.Second}, func(c *ws.Conn, _ *handshake.Request, err error) {
		if err == nil {
			t.Error("the handshake gave a Conn, want an error")
			_ = c.CloseNow()
		}
	})()
	start := time.Now()
	nc := ln.dial()
	_ = nc.SetDeadline(start.Add(time.Hour))
	slow := aside(t, func() error {
		for _, b := range request {
			if _, err := nc.Write([]byte{b}); err != nil {
				break
			}
			pass(time.Second)
		}
		return nil
	})
	b, err := io.ReadAll(nc)
	if err != nil || strings.HasPrefix(string(b), "HTTP/1.1 101") {
		t.Errorf("got %q, %v, want the end without a 101", b, err)
	}
	if took := time.Since(start); took != 5*time.Second {
		t.Errorf("dropped after %v, want 5s", took)
	}
	_ = nc.Close()
	_ = slow()
}

// outlivesDeadlines: the deadlines of the handshake are not the connection's.
func outlivesDeadlines(t *testing.T, d door) {
	ln := newPipeListener()
	defer d.serve(ln, &ws.Upgrader{HandshakeTimeout: 5 * time.Second}, echoing)()
	nc := ln.dial()
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(24 * time.Hour))
	_, r := open(t, nc, r0+"\r\n", 101)
	for range 3 {
		pass(time.Hour)
		p := wstest.NewPeer(t, readConn{nc, r}, frame.Client)
		p.Text("still there?")
		p.WantText("still there?")
	}
	wantFrames(t, nc, r)
}

// unknownPath: what the program does not serve is refused with its status.
func unknownPath(t *testing.T, d door) {
	u := &ws.Upgrader{Check: func(r *handshake.Request) error {
		if r.URL.Path != "/chat" {
			return &handshake.Error{Status: http.StatusNotFound, Reason: "nothing is here"}
		}
		return nil
	}}
	nc := d.start(t, u, echoing)
	a, _ := open(t, nc, strings.Replace(r0, "/chat", "/nope", 1)+"\r\n", 404)
	if !strings.Contains(a.body, "nothing is here") {
		t.Errorf("body %q, want one that says nothing is here", a.body)
	}
	nc = d.start(t, u, echoing)
	_, r := open(t, nc, r0+"\r\n", 101)
	wantFrames(t, nc, r)
}

// otherAnswers: a program may answer with another status and what belongs to
// it.
func otherAnswers(t *testing.T, d door) {
	for status, extra := range map[int][2]string{
		401: {"WWW-Authenticate", "Basic realm=chat"},
		307: {"Location", "https://elsewhere.example/chat"},
		503: {"Retry-After", "60"},
	} {
		name, value := extra[0], extra[1]
		u := &ws.Upgrader{Check: func(*handshake.Request) error {
			return &handshake.Error{Status: status, Reason: "not here", Extra: http.Header{name: {value}}}
		}}
		nc := d.start(t, u, echoing)
		a, r := open(t, nc, r0+"\r\n", status)
		if got := a.header.Values(name); !slices.Equal(got, []string{value}) || a.header.Get("Upgrade") != "" {
			t.Errorf("%d: %s = %q, Upgrade = %q, want %q and none", status, name, got, a.header.Get("Upgrade"), value)
		}
		wantEOF(t, r)
	}
}

// authenticated: the authentication of HTTP decides before anything is
// switched.
func authenticated(t *testing.T, d door) {
	u := &ws.Upgrader{Check: func(r *handshake.Request) error {
		if r.Get("Authorization") != "Basic dTpw" {
			return &handshake.Error{Status: 401, Reason: "who are you?"}
		}
		return nil
	}}
	for authorization, status := range map[string]int{
		"": 401, "Authorization: Basic dTpx\r\n": 401, "authorization: Basic dTpw\r\n": 101,
	} {
		nc := d.start(t, u, echoing)
		_, r := open(t, nc, r0+authorization+"\r\n", status)
		if status == 101 {
			wantFrames(t, nc, r)
		} else {
			wantEOF(t, r)
		}
	}
}

// sendsAtOnce: a server may send as soon as it has upgraded; its first frame
// comes behind the 101.
func sendsAtOnce(t *testing.T, d door) {
	nc := d.start(t, &ws.Upgrader{}, func(c *ws.Conn, r *handshake.Request, err error) {
		if err == nil {
			_ = c.Send(ws.Text, []byte("first"))
		}
		echoing(c, r, err)
	})
	_, r := open(t, nc, r0+"\r\n", 101)
	p := wstest.NewPeer(t, readConn{nc, r}, frame.Client)
	p.WantText("first")
	wantFrames(t, nc, r)
}

// refusalEnds: a refusal has a length, says that the connection ends, and ends
// it.
func refusalEnds(t *testing.T, d door) {
	var refused *handshake.Error
	told := make(chan error, 1)
	nc := d.start(t, &ws.Upgrader{}, func(_ *ws.Conn, _ *handshake.Request, err error) { told <- err })
	a, r := open(t, nc, strings.Replace(r0, "dGhl", "", 1)+"\r\n", 400)
	if a.header.Get("Content-Length") == "" || a.body == "" || !a.says("close") {
		t.Errorf("header %v, body %q, want a length, Connection: close and a text", a.header, a.body)
	}
	wantEOF(t, r)
	_ = nc.Close()
	if err := await(t, told); !errors.As(err, &refused) || refused.Status != 400 || refused.Field != "Sec-WebSocket-Key" {
		t.Errorf("error %v, want one of status 400 about Sec-WebSocket-Key", err)
	}
}

// abandoned: a client that goes away in the middle of its request gets no Close
// frame: no WebSocket connection was there (section 7.2.2).
func abandoned(t *testing.T, d door) {
	nc := d.start(t, &ws.Upgrader{}, func(c *ws.Conn, _ *handshake.Request, err error) {
		if err == nil {
			t.Error("the handshake gave a Conn, want an error")
			_ = c.CloseNow()
		}
	})
	if _, err := io.WriteString(nc, r0); err != nil { // the empty line is missing
		t.Fatalf("io.WriteString = %v, want nil", err)
	}
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatalf("CloseWrite = %v, want nil", err)
	}
	b, err := io.ReadAll(nc)
	if err != nil || len(b) > 0 && !strings.HasPrefix(string(b), "HTTP/1.1 4") {
		t.Errorf("got %q, %v, want nothing or a refusal", b, err)
	}
}

// opaqueBytes: bytes of a header that are no UTF-8 are nobody's business.
func opaqueBytes(t *testing.T, d door) {
	const value = "\xff\xfe caf\xe9"
	u := &ws.Upgrader{Check: func(r *handshake.Request) error {
		if got := r.Get("X-Name"); got != value {
			t.Errorf("X-Name = %q, want %q", got, value)
		}
		return nil
	}}
	nc := d.start(t, u, echoing)
	_, r := open(t, nc, r0+"X-Name: "+value+"\r\n\r\n", 101)
	wantFrames(t, nc, r)
}

// overTLS: a server over TLS, which a hook sees, and whose end is an orderly
// one of TLS.
func overTLS(t *testing.T, d door) {
	cert, pool := certificate(t)
	u := &ws.Upgrader{Check: func(r *handshake.Request) error {
		if r.TLS == nil || !r.TLS.HandshakeComplete {
			t.Errorf("TLS state %+v, want one with a complete handshake", r.TLS)
		}
		return nil
	}}
	ln := tls.NewListener(wstest.Listen(t), &tls.Config{Certificates: []tls.Certificate{cert}})
	t.Cleanup(d.serve(ln, u, echoing))
	nc, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "server.example.com"})
	if err != nil {
		t.Fatalf("tls.Dial = %v, want nil", err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(limit))
	_, r := open(t, nc, r0+"\r\n", 101)
	wantFrames(t, nc, r)
}
