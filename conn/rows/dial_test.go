package rows

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// dialing is a Dialer in a bubble and the scripted servers that it reaches, one
// for each connection that it opens.
type dialing struct {
	*testing.T
	d      ws.Dialer
	opened chan opened
	result chan dialed
}

// opened is a connection that a Dialer has opened, and the address it asked
// for.
type opened struct {
	addr string
	p    *wstest.Peer
}

// dialed is what Dial returned.
type dialed struct {
	c    *ws.Conn
	resp *http.Response
	err  error
}

// inDial runs a test with a Dialer in a bubble.
func inDial(run func(*dialing)) func(*testing.T) {
	return func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &dialing{T: t, opened: make(chan opened, 8), result: make(chan dialed, 1)}
			l.d.Proxy = ws.NoProxy
			l.d.NetDial = func(_ context.Context, network, addr string) (net.Conn, error) {
				near, far := wstest.Pipe(pipeSize)
				l.opened <- opened{addr, wstest.NewPeer(t, far, frame.Server)}
				return near, nil
			}
			run(l)
		})
	}
}

// dial begins to dial.
func (l *dialing) dial(url string) {
	go func() {
		c, resp, err := l.d.Dial(bg, url)
		l.result <- dialed{c, resp, err}
	}()
}

// server returns the next connection that the Dialer opens.
func (l *dialing) server() opened {
	l.Helper()
	select {
	case o := <-l.opened:
		return o
	case r := <-l.result:
		l.Fatalf("Dial = %v without a connection, want one", r.err)
	}
	return opened{}
}

// request begins to dial and returns the server that got the request, and that.
func (l *dialing) request(url string) (*wstest.Peer, string) {
	l.Helper()
	l.dial(url)
	p := l.server().p
	return p, p.WantHead()
}

// header returns the values of a header in a request's head.
func header(head, name string) (values []string) {
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			values = append(values, v)
		}
	}
	return values
}

// The key of the list's conventions, its answer, and that answer as a whole.
const (
	listAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	a0         = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + listAccept + "\r\n"
)

// withAccept makes an answer to the key of the list one to the key of the request.
func withAccept(head, answer string) []byte {
	accept := handshake.Accept(strings.Join(header(head, "Sec-WebSocket-Key"), ""))
	return []byte(strings.NewReplacer(listAccept, accept, strings.ToLower(listAccept), strings.ToLower(accept)).Replace(answer))
}

// wantOpen waits for a dial that succeeds, and has a message go either way.
func (l *dialing) wantOpen(p *wstest.Peer) dialed {
	l.Helper()
	r := await(l.T, l.result)
	if r.err != nil {
		l.Fatalf("Dial = %v, want nil", r.err)
	}
	if err := r.c.Write(bg, ws.Text, []byte("to the server")); err != nil {
		l.Fatalf("Write = %v, want nil", err)
	}
	p.WantText("to the server")
	p.Text("to the client")
	wantRead(l.T, r.c, "to the client")
	if r.resp == nil || r.resp.StatusCode != 101 {
		l.Errorf("response %+v, want one of status 101", r.resp)
	}
	return r
}

