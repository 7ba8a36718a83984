package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// TestDialRefused: the caller has the response, with the beginning of its body.
func TestDialRefused(t *testing.T) {
	long := strings.Repeat("0123456789", 10000)
	for name, tt := range map[string]struct {
		script script
		status int
		body   string
		field  string
	}{
		"Content-Length": {respond("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nX-Mark: 1\r\nContent-Length: 4\r\n\r\nbodyNOT"), 401, "body", "status line"},
		"chunked":        {respond("HTTP/1.1 503 Busy\r\nX-Mark: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbus\r\n1\r\ny\r\n0\r\n\r\n"), 503, "busy", "status line"},
		"until the end":  {respond("HTTP/1.0 404 Not Found\r\nX-Mark: 1\r\n\r\nnothing here"), 404, "nothing here", "status line"},
		"200":            {respond("HTTP/1.1 200 OK\r\nX-Mark: 1\r\nContent-Length: 2\r\n\r\nok"), 200, "ok", "status line"},
		"204":            {respond("HTTP/1.1 204 No Content\r\nX-Mark: 1\r\n\r\n"), 204, "", "status line"},
		"cut":            {respond("HTTP/1.1 500 \r\nX-Mark: 1\r\nContent-Length: 9\r\n\r\ncut"), 500, "cut", "status line"},
		"bad length":     {respond("HTTP/1.1 500 \r\nX-Mark: 1\r\nContent-Length: x\r\n\r\ncut"), 500, "", "status line"},
		"long":           {respond("HTTP/1.1 500 \r\nX-Mark: 1\r\nContent-Length: 100000\r\n\r\n" + long), 500, long[:64<<10], "status line"},
		"version":        {respond("HTTP/1.1 426 Upgrade\r\nSec-WebSocket-Version: 8, 7\r\nX-Mark: 1\r\nContent-Length: 0\r\n\r\n"), 426, "", "Sec-WebSocket-Version"},
		"wrong accept":   {respond("HTTP/1.1 101 \r\nX-Mark: 1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"), 101, "", "Sec-WebSocket-Accept"},
		"endless, slowly": {func(nc net.Conn) {
			respond("HTTP/1.1 500 \r\nX-Mark: 1\r\n\r\n")(nc)
			dribble(nc, strings.Repeat("x", 1000), 150*time.Millisecond)
		}, 500, "xxxxxx", "status line"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &Dialer{HandshakeTimeout: time.Minute}
				d.NetDial, _ = scripted(t, tt.script)
				start := time.Now()
				c, resp, err := d.Dial(bg, "ws://me:secret@example.com/path")
				var refused *handshake.Error
				if c != nil || !errors.As(err, &refused) || refused.Status != tt.status || refused.Field != tt.field {
					t.Fatalf("%v, %#v", err, refused)
				}
				if s := err.Error(); !strings.HasPrefix(s, "websocket: dial ws://example.com/path: ") || !strings.Contains(s, tt.field) || strings.Count(s, "websocket: ") > 1 {
					t.Error(s)
				}
				body, err := io.ReadAll(resp.Body)
				if resp.StatusCode != tt.status || resp.Header.Get("X-Mark") != "1" || string(body) != tt.body || err != nil {
					t.Errorf("%v, body of %d bytes, %v", resp, len(body), err)
				}
				if d := time.Since(start); d > time.Second {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

// dribble writes s byte by byte until the connection ends.
func dribble(nc net.Conn, s string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range len(s) {
		<-tick.C
		if _, err := nc.Write([]byte{s[i]}); err != nil {
			return
		}
	}
}

// TestDialByteByByte: a response may come in any pieces, with interim ones
// before it and frames behind it.
func TestDialByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Dialer{HandshakeTimeout: time.Hour}
		d.NetDial, _ = scripted(t, func(nc net.Conn) {
			r := readRequest(nc, nil)
			dribble(nc, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+switching(r)+"\x81\x05hello", time.Second)
			silent(nc)
		})
		c, resp, err := d.Dial(bg, "ws://example.com")
		if err != nil || resp.StatusCode != 101 {
			t.Fatal(resp, err)
		}
		defer c.CloseNow()
		if _, p, err := c.Read(bg); err != nil || string(p) != "hello" {
			t.Fatalf("%q, %v", p, err)
		}
	})
}

// TestDialEarlyFrames: frames in the same segment as the response are kept,
// few and many.
func TestDialEarlyFrames(t *testing.T) {
	for _, n := range []int{1, 1000, 20000} {
		d := &Dialer{}
		d.NetDial, _ = scripted(t, func(nc net.Conn) {
			r := readRequest(nc, nil)
			io.WriteString(nc, switching(r)+strings.Repeat("\x81\x02hi", n))
			silent(nc)
		})
		c, _, err := d.Dial(within(t), "ws://example.com")
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if _, p, err := c.Read(within(t)); err != nil || string(p) != "hi" {
				t.Fatalf("message %d of %d: %q, %v", i, n, p, err)
			}
		}
		_ = c.CloseNow()
	}
}

