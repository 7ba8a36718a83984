package conn_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// closeHere calls Close as deep in the stack as a program may be.
func closeHere(c *ws.Conn, depth int) error {
	if depth > 0 {
		err := closeHere(c, depth-1)
		runtime.KeepAlive(depth)
		return err
	}
	return c.Close(4001, "from a callback")
}

// callers are the callbacks and hooks within which Close can't wait: each calls f.
var callers = map[string]func(ev *ws.Events, tr *ws.Trace, f func(*ws.Conn)){
	"Open":    stages["Open"],
	"Message": stages["Message"],
	"Panic":   stages["Panic"],
	"a deferred function of a panic": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) {
		ev.Message = func(c *ws.Conn, _ ws.MessageType, _ []byte) { defer f(c); panic("to be told") }
	},
	"a deferred function of Goexit": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) {
		ev.Message = func(c *ws.Conn, _ ws.MessageType, _ []byte) { defer f(c); runtime.Goexit() }
	},
}

// TestCloseInCallbacks: Close within a callback begins the closing handshake and says that the end is to come.
func TestCloseInCallbacks(t *testing.T) {
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		for name, put := range callers {
			for _, depth := range []int{0, 10, 1000} {
				end, err := closeIn(t, connect, put, func(c *ws.Conn) error { return closeHere(c, depth) })
				if err != ws.ErrClosing || !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s, %d deep: Close = %v, want ErrClosing, which is net.ErrClosed", name, depth, err)
				}
				if end.Sent != 4001 || !end.Clean() && !strings.HasPrefix(name, "a deferred function") {
					t.Errorf("%s, %d deep: the connection ended with %v, want 4001 from this side, and the answer", name, depth, end)
				}
			}
		}
	})
}

// TestCloseAfterTheEnd: Close within Error and Close, which come after the end, says how that was.
func TestCloseAfterTheEnd(t *testing.T) {
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		for _, name := range []string{"Error", "Close"} {
			put := func(ev *ws.Events, tr *ws.Trace, f func(*ws.Conn)) {
				stages[name](ev, tr, f)
				ev.Message = func(*ws.Conn, ws.MessageType, []byte) { panic("to be told") }
			}
			end, err := closeIn(t, connect, put, func(c *ws.Conn) error { return closeHere(c, 0) })
			if err != error(end) {
				t.Errorf("%s: Close = %v, want the connection's end, %v", name, err, end)
			}
		}
	})
}

// TestCloseBesideCallback: Close from another goroutine waits for the end, whether a callback runs or not.
func TestCloseBesideCallback(t *testing.T) {
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		beside := make(chan error, 1)
		put := func(ev *ws.Events, tr *ws.Trace, f func(*ws.Conn)) {
			ev.Message = func(c *ws.Conn, _ ws.MessageType, _ []byte) {
				go func() { beside <- c.Close(4001, "") }()
				for c.State() == ws.StateOpen {
					runtime.Gosched()
				}
				select {
				case err := <-beside:
					t.Errorf("Close = %v while the callback runs, want it to wait", err)
				default:
				}
			}
			ev.Close = func(c *ws.Conn, _ *ws.CloseError) { f(c) }
		}
		_, err := closeIn(t, connect, put, func(*ws.Conn) error { return <-beside })
		if err != nil {
			t.Errorf("Close = %v, want nil: both sides have closed", err)
		}
	})
}

// TestCloseTimeoutBesideCallback: a callback that never returns holds nobody up for longer than CloseTimeout.
func TestCloseTimeoutBesideCallback(t *testing.T) {
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		near, far := connect(t)
		defer far.Close()
		c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{CloseTimeout: time.Millisecond})
		entered, leave, served := make(chan bool), make(chan bool), make(chan error, 1)
		go func() {
			served <- c.Serve(bg, &ws.Events{Open: func(*ws.Conn, *handshake.Request) { close(entered); <-leave }})
		}()
		<-entered
		if err := c.Close(4001, ""); !errors.Is(err, ws.ErrCloseTimeout) {
			t.Errorf("Close = %v, want ErrCloseTimeout", err)
		}
		close(leave)
		<-served
	})
}

