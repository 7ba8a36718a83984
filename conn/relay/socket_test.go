package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
)

// socketEnds are the far ends of a session over sockets.
type socketEnds struct {
	client, backend net.Conn
	proxy           *Proxy
	ended           chan End
}

// socketSession starts a session over sockets of pair, when before has had the far ends.
func socketSession(
	t *testing.T, p *Proxy, pair func(t *testing.T) (near, far net.Conn), before func(e *socketEnds),
) *socketEnds {
	t.Helper()
	e := &socketEnds{proxy: p, ended: make(chan End, 1)}
	if p.Ended == nil {
		p.Ended = func(_ *http.Request, end End) { e.ended <- end }
	}
	var client, backend net.Conn
	client, e.client = pair(t)
	backend, e.backend = pair(t)
	from := transport.FitNet(backend)
	if before != nil {
		before(e)
		if from.Socket() {
			transport.GiveWay() // Go's poller has seen what came, and will not tell of it again
		}
	}
	s := newSession(p, nil, accepted{link: transport.FitNet(client)}, accepted{link: from})
	p.enter(s)
	s.start()
	return e
}

// end waits for the end of the session.
func (e *socketEnds) end(t *testing.T) End {
	t.Helper()
	select {
	case end := <-e.ended:
		return end
	case <-time.After(time.Minute):
		t.Fatal("the session has not ended")
	}
	panic("unreachable")
}

// unixPair returns both ends of a connection over a Unix socket.
func unixPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	return socketPair(t, "unix", filepath.Join(t.TempDir(), "s"))
}

// patient returns a Proxy that waits for the rest of an end as long as it takes.
func patient() *Proxy { return &Proxy{Dialer: ws.Dialer{Config: ws.Config{CloseTimeout: -1}}} }

// pairs are the kinds of sockets.
var pairs = map[string]func(t *testing.T) (near, far net.Conn){"tcp": tcpPair, "unix": unixPair}

// TestSocketsPassBytes passes frames of all lengths both ways at once, in pieces of all lengths, to
// readers that take as much as they like. All bytes arrive, and the end behind them.
func TestSocketsPassBytes(t *testing.T) {
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			e := socketSession(t, patient(), pair, nil)
			var wg sync.WaitGroup
			for i, way := range [][2]net.Conn{{e.client, e.backend}, {e.backend, e.client}} {
				var wire []byte
				for len(wire) < 4<<20 {
					p := make([]byte, 1<<rand.N(19)-1+rand.N(3))
					for at := range p { // so that no two places are alike
						p[at] = byte((len(wire) + at) / 251)
					}
					wire = appendFrame(wire, frame.Binary, i == 0, true, p)
				}
				wg.Go(func() { sendPieces(t, way[0], wire) })
				wg.Go(func() { wantBytes(t, way[1], wire) })
			}
			wg.Wait()
			if end := e.end(t); end.Err != nil {
				t.Errorf("ended with %+v, want no error", end)
			}
		})
	}
}

// sendPieces sends p in pieces, and then the end.
func sendPieces(t *testing.T, nc net.Conn, p []byte) {
	for len(p) > 0 {
		n := min(len(p), 1+rand.N(1<<rand.N(18)))
		if _, err := nc.Write(p[:n]); err != nil {
			t.Error(err)
			return
		}
		p = p[n:]
	}
	_ = nc.(interface{ CloseWrite() error }).CloseWrite()
}

// wantBytes reads want, a piece at a time, and then the end.
func wantBytes(t *testing.T, nc net.Conn, want []byte) {
	buf := make([]byte, 1<<18)
	for {
		n, err := nc.Read(buf[:1+rand.N(1<<rand.N(18))])
		if !bytes.HasPrefix(want, buf[:n]) {
			t.Error("other bytes have arrived")
			return
		}
		want = want[n:]
		if err != nil {
			if err != io.EOF || len(want) > 0 {
				t.Errorf("%d bytes have not arrived; %v", len(want), err)
			}
			return
		}
	}
}

// TestEndTogetherWithBytes finds the end of a stream that is there before the bytes are read: one
// event of the poller's stands for both.
func TestEndTogetherWithBytes(t *testing.T) {
	last := appendFrame(nil, frame.Text, false, true, []byte("last words"))
	for name, pair := range pairs {
		t.Run(name+"/FIN", func(t *testing.T) {
			e := socketSession(t, patient(), pair, func(e *socketEnds) {
				_, _ = e.backend.Write(last)
				_ = e.backend.(interface{ CloseWrite() error }).CloseWrite()
			})
			if got, err := io.ReadAll(e.client); err != nil || !bytes.Equal(got, last) {
				t.Errorf("the client got %q, %v, want the last words and the end", got, err)
			}
			_ = e.client.Close()
			if end := e.end(t); end.Err != nil || end.Backend.Code != ws.CloseAbnormal {
				t.Errorf("ended with %+v, want 1006 from the backend and no error", end)
			}
		})
	}
	t.Run("tcp/RST", func(t *testing.T) {
		e := socketSession(t, patient(), tcpPair, func(e *socketEnds) {
			_, _ = e.backend.Write(last)
			_ = e.backend.(*net.TCPConn).SetLinger(0)
			_ = e.backend.Close()
		})
		if _, err := io.ReadAll(e.client); err == nil {
			t.Error("the client's connection has ended in order, want a reset")
		}
		if end := e.end(t); end.Err == nil || end.Backend.Code != ws.CloseAbnormal {
			t.Errorf("ended with %+v, want 1006 from the backend and the cause", end)
		}
	})
}

