package h2_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
	"golang.org/x/net/http2"
)

// TestRequirements shows the client's rows of RFC 8441, with a server that writes HTTP/2 frame by
// frame, without TLS.
func TestRequirements(t *testing.T) {
	for _, row := range []struct {
		id, name string
		run      func(*testing.T)
	}{
		{"H2-3-03", "another protocol", withScript(waitsForSettings)},
		{"H2-3-03", "falls back", fallsBack},
		{"H2-4-05", "", withScript(pseudoHeaders)},
		{"H2-5-06", "http", withScript(pseudoHeaders)},
		{"H2-5-06", "https", secureScheme},
		{"H2-5-07", "", withScript(pseudoHeaders)},
		{"H2-5-08", "agreed", withScript(reportsAgreement)},
		{"H2-5-08", "not agreed", withScript(resetsDisagreement)},
		{"H2-5-10", "", withScript(split)},
		{"H2-5-11", "closed", withScript(endsAfterClose)},
		{"H2-5-11", "closed by the server", withScript(answersClose)},
		{"H2-5-11", "cut by the client", withScript(sendsCancel)},
		{"H2-5-11", "cut by the server", withScript(reportsCancel)},
		{"H2-5-11", "ended by the server", withScript(reportsEndStream)},
		{"H2-8-15", "masking", withScript(freshKeys)},
		{"H2-8-15", "limits", withScript(limit)},
		{"H2-8-15", "TLS", TestFallback},
	} {
		t.Run(strings.TrimSuffix(row.id+"/client/"+row.name, "/"), row.run)
	}
}

// waitsForSettings checks that nothing is asked for before the server's SETTINGS, and no extended
// CONNECT if they do not allow it.
func waitsForSettings(s *script, ln net.Listener) {
	done := s.dial()
	s.accept(ln)
	first := make(chan http2.FrameType, 1)
	go func() {
		defer close(first)
		for {
			f, err := s.fr.ReadFrame()
			if err != nil {
				return
			}
			if f.Header().Type == http2.FrameHeaders {
				first <- http2.FrameHeaders
				return
			}
		}
	}()
	select {
	case <-first:
		s.Error("the client sent a request before the server's SETTINGS")
	case <-time.After(30 * time.Millisecond):
	}
	other := http2.NewFramer(s.nc, nil)
	if err := other.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 0}); err != nil {
		s.Fatal(err)
	}
	if r := <-done; !errors.Is(r.err, h2.ErrNotSupported) {
		s.Errorf("%v", r.err)
	}
	s.d.CloseIdleConnections()
	if f, ok := <-first; ok {
		s.Errorf("the client sent %v", f)
	}
}

// fallsBack checks that a server of HTTP/2 that does not allow extended CONNECT is asked over
// HTTP/1.1.
func fallsBack(t *testing.T) {
	requests := make(chan string, 10)
	var u ws.Upgrader
	inner := u.Handler(&ws.Events{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.Method + " " + r.Proto
		inner.ServeHTTP(w, r)
	}))
	srv.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	asked := make(chan struct{})
	srv.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, nc *tls.Conn, _ http.Handler) {
			defer close(asked)
			fr := http2.NewFramer(nc, nc)
			_, _ = io.CopyN(io.Discard, nc, int64(len(http2.ClientPreface)))
			_ = fr.WriteSettings()
			for {
				f, err := fr.ReadFrame()
				if err != nil {
					return
				}
				if f.Header().Type == http2.FrameHeaders {
					t.Error("the client sent a request over HTTP/2, want none")
				}
			}
		},
	}
	srv.StartTLS()
	defer srv.Close()
	s := &server{Server: srv}
	d := s.dialer(t)
	c, resp, err := d.Dial(bg, s.url())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	if resp.StatusCode != 101 {
		t.Errorf("status %d, want 101", resp.StatusCode)
	}
	if r := <-requests; r != "GET HTTP/1.1" {
		t.Errorf("request %q, want one of HTTP/1.1", r)
	}
	d.CloseIdleConnections()
	<-asked
}

