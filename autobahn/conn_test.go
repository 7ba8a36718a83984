package autobahn_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rfc6455/ws/autobahn"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// This file runs both catalogues against this module's own library, in process.

const maxMessage = 16 << 20

var compression = ws.Compression{Mode: ws.CompressionTakeover, ServerWindowBits: 15, ClientWindowBits: 15, Threshold: -1}

// patience keeps verdicts from depending on what else the machine does. The library may be slow
// here, but it may not be wrong.
const patience = 10

// closeTimeout is more than the tester waits for TCP to be closed, which is a second times
// patience. With less, a library that closes TCP only when its own timeout is over would pass.
const closeTimeout = time.Minute

// loopCloseTimeout is as closeTimeout, and less than a client may take to close TCP itself.
const loopCloseTimeout = 12 * time.Second

// way is a way to serve and to dial.
type way struct {
	name string
	loop bool // an event loop serves, instead of a goroutine for each connection
	tls  bool
}

// ways are those that a program chooses between. TLS on goroutines is left out: what a catalogue
// could find there is found over TCP.
var (
	ways       = []way{{name: "TCP"}}
	waysOfLoop = []way{{name: "loop", loop: true}, {name: "loop, TLS", loop: true, tls: true}}
)

var inLoop = flag.Bool("loop", false, "run the catalogues with a Loop, over TCP and TLS")

// each runs f for each way, at the same time, with a Loop for the configuration, or nil.
func each(t *testing.T, f func(t *testing.T, w way, l *ws.Loop)) {
	t.Parallel()
	if *inLoop {
		ways = waysOfLoop
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			var l *ws.Loop
			if w.loop {
				l = new(ws.Loop)
			}
			f(t, w, l)
		})
	}
}

var echoes = &ws.Events{Message: func(c *ws.Conn, kind ws.MessageType, p []byte) { _ = c.Append(kind, p) }}

func TestServer(t *testing.T) {
	each(t, func(t *testing.T, w way, l *ws.Loop) {
		u := ws.Upgrader{
			Config: ws.Config{
				MaxMessageSize: maxMessage, Queue: 2 * maxMessage, Compression: compression,
				CloseTimeout: closeTimeout, Loop: l,
			},
			Origins: []string{handshake.AnyOrigin},
		}
		server := httptest.NewUnstartedServer(u.Handler(echoes))
		server.Config.ReadHeaderTimeout = 5 * time.Second
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // of cases that TLS can't stand
		if w.loop {
			server.Listener = l.Listener(server.Listener)
		}
		if w.tls {
			server.StartTLS()
		} else {
			server.Start()
		}
		defer server.Close()
		var report autobahn.Report
		c := autobahn.Client{
			URL: "ws" + strings.TrimPrefix(server.URL, "http"), Agent: "ws",
			Cases: append(autobahn.Catalogue(), autobahn.BeyondServers()...), RoundTrips: trips, Patience: patience,
		}
		if w.tls {
			c.TLS = trust(server)
		}
		if err := c.Run(context.Background(), &report); err != nil {
			t.Fatal(err)
		}
		check(t, &report, len(c.Cases))
	})
}

// trust is a client's configuration for a server of TLS.
func trust(server *httptest.Server) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return &tls.Config{RootCAs: pool}
}

func TestClient(t *testing.T) {
	each(t, func(t *testing.T, w way, l *ws.Loop) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &autobahn.Server{Cases: append(autobahn.Catalogue(), autobahn.BeyondClients()...), RoundTrips: trips, Patience: patience}
		d := &ws.Dialer{
			Config: ws.Config{
				MaxMessageSize: maxMessage, Queue: 2 * maxMessage, Compression: compression,
				CloseTimeout: closeTimeout, Loop: l,
			},
			Proxy: ws.NoProxy,
		}
		if w.loop { // where nobody cuts the connection after the last message
			d.CloseTimeout = loopCloseTimeout
		}
		scheme, listener := "ws://", ln
		if w.tls {
			certified := httptest.NewUnstartedServer(nil)
			certified.StartTLS()
			defer certified.Close()
			d.TLSConfig = trust(certified)
			scheme, listener = "wss://", tls.NewListener(ln, certified.TLS)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- s.Serve(ctx, listener) }()
		echoCases(ctx, s, dial{l, func(ctx context.Context, target string) (*ws.Conn, *http.Response, error) {
			return d.Dial(ctx, scheme+ln.Addr().String()+target)
		}})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		check(t, &s.Report, len(s.Cases))
	})
}

// dial connects to a target, a path and a query, of a server.
type dial struct {
	loop *ws.Loop // that serves; nil: none
	to   func(ctx context.Context, target string) (*ws.Conn, *http.Response, error)
}

// echoCases has a client run all cases of a server, some at a time.
func echoCases(ctx context.Context, s *autobahn.Server, d dial) {
	var wg sync.WaitGroup
	numbers := make(chan int)
	for range 8 {
		wg.Go(func() {
			for n := range numbers {
				d.echo(ctx, fmt.Sprintf("/runCase?case=%d&agent=ws", n))
			}
		})
	}
	for n := range s.Cases {
		numbers <- n + 1
	}
	close(numbers)
	wg.Wait()
	// A case may end on the server a little later than on the client.
	for n := range s.Cases {
		d.echo(ctx, fmt.Sprintf("/getCaseStatus?case=%d&agent=ws", n+1))
	}
}

// echo echoes until the connection ends. The suite judges how it ends.
func (d dial) echo(ctx context.Context, target string) {
	c, response, err := d.to(ctx, target)
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			response.Body.Close()
		}
		return
	}
	if d.loop != nil {
		if c.Handle(echoes) == nil {
			<-c.Done()
		}
		return
	}
	for {
		kind, p, err := c.Read(ctx)
		if err == nil {
			err = c.Write(ctx, kind, p)
		}
		if err != nil {
			c.CloseNow()
			return
		}
	}
}

// check compares a report with what is expected: the first catalogue with the expectations file
// of the genuine suite, the second with OK.
func check(t *testing.T, report *autobahn.Report, cases int) {
	t.Helper()
	expect, err := autobahn.ReadExpectations("expect.json")
	if err != nil {
		t.Fatal(err)
	}
	results := report.Index()["ws"]
	if len(results) != cases {
		t.Errorf("%d results, want %d", len(results), cases)
	}
	first := make(map[string]autobahn.Result)
	for id, r := range results {
		if !strings.HasPrefix(id, "rfc.") {
			first[id] = r
			continue
		}
		behavior, behaviorClose := r.Behavior, r.BehaviorClose
		if twin, ok := strings.CutPrefix(id, "rfc.deflate."); ok {
			for _, x := range expect.Exceptions {
				if x.Case == twin && x.Behavior == behavior {
					behavior, behaviorClose = autobahn.OK, autobahn.OK
				}
			}
		}
		if behavior != autobahn.OK || behaviorClose != autobahn.OK {
			t.Errorf("%s: %s, close %s", id, r.Behavior, r.BehaviorClose)
		}
	}
	for _, line := range expect.Check(autobahn.SuiteIDs(), first) {
		t.Error(line)
	}
	for _, o := range report.Failures() {
		t.Log(o)
	}
}
