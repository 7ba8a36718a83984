package conn_test

import (
	"bytes"
	"context"
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
	"github.com/rfc6455/ws/frame"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Rows are the server's rows of RFC 8441, shown to a client that writes HTTP/2
// frame by frame, without TLS.
func h2Rows(q *requirements) {
	q.server("H2-3-01", "announced", inH2(announced))
	q.server("H2-3-01", "invalid", inH2(invalidSetting))
	q.server("H2-3-02", "", inH2(neverTakenBack))
	q.server("H2-3-04", "", inH2(clientSetting))
	q.server("H2-4-12", "", inH2(noTunnelling))
	q.server("H2-4-13", "", inH2(unknownProtocol))
	q.server("H2-5-08", "agreed", inH2(h2Agreed))
	q.server("H2-5-08", "refused", inH2(h2Refused))
	q.server("H2-5-09", "", inH2(statusOK))
	q.server("H2-5-10", "split", inH2(splitOverData))
	q.server("H2-5-10", "unmasked", inH2(unmaskedOverData))
	q.server("H2-5-11", "closed", inH2(closedStream))
	q.server("H2-5-11", "cut by the server", inH2(streamResetByServer))
	q.server("H2-5-11", "cut by the client", inH2(streamResetByClient))
	q.server("H2-8-15", "origin", inH2(h2Origin))
	q.server("H2-8-15", "limits", inH2(h2Limit))
	q.server("H2-x-16", "", inH2(windowsGranted))
}

// h2Client is one end of a connection of HTTP/2 to a server of ours: it sends
// what it is told to, right or wrong.
type h2Client struct {
	*testing.T
	ctx      context.Context // of what the server's end does
	nc       net.Conn
	fr       *http2.Framer
	block    bytes.Buffer
	enc      *hpack.Encoder
	settings []http2.Setting // all that the server has sent
	opened   chan *ws.Conn   // the server's connections
}

// inH2 runs f with a client of a server that speaks HTTP/2 without TLS and keeps
// each connection until it ends.
func inH2(f func(*h2Client)) func(*testing.T) {
	return func(t *testing.T) {
		ctx, cancel := context.WithTimeout(bg, 20*time.Second)
		defer cancel()
		c := &h2Client{T: t, ctx: ctx, opened: make(chan *ws.Conn, 10)}
		u := ws.Upgrader{Config: ws.Config{
			MaxMessageSize: 4 << 20,
			Compression:    ws.Compression{Mode: ws.CompressionTakeover},
		}, Subprotocols: []string{"chat"}}
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if conn, err := u.Upgrade(w, r); err == nil {
				c.opened <- conn
				<-conn.Done()
			}
		}))
		srv.Config.Protocols = new(http.Protocols)
		srv.Config.Protocols.SetUnencryptedHTTP2(true)
		srv.Start()
		defer srv.Close()
		nc, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		c.nc, c.fr, c.enc = nc, http2.NewFramer(nc, nc), hpack.NewEncoder(&c.block)
		c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		_, _ = io.WriteString(nc, http2.ClientPreface)
		f(c)
		for len(c.opened) > 0 {
			_ = (<-c.opened).CloseNow()
		}
	}
}

// extended is an extended CONNECT, to which edits add: "name: value", where an
// empty value removes.
func (c *h2Client) extended(id uint32, edits ...string) {
	c.request(id, append([]string{
		":method: CONNECT", ":protocol: websocket", ":scheme: http", ":path: /chat", ":authority: server.example",
		"sec-websocket-version: 13", "origin: http://server.example",
	}, edits...))
}

// request opens a stream. Of several lines with the same name the last counts, in
// the place of the first.
func (c *h2Client) request(id uint32, lines []string) {
	c.Helper()
	c.block.Reset()
	values := map[string]string{}
	var names []string
	for _, line := range lines {
		i := strings.Index(line[1:], ": ") + 1
		name := line[:i]
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
		values[name] = line[i+2:]
	}
	for _, name := range names {
		if v := values[name]; v != "" {
			_ = c.enc.WriteField(hpack.HeaderField{Name: name, Value: v})
		}
	}
	if err := c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.block.Bytes(), EndHeaders: true}); err != nil {
		c.Fatal(err)
	}
}

