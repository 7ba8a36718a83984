package conn

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
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

// TestCloseInCallbackHTTP2: within a callback on net/http's goroutine Close does not wait either.
func TestCloseInCallbackHTTP2(t *testing.T) {
	closed, ended := make(chan error, 1), make(chan *CloseError, 1)
	srv, url := h2Server(t, new(Upgrader).Handler(&Events{
		Message: func(c *Conn, _ MessageType, _ []byte) { closed <- c.Close(4001, "") },
		Close:   func(_ *Conn, err *CloseError) { ended <- err },
	}))
	c := dialH2(t, new(Dialer), url, h2Transport(t, srv))
	check(c.Write(bg, Text, []byte("close")))
	_, _, err := c.Read(within(t))
	wantEnd(t, err, CloseError{Code: 4001, Remote: true})
	if err := <-closed; err != ErrClosing {
		t.Errorf("Close = %v, want ErrClosing", err)
	}
	wantEnd(t, <-ended, CloseError{Code: 4001})
}

// funcServers run f by HandlerFunc over HTTP/1.1 and over HTTP/2, and dial it.
func funcServers(t *testing.T, u *Upgrader, test func(t *testing.T, serve func(f func(c *Conn, r *Request)) *Conn)) {
	t.Run("HTTP/1.1", func(t *testing.T) {
		test(t, func(f func(*Conn, *Request)) *Conn {
			s := httptest.NewServer(u.HandlerFunc(f))
			t.Cleanup(s.Close)
			c, err := Dial(within(t), "ws"+strings.TrimPrefix(s.URL, "http")+"/room?of=mine")
			check(err)
			return c
		})
	})
	t.Run("HTTP/2", func(t *testing.T) {
		test(t, func(f func(*Conn, *Request)) *Conn {
			srv, url := h2Server(t, u.HandlerFunc(f))
			return dialH2(t, new(Dialer), url+"/room?of=mine", h2Transport(t, srv))
		})
	})
}

// TestHandlerFunc: the function has the connection and its request, and its return is the normal end.
func TestHandlerFunc(t *testing.T) {
	funcServers(t, new(Upgrader), func(t *testing.T, serve func(func(*Conn, *Request)) *Conn) {
		targets, ended := make(chan string, 1), make(chan error, 1)
		c := serve(func(c *Conn, r *Request) {
			targets <- r.Target
			go func() { <-c.Done(); ended <- c.Err() }()
			typ, p, err := c.Read(bg)
			check(err)
			check(c.Append(typ, p)) // and leaves, though nothing follows
		})
		check(c.Write(bg, Text, []byte("echo")))
		_, p, err := c.Read(within(t))
		check(err)
		if target := <-targets; string(p) != "echo" || !strings.HasSuffix(target, "/room?of=mine") {
			t.Errorf("read %q of %s, want echo of /room?of=mine", p, target)
		}
		_, _, err = c.Read(within(t))
		wantEnd(t, err, CloseError{Code: CloseNormal, Remote: true})
		wantEnd(t, <-ended, CloseError{Code: CloseNormal})
	})
}

// TestHandlerFuncCloses: a function that has closed the connection chooses the code, and Close waits there as anywhere.
func TestHandlerFuncCloses(t *testing.T) {
	funcServers(t, new(Upgrader), func(t *testing.T, serve func(func(*Conn, *Request)) *Conn) {
		closed := make(chan error, 1)
		c := serve(func(c *Conn, _ *Request) { closed <- c.Close(4001, "mine") })
		_, _, err := c.Read(within(t))
		wantEnd(t, err, CloseError{Code: 4001, Reason: "mine", Remote: true})
		if err := <-closed; err != nil {
			t.Errorf("Close = %v, want nil", err)
		}
	})
}

// TestHandlerFuncAfterTheEnd: a function that returns when the peer has closed leaves it at that.
func TestHandlerFuncAfterTheEnd(t *testing.T) {
	funcServers(t, new(Upgrader), func(t *testing.T, serve func(func(*Conn, *Request)) *Conn) {
		read := make(chan error, 1)
		c := serve(func(c *Conn, _ *Request) {
			_, _, err := c.Read(bg)
			read <- err
		})
		check(c.Close(4002, "yours"))
		wantEnd(t, <-read, CloseError{Code: 4002, Reason: "yours", Remote: true})
	})
}

