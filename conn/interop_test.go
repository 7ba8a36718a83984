package conn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	ws "github.com/rfc6455/ws/conn"
)

// Another implementation, golang.org/x/net/websocket, at the other end. It
// reads a message frame by frame, so that this side sends each in one frame
// where its messages are compared.

// theirFrame is a message as its codec sees it.
type theirFrame struct {
	payloadType byte
	data        []byte
}

var wholeFrames = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) {
		f := v.(theirFrame)
		return f.data, f.payloadType, nil
	},
	Unmarshal: func(data []byte, payloadType byte, v any) error {
		*v.(*theirFrame) = theirFrame{payloadType, bytes.Clone(data)}
		return nil
	},
}

// echoWholeFrames answers each message with itself, and "bye" with its end.
func echoWholeFrames(c *websocket.Conn) {
	defer c.Close()
	for {
		var f theirFrame
		if wholeFrames.Receive(c, &f) != nil || string(f.data) == "bye" {
			return
		}
		if wholeFrames.Send(c, f) != nil {
			return
		}
	}
}

// interopMessages are of all the sizes at which the header changes.
func interopMessages() map[string]theirFrame {
	text := func(n int) theirFrame {
		return theirFrame{websocket.TextFrame, []byte(strings.Repeat("é", n/2) + strings.Repeat("x", n%2))}
	}
	binary := func(n int) theirFrame {
		return theirFrame{websocket.BinaryFrame, bytes.Repeat([]byte{0xff, 0, 0x80}, n/3+1)[:n]}
	}
	return map[string]theirFrame{
		"empty text": text(0), "empty binary": binary(0),
		"text": text(5), "binary": binary(5),
		"125 B": text(125), "126 B": binary(126), "65535 B": text(65535), "65536 B": binary(65536),
		"1 MiB of text": text(1 << 20), "1 MiB": binary(1 << 20),
	}
}