// next returns the next frame of a type that the test is about.
func (c *h2Client) next() http2.Frame {
	c.Helper()
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			c.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			_ = f.ForeachSetting(func(s http2.Setting) error { c.settings = append(c.settings, s); return nil })
		case *http2.WindowUpdateFrame, *http2.PingFrame:
		default:
			return f
		}
	}
}

// h2Fields are fields by their names as they are on the wire, in lower case.
type h2Fields map[string][]string

// response returns the fields of the response on a stream.
func (c *h2Client) response(id uint32) h2Fields {
	c.Helper()
	f, ok := c.next().(*http2.MetaHeadersFrame)
	if !ok || f.StreamID != id {
		c.Fatalf("%v, want a response on stream %d", f, id)
	}
	h := h2Fields{}
	for _, field := range f.Fields {
		if field.Name != strings.ToLower(field.Name) {
			c.Errorf("%q is not in lower case", field.Name)
		}
		h[field.Name] = append(h[field.Name], field.Value)
	}
	return h
}

// open opens a socket on a stream and returns the server's end.
func (c *h2Client) open(id uint32, edits ...string) *ws.Conn {
	c.Helper()
	c.extended(id, edits...)
	if h := c.response(id); h[":status"][0] != "200" {
		c.Fatalf("%v", h)
	}
	conn := <-c.opened
	c.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// refused opens a stream that the server must refuse with status.
func (c *h2Client) refused(id uint32, status string) h2Fields {
	c.Helper()
	h := c.response(id)
	if h[":status"][0] != status || h["connection"] != nil || h["upgrade"] != nil {
		c.Errorf("%v, want %s", h, status)
	}
	for {
		switch f := c.next().(type) {
		case *http2.DataFrame:
			if f.StreamEnded() && c.reset(id) != http2.ErrCodeNo {
				c.Error("a refusal is no error of the stream")
			}
			if f.StreamEnded() {
				return h
			}
		default:
			c.Fatalf("%v", f)
		}
	}
}

// reset wants a stream to be reset, and returns the code.
func (c *h2Client) reset(id uint32) http2.ErrCode {
	c.Helper()
	f, ok := c.next().(*http2.RSTStreamFrame)
	if !ok || f.StreamID != id {
		c.Fatalf("%v, want RST_STREAM of stream %d", f, id)
	}
	return f.ErrCode
}

// data sends one DATA frame for each piece of p, cut after n bytes.
func (c *h2Client) data(id uint32, p []byte, n int) {
	c.Helper()
	for len(p) > 0 {
		n := min(n, len(p))
		if err := c.fr.WriteData(id, false, p[:n]); err != nil {
			c.Fatal(err)
		}
		p = p[n:]
	}
}

// h2Message is a frame as a client sends it.
func h2Message(op frame.Opcode, payload string) []byte {
	e := frame.Encoder{Role: frame.Client}
	p, err := e.AppendFrame(nil, frame.Header{Fin: true, Opcode: op, Key: 0x01020304}, []byte(payload))
	if err != nil {
		panic(err)
	}
	return p
}

func (c *h2Client) start(settings ...http2.Setting) {
	if err := c.fr.WriteSettings(settings...); err != nil {
		c.Fatal(err)
	}
}

func announced(c *h2Client) {
	c.start()
	c.open(1)
	if len(c.settings) == 0 || !c.has(http2.SettingEnableConnectProtocol, 1) {
		c.Errorf("%v", c.settings)
	}
}

func (c *h2Client) has(id http2.SettingID, value uint32) bool {
	for _, s := range c.settings {
		if s.ID == id && s.Val == value {
			return true
		}
	}
	return false
}

func invalidSetting(c *h2Client) {
	c.start(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 2})
	f, ok := c.next().(*http2.GoAwayFrame)
	if !ok || f.ErrCode != http2.ErrCodeProtocol {
		c.Errorf("%v", f)
	}
}

func neverTakenBack(c *h2Client) {
	c.start()
	conn := c.open(1)
	_ = conn.CloseNow()
	c.reset(1)
	c.open(3)
	if c.has(http2.SettingEnableConnectProtocol, 0) {
		c.Errorf("%v", c.settings)
	}
}

func clientSetting(c *h2Client) {
	c.start(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
	c.open(1)
	c.start(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 0})
	c.open(3)
}

