package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/relay"
)

// overAll runs f for every way to the Proxy, every way to the backend, and both ways to relay.
func overAll(t *testing.T, f func(t *testing.T, s setup)) {
	for _, front := range []way{http1, https, http2} {
		for _, back := range []way{http1, https, http2} {
			for _, m := range modes {
				t.Run(front.name+"/"+back.name+"/"+m.name, func(t *testing.T) {
					f(t, setup{front: front, back: back, messages: m.messages})
				})
			}
		}
	}
}

// echo sends p and wants it back.
func echo(t testing.TB, from, to *ws.Conn, typ ws.MessageType, p []byte) {
	t.Helper()
	ctx := within(t)
	written := make(chan error, 1)
	go func() { written <- from.Write(ctx, typ, p) }()
	gotType, got, err := to.Read(ctx)
	if err != nil || gotType != typ || !bytes.Equal(got, p) {
		t.Fatalf("%d bytes of %v arrived as %d bytes of %v, error %v", len(p), typ, len(got), gotType, err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

// TestRelay passes messages of many sizes in both directions.
func TestRelay(t *testing.T) {
	overAll(t, func(t *testing.T, s setup) {
		b := newBridge(t, s)
		for _, n := range []int{0, 1, 5, 10, 16, 125, 126, 1000, 1 << 14, 18 << 10, 1 << 16, 1 << 20} {
			p := bytes.Repeat([]byte("wörld "), n/7+1)[:n]
			echo(t, b.client, b.backend, ws.Binary, p)
			echo(t, b.backend, b.client, ws.Binary, p)
			echo(t, b.client, b.backend, ws.Text, bytes.Repeat([]byte("x"), n))
		}
		go b.backend.Read(within(t))
		if err := b.client.Close(4000, "done"); err != nil {
			t.Errorf("Close: %v", err)
		}
		if e := b.end(t); e.Err != nil || e.Client.Code != 4000 || e.Client.Reason != "done" {
			t.Errorf("ended with %+v, want 4000 done from the client", e)
		}
	})
}

// TestBothWaysAtOnce sends a million bytes both ways at once, in messages of several sizes.
func TestBothWaysAtOnce(t *testing.T) {
	overAll(t, func(t *testing.T, s setup) {
		b := newBridge(t, s)
		for _, size := range []int{1000, 9999, 1e6} {
			results := make(chan error, 4)
			for _, way := range [][2]*ws.Conn{{b.client, b.backend}, {b.backend, b.client}} {
				go func() { results <- send(t, way[0], size) }()
				go func() { results <- receive(t, way[1], size) }()
			}
			for range cap(results) {
				if err := <-results; err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestUnixSocket relays to a backend on a Unix socket, long messages included.
func TestUnixSocket(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skip(err)
	}
	u := ws.Upgrader{}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: u.Handler(&ws.Events{
		Message: func(c *ws.Conn, typ ws.MessageType, p []byte) { _ = c.Append(typ, p) },
	})}}
	srv.Start()
	defer srv.Close()
	p := &relay.Proxy{Rewrite: rewriteTo(&httptest.Server{URL: "http://backend"})}
	p.Dialer.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", ln.Addr().String())
	}
	p.Dialer.Proxy = ws.NoProxy
	c := http1.mustDial(t, ws.Dialer{}, http1.serve(t, p), "/")
	for _, n := range []int{10, 100_000, 1_000_000} {
		echo(t, c, c, ws.Binary, bytes.Repeat([]byte{byte(n)}, n))
	}
}

const million = 1e6

func send(t *testing.T, c *ws.Conn, size int) error {
	p := make([]byte, size)
	for sent := 0; sent < million; sent += size {
		for i := range p {
			p[i] = byte(sent + i)
		}
		if err := c.Write(within(t), ws.Binary, p); err != nil {
			return fmt.Errorf("after %d bytes: %w", sent, err)
		}
	}
	return nil
}

func receive(t *testing.T, c *ws.Conn, size int) error {
	var p []byte
	for got := 0; got < million; got += size {
		var err error
		if _, p, err = c.ReadInto(within(t), p[:0]); err != nil {
			return fmt.Errorf("after %d bytes: %w", got, err)
		}
		if len(p) != size {
			return fmt.Errorf("a message of %d bytes, want %d", len(p), size)
		}
		for i := range p {
			if p[i] != byte(got+i) {
				return fmt.Errorf("byte %d is %d, want %d", got+i, p[i], byte(got+i))
			}
		}
	}
	return nil
}

// TestCloses ends a pair from either side, with a code, without one, and by a cut. What arrives at
// the other side is what was sent.
func TestCloses(t *testing.T) {
	overAll(t, func(t *testing.T, s setup) {
		for _, by := range []string{"client", "backend"} {
			for _, test := range []struct {
				code   ws.CloseCode // 0: a Close frame without a code; 1006: a cut
				arrive ws.CloseCode
				reason string
			}{
				{ws.CloseNormal, ws.CloseNormal, ""},
				{4999, 4999, "wörds"},
				{1014, 1014, ""},
				{0, ws.CloseNoStatus, ""},
				{ws.CloseAbnormal, ws.CloseAbnormal, ""},
			} {
				t.Run(fmt.Sprint(by, test.code), func(t *testing.T) {
					b := newBridge(t, s)
					from, to := b.client, b.backend
					if by == "backend" {
						from, to = to, from
					}
					if err := from.Write(within(t), ws.Text, []byte("last words")); err != nil {
						t.Fatal(err)
					}
					closed := make(chan error, 1)
					go func() {
						if test.code != ws.CloseAbnormal {
							closed <- from.Close(test.code, test.reason)
							return
						}
						closed <- nil
					}()
					if _, p, err := to.Read(within(t)); err != nil || string(p) != "last words" {
						t.Fatalf("read %q, %v, want the last words", p, err)
					}
					if test.code == ws.CloseAbnormal {
						_ = from.CloseNow()
					}
					_, _, err := to.Read(within(t))
					wantEnd(t, "the other side", err, test.arrive, test.reason, test.code != ws.CloseAbnormal)
					if err := <-closed; err != nil {
						t.Errorf("Close: %v", err)
					}
					end := b.end(t)
					side, other := end.Client, end.Backend
					if by == "backend" {
						side, other = other, side
					}
					if side.Code != test.arrive || side.Reason != test.reason || side.Bytes == 0 {
						t.Errorf("End has %+v for the %s, want %d %q", side, by, test.arrive, test.reason)
					}
					if test.code != ws.CloseAbnormal && other.Code != test.arrive {
						t.Errorf("End has %+v for the other side, want the answer %d", other, test.arrive)
					}
				})
			}
		}
	})
}

// TestReset makes a RST of one side a RST of the other one, after what was sent before.
func TestReset(t *testing.T) {
	for _, by := range []string{"client", "backend"} {
		t.Run(by, func(t *testing.T) {
			b := newBridge(t, setup{})
			from, to := b.client, b.backend
			if by == "backend" {
				from, to = to, from
			}
			echo(t, from, to, ws.Text, []byte("hello"))
			socket := from.NetConn().(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn)
			if err := socket.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			_ = from.CloseNow()
			_, _, err := to.Read(within(t))
			wantEnd(t, "the other side", err, ws.CloseAbnormal, "", false)
			var sys *os.SyscallError
			if !errors.As(err, &sys) {
				t.Errorf("the other side: %v, want a reset", err)
			}
			if e := b.end(t); e.Err == nil {
				t.Error("End has no Err, want the loss of a connection")
			}
		})
	}
}

// TestCompression leaves it to the two sides what they agree on, and does not look into it.
func TestCompression(t *testing.T) {
	takeover := ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}}
	for _, front := range []way{http1, http2} {
		for _, back := range []way{http1, http2} {
			t.Run(front.name+"/"+back.name, func(t *testing.T) {
				b := newBridge(t, setup{
					front: front, back: back,
					dialer: ws.Dialer{Config: takeover}, upgrader: ws.Upgrader{Config: takeover},
				})
				p := bytes.Repeat([]byte("the same again "), 1000)
				for range 3 {
					echo(t, b.client, b.backend, ws.Text, p)
					echo(t, b.backend, b.client, ws.Text, p)
				}
				go b.backend.Read(within(t))
				_ = b.client.Close(ws.CloseNormal, "")
				if e := b.end(t); e.Client.Bytes > 3000 || e.Backend.Bytes > 3000 {
					t.Errorf("%d and %d bytes have passed, want them compressed", e.Client.Bytes, e.Backend.Bytes)
				}
			})
		}
	}
	t.Run("the backend declines", func(t *testing.T) {
		b := newBridge(t, setup{dialer: ws.Dialer{Config: takeover}})
		echo(t, b.client, b.backend, ws.Text, bytes.Repeat([]byte("x"), 1000))
	})
	t.Run("on one side alone", func(t *testing.T) {
		b := newBridge(t, setup{messages: &relay.Messages{Client: takeover}, dialer: ws.Dialer{Config: takeover}})
		echo(t, b.client, b.backend, ws.Text, bytes.Repeat([]byte("x"), 1000))
		echo(t, b.backend, b.client, ws.Text, bytes.Repeat([]byte("x"), 1000))
	})
}
