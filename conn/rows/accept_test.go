package rows

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// A door is one of the two ways into a server's handshake. serve accepts
// connections until ln is closed and gives app each that was upgraded, and the
// error of each that was not; stop ends it.
type door struct {
	name  string
	serve func(ln net.Listener, u *ws.Upgrader, app func(*ws.Conn, *handshake.Request, error)) (stop func())
}

var doors = []door{
	{"Upgrade", func(ln net.Listener, u *ws.Upgrader, app func(*ws.Conn, *handshake.Request, error)) func() {
		timeout := cmp.Or(u.HandshakeTimeout, limit)
		srv := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := u.Upgrade(w, r)
				app(c, handshake.NewRequest(r), err)
			}),
			ReadTimeout: timeout, WriteTimeout: timeout,
			ErrorLog: log.New(io.Discard, "", 0),
		}
		go srv.Serve(ln)
		return func() { _ = srv.Close() }
	}},
	{"UpgradeNet", func(ln net.Listener, u *ws.Upgrader, app func(*ws.Conn, *handshake.Request, error)) func() {
		go func() {
			for {
				nc, err := ln.Accept()
				if err != nil {
					return
				}
				go func() { app(u.UpgradeNet(bg, nc, nil)) }()
			}
		}()
		return func() { _ = ln.Close() }
	}},
}

// echoing is an app that sends back what it gets.
func echoing(c *ws.Conn, _ *handshake.Request, err error) {
	if err == nil {
		_ = c.Serve(bg, &ws.Events{Message: func(c *ws.Conn, typ ws.MessageType, p []byte) { _ = c.Append(typ, p) }})
	}
}

// start serves through the door until the test ends, and connects to it.
func (d door) start(t *testing.T, u *ws.Upgrader, app func(*ws.Conn, *handshake.Request, error)) net.Conn {
	t.Helper()
	ln := wstest.Listen(t)
	t.Cleanup(d.serve(ln, u, app))
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatalf("net.Dial = %v, want nil", err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(limit))
	return nc
}

// rows reads a table of package handshake; see the README beside it for what
// the members mean.
func rows[T any](file string) (rows []T) {
	b, err := os.ReadFile("../../handshake/testdata/" + file)
	if err == nil {
		err = json.Unmarshal(b, &rows)
	}
	if err != nil {
		panic(err) // no row is shown then
	}
	return rows
}

// filler stands for {fill} in a row.
type filler struct {
	Text  string
	Count int
}

func (f *filler) in(s string) string {
	if f == nil {
		return s
	}
	return strings.Replace(s, "{fill}", strings.Repeat(f.Text, f.Count), 1)
}

// requestRow is a request and what a server answers.
type requestRow struct {
	ID, Note string
	Request  string
	Fill     *filler
	Policy   struct {
		Origins, Subprotocols []string
		Deflate               *struct{}
	}
	Status       int
	NetHTTP      int `json:"net_http"`
	Continue     bool
	Want         map[string]*string
	BodyContains string `json:"body_contains"`
}

// wholeWindows is compression with the parameters that the tables have.
var wholeWindows = ws.Compression{Mode: ws.CompressionTakeover, ServerWindowBits: 15, ClientWindowBits: 15}

// ofDeflate reports whether a row is one of RFC 7692's, which deflateDoors and
// deflateDialing enter.
func ofDeflate(id string) bool { return strings.HasPrefix(id, "PD-") }

// acceptTable has the requests of package handshake's table, as bytes, through
// both doors.
func acceptTable(q *requirements) {
	for _, row := range rows[requestRow]("server_rows.json") {
		if !ofDeflate(row.ID) {
			q.doors(row.ID, row.Note, row.run)
		}
	}
}

