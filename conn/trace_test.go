package conn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// transcript is a Trace that writes down what it is told.
type transcript struct {
	mu    sync.Mutex
	lines []string
}

func (s *transcript) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// take returns the lines since the last take.
func (s *transcript) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.lines = nil
	return lines
}

func (s *transcript) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	wantLines(t, s.take(), want)
}

// wantLines compares the lines of a transcript.
func wantLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("traced\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func head(h frame.Header) string {
	s := fmt.Sprintf("%v %d", h.Opcode, h.Length)
	if h.Fin {
		s += " fin"
	}
	if h.RSV != 0 {
		s += fmt.Sprintf(" rsv%d", h.RSV)
	}
	if h.Masked {
		s += " masked"
	}
	if h.Key != 0 {
		s += " with its key"
	}
	return s
}

func (m MessageInfo) text() string {
	return fmt.Sprintf("%v %d of %d, compressed %v", m.Type, m.Wire, m.Size, m.Compressed)
}

func (s *transcript) trace() *Trace {
	return &Trace{
		Opened: func(c *Conn, r *handshake.Request) {
			if r == nil {
				s.add("opened")
			} else {
				s.add("opened %s", r.Target)
			}
			_ = c.Buffered() // not locked
		},
		Refused:         func(r *handshake.Request, err error) { s.add("refused %q: %v", r.Target, err) },
		FrameReceived:   func(_ *Conn, h frame.Header) { s.add("< %s", head(h)) },
		FrameSent:       func(c *Conn, h frame.Header) { c.SetData(1); s.add("> %s", head(h)) },
		MessageReceived: func(_ *Conn, m MessageInfo) { s.add("<< %s", m.text()) },
		MessageSent:     func(_ *Conn, m MessageInfo) { s.add(">> %s", m.text()) },
		CloseReceived:   func(_ *Conn, code CloseCode, reason string) { s.add("<x %d %s", code, reason) },
		CloseSent:       func(_ *Conn, code CloseCode, reason string) { s.add(">x %d %s", code, reason) },
		RoundTrip:       func(_ *Conn, rtt time.Duration) { s.add("rtt %v", rtt) },
		Queued:          func(_ *Conn, n int) { s.add("queued %d", n) },
		Dropped:         func(_ *Conn, m MessageInfo) { s.add("dropped %s", m.text()) },
		Panic:           func(_ *Conn, v any, _ []byte) { s.add("panic %v", v) },
		Closed:          func(c *Conn, err *CloseError) { _ = c.Buffered(); s.add("closed %d %v", err.Code, err.Remote) },
	}
}

// masked is what a transcript says of a frame of role's.
func masked(role frame.Role) string {
	if role == frame.Client {
		return " masked"
	}
	return ""
}

// TestTraceFrames: every frame and message shows, in both directions, whichever
// way it is read or written.
func TestTraceFrames(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var s transcript
		c, peer := pipePeer(t, role, 64<<10, Config{Trace: s.trace(), FragmentSize: 4})
		own, theirs := masked(role), masked(role.Peer())
		s.want(t, "opened")

		peer.Fragments(frame.Text, "ab", "", "c")
		peer.Ping("p")
		_, _, err := c.Read(bg)
		check(err)
		s.want(t, "< text 2"+theirs, "< continuation 0"+theirs, "< continuation 1 fin"+theirs, "<< text 3 of 3, compressed false")
		peer.Binary(pattern(20000)) // straight into the message
		_, _, err = c.Read(bg)
		check(err)
		s.want(t, "< ping 1 fin"+theirs, "> pong 1 fin"+own, "< binary 20000 fin"+theirs, "<< binary 20000 of 20000, compressed false")
		peer.Fragments(frame.Text, "in ", "pieces")
		_, r, err := c.NextReader(bg)
		check(err)
		_, err = io.ReadAll(r)
		check(err)
		s.want(t, "< text 3"+theirs, "< continuation 6 fin"+theirs, "<< text 9 of 9, compressed false")

		check(c.Write(bg, Text, []byte("four")))
		s.want(t, "> text 4 fin"+own, ">> text 4 of 4, compressed false")
		check(c.Write(bg, Text|Uncompressed, []byte("longer")))
		s.want(t, "> text 4"+own, "> continuation 2 fin"+own, ">> text 6 of 6, compressed false")
		w, err := c.NextWriter(bg, Binary)
		check(err)
		_, err = w.Write([]byte("written in"))
		check(err)
		check(w.Close())
		s.want(t, "> binary 4"+own, "> continuation 4"+own, "> continuation 2 fin"+own, ">> binary 10 of 10, compressed false")
		check(c.Append(Text, []byte("append")))
		s.want(t, "> text 6 fin"+own, ">> text 6 of 6, compressed false")
		m, err := Prepare(Text, []byte("prepared"))
		check(err)
		check(c.SendPrepared(m))
		s.want(t, "> text 8 fin"+own, ">> text 8 of 8, compressed false") // nothing was busy: it is not queued
	})
}

