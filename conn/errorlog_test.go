package conn

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// logBuffer is what a log.Logger writes to.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// standardLog catches what package log's own logger prints, until the test ends.
func standardLog(t *testing.T) *logBuffer {
	b := new(logBuffer)
	before := log.Writer()
	log.SetOutput(b)
	t.Cleanup(func() { log.SetOutput(before) })
	return b
}

// logServer is a server with an ErrorLog of its own.
func logServer(t *testing.T, h http.Handler) (url string, errorLog *logBuffer) {
	errorLog = new(logBuffer)
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(errorLog, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http"), errorLog
}

// wantLogged wants every part in the log, or nothing at all if there is none.
func wantLogged(t *testing.T, got string, parts ...string) {
	t.Helper()
	if len(parts) == 0 && got != "" {
		t.Errorf("logged %q, want nothing", got)
	}
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("logged %q, want %q in it", got, part)
		}
	}
}

// TestPanicIsLogged: by default a panic in any callback is in the server's log,
// with its stack, whichever way the connection is served.
func TestPanicIsLogged(t *testing.T) {
	panics := map[string]*Events{
		"open":    {Open: func(*Conn, *handshake.Request) { panic("oh, open") }},
		"message": {Message: func(*Conn, MessageType, []byte) { panic("oh, message") }},
		"error": {
			Message: func(c *Conn, _ MessageType, _ []byte) { _ = c.CloseNow() },
			Error:   func(*Conn, error) { panic("oh, error") },
		},
		"close": {
			Message: func(c *Conn, _ MessageType, _ []byte) { _ = c.CloseNow() },
			Close:   func(*Conn, *CloseError) { panic("oh, close") },
		},
	}
	for callback, ev := range panics {
		for way, handler := range map[string]func(*Upgrader) http.Handler{
			"Handler": func(u *Upgrader) http.Handler { return u.Handler(ev) },
			"Serve":   func(u *Upgrader) http.Handler { return serveItself(u, ev) },
		} {
			t.Run(callback+"/"+way, func(t *testing.T) {
				standard := standardLog(t)
				var g Group
				url, errorLog := logServer(t, handler(&Upgrader{Config: Config{Group: &g}}))
				c, err := Dial(within(t), url)
				check(err)
				local := c.LocalAddr().String()
				_ = c.Write(bg, Text, nil)
				_, _, err = c.Read(within(t))
				if err == nil {
					t.Error("read a message, want an error")
				}
				check(g.Shutdown(within(t))) // the last callback has returned
				wantLogged(t, errorLog.String(), "websocket: panic serving "+local+": oh, "+callback, "errorlog_test.go:")
				wantLogged(t, standard.String())
			})
		}
	}
}

// serveItself is a handler that upgrades and calls Serve.
func serveItself(u *Upgrader, ev *Events) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			c.SetData("mine") // does not lose the log
			_ = c.Serve(bg, ev)
		}
	})
}

// TestPanicIsLoggedH2 is the same over HTTP/2.
func TestPanicIsLoggedH2(t *testing.T) {
	var g Group
	u := &Upgrader{Config: Config{Group: &g}}
	srv := httptest.NewUnstartedServer(u.Handler(&Events{Message: func(*Conn, MessageType, []byte) { panic("oh") }}))
	errorLog := new(logBuffer)
	srv.Config.ErrorLog = log.New(errorLog, "", 0)
	url := startH2(t, srv)
	c := dialH2(t, new(Dialer), url, h2Transport(t, srv))
	_ = c.Write(bg, Text, nil)
	_, _, err := c.Read(within(t))
	wantEnd(t, err, CloseError{Code: CloseInternalError, Remote: true})
	check(g.Shutdown(within(t)))
	wantLogged(t, errorLog.String(), "websocket: panic serving 127.0.0.1:", ": oh", "errorlog_test.go:")
}

// TestPanicWithoutServer: package log's own logger gets what belongs to no
// http.Server's.
func TestPanicWithoutServer(t *testing.T) {
	hook := func() *Trace { return &Trace{Panic: func(*Conn, any, []byte) {}} }
	for name, test := range map[string]struct {
		trace *Trace
		want  []string
	}{
		"no Trace":            {nil, []string{"websocket: panic serving pipe:", ": oh", "errorlog_test.go:"}},
		"no hook":             {&Trace{}, []string{": oh"}},
		"Stats, which counts": {new(Stats).Trace(), []string{": oh"}},
		"two that count":      {JoinTraces(new(Stats).Trace(), &Trace{}, new(Stats).Trace()), []string{": oh"}},
		"a hook":              {hook(), nil},
		"Stats and a hook":    {JoinTraces(new(Stats).Trace(), hook()), nil},
		"a hook and Stats":    {JoinTraces(hook(), new(Stats).Trace()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			standard := standardLog(t)
			bubbles(t, func(t *testing.T, role frame.Role) {
				c, peer := pipePeer(t, role, 1000, Config{Trace: test.trace})
				served := make(chan error)
				go func() {
					served <- c.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { panic("oh") }})
				}()
				peer.Text("x")
				peer.WantClose(CloseInternalError)
				_ = peer.NetConn().Close()
				<-served
			})
			wantLogged(t, standard.String(), test.want...)
		})
	}
}

