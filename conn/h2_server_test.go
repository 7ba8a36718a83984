package conn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/handshake"
	"golang.org/x/net/http2"
)

// TestH2Echo has Handler echo messages of all sizes over HTTP/2, compressed, and
// take part in the closing handshake.
func TestH2Echo(t *testing.T) {
	opened := make(chan *handshake.Request, 1)
	closed := make(chan *CloseError, 1)
	u := Upgrader{Config: h2Settings(), Subprotocols: []string{"chat"}, Header: http.Header{"X-A": {"1"}}}
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-B", "2")
		u.Handler(&Events{
			Open:    func(c *Conn, r *handshake.Request) { opened <- r },
			Message: func(c *Conn, t MessageType, p []byte) { _ = c.Append(t, p) },
			Error:   func(c *Conn, err error) { t.Error(err) },
			Close:   func(c *Conn, err *CloseError) { closed <- err },
		}).ServeHTTP(w, r)
	}))
	d := Dialer{Config: h2Settings(), Subprotocols: []string{"other", "chat"}}
	c, resp, err := d.DialVia(bg, url, h2Transport(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 || len(resp.Header["X-A"]) != 1 || len(resp.Header["X-B"]) != 1 {
		t.Errorf("%+v", resp)
	}
	if r := <-opened; r.ProtoMajor != 2 || r.Method != "CONNECT" || r.TLS == nil {
		t.Errorf("%+v", r)
	}
	for _, n := range []int{0, 5, 500, 600, 5000, 70000, 1 << 20} {
		p := pattern(n)
		if err := c.Write(bg, Text, p); err != nil {
			t.Fatal(err)
		}
		typ, got, err := c.Read(bg)
		if err != nil || typ != Text || string(got) != string(p) {
			t.Fatalf("%d bytes: %v %d bytes, %v", n, typ, len(got), err)
		}
	}
	if c.Deflate().ClientMaxWindowBits == 0 || c.Subprotocol() != "chat" {
		t.Errorf("%+v, subprotocol %q", c.Deflate(), c.Subprotocol())
	}
	if err := c.Close(CloseNormal, "bye"); err != nil {
		t.Error(err)
	}
	if err := <-closed; err.Code != CloseNormal || err.Reason != "bye" || !err.Remote || !err.Clean() {
		t.Error(err)
	}
}

// TestH2Context cancels reads on both sides, in the middle of a message too.
// They harm nothing.
func TestH2Context(t *testing.T) {
	small := Config{FragmentSize: 8}
	server, client := h2Pair(t, small, small)
	for _, way := range [][2]*Conn{{server, client}, {client, server}} {
		from, to := way[0], way[1]
		w, err := from.NextWriter(bg, Text)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"the beginning, ", "and more, "} {
			if _, err := w.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
			_, _, err = to.Read(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
		if _, err := w.Write([]byte("the end")); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(bg)
		if _, p, err := to.Read(ctx); err != nil || string(p) != "the beginning, and more, the end" {
			t.Fatalf("%q, %v", p, err)
		}
		bothWays(t, ctx, from, to, "on it goes")
		bothWays(t, bg, from, to, strings.Repeat("on it goes", 1000))
		cancel()
		if _, _, err := to.Read(ctx); err != context.Canceled {
			t.Fatal(err)
		}
	}
}

// TestH2Ends closes and cuts, from either side.
func TestH2Ends(t *testing.T) {
	t.Run("server closes", func(t *testing.T) {
		server, client := h2Pair(t, Config{}, Config{})
		go client.Read(bg)
		if err := server.Close(4000, "so long"); err != nil {
			t.Error(err)
		}
		<-client.Done()
		if e := client.Err().(*CloseError); e.Code != 4000 || !e.Remote || !e.Clean() {
			t.Error(e)
		}
	})
	t.Run("client closes", func(t *testing.T) {
		server, client := h2Pair(t, Config{}, Config{})
		go server.Read(bg)
		if err := client.Close(4000, "so long"); err != nil {
			t.Error(err)
		}
		<-server.Done()
		if e := server.Err().(*CloseError); e.Code != 4000 || !e.Remote || !e.Clean() {
			t.Error(e)
		}
	})
	t.Run("server cuts", func(t *testing.T) {
		server, client := h2Pair(t, Config{}, Config{})
		_ = server.CloseNow()
		wantReset(t, client, http2.ErrCodeInternal)
	})
	t.Run("client cuts", func(t *testing.T) {
		server, client := h2Pair(t, Config{}, Config{})
		_ = client.CloseNow()
		wantReset(t, server, http2.ErrCodeCancel)
	})
	t.Run("client cuts in a message", func(t *testing.T) {
		server, client := h2Pair(t, Config{}, Config{FragmentSize: 8})
		w, err := client.NextWriter(bg, Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("half a message")); err != nil {
			t.Fatal(err)
		}
		_ = client.CloseNow()
		wantReset(t, server, http2.ErrCodeCancel)
	})
	t.Run("a broken rule", func(t *testing.T) {
		server, client := h2Pair(t, Config{MaxMessageSize: 10}, Config{})
		go client.Write(bg, Text, pattern(100))
		_, _, err := server.Read(bg)
		if !errors.Is(err, ErrMessageTooBig) {
			t.Error(err)
		}
		start := time.Now()
		_, _, err = client.Read(bg)
		if e := (*CloseError)(nil); !errors.As(err, &e) || e.Code != CloseMessageTooBig {
			t.Error(err)
		}
		<-server.Done()
		<-client.Done()
		if d := time.Since(start); d > defaultCloseTimeout/2 {
			t.Errorf("the end took %v", d)
		}
	})
}

// TestH2WriteOnly: over HTTP/2, too, a connection over which nobody ever reads ends when its peer
// has gone, and a Close frame that lies unread is how it ended.
func TestH2WriteOnly(t *testing.T) {
	for how, want := range map[string]CloseCode{"cuts": CloseAbnormal, "closes": 4000} {
		for _, writer := range []string{"server", "client"} {
			t.Run(writer+" writes, the peer "+how, func(t *testing.T) {
				var g Group
				scfg, ccfg := Config{Group: &g}, Config{}
				if writer == "server" {
					ccfg.CloseTimeout = 100 * time.Millisecond // nobody will answer its Close frame
				} else {
					scfg.CloseTimeout = 100 * time.Millisecond
				}
				from, to := h2Pair(t, scfg, ccfg)
				if writer == "client" {
					from, to = to, from
				}
				ended := make(chan error, 1)
				go func() {
					for from.Write(bg, Text, pattern(1000)) == nil {
					}
					<-from.Done()
					ended <- from.Err()
				}()
				if _, _, err := to.Read(bg); err != nil {
					t.Fatal(err)
				}
				if how == "cuts" {
					_ = to.CloseNow()
				} else {
					_ = to.Close(4000, "")
				}
				if code, _ := CloseStatus(soon(t, ended)); code != want {
					t.Errorf("the writer's end is %v, want %d", from.Err(), want)
				}
				soon(t, to.Done())
				if n := g.Len(); n != 0 {
					t.Errorf("the group has %d connections, want none", n)
				}
			})
		}
	}
}

// TestH2ClientEndsFirst: some servers don't end the stream after both Close frames, but wait
// for the client's END_STREAM. The client sends it and does not wait for theirs, which would
// take all of CloseTimeout.
func TestH2ClientEndsFirst(t *testing.T) {
	for _, first := range []string{"client", "server"} {
		t.Run(first+" closes", func(t *testing.T) {
			ended := make(chan error, 1)
			srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				out := http.NewResponseController(w)
				sayClose := func() {
					_, err := w.Write([]byte{0x88, 2, 1000 >> 8, 1000 & 0xff})
					check(errors.Join(err, out.Flush()))
				}
				check(out.Flush())
				if first == "server" {
					sayClose()
				}
				_, err := io.ReadFull(r.Body, make([]byte, 2+4+2)) // the client's Close frame
				check(err)
				if first == "client" {
					sayClose()
				}
				_, err = r.Body.Read(make([]byte, 1))
				ended <- err
			}))
			d := &Dialer{Config: Config{CloseTimeout: time.Hour}}
			c := dialH2(t, d, url, h2Transport(t, srv))
			closed := make(chan error, 1)
			go func() {
				if first == "client" {
					closed <- c.Close(CloseNormal, "")
					return
				}
				_, _, err := c.Read(bg)
				if code, _ := CloseStatus(err); code == CloseNormal {
					err = nil
				}
				closed <- err
			}()
			if err := soon(t, closed); err != nil {
				t.Errorf("the client's end is %v, want a clean one", err)
			}
			soon(t, c.Done())
			if err := soon(t, ended); err != io.EOF {
				t.Errorf("the server sees %v, want END_STREAM", err)
			}
		})
	}
}