// TestTraceLargeWrites: a payload that a socket takes from where it is.
func TestTraceLargeWrites(t *testing.T) {
	var s transcript
	c, peer := tcpPeer(t, frame.Server, Config{Trace: s.trace()})
	written := make(chan error)
	go func() { written <- c.Write(bg, Binary, pattern(32<<10)) }()
	peer.WantBinary(pattern(32 << 10))
	check(<-written)
	if got := s.take(); !slices.Equal(got, []string{"opened", "> binary 32768 fin", ">> binary 32768 of 32768, compressed false"}) {
		t.Error(got)
	}
}

// TestTraceCompression: sizes before and after, and RSV1.
func TestTraceCompression(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var s, o transcript
		text := []byte(strings.Repeat("over and ", 1000))
		c, other := deflatePair(t, role, Config{Trace: s.trace()}, Config{Trace: o.trace()})
		m, err := Prepare(Text, text)
		check(err)
		for name, write := range map[string]func() error{
			"Write":         func() error { return c.Write(bg, Text, text) },
			"WritePrepared": func() error { return c.WritePrepared(bg, m) },
			"NextWriter": func() error {
				w, err := c.NextWriter(bg, Text)
				check(err)
				_, err = w.Write(text)
				check(err)
				return w.Close()
			},
		} {
			s.take()
			o.take()
			check(write())
			_, r, err := other.NextReader(bg)
			check(err)
			_, err = io.Copy(io.Discard, r)
			check(err)
			sent, got := s.take(), o.take()
			var n, n2 int
			if _, err := fmt.Sscanf(sent[len(sent)-1], ">> text %d of 9000, compressed true", &n); err != nil || n > 500 || n == 0 {
				t.Errorf("%s: %q, %v", name, sent, err)
			}
			if _, err := fmt.Sscanf(got[len(got)-1], "<< text %d of 9000, compressed true", &n2); err != nil || n2 != n {
				t.Errorf("%s: %q, %v, sent %d", name, got, err, n)
			}
			if !strings.Contains(sent[0], "rsv4") || !strings.Contains(got[0], "rsv4") {
				t.Errorf("%s: RSV1 does not show: %q, %q", name, sent, got)
			}
		}
	})
}

// deflatePair is a pair of connections with compression and takeover; the first
// one is role's.
func deflatePair(t testing.TB, role frame.Role, cfg, otherCfg Config) (c, other *Conn) {
	deflate := &handshake.Deflate{ServerMaxWindowBits: 12, ClientMaxWindowBits: 12}
	z := Compression{Mode: CompressionTakeover}
	cfg.Compression, otherCfg.Compression = z, z
	a, b := wstest.Pipe(64 << 10)
	c = New(a, role, Negotiated{Deflate: deflate}, cfg)
	other = New(b, role.Peer(), Negotiated{Deflate: deflate}, otherCfg)
	t.Cleanup(func() { _ = c.CloseNow(); _ = other.CloseNow() })
	return c, other
}