// hangUp ends a connection that is open, as a server does.
func (l *dialing) hangUp(r dialed, p *wstest.Peer) {
	l.Helper()
	closed := aside(l.T, func() error { return r.c.Close(ws.CloseNormal, "") })
	p.WantClose(ws.CloseNormal)
	p.Close(ws.CloseNormal, "")
	_ = p.NetConn().Close()
	if err := closed(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// wantRefused waits for a dial that fails, and for the end of TCP without a
// byte more: no Close frame, since no connection was there (section 7.1.7).
func (l *dialing) wantRefused(p *wstest.Peer) (*handshake.Error, *http.Response) {
	l.Helper()
	r := await(l.T, l.result)
	var refused *handshake.Error
	if !errors.As(r.err, &refused) || r.c != nil {
		l.Fatalf("Dial = %v, %v; want a *handshake.Error", r.c, r.err)
	}
	p.WantEOF()
	return refused, r.resp
}

// responseRow is an answer and what a client makes of it.
type responseRow struct {
	ID, Note string
	Offer    struct {
		Subprotocols []string
		Deflate      *struct{}
	}
	Response    string
	Fill        *filler
	OK          bool
	Field       string
	Status      *int
	Subprotocol string
	Deflate     *struct {
		Server int `json:"server_max_window_bits"`
		Client int `json:"client_max_window_bits"`
	}
	Left string
}

// dialTable has a Dialer get the answers of package handshake's table.
func dialTable(q *requirements) {
	for _, row := range rows[responseRow]("client_rows.json") {
		if !ofDeflate(row.ID) {
			q.client(row.ID, row.Note, inDial(row.run))
		}
	}
}

// run has one answer arrive. A redirect is not followed.
func (row *responseRow) run(l *dialing) {
	l.d.Subprotocols = row.Offer.Subprotocols
	l.d.MaxRedirects = -1
	if row.Offer.Deflate != nil {
		l.d.Compression = wholeWindows
	}
	p, head := l.request("ws://server.example.com/chat")
	answer := withAccept(head, row.Fill.in(row.Response))
	sent := aside(l.T, func() error { _, err := p.NetConn().Write(answer); return err })
	if !row.OK {
		e, resp := l.wantRefused(p)
		if e.Field != row.Field || row.Status != nil && e.Status != *row.Status {
			l.Errorf("field %q, status %d, want %q: %v", e.Field, e.Status, row.Field, e)
		}
		if (resp == nil) != (e.Status == 0) {
			l.Errorf("status %d with response %+v, want both or none", e.Status, resp)
		}
		_ = sent() // much of it may be too much
		return
	}
	if err := sent(); err != nil {
		l.Fatalf("sending the answer: %v, want nil", err)
	}
	if row.Left != "" { // no frames, as it happens: see HC-4.1-30
		r := await(l.T, l.result)
		if r.err != nil {
			l.Fatalf("Dial = %v, want nil", r.err)
		}
		if err := aside(l.T, func() error { _, _, err := r.c.Read(bg); return err })(); err == nil {
			l.Error("Read took what is left for a frame, want an error")
		}
		_ = r.c.CloseNow()
		return
	}
	r := l.wantOpen(p)
	if got := r.c.Subprotocol(); got != row.Subprotocol {
		l.Errorf("subprotocol %q, want %q", got, row.Subprotocol)
	}
	var agreed handshake.Deflate
	if row.Deflate != nil {
		agreed = handshake.Deflate{ServerMaxWindowBits: row.Deflate.Server, ClientMaxWindowBits: row.Deflate.Client}
	}
	if got := r.c.Deflate(); got != agreed {
		l.Errorf("compression %+v, want %+v", got, agreed)
	}
	l.hangUp(r, p)
}

// responseRows are the rows on answers that need more than one answer and what
// becomes of it.
func responseRows(q *requirements) {
	q.client("HC-4.1-20", "status, header and body", inDial(refusedWithBody))
	q.client("HC-4.1-20", "redirects", inDial(redirected))
	q.client("HC-4.1-20", "redirects without end", inDial(redirectedAgain))
	q.client("HC-4.1-20", "no way back from TLS", inDial(downgraded))
	q.client("HC-4.1-30", "frames", inDial(framesBehind))
	q.client("HC-4.1-31", "byte by byte", inDial(answerInBytes))
	q.client("HC-4.1-31", "never ends", func(t *testing.T) { synctest.Test(t, silentServer) })
	q.client("HC-7.2-34", "", inDial(failedHandshake))
	q.client("EX-9.1-07", "", inDial(notAccepted))
	q.client("U8-8.1-10", "", inDial(opaqueAnswer))
}

// refusedWithBody: what a server says instead is there to be read.
func refusedWithBody(l *dialing) {
	p, _ := l.request("ws://h/")
	p.SendBytes([]byte("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 11\r\n\r\nwho "))
	synctest.Wait()
	p.SendBytes([]byte("are you"))
	e, resp := l.wantRefused(p)
	body, err := io.ReadAll(resp.Body)
	if e.Status != 401 || resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != "Basic realm=x" ||
		err != nil || string(body) != "who are you" {
		l.Errorf("%v, header %v, body %q, %v, want status 401, its challenge and who are you", e, resp.Header, body, err)
	}
}

// redirected: a redirect leads to another handshake, with a key of its own,
// from http to ws; credentials stay with their origin.
func redirected(l *dialing) {
	l.d.Header = http.Header{"Authorization": {"secret"}, "X-Kept": {"kept"}}
	p, first := l.request("ws://one/a")
	p.SendBytes([]byte("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"))
	o := l.server()
	second := o.p.WantHead()
	if o.addr != "one:80" || !strings.HasPrefix(second, "GET /b ") || strings.Join(header(second, "Authorization"), "") != "secret" {
		l.Errorf("to %s: %s, want GET /b to one:80 with the credentials", o.addr, second)
	}
	o.p.SendBytes([]byte("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://two:81/c\r\nContent-Length: 0\r\n\r\n"))
	o = l.server()
	third := o.p.WantHead()
	if o.addr != "two:81" || !strings.HasPrefix(third, "GET /c ") ||
		header(third, "Authorization") != nil || header(third, "X-Kept") == nil {
		l.Errorf("to %s: %s, want GET /c to two:81 with X-Kept alone", o.addr, third)
	}
	keys := map[string]bool{}
	for _, head := range []string{first, second, third} {
		keys[header(head, "Sec-WebSocket-Key")[0]] = true
	}
	if len(keys) != 3 {
		l.Errorf("%d keys in three handshakes, want 3", len(keys))
	}
	o.p.SendBytes(withAccept(third, a0+"\r\n"))
	l.hangUp(l.wantOpen(o.p), o.p)
}

// redirectedAgain: there is an end to being sent on.
func redirectedAgain(l *dialing) {
	l.d.MaxRedirects = 3
	l.dial("ws://h/")
	for range 4 {
		p := l.server().p
		p.WantHead()
		p.SendBytes([]byte("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"))
	}
	if r := await(l.T, l.result); r.err == nil || r.resp == nil || r.resp.StatusCode != 302 || len(l.opened) > 0 {
		l.Errorf("Dial = %v, %d connections more, want the response of status 302 and none", r.err, len(l.opened))
	}
}

// framesBehind: frames in the same segment as the answer are the connection's.
func framesBehind(l *dialing) {
	p, head := l.request("ws://h/")
	p.SendBytes(append(withAccept(head, a0+"\r\n"), wire(frame.Client, "81 02 6869|01 01 61|80 01 62|82 05 6162")...))
	r := await(l.T, l.result)
	if r.err != nil {
		l.Fatalf("Dial = %v, want nil", r.err)
	}
	for _, want := range []string{"hi", "ab"} {
		wantRead(l.T, r.c, want)
	}
	p.SendBytes([]byte("cde")) // the rest of a frame that began with the answer
	wantRead(l.T, r.c, "abcde")
	l.hangUp(r, p)
}

// answerInBytes: an answer may come in any pieces.
func answerInBytes(l *dialing) {
	p, head := l.request("ws://h/")
	for _, b := range append(withAccept(head, a0+"\r\n"), wire(frame.Client, "81 02 6869")...) {
		p.SendBytes([]byte{b})
		synctest.Wait()
	}
	r := await(l.T, l.result)
	if r.err != nil {
		l.Fatalf("Dial = %v, want nil", r.err)
	}
	wantRead(l.T, r.c, "hi")
	l.hangUp(r, p)
}

// failedHandshake: whatever is wrong with an answer, TCP ends without a frame.
func failedHandshake(l *dialing) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "nonsense\r\n\r\n", strings.Replace(a0, "s3p", "S3P", 1) + "\r\n",
		a0 + "Sec-WebSocket-Protocol: a\r\n\r\n", a0 + "Sec-WebSocket-Extensions: a\r\n\r\n",
	} {
		p, head := l.request("ws://h/")
		p.SendBytes(withAccept(head, answer))
		l.wantRefused(p) // reads the end and nothing before it
	}
}

