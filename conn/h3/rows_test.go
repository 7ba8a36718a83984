package h3_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestRequirements shows the rows of RFC 9220, and those of RFC 8441 that it applies again, with
// peers that write HTTP/3 frame by frame.
func TestRequirements(t *testing.T) {
	for _, row := range []struct {
		id, role, name string
		run            func(*testing.T)
	}{
		{"H3-3-17", "server", "announced", toServer(announced)},
		{"H3-3-17", "client", "waits", toClient(waitsForSettings)},
		{"H3-3-17", "client", "not allowed", toClient(notAllowed)},
		{"H3-3-17", "client", "invalid", toClient(invalidSetting)},
		{"H3-3-17", "client", "pseudo-headers", toClient(pseudoHeaders)},
		{"H3-3-18", "server", "", toServer(unknownProtocol)},
		{"H3-3-19", "server", "closed", toServer(closedByClient)},
		{"H3-3-19", "server", "closes", toServer(closedByServer)},
		{"H3-3-19", "server", "cuts", toServer(cutByServer)},
		{"H3-3-19", "server", "cut", toServer(cutByClient)},
		{"H3-3-19", "server", "fails", toServer(failedByServer)},
		{"H3-3-19", "server", "DATA alone", toServer(dataAloneServer)},
		{"H3-3-19", "server", "cut frame", toServer(cutFrame)},
		{"H3-3-19", "client", "closed", toClient(closedByServerToClient)},
		{"H3-3-19", "client", "closes", toClient(closesAsClient)},
		{"H3-3-19", "client", "cuts", toClient(cutsAsClient)},
		{"H3-3-19", "client", "cut", toClient(cutToClient)},
		{"H3-3-19", "client", "ended", toClient(endedToClient)},
		{"H3-3-19", "client", "DATA alone", toClient(dataAloneClient)},

		{"H2-3-01", "server", "", toServer(announced)},
		{"H2-3-02", "server", "", toServer(neverTakenBack)},
		{"H2-3-03", "client", "", toClient(notAllowed)},
		{"H2-3-04", "server", "", toServer(clientSetting)},
		{"H2-4-05", "client", "", toClient(pseudoHeaders)},
		{"H2-4-12", "server", "", toServer(noTunnelling)},
		{"H2-4-13", "server", "", toServer(unknownProtocol)},
		{"H2-5-06", "client", "", toClient(pseudoHeaders)},
		{"H2-5-07", "client", "", toClient(pseudoHeaders)},
		{"H2-5-08", "server", "agreed", toServer(agreed)},
		{"H2-5-08", "server", "refused", toServer(refused)},
		{"H2-5-08", "client", "agreed", toClient(reportsAgreement)},
		{"H2-5-08", "client", "not agreed", toClient(resetsDisagreement)},
		{"H2-5-09", "server", "", toServer(statusOK)},
		{"H2-5-10", "server", "split", toServer(splitOverData)},
		{"H2-5-10", "server", "unmasked", toServer(failedByServer)},
		{"H2-5-10", "client", "", toClient(splitToClient)},
		{"H2-5-11", "server", "", toServer(closedByClient)},
		{"H2-5-11", "client", "", toClient(closesAsClient)},
		{"H2-8-15", "server", "origin", toServer(wrongOrigin)},
		{"H2-8-15", "server", "limits", toServer(serverLimit)},
		{"H2-8-15", "client", "limits", toClient(clientLimit)},
		{"H2-x-16", "server", "", toServer(windowsGranted)},
	} {
		t.Run(strings.TrimSuffix(row.id+"/"+row.role+"/"+row.name, "/"), row.run)
	}
}

// announced: the setting has the same identifier as in HTTP/2.
func announced(c *rawClient) {
	if s := peerSettings(c, c.ctx, c.conn); s[0x8] != 1 {
		c.Errorf("SETTINGS %v, want 0x8 = 1", s)
	}
	control(c, c.conn)
	c.open()
}

// neverTakenBack: HTTP/3 has one SETTINGS frame, so that the setting stays. What was opened before
// does not matter.
func neverTakenBack(c *rawClient) {
	_, conn := c.open()
	_ = conn.CloseNow()
	c.open()
}

func clientSetting(c *rawClient) {
	control(c, c.conn, 0x8, 1)
	c.open()
}

func unknownProtocol(c *rawClient) {
	if h := c.ask(":protocol: foo").section(); h[":status"] != "501" {
		c.Errorf("response %v, want status 501", h)
	}
}