// noTunnelling: neither a plain CONNECT nor the authority of an extended one
// makes the server connect to it.
func noTunnelling(c *h2Client) {
	target := listen(c.T)
	c.start()
	c.request(1, []string{":method: CONNECT", ":authority: " + target.Addr().String()})
	c.refused(1, "400")
	c.open(3, ":authority: "+target.Addr().String(), "origin: ")
	_ = target.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Millisecond))
	if nc, err := target.Accept(); err == nil {
		c.Errorf("the server connected to %v", nc.LocalAddr())
	}
}

func unknownProtocol(c *h2Client) {
	c.start()
	c.extended(1, ":protocol: foo")
	c.refused(1, "501")
}

func h2Agreed(c *h2Client) {
	c.start()
	c.extended(1, "sec-websocket-protocol: other, chat", "sec-websocket-extensions: permessage-deflate; client_max_window_bits",
		"sec-websocket-key: ignored")
	h := c.response(1)
	if h[":status"][0] != "200" || len(h["sec-websocket-protocol"]) != 1 || h["sec-websocket-protocol"][0] != "chat" ||
		!strings.HasPrefix(h["sec-websocket-extensions"][0], "permessage-deflate") || h["sec-websocket-accept"] != nil {
		c.Errorf("%v", h)
	}
	conn := <-c.opened
	defer conn.CloseNow()
	if conn.Subprotocol() != "chat" || conn.Deflate().ServerMaxWindowBits == 0 {
		c.Errorf("%q %+v", conn.Subprotocol(), conn.Deflate())
	}
}

func h2Refused(c *h2Client) {
	c.start()
	for i, edit := range []string{"sec-websocket-version: ", "sec-websocket-version: 8", "sec-websocket-version: 013"} {
		id := uint32(2*i + 1)
		c.extended(id, edit)
		name, _, _ := strings.Cut(edit, ":") // in lower case, as on the wire
		if h := c.refused(id, "400"); !slices.Equal(h[name], []string{"13"}) {
			c.Errorf("%q: %v", edit, h)
		}
	}
	for i, edit := range []string{"sec-websocket-protocol: a b", "sec-websocket-extensions: a b", "connection: upgrade", "upgrade: websocket"} {
		id := uint32(2*i + 11)
		c.extended(id, edit)
		c.refused(id, "400")
	}
	c.extended(31, ":path: ") // malformed
	if code := c.reset(31); code != http2.ErrCodeProtocol {
		c.Error(code)
	}
}

// statusOK: 200, and a stream that is open both ways.
func statusOK(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, h2Message(frame.Text, "up"), 100)
	if _, p, err := conn.Read(c.ctx); err != nil || string(p) != "up" {
		c.Errorf("%q, %v", p, err)
	}
	if err := conn.Write(c.ctx, ws.Text, []byte("down")); err != nil {
		c.Error(err)
	}
	if f, ok := c.next().(*http2.DataFrame); !ok || f.StreamEnded() || string(f.Data()) != "\x81\x04down" {
		c.Errorf("%v", f)
	}
}

// splitOverData: the boundaries of DATA frames mean nothing, nor does their
// padding.
func splitOverData(c *h2Client) {
	c.start()
	conn := c.open(1)
	all := append(h2Message(frame.Text, "one"), h2Message(frame.Binary, strings.Repeat("two", 100))...)
	for _, n := range []int{1, 7, 1000} {
		c.data(1, all, n)
		if err := c.fr.WriteDataPadded(1, false, nil, make([]byte, 5)); err != nil {
			c.Fatal(err)
		}
		for _, want := range []string{"one", strings.Repeat("two", 100)} {
			if _, p, err := conn.Read(c.ctx); err != nil || string(p) != want {
				c.Errorf("in pieces of %d: %q, %v", n, p, err)
			}
		}
	}
}

// h2Failed is the Close frame of a connection whose client broke a rule.
func h2Failed(rule *frame.Error) string {
	payload, _ := frame.AppendClose(nil, rule.Code(), strings.TrimPrefix(rule.Error(), "websocket: "))
	return string([]byte{0x88, byte(len(payload))}) + string(payload)
}

func unmaskedOverData(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, []byte("\x81\x02hi"), 100)
	if _, _, err := conn.Read(c.ctx); !errors.Is(err, frame.ErrMaskRequired) {
		c.Error(err)
	}
	if f, ok := c.next().(*http2.DataFrame); !ok || string(f.Data()) != h2Failed(frame.ErrMaskRequired) {
		c.Errorf("%v", f)
	}
}