// TestCloseOtherConnection: a callback of one connection closes another one. It waits, unless a callback of that one
// runs, too: that may be the caller.
func TestCloseOtherConnection(t *testing.T) {
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		for _, busy := range []bool{false, true} {
			var other *ws.Conn
			entered, leave := make(chan bool), make(chan bool)
			ev := ws.Events{Open: func(*ws.Conn, *handshake.Request) { close(entered) }}
			if busy {
				ev.Open = func(*ws.Conn, *handshake.Request) { close(entered); <-leave }
			}
			near, far := connect(t)
			other = ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{})
			go ws.New(far, frame.Client, ws.Negotiated{}, ws.Config{}).Serve(bg, nil)
			served := make(chan error, 1)
			go func() { served <- other.Serve(bg, &ev) }()
			<-entered
			for !busy && ws.Calling(other) { // Open is about to return
				runtime.Gosched()
			}
			_, err := closeIn(t, connect, stages["Message"], func(c *ws.Conn) error {
				err := other.Close(4002, "")
				_ = c.Close(4001, "")
				return err
			})
			if want := map[bool]error{true: ws.ErrClosing}[busy]; err != want {
				t.Errorf("a callback runs: %t: Close = %v, want %v", busy, err, want)
			}
			close(leave)
			<-served
		}
	})
}

// TestShutdownDuringCallback: Group.Shutdown waits for a callback that runs, and needs no Close to wait.
func TestShutdownDuringCallback(t *testing.T) {
	var g ws.Group
	entered, leave := make(chan bool), make(chan bool)
	s := httptest.NewServer((&ws.Upgrader{Config: ws.Config{Group: &g}}).Handler(&ws.Events{
		Message: func(c *ws.Conn, _ ws.MessageType, _ []byte) {
			close(entered)
			<-leave
			if err := c.Close(4001, ""); err != ws.ErrClosing {
				t.Errorf("Close = %v, want ErrClosing", err)
			}
		},
	}))
	defer s.Close()
	c, err := ws.Dial(bg, "ws"+strings.TrimPrefix(s.URL, "http"))
	noError(t, err)
	noError(t, c.Write(bg, ws.Text, nil))
	<-entered
	shut := make(chan error, 1)
	go func() { shut <- g.Shutdown(bg) }()
	_, _, err = c.Read(bg)
	if code := endOf(t, err).Code; code != ws.CloseGoingAway {
		t.Errorf("the client reads the code %d, want 1001", code)
	}
	close(leave)
	noError(t, <-shut)
}

// TestCloseStatus: one statement finds the code in an error, in whatever it is wrapped.
func TestCloseStatus(t *testing.T) {
	var none *ws.CloseError
	for _, test := range []struct {
		err  error
		code ws.CloseCode
		ok   bool
	}{
		{nil, 0, false},
		{errors.New("another"), 0, false},
		{net.ErrClosed, 0, false},
		{ws.ErrClosing, 0, false},
		{none, 0, false},
		{&ws.CloseError{Code: 4001, Sent: 1000, Remote: true}, 4001, true},
		{fmt.Errorf("chat: %w", &ws.CloseError{Code: ws.CloseNormal}), ws.CloseNormal, true},
		{&ws.CloseError{Code: ws.CloseAbnormal, Err: io.ErrUnexpectedEOF}, ws.CloseAbnormal, true},
	} {
		if code, ok := ws.CloseStatus(test.err); code != test.code || ok != test.ok {
			t.Errorf("CloseStatus(%v) = %d, %t, want %d, %t", test.err, code, ok, test.code, test.ok)
		}
	}
}

// TestAliases: what a program needs of the lower packages has a name in this one.
func TestAliases(t *testing.T) {
	var _ *handshake.Request = (*ws.Request)(nil)
	var _ *handshake.Error = (*ws.HandshakeError)(nil)
	var _ frame.Role = ws.Role(0)
	if ws.RoleServer != frame.Server || ws.RoleClient != frame.Client || ws.AnyOrigin != handshake.AnyOrigin {
		t.Error("a name of this package's differs from that of the lower one")
	}
}

// closeIn has a server's connection meet a message and, if nobody closes it, its peer's Close, with f in the callback or
// the hook where put puts it. It returns how the connection ended, and f's error.
func closeIn(t *testing.T, connect func(t *testing.T) (near, far net.Conn), put func(*ws.Events, *ws.Trace, func(*ws.Conn)), f func(*ws.Conn) error) (*ws.CloseError, error) {
	t.Helper()
	var ev ws.Events
	var tr ws.Trace
	result := make(chan error, 1)
	put(&ev, &tr, func(c *ws.Conn) { result <- f(c) })
	if tr.Panic == nil {
		tr.Panic = func(*ws.Conn, any, []byte) {}
	}
	near, far := connect(t)
	peer := ws.New(far, frame.Client, ws.Negotiated{}, ws.Config{})
	noError(t, peer.Send(ws.Text, []byte("hello")))
	go peer.Serve(bg, nil)
	c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{Trace: &tr})
	go c.Serve(bg, &ev)
	<-c.Done()
	return endOf(t, c.Err()), <-result
}

// endOf returns the *CloseError in err.
func endOf(t *testing.T, err error) *ws.CloseError {
	t.Helper()
	var end *ws.CloseError
	if !errors.As(err, &end) {
		t.Fatalf("error %v, want a *CloseError", err)
	}
	return end
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