// wantReset reads c's end: 1006, and a stream that was reset with code.
func wantReset(t *testing.T, c *Conn, code http2.ErrCode) {
	t.Helper()
	_, _, err := c.Read(bg)
	var e *CloseError
	if !errors.As(err, &e) || e.Code != CloseAbnormal || e.Clean() {
		t.Fatal(err)
	}
	if !strings.Contains(e.Error(), code.String()) {
		t.Errorf("the cause is %v, want %v", e.Err, code)
	}
}

// hijackless tells of each use of Hijack through it.
type hijackless struct {
	http.ResponseWriter
	t *testing.T
}

func (h hijackless) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h hijackless) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.t.Error("Hijack was called")
	return nil, nil, errors.ErrUnsupported
}

func (h hijackless) Write(p []byte) (int, error) {
	h.t.Error("the frames went through a middleware's Write")
	return h.ResponseWriter.Write(p)
}

// TestH2Server holds what a socket over HTTP/2 says of itself, and that a
// middleware which wraps the ResponseWriter does not see its bytes.
func TestH2Server(t *testing.T) {
	upgraded := make(chan *Conn, 1)
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(hijackless{w, t}, r)
		if err != nil {
			t.Error(err)
			return
		}
		upgraded <- c
		<-c.Done()
	}))
	client := dialH2(t, &Dialer{}, url, h2Transport(t, srv))
	server := <-upgraded
	defer server.CloseNow()
	if server.NetConn() != nil || client.NetConn() != nil {
		t.Error("a stream is no net.Conn")
	}
	if server.RemoteAddr().String() != client.LocalAddr().String() || server.LocalAddr().String() != client.RemoteAddr().String() {
		t.Errorf("server %v to %v, client %v to %v", server.LocalAddr(), server.RemoteAddr(), client.LocalAddr(), client.RemoteAddr())
	}
	bothWays(t, bg, server, client, "hello")
}

