package site

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// serve starts a demo and returns its ws URL.
func serve(t *testing.T) string {
	t.Helper()
	d := newDemo()
	srv := httptest.NewServer(d.routes(""))
	t.Cleanup(func() {
		d.room.shut()
		_ = d.open.Shutdown(t.Context())
		srv.Close()
	})
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// patience returns a context that bounds what takes milliseconds.
func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, url string, subprotocols ...string) *conn.Conn {
	t.Helper()
	d := &conn.Dialer{Config: conn.Config{MaxMessageSize: echoLimit}}
	d.Subprotocols = subprotocols
	c, _, err := d.Dial(patience(t), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// wantClosed reads until c ends and returns how it ended.
func wantClosed(t *testing.T, c *conn.Conn) *conn.CloseError {
	t.Helper()
	for {
		if _, _, err := c.Read(patience(t)); err != nil {
			var e *conn.CloseError
			if !errors.As(err, &e) {
				t.Fatalf("ended with %v, want a *CloseError", err)
			}
			return e
		}
	}
}

// TestEchoCompressed checks that a client that offers permessage-deflate gets it.
func TestEchoCompressed(t *testing.T) {
	d := &conn.Dialer{Config: conn.Config{Compression: conn.Compression{Mode: conn.CompressionTakeover}}}
	c, _, err := d.Dial(patience(t), serve(t)+"/echo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	if c.Deflate() == (handshake.Deflate{}) {
		t.Error("compression was not agreed")
	}
	want := strings.Repeat("again and ", 1000)
	if err := c.Write(patience(t), conn.Text, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(patience(t)); string(got) != want || err != nil {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
}

func TestEcho(t *testing.T) {
	url := serve(t)
	c := dial(t, url+"/echo")
	tests := []struct {
		note string
		t    conn.MessageType
		p    []byte
	}{
		{"text", conn.Text, []byte("Grüße 👋")},
		{"empty text", conn.Text, nil},
		{"not quite a command", conn.Text, []byte(" /close")},
		{"empty binary", conn.Binary, nil},
		{"a command's bytes", conn.Binary, []byte("/close 4001 bye")},
		{"more than the queue holds", conn.Binary, bytes.Repeat([]byte("0123456789abcdef"), echoLimit/16)},
	}
	for _, tt := range tests {
		t.Run(tt.note, func(t *testing.T) {
			if err := c.Write(patience(t), tt.t, tt.p); err != nil {
				t.Fatal(err)
			}
			typ, p, err := c.Read(patience(t))
			if err != nil || typ != tt.t || !bytes.Equal(p, tt.p) {
				t.Errorf("%v of %d bytes came back as %v of %d (%v)", tt.t, len(tt.p), typ, len(p), err)
			}
		})
	}
	t.Run("a byte too many", func(t *testing.T) {
		_ = c.Write(patience(t), conn.Binary, make([]byte, echoLimit+1)) // the server may end it first
		if e := wantClosed(t, c); e.Code != conn.CloseMessageTooBig && e.Err == nil {
			t.Errorf("ended with %v, want 1009 or a cut", e)
		}
	})
}

func TestEchoClosesAsAsked(t *testing.T) {
	url := serve(t)
	tests := []struct {
		note, query, text string
		code              conn.CloseCode
		reason            string
	}{
		{"query", "?close=4001&reason=bye%20now", "", 4001, "bye now"},
		{"query without reason", "?close=1000", "", 1000, ""},
		{"command", "", "/close 4001 bye now", 4001, "bye now"},
		{"command without reason", "", "/close 3000", 3000, ""},
	}
	for _, tt := range tests {
		t.Run(tt.note, func(t *testing.T) {
			c := dial(t, url+"/echo"+tt.query)
			if tt.text != "" {
				if err := c.Write(patience(t), conn.Text, []byte(tt.text)); err != nil {
					t.Fatal(err)
				}
			}
			if e := wantClosed(t, c); e.Code != tt.code || e.Reason != tt.reason || !e.Remote {
				t.Errorf("closed with %v, want %d %q", e, tt.code, tt.reason)
			}
		})
	}
}

func TestEchoExplainsBadCloses(t *testing.T) {
	c := dial(t, serve(t)+"/echo")
	for _, text := range []string{"/close", "/close x", "/close 70000", "/close 1006", "/close 999 x", "/close 4001 " + strings.Repeat("x", 124)} {
		t.Run(text[:min(len(text), 14)], func(t *testing.T) {
			if err := c.Write(patience(t), conn.Text, []byte(text)); err != nil {
				t.Fatal(err)
			}
			_, p, err := c.Read(patience(t))
			if err != nil || string(p) == text || !strings.Contains(string(p), ": ") {
				t.Errorf("answered %q (%v), want an explanation", p, err)
			}
		})
	}
}

func TestEchoSubprotocols(t *testing.T) {
	url := serve(t)
	for _, tt := range []struct {
		offer []string
		want  string
	}{
		{nil, ""},
		{[]string{"demo.v2"}, "demo.v2"},
		{[]string{"demo.v2", "demo.v1"}, "demo.v1"}, // the server's order decides
		{[]string{"demo.v9"}, ""},
	} {
		t.Run(strings.Join(tt.offer, ","), func(t *testing.T) {
			if got := dial(t, url+"/echo", tt.offer...).Subprotocol(); got != tt.want {
				t.Errorf("agreed on %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDieLeavesNoCloseFrame(t *testing.T) {
	c := dial(t, serve(t)+"/die")
	if err := c.Write(patience(t), conn.Text, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if e := wantClosed(t, c); e.Code != conn.CloseAbnormal || e.Err == nil {
		t.Errorf("ended with %v, want 1006", e)
	}
}

func TestRefuse(t *testing.T) {
	_, err := conn.Dial(patience(t), serve(t)+"/refuse")
	var e *handshake.Error
	if !errors.As(err, &e) || e.Status != http.StatusForbidden {
		t.Errorf("dialed /refuse with %v, want a *handshake.Error with 403", err)
	}
}

// TestChatRefusesBigMessages checks the limit for the room, in which what one member says goes to
// all the others.
func TestChatRefusesBigMessages(t *testing.T) {
	c := dial(t, serve(t)+"/chat")
	_ = c.Write(patience(t), conn.Text, []byte(`{"type":"say","text":"`+strings.Repeat("x", chatLimit)+`"}`)) // the server may end it first
	if e := wantClosed(t, c); e.Code != conn.CloseMessageTooBig {
		t.Errorf("closed with %v, want 1009", e)
	}
}
