package conn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// soonAfter fails the test where f does not return for long, and names it.
func soonAfter(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Errorf("%s does not return", what)
	}
}

// textFrame is a text message of a client.
var textFrame = wstest.Hex("81 85 00000000 68656c6c6f")

// TestAnswersToFIN: a peer that sends a message and the end of its direction at
// once gets its answer, however that is sent and whoever reads.
func TestAnswersToFIN(t *testing.T) {
	sends := map[string]func(c *ws.Conn, p []byte) error{
		"Append": func(c *ws.Conn, p []byte) error { return c.Append(ws.Text, p) },
		"Send":   func(c *ws.Conn, p []byte) error { return c.Send(ws.Text, p) },
		"Write":  func(c *ws.Conn, p []byte) error { return c.Write(bg, ws.Text, p) },
	}
	readers := map[string]func(c *ws.Conn, send func(*ws.Conn, []byte) error){
		"Serve": func(c *ws.Conn, send func(*ws.Conn, []byte) error) {
			_ = c.Serve(bg, &ws.Events{Message: func(c *ws.Conn, _ ws.MessageType, p []byte) { _ = send(c, p) }})
		},
		"Read": func(c *ws.Conn, send func(*ws.Conn, []byte) error) {
			defer c.CloseNow()
			for {
				_, p, err := c.Read(bg)
				if err != nil {
					return
				}
				_ = send(c, p)
			}
		},
	}
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		for how, send := range sends {
			for who, read := range readers {
				t.Run(who+" "+how, func(t *testing.T) {
					for range 5 {
						near, far := connect(t)
						c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{})
						_, err := far.Write(textFrame)
						_ = far.(interface{ CloseWrite() error }).CloseWrite()
						go read(c, send)
						got, _ := io.ReadAll(far)
						if string(got) != "\x81\x05hello" || err != nil {
							t.Fatalf("the answer is %q, %v", got, err)
						}
						<-c.Done()
						wantCut(t, c.Err(), io.ErrUnexpectedEOF)
					}
				})
			}
		}
	})
}

// TestAnswersToFINHandler: the same through Upgrader.Handler.
func TestAnswersToFINHandler(t *testing.T) {
	u := new(ws.Upgrader)
	srv := httptest.NewServer(u.Handler(&ws.Events{Message: func(c *ws.Conn, typ ws.MessageType, p []byte) { _ = c.Append(typ, p) }}))
	defer srv.Close()
	for range 5 {
		nc, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"+string(textFrame))
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.(*net.TCPConn).CloseWrite()
		all, _ := io.ReadAll(nc)
		if _, answer, _ := strings.Cut(string(all), "\r\n\r\n"); answer != "\x81\x05hello" {
			t.Fatalf("the answer is %q", answer)
		}
		_ = nc.Close()
	}
}

// TestAnswersToFINBounded: a peer that has ended its direction and does not read
// holds the end up for CloseTimeout alone, whoever waits to write.
func TestAnswersToFINBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.Pipe(100)
		c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{CloseTimeout: 2 * time.Second})
		_ = c.Send(ws.Binary, make([]byte, 1000))
		m, err := c.NextWriter(bg, ws.Text)
		if err != nil {
			t.Fatal(err)
		}
		_ = far.CloseWrite()
		start := time.Now()
		if _, _, err := c.Read(bg); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		<-c.Done()
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("ended after %v", d)
		}
		if err := m.Close(); err != c.Err() {
			t.Error(err)
		}
		_ = far.Close()
	})
}

// wantCut checks that a connection has ended with 1006 and the cause.
func wantCut(t *testing.T, err, cause error) {
	t.Helper()
	var end *ws.CloseError
	if !errors.As(err, &end) || end.Code != ws.CloseAbnormal || !errors.Is(err, cause) {
		t.Errorf("ended with %v, want 1006 and %v", err, cause)
	}
}