// TestDialCutInHandshake says at which point the server went.
func TestDialCutInHandshake(t *testing.T) {
	for name, tt := range map[string]struct {
		script script
		want   error
		say    string
	}{
		"at once":  {func(nc net.Conn) { readRequest(nc, nil) }, io.ErrUnexpectedEOF, "the server closed"},
		"halfway":  {respond("HTTP/1.1 101 Swi"), io.ErrUnexpectedEOF, "the server closed"},
		"not HTTP": {respond("SSH-2.0-x\r\n"), nil, "status line"},
		"reset": {func(nc net.Conn) {
			readRequest(nc, nil)
			nc.(*wstest.PipeConn).Cut(nil)
		}, nil, "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Dialer{}
			d.NetDial, _ = scripted(t, tt.script)
			c, resp, err := d.Dial(within(t), "ws://h")
			if c != nil || resp != nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.say) {
				t.Fatal(c, resp, err)
			}
		})
	}
	refusing := errors.New("no such place")
	d := &Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, refusing }}
	if _, _, err := d.Dial(within(t), "ws://h/x"); !errors.Is(err, refusing) || !strings.Contains(err.Error(), "ws://h/x") {
		t.Fatal(err)
	}
	d.NetDial = breaking(t, "write", accept(nil))
	if c, _, err := d.Dial(within(t), "ws://h/x"); c != nil || !errors.Is(err, errBroken) {
		t.Fatal(c, err)
	}
}

// breaking is scripted with connections that fail at one thing.
func breaking(t testing.TB, at string, s ...script) func(context.Context, string, string) (net.Conn, error) {
	whole, _ := scripted(t, s...)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if at == "dial" {
			return nil, errors.New("dials " + addr)
		}
		nc, err := whole(ctx, network, addr)
		return brokenConn{nc, at}, err
	}
}

// brokenConn fails at one thing.
type brokenConn struct {
	net.Conn
	at string
}

var errBroken = errors.New("broken")

func (b brokenConn) Write(p []byte) (int, error) {
	if b.at == "write" {
		return 0, errBroken
	}
	return b.Conn.Write(p)
}

// TestDialNoFramesAfterRefusal: a handshake that failed ends the transport, and
// no Close frame is sent (RFC 6455 section 7.1.7).
func TestDialNoFramesAfterRefusal(t *testing.T) {
	d := &Dialer{}
	rest := make(chan []byte, 1)
	d.NetDial, _ = scripted(t, func(nc net.Conn) {
		r := readRequest(nc, nil)
		io.WriteString(nc, switching(r, "Sec-WebSocket-Protocol: not-offered"))
		b, _ := io.ReadAll(nc)
		rest <- b
	})
	if _, resp, err := d.Dial(within(t), "ws://h"); resp == nil || !isErr[*handshake.Error](err) {
		t.Fatal(resp, err)
	}
	if b := <-rest; len(b) > 0 {
		t.Errorf("after the handshake had failed the client sent %x", b)
	}
}