// noTunnelling: neither a plain CONNECT nor the authority of an extended one makes the server
// connect to it.
func noTunnelling(c *rawClient) {
	target := wstest.Listen(c)
	w := c.stream()
	w.send(h3Frame(headers, fields(":method: CONNECT", ":authority: "+target.Addr().String())))
	if h := w.section(); h[":status"] != "400" {
		c.Errorf("response %v, want status 400", h)
	}
	c.open(":authority: "+target.Addr().String(), "origin: ")
	noTarget(c, target)
}

func agreed(c *rawClient) {
	w := c.ask("sec-websocket-protocol: other, chat", "sec-websocket-key: ignored",
		"sec-websocket-extensions: permessage-deflate; client_max_window_bits")
	h := w.section()
	_, accept := h["sec-websocket-accept"]
	if h[":status"] != "200" || h["sec-websocket-protocol"] != "chat" || accept ||
		!strings.HasPrefix(h["sec-websocket-extensions"], "permessage-deflate") {
		c.Errorf("response %v, want 200, chat, compression and no Sec-WebSocket-Accept", h)
	}
	conn := await(c, c.opened, "socket")
	defer conn.CloseNow()
	if conn.Subprotocol() != "chat" || conn.Deflate().ServerMaxWindowBits == 0 {
		c.Errorf("Subprotocol() = %q, Deflate() = %+v, want chat and compression", conn.Subprotocol(), conn.Deflate())
	}
}

func refused(c *rawClient) {
	for _, edit := range []string{
		"sec-websocket-version: ", "sec-websocket-version: 8", "sec-websocket-protocol: a b", "sec-websocket-extensions: a b",
	} {
		h := c.ask(edit).section()
		if h[":status"] != "400" || strings.Contains(edit, "version") && h["sec-websocket-version"] != "13" {
			c.Errorf("%q: response %v, want status 400, and the version if that is wrong", edit, h)
		}
	}
	for _, edit := range []string{"connection: upgrade", "upgrade: websocket", ":path: "} { // malformed
		c.ask(edit).wantReset(http3.ErrCodeMessageError)
	}
}

// statusOK: 200, and a stream that is open both ways.
func statusOK(c *rawClient) {
	w, conn := c.open()
	w.data(masked(frame.Text, "up"))
	if _, p, err := conn.Read(c.ctx); err != nil || string(p) != "up" {
		c.Errorf("Read = %q, %v, want up", p, err)
	}
	if err := conn.Write(c.ctx, ws.Text, []byte("down")); err != nil {
		c.Errorf("Write = %v, want nil", err)
	}
	if h, p := w.message(); h.Masked || h.Opcode != frame.Text || p != "down" {
		c.Errorf("got %+v, %q, want the message", h, p)
	}
}

// splitOverData: the boundaries of DATA frames mean nothing, nor do frames of unknown types.
func splitOverData(c *rawClient) {
	w, conn := c.open()
	long := strings.Repeat("two", 100)
	all := masked(frame.Text, "one") + masked(frame.Binary, long)
	for _, n := range []int{1, 7, 1000} {
		for piece := range slices.Chunk([]byte(all), n) {
			w.send(h3Frame(0x21+0x1f*5, "grease") + h3Frame(data, "") + h3Frame(data, string(piece)))
		}
		for _, want := range []string{"one", long} {
			if _, p, err := conn.Read(c.ctx); err != nil || string(p) != want {
				c.Errorf("in pieces of %d: Read = %q, %v, want %q", n, p, err, want)
			}
		}
	}
}

// closeFrame is the payload of the Close frame of a connection whose peer broke a rule.
func closeFrame(rule *frame.Error) string {
	payload, _ := frame.AppendClose(nil, rule.Code(), strings.TrimPrefix(rule.Error(), "websocket: "))
	return string(payload)
}

// failedByServer: what breaks a rule of RFC 6455 gets a Close frame and FIN, even if the connection
// is cut after that.
func failedByServer(c *rawClient) {
	w, conn := c.open()
	w.data("\x81\x02hi")
	if _, _, err := conn.Read(c.ctx); !errors.Is(err, frame.ErrMaskRequired) {
		c.Errorf("Read = %v, want %v", err, frame.ErrMaskRequired)
	}
	_ = conn.CloseNow()
	if h, p := w.message(); h.Opcode != frame.Close || p != closeFrame(frame.ErrMaskRequired) {
		c.Errorf("got %+v, %q, want a Close frame with the rule", h, p)
	}
	w.wantEnd()
}