// run sends the request and compares the answer. After a 101 frames flow.
func (row *requestRow) run(t *testing.T, d door) {
	u := &ws.Upgrader{Origins: row.Policy.Origins, Subprotocols: row.Policy.Subprotocols}
	if row.Policy.Deflate != nil {
		u.Compression = wholeWindows
	}
	nc := d.start(t, u, echoing)
	request := row.Fill.in(row.Request)
	sent := aside(t, func() error { _, err := io.WriteString(nc, request); return err })
	status, byUs := row.Status, true
	if d.name == "Upgrade" && row.NetHTTP != 0 {
		status, byUs = row.NetHTTP, false
	}
	r := bufio.NewReader(nc)
	if row.Continue {
		if a := readAnswer(t, r, ""); a.status != 100 {
			t.Fatalf("status %d, want 100 first", a.status)
		}
	}
	method, _, _ := strings.Cut(request, " ")
	a := readAnswer(t, r, method)
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if byUs {
		row.compare(t, &a)
	}
	switch {
	case status == http.StatusSwitchingProtocols:
		wantFrames(t, nc, r)
	case a.says("close"): // net/http keeps a connection that has to say Upgrade
		wantEOF(t, r)
	}
	_ = sent() // a server may refuse before it has read all
}

// compare holds an answer against the row.
func (row *requestRow) compare(t *testing.T, a *reply) {
	for name, want := range row.Want {
		got := a.header.Values(name)
		switch {
		case want == nil && len(got) > 0:
			t.Errorf("%s = %q, want none", name, got)
		case want != nil && name == "Connection" && !a.says(*want):
			t.Errorf("Connection = %q, want one that names %s", got, *want)
		case want != nil && name != "Connection" && (len(got) != 1 || got[0] != *want):
			t.Errorf("%s = %q, want %q", name, got, *want)
		}
	}
	ours := a.header.Get("X-Content-Type-Options") != "" // net/http refuses without it
	if ours && !strings.HasPrefix(row.Request, "HEAD ") && !strings.Contains(a.body, row.BodyContains) {
		t.Errorf("body %q, want one that names %q", a.body, row.BodyContains)
	}
}

// reply is a response, its header as it was sent.
type reply struct {
	status int
	header textproto.MIMEHeader
	body   string
}

// says reports whether the Connection header has this element.
func (a *reply) says(element string) bool {
	return slices.Contains(strings.Split(strings.Join(a.header.Values("Connection"), ", "), ", "), element)
}

// readAnswer reads a response to a request of this method.
func readAnswer(t *testing.T, r *bufio.Reader, method string) (a reply) {
	t.Helper()
	tp := textproto.NewReader(r)
	line, err := tp.ReadLine()
	if err != nil {
		t.Fatalf("no answer but %v, want a status line", err)
	}
	version, rest, _ := strings.Cut(line, " ")
	a.status, err = strconv.Atoi(strings.TrimSpace(rest[:min(3, len(rest))]))
	if err != nil || version != "HTTP/1.1" && version != "HTTP/1.0" {
		t.Fatalf("status line %q, want one of HTTP/1.1 or HTTP/1.0", line)
	}
	if a.header, err = tp.ReadMIMEHeader(); err != nil {
		t.Fatalf("header of %q: %v, want nil", line, err)
	}
	if a.status < 200 || method == "HEAD" {
		return a
	}
	body := io.Reader(r)
	if length := a.header.Get("Content-Length"); length != "" {
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil {
			t.Fatalf("strconv.ParseInt = %v, want nil", err)
		}
		body = io.LimitReader(r, n)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("body of %q: %v, want nil", line, err)
	}
	a.body = string(b)
	return a
}

// wantEOF reads the end of a connection, and nothing before it.
func wantEOF(t *testing.T, r io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v; want the end", rest, err)
	}
}

// readConn is a connection whose first bytes are in r.
type readConn struct {
	net.Conn
	r io.Reader
}

func (c readConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// wantFrames has a message echoed and the connection closed.
func wantFrames(t *testing.T, nc net.Conn, r io.Reader) {
	t.Helper()
	p := wstest.NewPeer(t, readConn{nc, r}, frame.Client)
	p.Text("hi")
	p.WantText("hi")
	p.Close(ws.CloseNormal, "")
	p.WantClose(ws.CloseNormal)
	p.WantEOF()
}