func ctxOf(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// dialThem connects this client to their server, which wants an Origin.
func dialThem(t *testing.T, srv *httptest.Server, cfg ws.Config) *ws.Conn {
	t.Helper()
	d := &ws.Dialer{Header: http.Header{"Origin": {srv.URL}}, Config: cfg}
	c, _, err := d.Dial(ctxOf(t), "ws"+strings.TrimPrefix(srv.URL, "http"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// dialUs connects their client to this server.
func dialUs(t *testing.T, srv *httptest.Server) *websocket.Conn {
	t.Helper()
	c, err := websocket.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), "", srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

var compressing = ws.Compression{Mode: ws.CompressionTakeover} // which they don't speak

// TestInteropClient: this client, their server.
func TestInteropClient(t *testing.T) {
	srv := httptest.NewServer(websocket.Handler(echoWholeFrames))
	defer srv.Close()
	cfg := ws.Config{FragmentSize: -1, Compression: compressing}
	c := dialThem(t, srv, cfg)
	for name, m := range interopMessages() {
		if err := c.Write(ctxOf(t), ws.MessageType(m.payloadType), m.data); err != nil {
			t.Fatal(name, err)
		}
		got, p, err := c.Read(ctxOf(t))
		if err != nil || got != ws.MessageType(m.payloadType) || !bytes.Equal(p, m.data) {
			t.Fatalf("%s: %v of %d bytes, %v", name, got, len(p), err)
		}
	}
	read := make(chan error, 1)
	go func() {
		_, _, err := c.Read(ctxOf(t))
		read <- err
	}()
	if _, err := c.Ping(ctxOf(t)); err != nil {
		t.Error(err)
	}
	if err := c.Close(ws.CloseNormal, "done"); err != nil {
		t.Error("Close: ", err)
	}
	wantClosed(t, <-read, ws.CloseError{Code: ws.CloseNormal})

	c = dialThem(t, srv, cfg)
	if err := c.Write(ctxOf(t), ws.Text, []byte("bye")); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.Read(ctxOf(t))
	wantClosed(t, err, ws.CloseError{Code: ws.CloseNormal, Remote: true})
}

func wantClosed(t *testing.T, err error, want ws.CloseError) {
	t.Helper()
	var got *ws.CloseError
	if !errors.As(err, &got) || got.Code != want.Code || got.Remote != want.Remote || !got.Clean() {
		t.Fatalf("got %v, want %v", err, &want)
	}
}

// TestInteropServer: this server, their client.
func TestInteropServer(t *testing.T) {
	closed := make(chan *ws.CloseError, 2)
	u := &ws.Upgrader{Config: ws.Config{FragmentSize: -1, Compression: compressing}}
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, mt ws.MessageType, p []byte) {
			if string(p) == "bye" {
				_ = c.Close(ws.CloseGoingAway, "bye")
				return
			}
			if err := c.Write(context.Background(), mt, p); err != nil {
				t.Error(err)
			}
		},
		Close: func(_ *ws.Conn, err *ws.CloseError) { closed <- err },
	}))
	defer srv.Close()
	c := dialUs(t, srv)
	for name, m := range interopMessages() {
		if err := wholeFrames.Send(c, m); err != nil {
			t.Fatal(name, err)
		}
		var got theirFrame
		if err := wholeFrames.Receive(c, &got); err != nil || got.payloadType != m.payloadType || !bytes.Equal(got.data, m.data) {
			t.Fatalf("%s: %d of %d bytes, %v", name, got.payloadType, len(got.data), err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, <-closed, ws.CloseError{Code: ws.CloseNormal, Remote: true})

	c = dialUs(t, srv)
	if err := websocket.Message.Send(c, "bye"); err != nil {
		t.Fatal(err)
	}
	var got theirFrame
	if err := wholeFrames.Receive(c, &got); err != io.EOF {
		t.Fatalf("%v, %v, want the end", got, err)
	}
	_ = c.Close()
	wantClosed(t, <-closed, ws.CloseError{Code: ws.CloseNormal})
}

// TestInteropStream: bytes over messages that are split into frames, in both
// roles and directions at once.
func TestInteropStream(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	through := func(t *testing.T, rw io.ReadWriter) {
		t.Helper()
		sent := make(chan error, 1)
		go func() {
			_, err := rw.Write(want)
			sent <- err
		}()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(rw, got); err != nil || !bytes.Equal(got, want) {
			t.Fatal("what came back differs", err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	t.Run("client", func(t *testing.T) {
		srv := httptest.NewServer(websocket.Handler(func(c *websocket.Conn) {
			defer c.Close()
			c.PayloadType = websocket.BinaryFrame
			_, _ = io.Copy(c, c)
		}))
		defer srv.Close()
		c := dialThem(t, srv, ws.Config{})
		s := ws.Stream(ctxOf(t), c, ws.Binary)
		through(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("server", func(t *testing.T) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := ws.Upgrade(w, r)
			if err != nil {
				return
			}
			s := ws.Stream(context.Background(), c, ws.Binary)
			defer s.Close()
			_, _ = io.Copy(s, s)
		}))
		defer srv.Close()
		c := dialUs(t, srv)
		c.PayloadType = websocket.BinaryFrame
		through(t, c)
	})
}

// TestInteropOrigin: their client always says where it is from.
func TestInteropOrigin(t *testing.T) {
	srv := httptest.NewServer((&ws.Upgrader{}).Handler(&ws.Events{}))
	defer srv.Close()
	if _, err := websocket.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), "", "https://evil.example"); err == nil {
		t.Error("a page of another host was let in")
	}
	open := httptest.NewServer((&ws.Upgrader{Origins: []string{"https://good.example"}}).Handler(&ws.Events{}))
	defer open.Close()
	c, err := websocket.Dial("ws"+strings.TrimPrefix(open.URL, "http"), "", "https://good.example")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
