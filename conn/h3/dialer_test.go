package h3_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the servers of these tests
)

// overTCP starts a server over TLS that announces altSvc in each response. http2 switches HTTP/2
// on.
func overTCP(t testing.TB, h http.Handler, altSvc string, http2 bool) *httptest.Server {
	cert, _ := certificate()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if altSvc != "" {
			w.Header().Set("Alt-Svc", altSvc)
		}
		h.ServeHTTP(w, r)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func wss(s *httptest.Server) string { return "wss" + strings.TrimPrefix(s.URL, "https") }

// version dials url, and returns the version of HTTP that carries the socket.
func version(t testing.TB, d *h3.Dialer, url string) int {
	t.Helper()
	c, resp, err := d.Dial(bg, url)
	if err != nil {
		t.Fatalf("Dial = %v, want nil", err)
	}
	defer c.CloseNow()
	if err := echo(c, "hello"); err != nil {
		t.Error(err)
	}
	return resp.ProtoMajor
}

// TestFallback dials servers that are not there over HTTP/3.
func TestFallback(t *testing.T) {
	for _, test := range []struct {
		fallback h3.Fallback
		http2    bool
		want     int
	}{{h3.HTTP2, true, 2}, {h3.HTTP2, false, 1}, {h3.HTTP1, true, 1}} {
		t.Run(fmt.Sprint(test.fallback, test.http2), func(t *testing.T) {
			s := overTCP(t, echoing(&ws.Upgrader{}), "", test.http2)
			d := dialer(t)
			d.Fallback = test.fallback
			tries := 0
			d.DialQUIC = func(context.Context, string, *tls.Config, *quic.Config) (*quic.Conn, error) {
				tries++
				return nil, errors.New("UDP is blocked")
			}
			for range 2 {
				if got := version(t, d, wss(s)); got != test.want {
					t.Errorf("HTTP/%d, want HTTP/%d", got, test.want)
				}
			}
			if tries != 1 {
				t.Errorf("%d tries over QUIC, want one, which is remembered", tries)
			}
		})
	}
	t.Run("fail", func(t *testing.T) {
		d := dialer(t)
		cause := errors.New("UDP is blocked")
		d.DialQUIC = func(context.Context, string, *tls.Config, *quic.Config) (*quic.Conn, error) { return nil, cause }
		for range 2 {
			if _, _, err := d.Dial(bg, "wss://127.0.0.1:1/"); !errors.Is(err, cause) {
				t.Errorf("Dial = %v, want %v", err, cause)
			}
		}
	})
	t.Run("not allowed", func(t *testing.T) {
		tcp := overTCP(t, echoing(&ws.Upgrader{}), "", true)
		toClient(func(s *rawServer) {
			d := dialer(t)
			d.Fallback = h3.HTTP2
			d.DialQUIC = func(ctx context.Context, _ string, cfg *tls.Config, conf *quic.Config) (*quic.Conn, error) {
				return quic.DialAddr(ctx, s.ln.Addr().String(), cfg, conf)
			}
			go func() {
				c, err := s.ln.Accept(s.ctx)
				if err == nil {
					control(t, c)
				}
			}()
			for range 2 {
				if got := version(t, d, wss(tcp)); got != 2 {
					t.Errorf("HTTP/%d, want HTTP/2", got)
				}
			}
		})(t)
	})
}

// TestVersionFallback: a server may ask for another version (RFC 9114 section 8.1).
func TestVersionFallback(t *testing.T) {
	toClient(func(s *rawServer) {
		done := s.dial()
		s.accept()
		control(s, s.conn, 0x8, 1)
		w, _ := s.request()
		w.CancelWrite(0x110)
		w.CancelRead(0x110)
		if r := await(s, done, "result of Dial"); !errors.Is(r.err, h3.ErrNotSupported) {
			t.Errorf("Dial = %v, want %v", r.err, h3.ErrNotSupported)
		}
	})(t)
}

// TestRejected: a request that the server has not processed is sent again, and not for ever.
func TestRejected(t *testing.T) {
	toClient(func(s *rawServer) {
		done := s.dial()
		s.accept()
		control(s, s.conn, 0x8, 1)
		for range 4 {
			w, _ := s.request()
			w.CancelWrite(0x10b)
			w.CancelRead(0x10b)
		}
		r := await(s, done, "result of Dial")
		wantCode(t, "Dial", r.err, http3.ErrCodeRequestRejected)
	})(t)
}

// TestNotOverQUIC has what HTTP/3 does not go through.
func TestNotOverQUIC(t *testing.T) {
	s := overTCP(t, echoing(&ws.Upgrader{}), "", true)
	t.Run("NetDial", func(t *testing.T) {
		d := dialer(t)
		d.Fallback = h3.HTTP2
		d.Dialer.NetDial = new(net.Dialer).DialContext
		if got := version(t, d, wss(s)); got != 2 {
			t.Errorf("HTTP/%d, want HTTP/2", got)
		}
		d = dialer(t)
		d.Dialer.NetDial = new(net.Dialer).DialContext
		if _, _, err := d.Dial(bg, wss(s)); !errors.Is(err, h3.ErrNotSupported) {
			t.Errorf("Dial = %v, want %v", err, h3.ErrNotSupported)
		}
	})
	t.Run("proxy", func(t *testing.T) {
		d := dialer(t)
		d.Dialer.Proxy = func(u *url.URL) (*url.URL, error) { return url.Parse("http://127.0.0.1:1") }
		if _, _, err := d.Dial(bg, wss(s)); !errors.Is(err, h3.ErrNotSupported) {
			t.Errorf("Dial = %v, want %v", err, h3.ErrNotSupported)
		}
	})
	t.Run("ws", func(t *testing.T) {
		d := dialer(t)
		if _, _, err := d.Dial(bg, "ws://127.0.0.1:1/"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Dial = %v, want %v", err, errors.ErrUnsupported)
		}
		plain := httptest.NewServer(echoing(&ws.Upgrader{}))
		defer plain.Close()
		d = dialer(t)
		d.Fallback = h3.HTTP1
		if got := version(t, d, "ws"+strings.TrimPrefix(plain.URL, "http")); got != 1 {
			t.Errorf("HTTP/%d, want HTTP/1.1", got)
		}
	})
}

// TestAltSvc: a server says in a response over TCP where it speaks HTTP/3, and takes it back.
func TestAltSvc(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Alt-Svc", "clear")
		echoing(&ws.Upgrader{}).ServeHTTP(w, r)
	}), nil)
	_, port, _ := net.SplitHostPort(s.addr)
	for _, http2 := range []bool{true, false} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			tcp := overTCP(t, echoing(&ws.Upgrader{}), fmt.Sprintf(`h2=":1", h3=":%s"; ma=60; persist=1`, port), http2)
			d := dialer(t)
			d.Fallback, d.OnlyAnnounced = h3.HTTP2, true
			first := 1
			if http2 {
				first = 2
			}
			var got []int
			for range 3 {
				got = append(got, version(t, d, wss(tcp)))
			}
			if want := []int{first, 3, first}; !slices.Equal(got, want) {
				t.Errorf("the sockets went over HTTP/%v, want %v: after the first response HTTP/3, until that says clear", got, want)
			}
		})
	}
}

