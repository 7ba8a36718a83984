package opening

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/handshake"
)

// users is how many dials have their turn with the address or wait for it.
func users(addr string) int {
	turnstiles.Lock()
	defer turnstiles.Unlock()
	if t := turnstiles.to[addr]; t != nil {
		return t.users
	}
	return 0
}

// dialOnce dials the URL by d and closes the connection.
func dialOnce(ctx context.Context, d *Client, url string) error {
	u, err := handshake.ParseURL(url)
	if err != nil {
		return err
	}
	o, _, err := d.Dial(ctx, &Hop{URL: u}, &handshake.Offer{URL: u, Key: handshake.NewKey()})
	if err == nil {
		_ = o.Conn.Close()
	}
	return err
}

// accept does the server's side of one handshake.
func accept(t *testing.T, nc net.Conn) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(nc))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+handshake.Accept(r.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneAtATime: over TCP a second dial does not even connect while the handshake of the first one
// is under way.
func TestOneAtATime(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().String()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dialed := make(chan error, 2)
	dial := func() { dialed <- dialOnce(ctx, &Client{OneAtATime: true}, "ws://"+addr) }
	go dial()
	first, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	go dial()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for users(addr) < 2 { // the second one waits before it connects
		<-tick.C
	}
	accept(t, first)
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	second, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	accept(t, second)
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	if n := users(addr); n > 0 {
		t.Errorf("%d dials still have the address, want none", n)
	}
}

// TestOneAtATimeGivesUp: a dial that waits for its turn obeys its context.
func TestOneAtATimeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(1 << 20) // b never answers
		defer b.Close()
		d := &Client{OneAtATime: true, NetDial: func(context.Context, string, string) (net.Conn, error) { return a, nil }}
		dial := func(bound time.Duration) error {
			ctx, cancel := context.WithTimeout(context.Background(), bound)
			defer cancel()
			return dialOnce(ctx, d, "ws://a")
		}
		first := make(chan error, 1)
		go func() { first <- dial(time.Second) }()
		synctest.Wait()
		if err := dial(time.Second / 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the dial that waited: %v, want the end of its context", err)
		}
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first dial: %v, want the end of its context", err)
		}
		if n := users("a:80"); n != 0 {
			t.Errorf("%d dials still have the address, want none", n)
		}
	})
}

// TestTurnsMoveOn: a dial that goes on to another address of the name gives up its turn with the
// one that it could not reach, so that no two dials wait for each other. A dial that is over takes
// no turn any more.
func TestTurnsMoveOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var a, b Turns
		for _, step := range []struct {
			s    *Turns
			addr string
		}{{&a, "1"}, {&b, "2"}} {
			if err := step.s.Acquire(ctx, "tcp4", step.addr, nil); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for s, addr := range map[*Turns]string{&a: "2", &b: "1"} {
			wg.Go(func() {
				if err := s.Acquire(ctx, "tcp4", addr, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := a.Acquire(ctx, "tcp6", "6", nil); err != nil || users("2") != 1 {
			t.Errorf("%v: the two networks stand for themselves", err)
		}
		a.End()
		b.End()
		if err := a.Acquire(ctx, "tcp6", "6", nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
		if len(turnstiles.to) > 0 {
			t.Errorf("still held: %v", turnstiles.to)
		}
	})
}