// TestTraceClose: the codes that both sides send, and the end.
func TestTraceClose(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		own, theirs := masked(role), masked(role.Peer())
		t.Log("the peer closes")
		var s transcript
		c, peer := pipePeer(t, role, 1000, Config{Trace: s.trace()})
		go c.Serve(bg, &Events{})
		peer.Close(CloseGoingAway, "bye")
		peer.WantClose(CloseGoingAway)
		_ = peer.NetConn().Close()
		s.want(t, "opened", "< close 5 fin"+theirs, "<x 1001 bye", ">x 1001 ", "> close 2 fin"+own, "closed 1001 true")

		t.Log("this side closes, without a code")
		c, peer = pipePeer(t, role, 1000, Config{Trace: s.trace()})
		go c.Close(0, "")
		peer.WantFrame()
		peer.Close(CloseNormal, "")
		_ = peer.NetConn().Close()
		s.want(t, "opened", ">x 1005 ", "> close 0 fin"+own, "< close 2 fin"+theirs, "<x 1000 ", "closed 1000 false")

		t.Log("the peer breaks a rule")
		c, peer = pipePeer(t, role, 1000, Config{Trace: s.trace()})
		go c.Serve(bg, &Events{})
		peer.SendHex("ff")
		peer.WantClose(CloseProtocolError)
		_ = peer.NetConn().Close()
		reason := strings.TrimPrefix(frame.ErrReservedBits.Error(), "websocket: ")
		s.want(t, "opened", ">x 1002 "+reason, fmt.Sprintf("> close %d fin%s", 2+len(reason), own), "closed 1006 false")
	})
}

// TestTraceRoundTrip: of Ping, and of keepalive's pings.
func TestTraceRoundTrip(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var rtts []time.Duration
		trace := &Trace{RoundTrip: func(_ *Conn, d time.Duration) { rtts = append(rtts, d) }}
		c, peer := pipePeer(t, role, 1000, Config{Trace: trace, KeepAlive: time.Minute})
		peer.Timeout = time.Hour
		go c.Serve(bg, &Events{})
		go func() {
			_, payload := peer.WantFrame()
			wait(2 * time.Second)
			peer.Pong(string(payload))
		}()
		rtt, err := c.Ping(bg)
		check(err)
		peer.WantPing("")
		wait(3 * time.Second)
		peer.Pong("")
		peer.Pong("") // unasked for
		synctest.Wait()
		if want := []time.Duration{rtt, 3 * time.Second}; rtt != 2*time.Second || !slices.Equal(rtts, want) {
			t.Errorf("%v, want %v", rtts, want)
		}
	})
}

// TestTraceHandshake: a server hears of those it lets in and of those it does
// not, and of its own mistakes, through both doors.
func TestTraceHandshake(t *testing.T) {
	for _, test := range []struct {
		name    string
		u       Upgrader
		request string
		want    string
		status  int
	}{
		{"accepted", Upgrader{}, chatRequest(), "opened /chat", 101},
		{"an origin", Upgrader{}, chatRequest("Origin: https://evil.example"), `refused "/chat": websocket: handshake: Origin:`, 403},
		{"no WebSocket", Upgrader{}, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n", `refused "/page": websocket: handshake: `, 426},
		{"a hook", Upgrader{Check: func(*handshake.Request) error { return errors.New("no database") }}, chatRequest(), `refused "/chat": no database`, 500},
		{"a Config that makes no sense", Upgrader{Config: Config{Compression: Compression{Mode: 9}}}, chatRequest(), `refused "/chat": ` + errMode.Error(), 500},
	} {
		for door, serve := range map[string]func(*Upgrader) (url string, stop func()){"Handler": serveHandler, "UpgradeNet": serveNet} {
			t.Run(test.name+"/"+door, func(t *testing.T) {
				var s transcript
				u, g := test.u, new(Group)
				u.Trace, u.Group = s.trace(), g
				addr, stop := serve(&u)
				nc := dialTCP(t, addr)
				send(t, nc, test.request)
				resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
				check(err)
				if resp.StatusCode != test.status {
					t.Errorf("status %d, want %d", resp.StatusCode, test.status)
				}
				_ = nc.Close()
				check(g.Shutdown(bg)) // everything has been traced
				stop()
				lines := s.take()
				if len(lines) == 0 || !strings.HasPrefix(lines[0], test.want) {
					t.Errorf("traced %q, want %q", lines, test.want)
				}
			})
		}
	}
	t.Run("a request that can't be read", func(t *testing.T) {
		var got *handshake.Request
		u := Upgrader{Config: Config{Trace: &Trace{Refused: func(r *handshake.Request, err error) { got = r }}}}
		addr, stop := serveNet(&u)
		nc := dialTCP(t, addr)
		send(t, nc, "\x16\x03\x01 TLS, perhaps\r\n\r\n")
		_, _ = io.Copy(io.Discard, nc)
		own := nc.LocalAddr().String()
		_ = nc.Close()
		stop()
		if got == nil || got.RemoteAddr != own {
			t.Errorf("%+v, want the address of the peer, %s", got, own)
		}
	})
	t.Run("Dial", func(t *testing.T) {
		var s transcript
		srv := httptest.NewServer((&Upgrader{}).Handler(&Events{}))
		defer srv.Close()
		d := &Dialer{Config: Config{Trace: s.trace()}}
		c, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(srv.URL, "http"))
		check(err)
		check(c.CloseNow())
		if got := s.take(); got[0] != "opened" {
			t.Error(got)
		}
	})
}