// quietly makes a handler whose mistakes are not this test's.
func quietly(t *testing.T, make func() http.Handler) (h http.Handler) {
	t.Run("Handler", func(t *testing.T) {
		standardLog(t)
		h = make()
	})
	return h
}

// TestHandlerSaysMistake: an Upgrader that would refuse every client says so when its Handler is made, before the first
// client comes.
func TestHandlerSaysMistake(t *testing.T) {
	for name, test := range map[string]struct {
		u    Upgrader
		want []string
	}{
		"right":                   {Upgrader{}, nil},
		"an origin":               {Upgrader{Origins: []string{"example.com"}}, []string{"this Upgrader refuses every client", "example.com"}},
		"a policy":                {Upgrader{Config: Config{QueuePolicy: 99}}, []string{"QueuePolicy"}},
		"a level":                 {Upgrader{Config: Config{Compression: Compression{Mode: CompressionTakeover, Level: 42}}}, []string{"Level"}},
		"a time without its unit": {Upgrader{Config: Config{KeepAlive: 30}}, []string{"KeepAlive is 30ns"}},
		"a star alone":            {Upgrader{Origins: []string{"https://*"}}, []string{"https://*"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := standardLog(t)
			test.u.Handler(nil)
			wantLogged(t, log.String(), test.want...)
		})
	}
}

// TestRefusalIsLogged: a mistake of this side's that costs every client a 500 is
// in the server's log; what strangers get wrong is not.
func TestRefusalIsLogged(t *testing.T) {
	hook := &Trace{Refused: func(*handshake.Request, error) {}}
	denied := &handshake.Error{Status: http.StatusUnauthorized, Reason: "who are you?"}
	for name, test := range map[string]struct {
		u    Upgrader
		want []string
	}{
		"a configuration": {Upgrader{Origins: []string{"example.com"}}, []string{"websocket: refusing GET /chat of ", "example.com"}},
		"an error of Check": {
			Upgrader{Check: func(*handshake.Request) error { return errors.New("no database") }}, []string{"no database"},
		},
		"a wrapped refusal of Check":  {Upgrader{Check: func(*handshake.Request) error { return fmt.Errorf("check: %w", denied) }}, nil},
		"a refusal of Check":          {Upgrader{Check: func(*handshake.Request) error { return denied }}, nil},
		"a refusal without a status":  {Upgrader{Check: func(*handshake.Request) error { return &handshake.Error{Reason: "odd"} }}, []string{"odd"}},
		"an origin":                   {Upgrader{Origins: []string{"https://other.example"}}, nil},
		"a hook":                      {Upgrader{Config: Config{Trace: hook}, Origins: []string{"example.com"}}, nil},
		"Stats":                       {Upgrader{Config: Config{Trace: new(Stats).Trace()}, Origins: []string{"example.com"}}, []string{"example.com"}},
		"Stats and a hook":            {Upgrader{Config: Config{Trace: JoinTraces(hook, new(Stats).Trace())}, Origins: []string{"example.com"}}, nil},
		"a hook for something else":   {Upgrader{Config: Config{Trace: JoinTraces(&Trace{Panic: func(*Conn, any, []byte) {}}, new(Stats).Trace())}, Origins: []string{"example.com"}}, []string{"example.com"}},
		"a response that can't leave": {Upgrader{Header: http.Header{"X-Y": {"a\nb"}}}, []string{"X-Y"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := quietly(t, func() http.Handler { return test.u.Handler(&Events{}) })
			standard := standardLog(t)
			url, errorLog := logServer(t, h)
			d := new(Dialer)
			if test.u.Origins != nil {
				d.Header = http.Header{"Origin": {"https://page.example"}}
			}
			_, _, err := d.Dial(within(t), url+"/chat?token=s3cr3t")
			if err == nil {
				t.Fatal("it was accepted")
			}
			wantLogged(t, errorLog.String(), test.want...)
			wantLogged(t, standard.String())
			if strings.Contains(errorLog.String(), "s3cr3t") {
				t.Errorf("a secret was logged: %s", errorLog.String())
			}
		})
	}
	t.Run("UpgradeNet", func(t *testing.T) {
		standard := standardLog(t)
		addr, stop := serveNet(&Upgrader{Origins: []string{"example.com"}})
		_, err := Dial(within(t), "ws://"+addr+"/chat")
		stop()
		if err == nil {
			t.Fatal("it was accepted")
		}
		wantLogged(t, standard.String(), "example.com", "/chat")
	})
}

// TestUpgradeTwice: the second Upgrade of one request says that it is the second one. It leaves the
// first connection alone, and writes nothing to a ResponseWriter that is of no use any more.
func TestUpgradeTwice(t *testing.T) {
	second := make(chan error, 1)
	url, errorLog := logServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Upgrade(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		_, err = Upgrade(w, r)
		second <- err
		_ = c.Handle(&Events{Message: func(c *Conn, m MessageType, p []byte) { _ = c.Append(m, p) }})
	}))
	c, err := Dial(within(t), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-second; !errors.Is(err, http.ErrHijacked) || !strings.Contains(err.Error(), "taken over before") {
		t.Errorf("the second Upgrade: %v, want one that says that the connection was taken over before", err)
	}
	wantEcho(t, c)
	if got := errorLog.String(); strings.Contains(got, "on hijacked connection") {
		t.Errorf("the log has %q, want nothing about a write to a hijacked connection", got)
	}
}