// TestH2Refused looks at refusals over HTTP/2: their status, and that they have
// no header that HTTP/2 does not know.
func TestH2Refused(t *testing.T) {
	upgrade := &handshake.Error{Status: 426, Reason: "not this one", Extra: http.Header{"Connection": {"close"}, "Keep-Alive": {"x"}}}
	u := Upgrader{Check: func(r *handshake.Request) error {
		switch r.URL.Path {
		case "/426":
			return upgrade
		case "/500":
			return errors.New("a secret")
		}
		return nil
	}}
	srv, url := h2Server(t, u.Handler(&Events{Open: func(*Conn, *handshake.Request) { t.Error("Open was called") }}))
	rt := h2Transport(t, srv)
	for _, test := range []struct {
		path   string
		header http.Header
		status int
	}{
		{"/", http.Header{"Origin": {"https://other.example"}}, 403},
		{"/426", nil, 426},
		{"/500", nil, 500},
	} {
		d := Dialer{Header: test.header}
		_, resp, err := d.DialVia(bg, url+test.path, rt)
		var e *handshake.Error
		if !errors.As(err, &e) || e.Status != test.status {
			t.Errorf("%s: %v", test.path, err)
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		if len(body) == 0 || strings.Contains(string(body), "secret") {
			t.Errorf("%s: body %q", test.path, body)
		}
		for _, name := range []string{"Connection", "Upgrade", "Keep-Alive"} {
			if v := resp.Header[name]; v != nil {
				t.Errorf("%s: %s: %q", test.path, name, v)
			}
		}
	}
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != 400 || !strings.Contains(string(body), "extended CONNECT") {
		t.Errorf("GET: %d %s", resp.StatusCode, body)
	}
}

// TestH2NotTaken refuses where the ResponseWriter cannot be taken over.
func TestH2NotTaken(t *testing.T) {
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := Upgrade(struct{ http.ResponseWriter }{w}, r); !errors.Is(err, http.ErrNotSupported) {
			t.Error(err)
		}
	}))
	_, resp, err := (&Dialer{}).DialVia(bg, url, h2Transport(t, srv))
	if err == nil || resp.StatusCode != http.StatusNotImplemented {
		t.Error(err)
	}
	r := httptest.NewRequest("CONNECT", "/", nil)
	r.ProtoMajor, r.Body = 2, nil
	if _, err := transport.NewServerStream(httptest.NewRecorder(), r); err == nil {
		t.Error("a request without a body was taken over")
	}
}

