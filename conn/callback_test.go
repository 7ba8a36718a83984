package conn

import (
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/rfc6455/ws/handshake"
)

// TestPanicInCallback fails the connection with 1011 and not the program.
func TestPanicInCallback(t *testing.T) {
	overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
		var traced any
		s.cfg.Trace = &Trace{Panic: func(_ *Conn, v any, stack []byte) {
			if len(stack) > 0 {
				traced = v
			}
		}}
		served := make(chan error, 1)
		failed := false
		go func() {
			served <- s.Serve(bg, &Events{
				Message: func(*Conn, MessageType, []byte) { panic("a fault") },
				Error:   func(*Conn, error) { failed = true },
				Close:   func(*Conn, *CloseError) { panic("another") },
			})
		}()
		_ = c.Write(bg, Text, nil)
		_, _, err := c.Read(within(t))
		wantEnd(t, err, CloseError{Code: CloseInternalError, Remote: true})
		wantEnd(t, <-served, CloseError{Code: CloseAbnormal, Err: errPanicked})
		if traced == nil || !failed {
			t.Fatal(traced, failed)
		}
	})
}

// TestGoexitInCallback: a callback that ends its goroutine ends the connection
// like one that panics. A test's FailNow does that.
func TestGoexitInCallback(t *testing.T) {
	exit := func(*Conn, MessageType, []byte) { runtime.Goexit() }
	open := func(*Conn, *handshake.Request) { runtime.Goexit() }
	for name, ev := range map[string]Events{"message": {Message: exit}, "open": {Open: open}} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, Config{}, func(t *testing.T, s, c *Conn) {
				ended := make(chan *CloseError, 1)
				ev := ev
				ev.Close = func(_ *Conn, err *CloseError) { ended <- err }
				go func() {
					_ = s.Serve(bg, &ev)
					t.Error("Serve returned, on a goroutine that was to end")
				}()
				wantExited(t, c)
				wantEnd(t, <-ended, CloseError{Code: CloseAbnormal, Err: errExited})
			})
		})
	}
}

// TestGoexitInHandler: the same where Upgrader.Handler serves, in each callback.
func TestGoexitInHandler(t *testing.T) {
	for name, ev := range map[string]*Events{
		"open":    {Open: func(*Conn, *handshake.Request) { runtime.Goexit() }},
		"message": {Message: func(*Conn, MessageType, []byte) { runtime.Goexit() }},
	} {
		t.Run(name, func(t *testing.T) {
			var g Group
			s := httptest.NewServer((&Upgrader{Config: Config{Group: &g}}).Handler(ev))
			defer s.Close()
			c, err := Dial(within(t), "ws"+strings.TrimPrefix(s.URL, "http"))
			check(err)
			wantExited(t, c)
			check(g.Shutdown(within(t)))
		})
	}
}

// TestGoexitAtTheEnd: an Error or Close that does it takes nothing else along.
func TestGoexitAtTheEnd(t *testing.T) {
	var g Group
	s, c := tcpPair(t, Config{Group: &g})
	go s.Serve(bg, &Events{
		Error: func(*Conn, error) { runtime.Goexit() },
		Close: func(*Conn, *CloseError) { t.Error("Close, after its goroutine had ended") },
	})
	check(c.CloseNow())
	check(g.Shutdown(within(t)))
}

// wantExited sends a message to a server whose callback will end its goroutine.
func wantExited(t *testing.T, c *Conn) {
	t.Helper()
	_ = c.Write(bg, Text, nil)
	_, _, err := c.Read(within(t))
	wantEnd(t, err, CloseError{Code: CloseInternalError, Remote: true})
}