// closedByClient: the closing handshake and FIN, and a connection that goes on.
func closedByClient(c *rawClient) {
	w, conn := c.open()
	w.data(masked(frame.Close, "\x03\xe8"))
	var e *ws.CloseError
	if _, _, err := conn.Read(c.ctx); !errors.As(err, &e) || e.Code != ws.CloseNormal {
		c.Errorf("Read = %v, want code 1000", err)
	}
	if h, p := w.message(); h.Opcode != frame.Close || p != "\x03\xe8" {
		c.Errorf("got %+v, %q, want a Close frame with code 1000", h, p)
	}
	w.wantEnd()
	_ = w.Close()
	await(c, conn.Done(), "end of the socket")
	c.open()
}

func closedByServer(c *rawClient) {
	w, conn := c.open()
	done := make(chan error, 1)
	go func() { done <- conn.Close(ws.CloseGoingAway, "") }()
	if h, p := w.message(); h.Opcode != frame.Close || p != "\x03\xe9" {
		c.Errorf("got %+v, %q, want a Close frame with code 1001", h, p)
	}
	w.data(masked(frame.Close, "\x03\xe9"))
	w.wantEnd() // the server is the first to end its direction
	_ = w.Close()
	if err := await(c, done, "end of Close"); err != nil {
		c.Errorf("Close = %v, want nil", err)
	}
}

func cutByServer(c *rawClient) {
	w, conn := c.open()
	_ = conn.CloseNow()
	w.wantReset(http3.ErrCodeRequestCanceled)
	c.open()
}