// TestWriterWaitsAtClose: a MessageWriter that waits for the wire, which another
// message has, is told of the end, however that comes about.
func TestWriterWaitsAtClose(t *testing.T) {
	for name, end := range map[string]func(c *ws.Conn, far net.Conn){
		"Close":    func(c *ws.Conn, _ net.Conn) { go c.Close(ws.CloseNormal, "") },
		"CloseNow": func(c *ws.Conn, _ net.Conn) { _ = c.CloseNow() },
		"cut":      func(_ *ws.Conn, far net.Conn) { far.(*wstest.PipeConn).Cut(nil) },
		"the peer": func(c *ws.Conn, far net.Conn) {
			go c.Serve(bg, nil)
			_, _ = far.Write(wstest.Hex("88 80 00000000"))
		},
		"Shutdown": func(c *ws.Conn, _ net.Conn) {
			ctx, cancel := context.WithCancel(bg)
			cancel()
			_ = c.Data().(*ws.Group).Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := wstest.Pipe(100)
				var g ws.Group
				c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{Group: &g, FragmentSize: 10})
				c.SetData(&g)
				m, err := c.NextWriter(bg, ws.Text)
				if err != nil {
					t.Fatal(err)
				}
				go c.Ping(bg) // the pings have the wire
				for range 20 {
					go c.Ping(bg)
				}
				synctest.Wait()
				wrote := make(chan error, 1)
				go func() {
					_, err := m.Write(make([]byte, 100))
					wrote <- err
				}()
				synctest.Wait()
				go c.Write(bg, ws.Binary, make([]byte, 1000)) // it has the turn next, and waits for the wire in m's place
				synctest.Wait()
				end(c, far)
				select {
				case err := <-wrote:
					if err == nil {
						t.Error("Write returned nil")
					}
				case <-time.After(time.Minute):
					t.Error("Write was not told")
				}
				_, _ = c.CloseNow(), far.Close()
			})
		})
	}
}

// TestCloseTimeoutDespiteCallback: a callback that takes long, and begins when
// Close has just begun to wait, does not keep Close, Done and the Group from the
// end that CloseTimeout brings.
func TestCloseTimeoutDespiteCallback(t *testing.T) {
	near, far := wstest.TCP(t)
	var g ws.Group
	closed, leave, served := make(chan error, 1), make(chan bool), make(chan error, 1)
	trace := &ws.Trace{MessageReceived: func(c *ws.Conn, _ ws.MessageInfo) {
		go func() { closed <- c.Close(ws.CloseNormal, "") }()
		for c.State() == ws.StateOpen {
			runtime.Gosched()
		}
		_, _ = far.Read(make([]byte, 4)) // the Close frame
	}}
	c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{Group: &g, Trace: trace, CloseTimeout: 50 * time.Millisecond})
	go func() { served <- c.Serve(bg, &ws.Events{Message: func(*ws.Conn, ws.MessageType, []byte) { <-leave }}) }()
	if _, err := far.Write(textFrame); err != nil {
		t.Fatal(err)
	}
	soonAfter(t, "Close", func() { <-closed })
	soonAfter(t, "Done", func() { <-c.Done() })
	if g.Len() != 0 || c.State() != ws.StateClosed {
		t.Errorf("the Group has %d, state %v", g.Len(), c.State())
	}
	close(leave)
	wantCut(t, <-served, ws.ErrCloseTimeout)
	if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket is not closed: %v", err)
	}
}

// TestCloseNowDespiteCallback: nor does it keep the end that CloseNow brings, or
// another goroutine's call that waits for that.
func TestCloseNowDespiteCallback(t *testing.T) {
	near, far := wstest.TCP(t)
	c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{})
	entered, leave, served := make(chan bool), make(chan bool), make(chan error, 1)
	go func() {
		served <- c.Serve(bg, &ws.Events{Message: func(*ws.Conn, ws.MessageType, []byte) { close(entered); <-leave }})
	}()
	if _, err := far.Write(textFrame); err != nil {
		t.Fatal(err)
	}
	<-entered
	_ = c.CloseNow()
	soonAfter(t, "Done", func() { <-c.Done() })
	close(leave)
	<-served
}

// registry is a context that counts what is registered with it, and calls look at
// each call of its Done.
type registry struct {
	context.Context
	live atomic.Int64
	look func()
}

func (r *registry) Done() <-chan struct{} {
	if r.look != nil {
		r.look()
	}
	return r.Context.Done()
}

// Value hides that this is one of package context's, which registers past AfterFunc.
func (r *registry) Value(any) any { return nil }

// AfterFunc is what context.AfterFunc calls.
func (r *registry) AfterFunc(f func()) func() bool {
	r.live.Add(1)
	stop := context.AfterFunc(r.Context, f)
	var once sync.Once
	return func() bool {
		once.Do(func() { r.live.Add(-1) })
		return stop()
	}
}