func pseudoHeaders(s *script, ln net.Listener) {
	s.d.Dialer.Header = http.Header{"Authorization": {"Bearer x"}}
	done := s.dial()
	s.accept(ln)
	s.allow()
	fields := s.request()
	for name, want := range map[string]string{
		":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":path": "/chat?x=1", ":authority": ln.Addr().String(),
		"sec-websocket-version": "13", "authorization": "Bearer x",
	} {
		if fields[name] != want {
			s.Errorf("%s is %q, want %q", name, fields[name], want)
		}
	}
	for _, name := range []string{"connection", "upgrade", "host", "sec-websocket-key", "sec-websocket-accept", "transfer-encoding", "content-length"} {
		if v, ok := fields[name]; ok {
			s.Errorf("%s: %s", name, v)
		}
	}
	s.respond(":status: 403", "content-type: text/plain")
	if err := s.fr.WriteData(1, true, []byte("why")); err != nil {
		s.Fatal(err)
	}
	r := <-done
	var e *handshake.Error
	if !errors.As(r.err, &e) || e.Status != 403 {
		s.Fatalf("%v", r.err)
	}
	if body, _ := io.ReadAll(r.resp.Body); string(body) != "why" {
		s.Errorf("%q", body)
	}
}

// secureScheme checks :scheme: net/http tells a handler of TLS if it is https.
func secureScheme(t *testing.T) {
	u := &ws.Upgrader{Check: func(r *handshake.Request) error {
		if r.TLS == nil {
			t.Error("the handler was told of no TLS, want the scheme https")
		}
		return nil
	}}
	s := serve(t, u, nil)
	c, _, err := s.dialer(t).Dial(bg, s.url())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
}

func reportsAgreement(s *script, ln net.Listener) {
	s.d.Dialer.Subprotocols, s.d.Dialer.Compression.Mode = []string{"a", "b"}, ws.CompressionTakeover
	s.d.Dialer.Header = http.Header{"Origin": {"https://x.example"}}
	done := s.dial()
	s.accept(ln)
	s.allow()
	fields := s.request()
	if fields["sec-websocket-protocol"] != "a, b" || fields["origin"] != "https://x.example" ||
		!strings.HasPrefix(fields["sec-websocket-extensions"], "permessage-deflate") {
		s.Errorf("%v", fields)
	}
	s.respond(":status: 200", "sec-websocket-protocol: b", "sec-websocket-extensions: permessage-deflate; server_max_window_bits=12")
	r := <-done
	if r.err != nil {
		s.Fatal(r.err)
	}
	defer r.c.CloseNow()
	if r.c.Subprotocol() != "b" || r.c.Deflate().ClientMaxWindowBits == 0 {
		s.Errorf("%q, %+v", r.c.Subprotocol(), r.c.Deflate())
	}
}

// resetsDisagreement checks that a stream is reset at once, without a frame, if something was
// agreed on it that was not asked for.
func resetsDisagreement(s *script, ln net.Listener) {
	done := s.dial()
	s.accept(ln)
	s.allow()
	s.request()
	s.respond(":status: 200", "sec-websocket-protocol: b")
	var e *handshake.Error
	if r := <-done; !errors.As(r.err, &e) || e.Field != "Sec-WebSocket-Protocol" {
		s.Errorf("%v", r.err)
	}
	s.wantCancel()
}

func split(s *script, ln net.Listener) {
	c := s.open(ln)
	for i := range "\x81\x05hello\x82\x00" {
		s.data("\x81\x05hello\x82\x00"[i : i+1])
		s.data("")
	}
	for _, want := range []string{"hello", ""} {
		if _, p, err := c.Read(s.ctx); err != nil || string(p) != want {
			s.Errorf("%q, %v", p, err)
		}
	}
	if err := c.Write(s.ctx, ws.Text, []byte("masked")); err != nil {
		s.Fatal(err)
	}
	if h, p := s.want(); !h.Masked || h.Opcode != frame.Text || p != "masked" {
		s.Errorf("%+v, %q", h, p)
	}
	s.data("\x81\x80\x01\x02\x03\x04") // a server masks nothing
	if _, _, err := c.Read(s.ctx); !errors.Is(err, frame.ErrMaskForbidden) {
		s.Error(err)
	}
}

// endsAfterClose checks that after both Close frames the client ends the stream itself. Some
// servers wait for that as long as they would for the Close frames.
func endsAfterClose(s *script, ln net.Listener) {
	c := s.open(ln)
	done := make(chan error, 1)
	go func() { done <- c.Close(ws.CloseNormal, "") }()
	if h, p := s.want(); h.Opcode != frame.Close || p != "\x03\xe8" {
		s.Errorf("%+v, %q", h, p)
	}
	s.data("\x88\x02\x03\xe8")
	s.wantEnd()
	if err := <-done; err != nil {
		s.Error(err)
	}
}

