package autobahn_test

import (
	"context"
	"fmt"
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

// patience keeps verdicts from depending on what else the machine does: the library
// may be slow here, but it may not be wrong.
const patience = 10

// closeTimeout is more than the tester waits for TCP to be closed, which is a second
// times patience. With less, a library that never does it but for its own timeout
// would pass.
const closeTimeout = time.Minute

func TestServer(t *testing.T) {
	t.Parallel()
	u := ws.Upgrader{
		Config:  ws.Config{MaxMessageSize: maxMessage, Queue: 2 * maxMessage, Compression: compression, CloseTimeout: closeTimeout},
		Origins: []string{handshake.AnyOrigin},
	}
	server := httptest.NewUnstartedServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, kind ws.MessageType, p []byte) {
			if c.Append(kind, p) != nil {
				c.CloseNow()
			}
		},
	}))
	server.Config.ReadHeaderTimeout = 5 * time.Second
	server.Start()
	defer server.Close()
	var report autobahn.Report
	c := autobahn.Client{
		URL: "ws" + strings.TrimPrefix(server.URL, "http"), Agent: "ws",
		Cases: append(autobahn.Catalogue(), autobahn.BeyondServers()...), RoundTrips: trips, Patience: patience,
	}
	if err := c.Run(context.Background(), &report); err != nil {
		t.Fatal(err)
	}
	check(t, &report, len(c.Cases))
}

func TestClient(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &autobahn.Server{Cases: append(autobahn.Catalogue(), autobahn.BeyondClients()...), RoundTrips: trips, Patience: patience}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	d := &ws.Dialer{Config: ws.Config{MaxMessageSize: maxMessage, Compression: compression, CloseTimeout: closeTimeout}, Proxy: ws.NoProxy}
	echoCases(ctx, s, func(ctx context.Context, target string) (*ws.Conn, *http.Response, error) {
		return d.Dial(ctx, "ws://"+l.Addr().String()+target)
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	check(t, &s.Report, len(s.Cases))
}

// dial connects to a target, a path and a query, of a server.
type dial func(ctx context.Context, target string) (*ws.Conn, *http.Response, error)

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
	// A case may end on the server a little after it has on the client.
	for n := range s.Cases {
		d.echo(ctx, fmt.Sprintf("/getCaseStatus?case=%d&agent=ws", n+1))
	}
}

// echo echoes until the connection ends. How it does is for the suite to judge.
func (d dial) echo(ctx context.Context, target string) {
	c, response, err := d(ctx, target)
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			response.Body.Close()
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

// check holds a report to what is expected: the first catalogue to the file that the
// genuine suite's results are held to, the second to OK.
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