// TestContextsAreForgotten: a connection that has ended is registered with no
// context, at whatever moment of a call it ended.
func TestContextsAreForgotten(t *testing.T) {
	calls := map[string]func(ctx context.Context, c *ws.Conn){
		"Read":       func(ctx context.Context, c *ws.Conn) { _, _, _ = c.Read(ctx) },
		"ReadInto":   func(ctx context.Context, c *ws.Conn) { _, _, _ = c.ReadInto(ctx, nil) },
		"NextReader": func(ctx context.Context, c *ws.Conn) { _, _, _ = c.NextReader(ctx) },
		"Serve":      func(ctx context.Context, c *ws.Conn) { _ = c.Serve(ctx, nil) },
	}
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				for moment := range 5 {
					near, _ := connect(t)
					c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{})
					parent, cancel := context.WithCancel(bg)
					r := &registry{Context: parent}
					looks := 0
					r.look = func() {
						if looks++; looks == moment {
							go c.CloseNow()
							select {
							case <-c.Done():
							case <-time.After(20 * time.Millisecond): // it has to wait for this call
							}
						}
					}
					time.AfterFunc(5*time.Millisecond, func() { _ = c.CloseNow() })
					call(r, c)
					<-c.Done()
					if n := r.live.Load(); n != 0 {
						t.Errorf("moment %d: registered %d times", moment, n)
					}
					cancel()
				}
			})
		}
	})
}

// TestDrainIsBounded: what a peer sends after a frame that broke a rule is read
// away, so that it gets the Close frame, but not for ever.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.Pipe(64 << 10)
		c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{CloseTimeout: -1})
		go c.Read(bg)
		_, err := far.Write(wstest.Hex("83 80 00000000"))
		flood := make([]byte, 64<<10)
		for err == nil && far.Written() < 64<<20 {
			_, err = far.Write(flood)
		}
		if n := far.Written(); n > 20<<20 {
			t.Errorf("%d bytes of a flood were taken", n)
		}
		_ = c.CloseNow()
		wantCut(t, c.Err(), frame.ErrReservedOpcode)
	})
}

// TestWriteOnly: a connection over which nobody ever reads ends when the transport
// takes no more, with one error for every call. A Close frame that lies unread
// is that error.
func TestWriteOnly(t *testing.T) {
	sends := map[string]func(c *ws.Conn) error{
		"Write":      func(c *ws.Conn) error { return c.Write(bg, ws.Text, make([]byte, 1000)) },
		"long Write": func(c *ws.Conn) error { return c.Write(bg, ws.Text, make([]byte, 200_000)) },
		"Send":       func(c *ws.Conn) error { return c.Send(ws.Text, make([]byte, 1000)) },
		"NextWriter": func(c *ws.Conn) error {
			m, err := c.NextWriter(bg, ws.Text)
			if err != nil {
				return err
			}
			_, _ = m.Write(make([]byte, 1000))
			return m.Close()
		},
		"Append, Flush": func(c *ws.Conn) error {
			return errors.Join(c.Append(ws.Text, make([]byte, 1000)), c.Flush(bg))
		},
	}
	peers := map[string]struct {
		end  func(far net.Conn)
		want ws.CloseCode
	}{
		"cuts": {func(far net.Conn) { _ = far.Close() }, ws.CloseAbnormal},
		"closes": {func(far net.Conn) {
			_, _ = far.Write(wstest.Hex("81 02 6869 88 02 0fa0")) // "hi" and 4000
			go func() {
				for range 3 { // as a server that waits for the answer, and gives up
					_, _ = far.Read(make([]byte, 1000))
				}
				_ = far.Close()
			}()
		}, 4000},
	}
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		for how, send := range sends {
			for who, peer := range peers {
				t.Run(how+", the peer "+who, func(t *testing.T) {
					near, far := connect(t)
					var g ws.Group
					c := ws.New(near, frame.Client, ws.Negotiated{}, ws.Config{Group: &g, QueuePolicy: ws.QueueRefuse})
					peer.end(far)
					first := sendUntilError(c, send)
					soonAfter(t, "Done", func() { <-c.Done() })
					wantEndedFor(t, c, first, peer.want, how != "Send")
					if g.Len() != 0 {
						t.Error("the connection is in its Group")
					}
					if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
						t.Errorf("the transport is not closed: %v", err)
					}
				})
			}
		}
	})
}