// TestAltSvcRedirect: an announcement is about the server that made it, not about the one that sent
// the client there.
func TestAltSvcRedirect(t *testing.T) {
	target := overTCP(t, echoing(&ws.Upgrader{}), `h3=":1"`, false)
	first := overTCP(t, http.RedirectHandler(wss(target), http.StatusFound), "", false)
	d := dialer(t)
	d.Fallback, d.OnlyAnnounced = h3.HTTP1, true
	var dialed atomic.Pointer[string]
	d.DialQUIC = func(_ context.Context, addr string, _ *tls.Config, _ *quic.Config) (*quic.Conn, error) {
		dialed.Store(&addr)
		return nil, errors.New("not there")
	}
	version(t, d, wss(first))
	version(t, d, wss(first))
	if p := dialed.Load(); p != nil {
		t.Errorf("QUIC was tried at %s for the server that redirects, want not at all", *p)
	}
	version(t, d, wss(target))
	if p := dialed.Load(); p == nil || *p != "127.0.0.1:1" {
		t.Errorf("QUIC was tried at %v, want where the target has announced it", p)
	}
}

// TestShared holds many sockets open at once. They share few connections, and all of them work.
func TestShared(t *testing.T) {
	const sockets = 500
	patient := ws.Config{CloseTimeout: limit}
	s := serve(t, echoing(&ws.Upgrader{Config: patient}), nil)
	d := dialer(t)
	conns := make([]*ws.Conn, sockets)
	inParallel(sockets, func(i int) {
		c, _, err := d.Dial(bg, s.url())
		if conns[i] = c; err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		return
	}
	inParallel(sockets, func(i int) {
		if err := echo(conns[i], fmt.Sprint("hello from ", i)); err != nil {
			t.Error(err)
		}
	})
	if n := s.conns.Load(); n > 10 { // quic-go lets 100 streams be open
		t.Errorf("%d sockets took %d connections, want few", sockets, n)
	}
	inParallel(sockets, func(i int) {
		if err := conns[i].Close(ws.CloseNormal, ""); err != nil {
			t.Error(err)
		}
	})
	if err := echo(dial(t, d, s.url()), "after all"); err != nil {
		t.Error(err)
	}
	if n := s.conns.Load(); n > 10 {
		t.Errorf("%d connections, want that the old ones are used again", n)
	}
}

// TestNoStreams: a server that allows no stream is not asked for ever.
func TestNoStreams(t *testing.T) {
	s := listen(t, &quic.Config{MaxIncomingStreams: -1})
	done := s.dial()
	s.accept()
	control(s, s.conn, 0x8, 1)
	if r := await(s, done, "result of Dial"); !errors.Is(r.err, h3.ErrNotSupported) {
		t.Errorf("Dial = %v, want %v", r.err, h3.ErrNotSupported)
	}
}

// TestContextEnds ends a Dial's context in each phase. The stream is cancelled, if there is one,
// and the connection is good for others.
func TestContextEnds(t *testing.T) {
	toClient(func(s *rawServer) {
		for _, phase := range []string{"SETTINGS", "response"} {
			ctx, cancel := context.WithCancel(bg)
			done := make(chan error, 1)
			go func() {
				_, _, err := s.d.Dial(ctx, "wss://"+s.ln.Addr().String()+"/chat")
				done <- err
			}()
			s.accept()
			var w *wire
			if phase == "response" {
				control(s, s.conn, 0x8, 1)
				w, _ = s.request()
			}
			cancel()
			if err := await(s, done, "result of Dial"); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: Dial = %v, want %v", phase, err, context.Canceled)
			}
			if w != nil {
				w.wantReset(http3.ErrCodeRequestCanceled)
				next := s.dial()
				w, _ = s.request() // on the same connection
				w.send(h3Frame(headers, fields(":status: 200")))
				if r := await(s, next, "result of Dial"); r.err == nil {
					_ = r.c.CloseNow()
				} else {
					t.Errorf("Dial = %v, want nil", r.err)
				}
			}
		}
	})(t)
}