// closedStream: the closing handshake, END_STREAM, and a connection that goes
// on.
func closedStream(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, h2Message(frame.Close, "\x03\xe8"), 100)
	if _, _, err := conn.Read(c.ctx); ws.CloseNormal != err.(*ws.CloseError).Code {
		c.Error(err)
	}
	var sent []byte
	for ended := false; !ended; {
		f, ok := c.next().(*http2.DataFrame)
		if !ok {
			c.Fatalf("%v", f)
		}
		sent = append(sent, f.Data()...)
		ended = f.StreamEnded()
	}
	if string(sent) != "\x88\x02\x03\xe8" {
		c.Errorf("%q", sent)
	}
	if code := c.reset(1); code != http2.ErrCodeNo { // the client's half, which is still open
		c.Error(code)
	}
	c.open(3)
}

// streamResetByServer: a reset of TCP is RST_STREAM here. CANCEL is the code that it
// should have; net/http gives handlers another.
func streamResetByServer(c *h2Client) {
	c.start()
	conn := c.open(1)
	_ = conn.CloseNow()
	if code := c.reset(1); code != http2.ErrCodeInternal {
		c.Error(code)
	}
	c.open(3)
}

func streamResetByClient(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, h2Message(frame.Text, "half a message")[:10], 100)
	if err := c.fr.WriteRSTStream(1, http2.ErrCodeCancel); err != nil {
		c.Fatal(err)
	}
	_, _, err := conn.Read(c.ctx)
	var e *ws.CloseError
	if !errors.As(err, &e) || e.Code != ws.CloseAbnormal || !strings.Contains(e.Error(), "CANCEL") {
		c.Error(err)
	}
	other := c.open(3)
	if err := c.fr.WriteData(3, true, nil); err != nil { // END_STREAM without a Close frame
		c.Fatal(err)
	}
	if _, _, err := other.Read(c.ctx); !errors.Is(err, io.ErrUnexpectedEOF) {
		c.Error(err)
	}
}

func h2Origin(c *h2Client) {
	c.start()
	c.extended(1, "origin: http://evil.example")
	c.refused(1, "403")
}

func h2Limit(c *h2Client) {
	c.start()
	conn := c.open(1)
	c.data(1, []byte("\x82\xff\x00\x00\x00\x00\x10\x00\x00\x00\x01\x02\x03\x04"), 100) // 256 MiB are announced
	if _, _, err := conn.Read(c.ctx); !errors.Is(err, ws.ErrMessageTooBig) {
		c.Error(err)
	}
	if f, ok := c.next().(*http2.DataFrame); !ok || string(f.Data()) != h2Failed(frame.ErrMessageTooBig) {
		c.Errorf("%v", f)
	}
}

// windowsGranted: who reads lets the client send more than the windows that it
// was given at first, and who does not read does not.
func windowsGranted(c *h2Client) {
	c.start()
	conn := c.open(1)
	const size = 3 << 20 // three times the windows of net/http
	read := make(chan error, 1)
	go func() {
		_, p, err := conn.Read(c.ctx)
		if err == nil && len(p) != size {
			err = io.ErrShortBuffer
		}
		read <- err
	}()
	sent := c.sendAll(1, h2Message(frame.Binary, strings.Repeat("x", size)), size+14)
	if err := <-read; err != nil {
		c.Error(err)
	}
	if sent != size+14 {
		c.Errorf("%d bytes were let through", sent)
	}
}

// sendAll sends p as the windows let it, at most n bytes, and returns how much
// that was. It waits for windows as long as the test may last.
func (c *h2Client) sendAll(id uint32, p []byte, n int) (sent int) {
	c.Helper()
	stream, conn := 65535, 65535 // RFC 9113 section 6.9.2
	for _, s := range c.settings {
		if s.ID == http2.SettingInitialWindowSize {
			stream = int(s.Val)
		}
	}
	for sent < n {
		if k := min(stream, conn, n-sent, 16384); k > 0 {
			c.data(id, p[sent:sent+k], k)
			sent, stream, conn = sent+k, stream-k, conn-k
			continue
		}
		f, err := c.fr.ReadFrame()
		if err != nil {
			c.Fatalf("after %d bytes: %v", sent, err)
		}
		if u, ok := f.(*http2.WindowUpdateFrame); ok && u.StreamID == 0 {
			conn += int(u.Increment)
		} else if ok {
			stream += int(u.Increment)
		}
	}
	return sent
}