// TestHandlerFuncPanics: a function that panics, or ends its goroutine, fails its connection with 1011 and not the
// program. Trace.Panic is told of the panic and its stack.
func TestHandlerFuncPanics(t *testing.T) {
	for name, test := range map[string]struct {
		end    func()
		traced any
		cause  error
	}{
		"panic":  {func() { panic("a fault") }, "a fault", errPanicked},
		"Goexit": {runtime.Goexit, nil, errExited},
	} {
		t.Run(name, func(t *testing.T) {
			traced := make(chan any, 1)
			u := &Upgrader{Config: Config{Trace: &Trace{Panic: func(_ *Conn, v any, stack []byte) {
				if strings.Contains(string(stack), "TestHandlerFuncPanics") {
					traced <- v
				}
			}}}}
			funcServers(t, u, func(t *testing.T, serve func(func(*Conn, *Request)) *Conn) {
				conns := make(chan *Conn, 1)
				c := serve(func(c *Conn, _ *Request) { conns <- c; test.end() })
				_, _, err := c.Read(within(t))
				wantEnd(t, err, CloseError{Code: CloseInternalError, Remote: true})
				s := <-conns
				<-s.Done()
				wantEnd(t, s.Err(), CloseError{Code: CloseAbnormal, Err: test.cause})
				if test.traced != nil {
					if v := <-traced; v != test.traced {
						t.Errorf("Trace.Panic was told %v, want %v", v, test.traced)
					}
				}
			})
		})
	}
}

// TestHandlerFuncPanicCode: Trace.Panic may close the connection with a code of its own.
func TestHandlerFuncPanicCode(t *testing.T) {
	u := &Upgrader{Config: Config{Trace: &Trace{Panic: func(c *Conn, _ any, _ []byte) { _ = c.Close(4003, "") }}}}
	funcServers(t, u, func(t *testing.T, serve func(func(*Conn, *Request)) *Conn) {
		c := serve(func(*Conn, *Request) { panic("a fault") })
		_, _, err := c.Read(within(t))
		wantEnd(t, err, CloseError{Code: 4003, Remote: true})
	})
}

// TestHandlerFuncGoroutine: over HTTP/1.1 net/http's goroutine does not stay, over HTTP/2 it is the one that runs the
// function.
func TestHandlerFuncGoroutine(t *testing.T) {
	returned := make(chan bool, 1)
	inner := new(Upgrader).HandlerFunc(func(c *Conn, _ *Request) { _, _, _ = c.Read(bg) })
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		returned <- true
	})
	s := httptest.NewServer(h)
	defer s.Close()
	c, err := Dial(within(t), "ws"+strings.TrimPrefix(s.URL, "http"))
	check(err)
	<-returned
	check(c.Close(CloseNormal, ""))

	srv, url := h2Server(t, h)
	c = dialH2(t, new(Dialer), url, h2Transport(t, srv))
	go c.Serve(bg, nil)
	_, err = c.Ping(within(t))
	check(err)
	select {
	case <-returned:
		t.Error("the handler has returned, and with it the stream has ended")
	default:
	}
	check(c.Close(CloseNormal, ""))
	<-returned
}

// TestHandlerFuncGroup: Shutdown ends the connection and waits for the function.
func TestHandlerFuncGroup(t *testing.T) {
	var g Group
	funcServers(t, &Upgrader{Config: Config{Group: &g}}, func(t *testing.T, serve func(func(*Conn, *Request)) *Conn) {
		g.closing.Store(false)
		read, leave := make(chan error, 1), make(chan bool)
		var left atomic.Bool
		c := serve(func(c *Conn, _ *Request) {
			_, _, err := c.Read(bg)
			read <- err
			<-leave
			left.Store(true)
		})
		go c.Serve(bg, nil)
		shut := make(chan error, 1)
		go func() { shut <- g.Shutdown(within(t)) }()
		wantEnd(t, <-read, CloseError{Code: CloseGoingAway})
		<-c.Done()
		select {
		case <-shut:
			t.Error("Shutdown has returned before the function")
		default:
		}
		close(leave)
		check(<-shut)
		if !left.Load() {
			t.Error("Shutdown has returned before the function")
		}
	})
}

// TestHandlerFuncRefuses: a request that is refused gets to no function, and holds up no Shutdown.
func TestHandlerFuncRefuses(t *testing.T) {
	var g Group
	w := httptest.NewRecorder()
	h := (&Upgrader{Config: Config{Group: &g}}).HandlerFunc(func(*Conn, *Request) { t.Error("the function runs") })
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code < 400 {
		t.Errorf("status %d, want a refusal", w.Code)
	}
	check(g.Shutdown(within(t)))
}

// Calling reports whether a callback of c runs. It is for the tests of package conn_test.
func Calling(c *Conn) bool { return c.rd.calling.Load() }