// answersClose checks that the client answers the server's Close frame and ends the stream.
func answersClose(s *script, ln net.Listener) {
	c := s.open(ln)
	s.data("\x88\x02\x03\xe8")
	if _, _, err := c.Read(s.ctx); !errors.As(err, new(*ws.CloseError)) {
		s.Error(err)
	}
	if h, p := s.want(); h.Opcode != frame.Close || p != "\x03\xe8" {
		s.Errorf("%+v, %q", h, p)
	}
	s.wantEnd()
	<-c.Done()
}

func (s *script) wantEnd() {
	s.Helper()
	if f, ok := s.next().(*http2.DataFrame); !ok || !f.StreamEnded() || len(f.Data()) > 0 {
		s.Errorf("%v, want END_STREAM", f)
	}
}

func (s *script) wantCancel() {
	s.Helper()
	if f, ok := s.next().(*http2.RSTStreamFrame); !ok || f.ErrCode != http2.ErrCodeCancel {
		s.Errorf("%v, want RST_STREAM with CANCEL", f)
	}
}

func sendsCancel(s *script, ln net.Listener) {
	c := s.open(ln)
	reading := make(chan error, 1)
	go func() { _, _, err := c.Read(bg); reading <- err }()
	_ = c.CloseNow()
	s.wantCancel()
	if err := <-reading; !errors.Is(err, net.ErrClosed) {
		s.Error(err)
	}
}

func reportsCancel(s *script, ln net.Listener) {
	c := s.open(ln)
	s.data("\x81\x05he")
	if err := s.fr.WriteRSTStream(1, http2.ErrCodeCancel); err != nil {
		s.Fatal(err)
	}
	_, _, err := c.Read(s.ctx)
	if e := (*ws.CloseError)(nil); !errors.As(err, &e) || e.Code != ws.CloseAbnormal || !strings.Contains(e.Error(), "CANCEL") {
		s.Error(err)
	}
}

func reportsEndStream(s *script, ln net.Listener) {
	c := s.open(ln)
	if err := s.fr.WriteData(1, true, nil); err != nil {
		s.Fatal(err)
	}
	if _, _, err := c.Read(s.ctx); !errors.Is(err, io.ErrUnexpectedEOF) {
		s.Error(err)
	}
}

// freshKeys shows RFC 6455 section 10.3.
func freshKeys(s *script, ln net.Listener) {
	c := s.open(ln)
	var keys []uint32
	for range 10 {
		if err := c.Write(s.ctx, ws.Text, []byte("x")); err != nil {
			s.Fatal(err)
		}
		h, _ := s.want()
		if slices.Contains(keys, h.Key) {
			s.Errorf("%08x was there before", h.Key)
		}
		keys = append(keys, h.Key)
	}
}

// limit shows RFC 6455 section 10.4.
func limit(s *script, ln net.Listener) {
	s.d.Dialer.MaxMessageSize = 100
	c := s.open(ln)
	s.data("\x82\x7e\x00\xc8")
	if _, _, err := c.Read(s.ctx); !errors.Is(err, ws.ErrMessageTooBig) {
		s.Error(err)
	}
	if h, p := s.want(); h.Opcode != frame.Close || !strings.HasPrefix(p, "\x03\xf1message is longer") {
		s.Errorf("%+v, %q", h, p)
	}
}

// TestGoAway checks that a socket whose stream the server will not serve ends with the reason, that
// one that it still serves goes on, and that new ones take a new connection.
func TestGoAway(t *testing.T) {
	t.Run("not served", withScript(func(s *script, ln net.Listener) {
		c := s.open(ln)
		if err := s.fr.WriteGoAway(0, http2.ErrCodeNo, nil); err != nil {
			s.Fatal(err)
		}
		_, _, err := c.Read(s.ctx)
		if e := (*ws.CloseError)(nil); !errors.As(err, &e) || e.Code != ws.CloseAbnormal || !strings.Contains(e.Error(), "GOAWAY") {
			s.Error(err)
		}
	}))
	t.Run("served", withScript(func(s *script, ln net.Listener) {
		c := s.open(ln)
		if err := s.fr.WriteGoAway(1, http2.ErrCodeNo, nil); err != nil {
			s.Fatal(err)
		}
		s.data("\x81\x02hi")
		if _, p, err := c.Read(s.ctx); err != nil || string(p) != "hi" {
			s.Errorf("%q, %v", p, err)
		}
		old := s.nc
		defer old.Close()
		_ = s.open(ln) // accepts a second connection
		if s.nc == old {
			s.Error("the socket came on the connection that was told to go")
		}
	}))
}