// TestH2RoundTripper: a round tripper that can't send an extended CONNECT is named
// as what is wrong.
func TestH2RoundTripper(t *testing.T) {
	srv, url := h2Server(t, http.NotFoundHandler())
	_, _, err := (&Dialer{}).DialVia(bg, url, srv.Client().Transport)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "conn/h2") {
		t.Error(err)
	}
	_, _, err = (&Dialer{}).DialVia(bg, url, h2Transport(t, srv))
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// TestH2HandlerReturns shows that a handler which returns too early ends the
// connection and nothing else.
func TestH2HandlerReturns(t *testing.T) {
	upgraded := make(chan *Conn, 1)
	srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r)
		if err != nil {
			t.Error(err)
		}
		upgraded <- c
	}))
	rt := h2Transport(t, srv)
	client := dialH2(t, &Dialer{}, url, rt)
	server := <-upgraded
	if _, _, err := client.Read(bg); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client sees %v", err)
	}
	if err := server.Write(bg, Text, []byte("too late")); err == nil || !strings.Contains(err.Error(), "Conn.Done") {
		t.Errorf("Write: %v", err)
	}
	if _, _, err := server.Read(bg); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
	<-server.Done()
	_ = dialH2(t, &Dialer{}, url, rt)
	_ = (<-upgraded).CloseNow()
}

// TestH2Phantom: a handler that returns too early ends its connection for everybody:
// whoever counts it, whoever waits for it, and whoever reads from it.
func TestH2Phantom(t *testing.T) {
	for _, reads := range []bool{false, true} {
		t.Run(fmt.Sprintf("reader %t", reads), func(t *testing.T) {
			var stats Stats
			var group Group
			counted := make(chan bool) // Stats counts the end right after Done
			trace := JoinTraces(stats.Trace(), &Trace{Closed: func(*Conn, *CloseError) { close(counted) }})
			u := Upgrader{Config: Config{Trace: trace, Group: &group}}
			upgraded, reading := make(chan *Conn, 1), make(chan error, 1)
			srv, url := h2Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := u.Upgrade(w, r)
				if err != nil {
					t.Error(err)
					return
				}
				if reads {
					go func() {
						_, _, err := c.Read(bg)
						reading <- err
					}()
				}
				upgraded <- c
			}))
			client := dialH2(t, &Dialer{}, url, h2Transport(t, srv))
			server := <-upgraded
			select {
			case <-counted:
			case <-time.After(10 * time.Second):
				t.Fatal("the connection has not ended")
			}
			if n, open := group.Len(), stats.Snapshot().Open; n != 0 || open != 0 {
				t.Errorf("the group has %d, Stats.Open is %d", n, open)
			}
			err := server.Err()
			if reads {
				err = <-reading
			}
			for _, err := range []error{err, server.Write(bg, Text, nil)} {
				if e := (*CloseError)(nil); !errors.As(err, &e) || e.Code != CloseAbnormal || !strings.Contains(err.Error(), "Conn.Done") {
					t.Errorf("%v", err)
				}
			}
			_ = client.CloseNow()
		})
	}
}

// TestH2Panic recovers a panic of a callback, which net/http would answer with
// the end of the stream alone.
func TestH2Panic(t *testing.T) {
	var panicked atomic.Value
	u := Upgrader{Config: Config{Trace: &Trace{Panic: func(c *Conn, v any, stack []byte) { panicked.Store(v) }}}}
	srv, url := h2Server(t, u.Handler(&Events{Message: func(*Conn, MessageType, []byte) { panic("oh") }}))
	c := dialH2(t, &Dialer{}, url, h2Transport(t, srv))
	if err := c.Write(bg, Text, nil); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.Read(bg)
	if e := (*CloseError)(nil); !errors.As(err, &e) || e.Code != CloseInternalError || panicked.Load() != "oh" {
		t.Errorf("%v, panic %v", err, panicked.Load())
	}
}
