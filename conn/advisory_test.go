package conn

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestWithdrawnNotRemembered: a compressed message whose context ends before a
// byte of it is out, but after it became a part of the window, is sent all the
// same: those behind it refer to its text.
func TestWithdrawnNotRemembered(t *testing.T) {
	text := bytes.Repeat([]byte("text that the window remembers "), 20)
	for way, send := range map[string]func(context.Context, *Conn) error{
		"MessageWriter": func(ctx context.Context, c *Conn) error {
			m, err := c.NextWriter(ctx, Text)
			if err != nil {
				return err
			}
			_, _ = m.Write(text)
			return m.Close()
		},
		"Write": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, text) },
	} {
		t.Run(way, func(t *testing.T) {
			cfg := takeover
			cfg.FragmentSize, cfg.Queue = len(text)-1, 16<<20
			a, b := tcpNets(t)
			_ = a.SetWriteBuffer(8 << 10)
			s := New(a, frame.Server, Negotiated{Deflate: deflated(15)}, cfg)
			c := New(b, frame.Client, Negotiated{Deflate: deflated(15)}, Config{MaxMessageSize: -1})
			t.Cleanup(func() { _ = s.CloseNow(); _ = c.CloseNow() })
			noise := make([]byte, 300<<10) // more than the sockets hold, ahead of the message
			rand.NewChaCha8([32]byte{}).Read(noise)
			if err := s.Append(Binary|Uncompressed, noise); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(bg, 50*time.Millisecond)
			defer cancel()
			if err := send(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			wrote := make(chan error, 1)
			go func() { wrote <- s.Write(bg, Text, text) }()
			for _, want := range [][]byte{noise, text, text} {
				if _, p, err := c.Read(within(t)); err != nil || !bytes.Equal(p, want) {
					t.Fatalf("got %d bytes, %v, want %d bytes", len(p), err, len(want))
				}
			}
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestContextEndsWithHandshake: a context that ends while the response leaves
// gives an error, and not a connection whose reads fail for ever.
func TestContextEndsWithHandshake(t *testing.T) {
	a, b := wstest.Pipe(1 << 10)
	ctx, cancel := context.WithCancel(bg)
	nc := &lateCancel{PipeConn: a, cancel: cancel, interrupted: make(chan bool, 10)}
	if _, err := b.Write([]byte(request("Host: localhost"))); err != nil {
		t.Fatal(err)
	}
	c, _, err := new(Upgrader).UpgradeNet(ctx, nc, nil)
	if err == nil {
		_, _, err = c.Read(bg)
		t.Fatalf("a connection that can't be read: %v", err)
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// lateCancel cancels a context when the response has been written, and waits
// for what that causes.
type lateCancel struct {
	*wstest.PipeConn
	cancel      func()
	interrupted chan bool
}

func (l *lateCancel) Write(p []byte) (int, error) {
	n, err := l.PipeConn.Write(p)
	l.cancel()
	<-l.interrupted
	return n, err
}

func (l *lateCancel) SetDeadline(t time.Time) error {
	err := l.PipeConn.SetDeadline(t)
	if !t.IsZero() {
		l.interrupted <- true
	}
	return err
}

// request is an opening handshake with these headers besides the necessary
// ones, Host among them.
func request(headers ...string) string {
	return "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

// RaceEnabled is for the tests of package conn_test.
const RaceEnabled = raceEnabled

// TestCloseOutlivesServe: the closing handshake goes on where Close was called
// within a callback and Serve's context ends before the peer answers.
func TestCloseOutlivesServe(t *testing.T) {
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := pipePeer(t, role, 1<<10, Config{})
			ctx, cancel := context.WithCancel(bg)
			peer.Text("close, please")
			err := c.Serve(ctx, &Events{Message: func(c *Conn, _ MessageType, _ []byte) {
				_ = c.Close(4000, "")
				cancel()
			}})
			if err != context.Canceled {
				t.Fatal(err)
			}
			peer.WantClose(4000)
			peer.Close(4000, "")
			_ = peer.NetConn().Close()
			<-c.Done()
			wantEnd(t, c.Err(), CloseError{Code: 4000})
		})
	}
}