func cutByClient(c *rawClient) {
	w, conn := c.open()
	w.data(masked(frame.Text, "half a message")[:10])
	w.CancelWrite(0x10c)
	w.CancelRead(0x10c)
	_, _, err := conn.Read(c.ctx)
	var e *ws.CloseError
	if !errors.As(err, &e) || e.Code != ws.CloseAbnormal || !strings.Contains(e.Error(), "H3_REQUEST_CANCELLED") {
		c.Errorf("Read = %v, want code 1006 and H3_REQUEST_CANCELLED", err)
	}
	wantCode(c, "Read", err, http3.ErrCodeRequestCanceled)
	w, conn = c.open()
	_ = w.Close() // FIN without a Close frame
	if _, _, err := conn.Read(c.ctx); !errors.Is(err, io.ErrUnexpectedEOF) {
		c.Errorf("Read = %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// dataAloneServer: RFC 9114 section 4.4.
func dataAloneServer(c *rawClient) {
	w, conn := c.open()
	w.send(h3Frame(headers, fields("a: trailer")))
	_, _, err := conn.Read(c.ctx)
	wantCode(c, "Read", err, http3.ErrCodeFrameUnexpected)
	wantClosed(c, c.conn, http3.ErrCodeFrameUnexpected)
}

// cutFrame: RFC 9114 section 7.1.
func cutFrame(c *rawClient) {
	w, conn := c.open()
	w.send(h3Frame(data, masked(frame.Text, "hello"))[:7])
	_ = w.Close()
	_, _, err := conn.Read(c.ctx)
	wantCode(c, "Read", err, http3.ErrCodeFrameError)
	wantClosed(c, c.conn, http3.ErrCodeFrameError)
}

func wrongOrigin(c *rawClient) {
	if h := c.ask("origin: https://evil.example").section(); h[":status"] != "403" {
		c.Errorf("response %v, want status 403", h)
	}
}

func serverLimit(c *rawClient) {
	w, conn := c.open()
	w.data("\x82\xff\x00\x00\x00\x00\x10\x00\x00\x00\x01\x02\x03\x04") // 256 MiB are announced
	if _, _, err := conn.Read(c.ctx); !errors.Is(err, ws.ErrMessageTooBig) {
		c.Errorf("Read = %v, want %v", err, ws.ErrMessageTooBig)
	}
	if h, p := w.message(); h.Opcode != frame.Close || p != closeFrame(frame.ErrMessageTooBig) {
		c.Errorf("got %+v, %q, want a Close frame with the rule", h, p)
	}
}

// windowsGranted: who reads lets the client send more than the windows that it was given at first.
func windowsGranted(c *rawClient) {
	w, conn := c.open()
	const size = 3 << 20 // more than the window of the connection
	read := make(chan error, 1)
	go func() {
		_, p, err := conn.Read(c.ctx)
		if err == nil && len(p) != size {
			err = io.ErrShortBuffer
		}
		read <- err
	}()
	w.data(masked(frame.Binary, strings.Repeat("x", size)))
	if err := await(c, read, "message"); err != nil {
		c.Errorf("Read = %v, want the whole message", err)
	}
}

// waitsForSettings: nothing is asked for before the server's SETTINGS.
func waitsForSettings(s *rawServer) {
	done := s.dial()
	s.accept()
	if v := peerSettings(s, s.ctx, s.conn); v[0x8] != 0 {
		s.Errorf("SETTINGS %v, want no 0x8: a client does not serve WebSockets", v)
	}
	asked := make(chan struct{})
	go func() {
		if _, err := s.conn.AcceptStream(s.ctx); err == nil {
			close(asked)
		}
	}()
	select {
	case <-asked:
		s.Error("the client sent a request before the server's SETTINGS")
	case r := <-done:
		s.Errorf("Dial = %v, before the server's SETTINGS", r.err)
	default:
	}
	control(s, s.conn, 0x8, 0)
	if r := await(s, done, "result of Dial"); !errors.Is(r.err, h3.ErrNotSupported) {
		s.Errorf("Dial = %v, want %v", r.err, h3.ErrNotSupported)
	}
	select {
	case <-asked:
		s.Error("the client sent a request although the server does not allow it")
	default:
	}
}

// notAllowed: the setting's default is 0.
func notAllowed(s *rawServer) {
	done := s.dial()
	s.accept()
	control(s, s.conn)
	if r := await(s, done, "result of Dial"); !errors.Is(r.err, h3.ErrNotSupported) {
		s.Errorf("Dial = %v, want %v", r.err, h3.ErrNotSupported)
	}
}

func invalidSetting(s *rawServer) {
	done := s.dial()
	s.accept()
	control(s, s.conn, 0x8, 2)
	if r := await(s, done, "result of Dial"); r.err == nil {
		s.Error("Dial = nil, want an error")
	}
	wantClosed(s, s.conn, http3.ErrCodeSettingsError)
}

func pseudoHeaders(s *rawServer) {
	s.d.Dialer.Header = http.Header{"Authorization": {"Bearer x"}}
	done := s.dial()
	s.accept()
	control(s, s.conn, 0x8, 1)
	w, got := s.request()
	for name, want := range map[string]string{
		":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":path": "/chat?x=1", ":authority": s.ln.Addr().String(),
		"sec-websocket-version": "13", "authorization": "Bearer x",
	} {
		if got[name] != want {
			s.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"connection", "upgrade", "host", "sec-websocket-key", "sec-websocket-accept", "transfer-encoding", "content-length"} {
		if v, ok := got[name]; ok {
			s.Errorf("%s: %s, want no such field", name, v)
		}
	}
	w.send(h3Frame(headers, fields(":status: 103", "link: </x>")) +
		h3Frame(headers, fields(":status: 403", "content-type: text/plain")) + h3Frame(data, "why") + h3Frame(headers, fields("a: trailer")))
	_ = w.Close()
	r := await(s, done, "result of Dial")
	var e *ws.HandshakeError
	if !errors.As(r.err, &e) || e.Status != 403 {
		s.Fatalf("Dial = %v, want one of status 403", r.err)
	}
	if body, _ := io.ReadAll(r.resp.Body); string(body) != "why" {
		s.Errorf("the body is %q, want why", body)
	}
}

func reportsAgreement(s *rawServer) {
	s.d.Dialer.Subprotocols, s.d.Dialer.Compression.Mode = []string{"a", "b"}, ws.CompressionTakeover
	s.d.Dialer.Header = http.Header{"Origin": {"https://x.example"}}
	done := s.dial()
	s.accept()
	control(s, s.conn, 0x8, 1)
	w, got := s.request()
	if got["sec-websocket-protocol"] != "a, b" || got["origin"] != "https://x.example" ||
		!strings.HasPrefix(got["sec-websocket-extensions"], "permessage-deflate") {
		s.Errorf("request %v, want the offers and the origin", got)
	}
	w.send(h3Frame(headers, fields(":status: 200", "sec-websocket-protocol: b", "sec-websocket-extensions: permessage-deflate; server_max_window_bits=12")))
	r := await(s, done, "result of Dial")
	if r.err != nil {
		s.Fatal(r.err)
	}
	defer r.c.CloseNow()
	if r.c.Subprotocol() != "b" || r.c.Deflate().ClientMaxWindowBits == 0 {
		s.Errorf("Subprotocol() = %q, Deflate() = %+v, want b and compression", r.c.Subprotocol(), r.c.Deflate())
	}
}

// resetsDisagreement: a stream is reset at once, without a frame, if something was agreed on it
// that was not asked for.
func resetsDisagreement(s *rawServer) {
	done := s.dial()
	s.accept()
	control(s, s.conn, 0x8, 1)
	w, _ := s.request()
	w.send(h3Frame(headers, fields(":status: 200", "sec-websocket-protocol: b")))
	var e *ws.HandshakeError
	if r := await(s, done, "result of Dial"); !errors.As(r.err, &e) || e.Field != "Sec-WebSocket-Protocol" {
		s.Errorf("Dial = %v, want an error about Sec-WebSocket-Protocol", r.err)
	}
	w.wantReset(http3.ErrCodeRequestCanceled)
}

func splitToClient(s *rawServer) {
	w, c := s.open()
	const all = "\x81\x05hello\x82\x00"
	for i := range all {
		w.data(all[i : i+1])
		w.data("")
	}
	for _, want := range []string{"hello", ""} {
		if _, p, err := c.Read(s.ctx); err != nil || string(p) != want {
			s.Errorf("Read = %q, %v, want %q", p, err, want)
		}
	}
	if err := c.Write(s.ctx, ws.Text, []byte("masked")); err != nil {
		s.Fatal(err)
	}
	if h, p := w.message(); !h.Masked || h.Opcode != frame.Text || p != "masked" {
		s.Errorf("got %+v, %q, want a masked message", h, p)
	}
	w.data("\x81\x80\x01\x02\x03\x04") // a server masks nothing
	if _, _, err := c.Read(s.ctx); !errors.Is(err, frame.ErrMaskForbidden) {
		s.Errorf("Read = %v, want %v", err, frame.ErrMaskForbidden)
	}
}

// closesAsClient: after both Close frames the client ends the stream itself.
func closesAsClient(s *rawServer) {
	w, c := s.open()
	done := make(chan error, 1)
	go func() { done <- c.Close(ws.CloseNormal, "") }()
	if h, p := w.message(); h.Opcode != frame.Close || p != "\x03\xe8" {
		s.Errorf("got %+v, %q, want a Close frame", h, p)
	}
	w.data("\x88\x02\x03\xe8")
	w.wantEnd()
	if err := await(s, done, "end of Close"); err != nil {
		s.Errorf("Close = %v, want nil", err)
	}
	_ = w.Close()
}

// closedByServerToClient: the client answers the server's Close frame and ends the stream, even if
// it is cut as soon as the frame is read.
func closedByServerToClient(s *rawServer) {
	w, c := s.open()
	w.data("\x88\x02\x03\xe8")
	if _, _, err := c.Read(s.ctx); !errors.As(err, new(*ws.CloseError)) {
		s.Errorf("Read = %v, want a CloseError", err)
	}
	_ = c.CloseNow()
	if h, p := w.message(); h.Opcode != frame.Close || p != "\x03\xe8" {
		s.Errorf("got %+v, %q, want a Close frame", h, p)
	}
	w.wantEnd()
	await(s, c.Done(), "end of the socket")
}

func cutsAsClient(s *rawServer) {
	w, c := s.open()
	reading := make(chan error, 1)
	go func() { _, _, err := c.Read(bg); reading <- err }()
	_ = c.CloseNow()
	w.wantReset(http3.ErrCodeRequestCanceled)
	if err := await(s, reading, "end of Read"); !errors.Is(err, net.ErrClosed) {
		s.Errorf("Read = %v, want %v", err, net.ErrClosed)
	}
}

func cutToClient(s *rawServer) {
	w, c := s.open()
	w.data("\x81\x05he")
	w.CancelWrite(0x10c)
	_, _, err := c.Read(s.ctx)
	if code, _ := ws.CloseStatus(err); code != ws.CloseAbnormal {
		s.Errorf("Read = %v, want code 1006", err)
	}
	wantCode(s, "Read", err, http3.ErrCodeRequestCanceled)
}

func endedToClient(s *rawServer) {
	w, c := s.open()
	_ = w.Close()
	if _, _, err := c.Read(s.ctx); !errors.Is(err, io.ErrUnexpectedEOF) {
		s.Errorf("Read = %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func dataAloneClient(s *rawServer) {
	w, c := s.open()
	w.send(h3Frame(headers, fields("a: trailer")))
	_, _, err := c.Read(s.ctx)
	wantCode(s, "Read", err, http3.ErrCodeFrameUnexpected)
	wantClosed(s, s.conn, http3.ErrCodeFrameUnexpected)
}

func clientLimit(s *rawServer) {
	s.d.Dialer.MaxMessageSize = 100
	w, c := s.open()
	w.data("\x82\x7e\x00\xc8")
	if _, _, err := c.Read(s.ctx); !errors.Is(err, ws.ErrMessageTooBig) {
		s.Errorf("Read = %v, want %v", err, ws.ErrMessageTooBig)
	}
	if h, p := w.message(); h.Opcode != frame.Close || !strings.HasPrefix(p, "\x03\xf1message is longer") {
		s.Errorf("got %+v, %q, want a Close frame with the rule", h, p)
	}
}
