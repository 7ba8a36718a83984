package conntest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/frame"
)

// echo answers every message of c until c ends.
func echo(c *conn.Conn) {
	c.Serve(context.Background(), &conn.Events{
		Message: func(c *conn.Conn, t conn.MessageType, data []byte) { c.Append(t, data) },
	})
}

func TestPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := conntest.Pair(t, conn.Config{}, conn.Config{})
		go echo(s)
		for _, want := range []string{"hello", "", strings.Repeat("x", 3*conntest.Buffer)} {
			if err := c.Write(t.Context(), conn.Text, []byte(want)); err != nil {
				t.Fatal(err)
			}
			typ, got, err := c.Read(t.Context())
			if typ != conn.Text || string(got) != want || err != nil {
				t.Fatalf("got %v of %d bytes, %v; want %d bytes of text", typ, len(got), err, len(want))
			}
		}
		if err := c.Close(conn.CloseNormal, "bye"); err != nil {
			t.Fatal(err)
		}
		var ce *conn.CloseError
		<-s.Done()
		if !errors.As(s.Err(), &ce) || !ce.Remote || ce.Code != conn.CloseNormal || ce.Reason != "bye" {
			t.Fatalf("the server ended with %v, want a clean end", s.Err())
		}
	})
}

// TestPairConfigs shows that each end has the configuration meant for it.
func TestPairConfigs(t *testing.T) {
	s, c := conntest.Pair(t, conn.Config{MaxMessageSize: 3}, conn.Config{MaxMessageSize: 30})
	s.Send(conn.Text, []byte("four"))
	if _, got, err := c.Read(t.Context()); string(got) != "four" || err != nil {
		t.Fatalf("the client read %q, %v, want %q", got, err, "four")
	}
	c.Send(conn.Text, []byte("four"))
	if _, _, err := s.Read(t.Context()); !errors.Is(err, conn.ErrMessageTooBig) {
		t.Fatalf("the server read %v, want %v", err, conn.ErrMessageTooBig)
	}
}

func TestHandshake(t *testing.T) {
	d := &conn.Dialer{Subprotocols: []string{"b", "a"}, OneAtATime: true}
	s, c := conntest.Handshake(t, &conn.Upgrader{Subprotocols: []string{"a"}}, d)
	if s.Subprotocol() != "a" || c.Subprotocol() != "a" {
		t.Errorf("subprotocols %q and %q, want \"a\" twice", s.Subprotocol(), c.Subprotocol())
	}
	if d.NetDial != nil || d.Proxy != nil || !d.OneAtATime {
		t.Error("the caller's Dialer was changed, want it as before")
	}
}

// recorder keeps the message with which a helper ends a test.
type recorder struct {
	testing.TB
	message string
}

func (r *recorder) Helper()        {}
func (r *recorder) Cleanup(func()) {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestHandshakeFails(t *testing.T) {
	for name, test := range map[string]struct {
		u conn.Upgrader
		d conn.Dialer
	}{
		"refused by the server": {u: conn.Upgrader{Subprotocols: []string{"no,token"}}, d: conn.Dialer{Subprotocols: []string{"no,token"}}},
		"never sent":            {d: conn.Dialer{Subprotocols: []string{"twice", "twice"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				conntest.Handshake(r, &test.u, &test.d)
			}()
			<-done
			if !strings.Contains(r.message, "handshake") {
				t.Errorf("message %q, want one about the handshake", r.message)
			}
		})
	}
}

// ends are the ways to make a connection and its Peer.
var ends = map[string]func(testing.TB, frame.Role, conn.Negotiated, conn.Config) (*conn.Conn, *conntest.Peer){
	"New": conntest.New, "NewPlain": conntest.NewPlain,
}

func TestPeer(t *testing.T) {
	for name, end := range ends {
		for _, role := range []frame.Role{frame.Server, frame.Client} {
			t.Run(fmt.Sprintf("%s/%v", name, role), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, p := end(t, role, conn.Negotiated{Subprotocol: "s"}, conn.Config{FragmentSize: 4})
					if c.Subprotocol() != "s" {
						t.Errorf("subprotocol %q, want %q", c.Subprotocol(), "s")
					}
					converse(t, c, p, role)
				})
			})
		}
	}
}

// converse uses every method of p with an echo at the other end.
func converse(t *testing.T, c *conn.Conn, p *conntest.Peer, role frame.Role) {
	go echo(c)
	p.Text("hi")
	p.WantText("hi")
	p.Binary([]byte{0xff})
	p.WantBinary([]byte{0xff})
	p.Ping("are you there")
	p.WantPong("are you there")
	p.Pong("nobody asked")
	p.WantNothing()
	p.Fragments(frame.Text, "frag", "", "ments")
	p.WantText("fragments")
	go c.Write(t.Context(), conn.Text, []byte("fragments"))
	if n := p.WantMessage(frame.Text, "fragments"); n != 3 {
		t.Errorf("%d frames, want 3 of 4 bytes at most", n)
	}
	p.Send(frame.Header{Opcode: frame.Text, Fin: true, Masked: role == frame.Server, Key: 7}, []byte("raw"))
	p.Want(frame.Text, "raw")
	go c.Ping(t.Context())
	h, payload := p.WantFrame()
	if h.Opcode != frame.Ping || h.Masked != (role == frame.Client) {
		t.Errorf("header %+v, payload %q, want a Ping, masked if a client sends it", h, payload)
	}
	p.Pong(string(payload))
	p.Close(4001, "done")
	if reason := p.WantClose(4001); reason != "" && reason != "done" {
		t.Errorf("reason %q, want %q or none", reason, "done")
	}
	if role == frame.Client {
		p.NetConn().Close() // the server closes the transport first
		return
	}
	p.WantEOF()
}

func TestPeerIllegal(t *testing.T) {
	c, p := conntest.New(t, frame.Server, conn.Negotiated{}, conn.Config{})
	go echo(c)
	p.SendBytes([]byte{0x81, 0x00}) // not masked
	p.WantClose(frame.ProtocolError)
	p.WantEOF()
}

func TestPeerCut(t *testing.T) {
	c, p := conntest.New(t, frame.Server, conn.Negotiated{}, conn.Config{})
	p.Cut(nil)
	if _, _, err := c.Read(t.Context()); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("Read: %v, want %v", err, syscall.ECONNRESET)
	}
	c, p = conntest.New(t, frame.Server, conn.Negotiated{}, conn.Config{})
	p.NetConn().Close()
	if _, _, err := c.Read(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("Read: %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// TestPeerWaits lets an hour pass until a ping that keeps the connection alive.
func TestPeerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := conntest.New(t, frame.Server, conn.Negotiated{}, conn.Config{KeepAlive: time.Hour})
		go echo(c)
		start := time.Now()
		p.SetTimeout(2 * time.Hour)
		if h, _ := p.WantFrame(); h.Opcode != frame.Ping || time.Since(start) != time.Hour {
			t.Errorf("%v after %v, want a ping after an hour", h.Opcode, time.Since(start))
		}
	})
}
