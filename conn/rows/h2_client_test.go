package rows

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the servers of these tests
	"github.com/rfc6455/ws/frame"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

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
			t.Fatalf("net.Dial = %v, want nil", err)
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

// extended is an extended CONNECT, to which edits add: "name: value". An
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
		c.Fatalf("WriteHeaders = %v, want nil", err)
	}
}

// next returns the next frame of a type that the test is about.
func (c *h2Client) next() http2.Frame {
	c.Helper()
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			c.Fatalf("ReadFrame = %v, want nil", err)
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
		c.Fatalf("got %v, want a response on stream %d", f, id)
	}
	h := h2Fields{}
	for _, field := range f.Fields {
		if field.Name != strings.ToLower(field.Name) {
			c.Errorf("field %q, want it in lower case", field.Name)
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
		c.Fatalf("response %v, want status 200", h)
	}
	conn := <-c.opened
	c.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// wantRefusal reads the answer on a stream that the server must refuse with status.
func (c *h2Client) wantRefusal(id uint32, status string) h2Fields {
	c.Helper()
	h := c.response(id)
	if h[":status"][0] != status || h["connection"] != nil || h["upgrade"] != nil {
		c.Errorf("response %v, want status %s", h, status)
	}
	for {
		switch f := c.next().(type) {
		case *http2.DataFrame:
			if f.StreamEnded() && c.reset(id) != http2.ErrCodeNo {
				c.Error("the refusal reset its stream with an error, want NO_ERROR")
			}
			if f.StreamEnded() {
				return h
			}
		default:
			c.Fatalf("got %v, want DATA", f)
		}
	}
}

// reset wants a stream to be reset, and returns the code.
func (c *h2Client) reset(id uint32) http2.ErrCode {
	c.Helper()
	f, ok := c.next().(*http2.RSTStreamFrame)
	if !ok || f.StreamID != id {
		c.Fatalf("got %v, want RST_STREAM of stream %d", f, id)
	}
	return f.ErrCode
}

// data sends one DATA frame for each piece of p, cut after n bytes.
func (c *h2Client) data(id uint32, p []byte, n int) {
	c.Helper()
	for len(p) > 0 {
		n := min(n, len(p))
		if err := c.fr.WriteData(id, false, p[:n]); err != nil {
			c.Fatalf("WriteData = %v, want nil", err)
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
		c.Fatalf("WriteSettings = %v, want nil", err)
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
			c.Fatalf("after %d bytes: %v, want a window", sent, err)
		}
		if u, ok := f.(*http2.WindowUpdateFrame); ok && u.StreamID == 0 {
			conn += int(u.Increment)
		} else if ok {
			stream += int(u.Increment)
		}
	}
	return sent
}