// notAccepted: an extension that was offered and is not in the answer is not
// used: no reserved bit is sent, and none is taken.
func notAccepted(l *dialing) {
	l.d.Compression = ws.Compression{Mode: ws.CompressionTakeover, Threshold: -1}
	p, head := l.request("ws://h/")
	if header(head, "Sec-WebSocket-Extensions") == nil {
		l.Error("no Sec-WebSocket-Extensions in the request, want an offer of compression")
	}
	p.SendBytes(withAccept(head, a0+"\r\n"))
	r := l.wantOpen(p) // the peer wants frames without reserved bits
	p.SendBytes(wire(frame.Client, "c1 01 00"))
	if err := aside(l.T, func() error { _, _, err := r.c.Read(bg); return err })(); !errors.Is(err, frame.ErrReservedBits) {
		l.Errorf("Read = %v, want %v", err, frame.ErrReservedBits)
	}
	p.WantClose(ws.CloseProtocolError)
	p.WantEOF()
}

// opaqueAnswer: bytes of a header that are no UTF-8 stay as they are.
func opaqueAnswer(l *dialing) {
	p, head := l.request("ws://h/")
	p.SendBytes(withAccept(head, a0+"X-Name: \xff\xfe caf\xe9\r\n\r\n"))
	r := l.wantOpen(p)
	if got := r.resp.Header.Get("X-Name"); got != "\xff\xfe caf\xe9" {
		l.Errorf("X-Name = %q, want the bytes as they were sent", got)
	}
	l.hangUp(r, p)
}