// TestEarlyData: a request for a WebSocket in 0-RTT may be an attacker's copy, and is refused. The
// Dialer sends none.
func TestEarlyData(t *testing.T) {
	s := serve(t, echoing(&ws.Upgrader{}), func(s *http3.Server) { s.QUICConfig = &quic.Config{Allow0RTT: true} })
	cfg := dialer(t).Dialer.TLSConfig
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(10)
	for range 2 {
		d := dialer(t)
		d.Dialer.TLSConfig = cfg
		if err := echo(dial(t, d, s.url()), "in time"); err != nil {
			t.Error(err)
		}
		if used := await(t, s.quic, "connection").ConnectionState().Used0RTT; used {
			t.Error("the Dialer used 0-RTT, want not")
		}
	}
	// The relay keeps the end of the TLS handshake from the server.
	r := relayTo(t, s.addr, 1, faults{early: true})
	cfg = cfg.Clone()
	cfg.NextProtos, cfg.ServerName = []string{"h3"}, "127.0.0.1"
	conn, err := quic.DialAddrEarly(bg, r.addr(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseWithError(0x100, "")
	c := &rawClient{t, bg, conn, nil}
	if h := c.ask().section(); h[":status"] != "425" || !conn.ConnectionState().Used0RTT {
		t.Errorf("response %v, 0-RTT: %t, want status 425 to a request in 0-RTT", h, conn.ConnectionState().Used0RTT)
	}
}

// TestStrangers has servers that are not what the Dialer expects.
func TestStrangers(t *testing.T) {
	for _, test := range []struct {
		name, control string // what the control stream begins with
		code          http3.ErrCode
	}{
		{"no SETTINGS first", "\x00" + h3Frame(goAway, "\x00"), http3.ErrCodeMissingSettings},
		{"SETTINGS of HTTP/2", "\x00" + h3Frame(settings, "\x02\x00"), http3.ErrCodeSettingsError},
		{"a setting twice", "\x00" + h3Frame(settings, "\x08\x01\x08\x01"), http3.ErrCodeSettingsError},
		{"SETTINGS cut off", "\x00" + h3Frame(settings, "\x08"), http3.ErrCodeFrameError},
		{"SETTINGS twice", "\x00" + h3Frame(settings, "") + h3Frame(settings, ""), http3.ErrCodeFrameUnexpected},
		{"SETTINGS too long", "\x00" + h3Frame(settings, strings.Repeat("x", 9000)), http3.ErrCodeExcessiveLoad},
		{"DATA", "\x00" + h3Frame(settings, "") + h3Frame(data, "x"), http3.ErrCodeFrameUnexpected},
		{"GOAWAY without a number", "\x00" + h3Frame(settings, "") + h3Frame(goAway, ""), http3.ErrCodeFrameError},
		{"GOAWAY for a server's stream", "\x00" + h3Frame(settings, "") + h3Frame(goAway, "\x01"), http3.ErrCodeIDError},
		{"a push", "\x01\x00", http3.ErrCodeIDError},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := listen(t, nil)
			done := s.dial()
			s.accept()
			ctl, err := s.conn.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = ctl.Write([]byte(test.control))
			wantClosed(t, s.conn, test.code)
			if r := await(t, done, "result of Dial"); r.err == nil {
				t.Error("Dial = nil, want an error")
			}
		})
	}
	t.Run("GOAWAY that takes back", func(t *testing.T) {
		s := listen(t, nil)
		done := s.dial()
		s.accept()
		ctl := control(t, s.conn, 0x8, 1)
		_, _ = s.request() // without a request the first GOAWAY would be the end
		_, _ = io.WriteString(ctl, h3Frame(goAway, "\x04")+h3Frame(goAway, "\x08"))
		wantClosed(t, s.conn, http3.ErrCodeIDError)
		if r := await(t, done, "result of Dial"); r.err == nil {
			t.Error("Dial = nil, want an error")
		}
	})
	t.Run("control stream ends", func(t *testing.T) {
		s := listen(t, nil)
		done := s.dial()
		s.accept()
		_ = control(t, s.conn, 0x8, 0).Close()
		wantClosed(t, s.conn, http3.ErrCodeClosedCriticalStream)
		await(t, done, "result of Dial")
	})
	t.Run("second control stream", func(t *testing.T) {
		s := listen(t, nil)
		done := s.dial()
		s.accept()
		control(t, s.conn, 0x8, 0)
		control(t, s.conn, 0x8, 0)
		wantClosed(t, s.conn, http3.ErrCodeStreamCreationError)
		await(t, done, "result of Dial")
	})
	for _, test := range []struct {
		name, response string
		code           http3.ErrCode
	}{
		{"no status", h3Frame(headers, fields("a: b")), http3.ErrCodeMessageError},
		{"status late", h3Frame(headers, fields("a: b", ":status: 200")), http3.ErrCodeMessageError},
		{"bad status", h3Frame(headers, fields(":status: 20")), http3.ErrCodeMessageError},
		{"upper case", h3Frame(headers, fields(":status: 200", "A: b")), http3.ErrCodeMessageError},
		{"bad value", h3Frame(headers, fields(":status: 200", "a: b\n")), http3.ErrCodeMessageError},
		{"connection", h3Frame(headers, fields(":status: 200", "connection: close")), http3.ErrCodeMessageError},
		{"a request's field", h3Frame(headers, fields(":status: 200", ":path: /")), http3.ErrCodeMessageError},
		{"too long", h3Frame(headers, fields(":status: 200", "a: "+strings.Repeat("x", 70000))), http3.ErrCodeExcessiveLoad},
		{"many fields", h3Frame(headers, "\x00\x00"+strings.Repeat("\xc2", 60000)), http3.ErrCodeExcessiveLoad},
		{"no QPACK", h3Frame(headers, "\x00\x00\x80"), http3.ErrCodeQPACKDecompressionFailed},
		{"interim for ever", strings.Repeat(h3Frame(headers, fields(":status: 103")), 7), http3.ErrCodeExcessiveLoad},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := listen(t, nil)
			done := s.dial()
			s.accept()
			control(t, s.conn, 0x8, 1)
			w, _ := s.request()
			w.send(test.response)
			w.wantReset(test.code)
			if r := await(t, done, "result of Dial"); r.err == nil {
				t.Error("Dial = nil, want an error")
			}
		})
	}
	t.Run("DATA first", func(t *testing.T) {
		s := listen(t, nil)
		done := s.dial()
		s.accept()
		control(t, s.conn, 0x8, 1)
		w, _ := s.request()
		w.data("x")
		wantClosed(t, s.conn, http3.ErrCodeFrameUnexpected)
		await(t, done, "result of Dial")
	})
}

// TestFallbackNames: each value has a name of its own, and so does what is no value.
func TestFallbackNames(t *testing.T) {
	for v, want := range map[h3.Fallback]string{
		h3.HTTP2: "HTTP/2",
		h3.HTTP1: "HTTP/1.1",
		h3.Fail:  "fail",
		3:        "unknown",
	} {
		if got := v.String(); got != want {
			t.Errorf("Fallback %d is named %q, want %q", uint8(v), got, want)
		}
	}
}