// TestEndWhileItWaits finds the ends that come while the relay waits, after it has relayed a message.
func TestEndWhileItWaits(t *testing.T) {
	for _, how := range []string{"FIN", "RST"} {
		t.Run(how, func(t *testing.T) {
			e := socketSession(t, patient(), tcpPair, nil)
			m := appendFrame(nil, frame.Text, true, true, []byte("hello"))
			got := make([]byte, len(m))
			for range 3 {
				_, _ = e.client.Write(m)
				if _, err := io.ReadFull(e.backend, got); err != nil || !bytes.Equal(got, m) {
					t.Fatalf("the backend got %q, %v", got, err)
				}
			}
			if how == "RST" {
				_ = e.client.(*net.TCPConn).SetLinger(0)
			}
			_ = e.client.Close()
			_, err := e.backend.Read(got)
			if (err == io.EOF) != (how == "FIN") || err == nil {
				t.Errorf("the backend got %v", err)
			}
			_ = e.backend.Close()
			if end := e.end(t); (end.Err == nil) != (how == "FIN") {
				t.Errorf("ended with %+v", end)
			}
		})
	}
}

// fill writes to nc until the test closes it, and returns when n bytes are out.
func fill(t *testing.T, nc net.Conn, n int) {
	t.Helper()
	filled := make(chan struct{})
	go func() {
		header := []byte{0x82, 0x7f, 0, 0, 1, 0, 0, 0, 0, 0}
		_, _ = nc.Write(header)
		for p, sent := make([]byte, 64<<10), 0; ; {
			m, err := nc.Write(p)
			if sent < n && sent+m >= n || err != nil && sent < n {
				close(filled)
			}
			if sent += m; err != nil {
				return
			}
		}
	}()
	<-filled
}

// TestSocketWriteTimeout cuts both sides if one of them takes no bytes. The goroutine that finds it
// is inside the other one's RawConn.
func TestSocketWriteTimeout(t *testing.T) {
	p := &Proxy{Dialer: ws.Dialer{Config: ws.Config{WriteTimeout: 100 * time.Millisecond}}}
	e := socketSession(t, p, tcpPair, nil)
	fill(t, e.backend, 256<<10)
	if end := e.end(t); !errors.Is(end.Err, ws.ErrWriteTimeout) {
		t.Errorf("ended with %+v, want ErrWriteTimeout", end)
	}
}

// TestCutWhileFull cuts a session whose goroutines wait until the receivers take more.
func TestCutWhileFull(t *testing.T) {
	e := socketSession(t, patient(), tcpPair, nil)
	fill(t, e.backend, 256<<10)
	fill(t, e.client, 256<<10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.proxy.Shutdown(ctx)
	if end := e.end(t); !errors.Is(end.Err, context.Canceled) {
		t.Errorf("ended with %+v, want the end of Shutdown's context", end)
	}
}

// TestCrowd ends many sessions at once, in all ways and at any moment. TestMain checks that no
// goroutine is left.
func TestCrowd(t *testing.T) {
	const sessions = 100
	p := &Proxy{Dialer: ws.Dialer{Config: ws.Config{CloseTimeout: time.Second}}}
	var ended atomic.Int32
	p.Ended = func(*http.Request, End) { ended.Add(1) }
	var wg sync.WaitGroup
	for range sessions {
		e := socketSession(t, p, tcpPair, nil)
		for _, nc := range []net.Conn{e.client, e.backend} {
			wg.Go(func() { misbehave(nc.(*net.TCPConn), nc == e.client) })
		}
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Errorf("%v: %d sessions are left", err, p.Len())
	}
	if n := ended.Load(); n != sessions {
		t.Errorf("Ended was called %d times, want %d", n, sessions)
	}
}

// misbehave sends frames, some of them in part, reads or does not, and ends in any way.
func misbehave(nc *net.TCPConn, masked bool) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		if rand.N(3) > 0 {
			_, _ = io.Copy(io.Discard, nc)
		}
	}()
	for range rand.N(30) {
		p := appendFrame(nil, frame.Binary, masked, true, make([]byte, 1<<rand.N(18)))
		if rand.N(10) == 0 {
			p = p[:rand.N(len(p))]
		}
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := nc.Write(p); err != nil {
			break
		}
	}
	switch rand.N(4) {
	case 0:
		_ = nc.SetLinger(0)
	case 1:
		_, _ = nc.Write(appendFrame(nil, frame.Close, masked, true, nil))
	case 2:
		_ = nc.CloseWrite()
		_ = nc.SetReadDeadline(time.Now().Add(time.Second))
		<-read
	}
	_ = nc.Close()
	<-read
}