// sendUntilError returns the first error of send that says that the connection
// has ended.
func sendUntilError(c *ws.Conn, send func(c *ws.Conn) error) error {
	for {
		err := send(c)
		var end *ws.CloseError
		switch {
		case errors.As(err, &end):
			return end
		case err != nil: // ErrQueueFull
			<-time.After(time.Millisecond)
		}
	}
}

// wantEndedFor checks that every call tells the same end of a connection. strict
// says that the first error has to be that, too.
func wantEndedFor(t *testing.T, c *ws.Conn, first error, code ws.CloseCode, strict bool) {
	t.Helper()
	end := c.Err()
	var ce *ws.CloseError
	if !errors.As(end, &ce) || ce.Code != code {
		t.Fatalf("ended with %v, want %v", end, code)
	}
	_, pingErr := c.Ping(bg)
	_, _, readErr := c.Read(bg)
	_, writerErr := c.NextWriter(bg, ws.Text)
	all := []error{
		c.Write(bg, ws.Text, nil), c.Send(ws.Text, nil), c.Append(ws.Text, nil), c.Flush(bg),
		pingErr, readErr, writerErr, c.Serve(bg, nil), c.Close(ws.CloseNormal, ""),
	}
	if strict || code == ws.CloseAbnormal {
		all = append(all, first)
	}
	for i, err := range all {
		if err != end && (err != nil || ce.Err != nil || i != 8) {
			t.Errorf("call %d: %v, but Err is %v", i, err, end)
		}
	}
}

// TestWriteFailsBetweenReads: where one goroutine reads and writes in turn, a Write
// that fails does not wait, and the reader still gets what had come.
func TestWriteFailsBetweenReads(t *testing.T) {
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		near, far := connect(t)
		c := ws.New(near, frame.Client, ws.Negotiated{}, ws.Config{})
		_, _ = far.Write(wstest.Hex("81 02 6869 81 02 796f 88 02 0fa0"))
		if _, p, err := c.Read(bg); string(p) != "hi" || err != nil {
			t.Fatal(string(p), err)
		}
		_ = far.Close()
		soonAfter(t, "Write", func() { sendUntilError(c, func(c *ws.Conn) error { return c.Write(bg, ws.Text, nil) }) })
		if _, p, err := c.Read(bg); string(p) != "yo" || err != nil {
			t.Fatal(string(p), err)
		}
		_, _, err := c.Read(bg)
		<-c.Done()
		var end *ws.CloseError
		if !errors.As(err, &end) || end.Code != 4000 || c.Write(bg, ws.Text, nil) != err {
			t.Error(err, c.Err())
		}
	})
}

// TestWriteFailsAndNobodyReads: a reader that never comes back is not waited for
// longer than a bound, nor is a transport that takes nothing and says nothing.
func TestWriteFailsAndNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.Pipe(1000)
		c := ws.New(near, frame.Client, ws.Negotiated{}, ws.Config{CloseTimeout: -1})
		_, _ = far.Write(wstest.Hex("81 02 6869 88 02 0fa0"))
		_, _, _ = c.Read(bg)
		_ = near.CloseWrite() // its writes fail, its reads wait
		_, _ = far.Write(wstest.Hex("88"))
		if err := c.Write(bg, ws.Text, nil); err == nil {
			t.Error("written")
		}
		start := time.Now()
		<-c.Done()
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("ended after %v", d)
		}
		_ = far.Close()
	})
}

// TestDrainedAfterFailedWrite: Drained does not cut a connection whose write has failed. Its end may lie unread.
func TestDrainedAfterFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.Pipe(1000)
		c := ws.New(near, frame.Client, ws.Negotiated{}, ws.Config{})
		_, _ = far.Write(wstest.Hex("81 02 6869 88 02 0fa0"))
		_, _, _ = c.Read(bg)
		_ = near.CloseWrite() // its writes fail, its reads do not
		if err := c.Write(bg, ws.Text, nil); err == nil {
			t.Error("Write returned no error")
		}
		<-c.Drained(0)
		_, _, err := c.Read(bg)
		var end *ws.CloseError
		if !errors.As(err, &end) || end.Code != 4000 {
			t.Errorf("Read returned %v, want the peer's code 4000", err)
		}
		_ = far.Close()
		<-c.Done()
	})
}