// TestJoinTraces: every hook of every trace is called, in order.
func TestJoinTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b transcript
		only := 0
		trace := JoinTraces(nil, a.trace(), &Trace{Closed: func(*Conn, *CloseError) { only++ }}, b.trace(), &Trace{})
		c, peer := pipePeer(t, frame.Server, 1000, Config{Trace: trace})
		go c.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { panic("oh") }})
		peer.Text("x")
		peer.WantClose(CloseInternalError)
		_ = peer.NetConn().Close()
		<-c.Done()
		synctest.Wait()
		first, second := a.take(), b.take()
		if len(first) != 7 || !slices.Equal(first, second) || only != 1 {
			t.Errorf("%q and %q, %d", first, second, only)
		}
		if all := JoinTraces(); all == nil || all.Opened != nil {
			t.Error("nothing joined is a Trace without hooks")
		}
	})
}

// serveHandler and serveNet serve an Upgrader through its two doors. stop
// waits until everything has ended.
func serveHandler(u *Upgrader) (addr string, stop func()) {
	srv := httptest.NewServer(u.Handler(&Events{}))
	return srv.Listener.Addr().String(), srv.Close
}

func serveNet(u *Upgrader) (addr string, stop func()) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		nc, err := ln.Accept()
		check(err)
		c, _, err := u.UpgradeNet(bg, nc, nil)
		if err == nil {
			_ = c.Serve(bg, &Events{})
		}
	}()
	return ln.Addr().String(), func() { <-ended; _ = ln.Close() }
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// TestDialPhases: an httptrace.ClientTrace sees how a dial gets on.
func TestDialPhases(t *testing.T) {
	srv := httptest.NewTLSServer((&Upgrader{}).Handler(&Events{}))
	defer srv.Close()
	var s transcript
	ctx := httptrace.WithClientTrace(bg, &httptrace.ClientTrace{
		ConnectStart:         func(network, _ string) { s.add("connect %s", network) },
		ConnectDone:          func(_, _ string, err error) { s.add("connected %v", err) },
		TLSHandshakeStart:    func() { s.add("TLS") },
		TLSHandshakeDone:     func(state tls.ConnectionState, err error) { s.add("TLS %v %v", state.HandshakeComplete, err) },
		WroteRequest:         func(info httptrace.WroteRequestInfo) { s.add("wrote %v", info.Err) },
		GotFirstResponseByte: func() { s.add("response") },
	})
	d := &Dialer{TLSConfig: srv.Client().Transport.(*http.Transport).TLSClientConfig}
	c, _, err := d.Dial(ctx, "wss"+strings.TrimPrefix(srv.URL, "https"))
	check(err)
	check(c.CloseNow())
	want := []string{"connect tcp", "connected <nil>", "TLS", "TLS true <nil>", "wrote <nil>", "response"}
	if got := s.take(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	c, _, err = d.Dial(httptrace.WithClientTrace(bg, &httptrace.ClientTrace{}), "wss"+strings.TrimPrefix(srv.URL, "https"))
	check(err)
	check(c.CloseNow())
}
