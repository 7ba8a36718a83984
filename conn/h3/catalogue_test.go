package h3_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/rfc6455/ws/autobahn"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// This file runs both catalogues of package autobahn over HTTP/3. Each connection is a stream
// between this module and quic-go's own client and server, of which the tester uses nothing of
// ours. The cases about the opening handshake of HTTP/1.1 are left out: they say nothing about
// another.

const (
	maxMessage = 16 << 20
	trips      = 20 // round trips of the cases that have a thousand: HTTP/3 changes nothing between them

	// patience keeps verdicts from depending on what else the machine does.
	patience = 20
)

func catalogueConfig() ws.Config {
	return ws.Config{
		MaxMessageSize: maxMessage, Queue: 2 * maxMessage, CloseTimeout: time.Minute,
		Compression: ws.Compression{Mode: ws.CompressionTakeover, ServerWindowBits: 15, ClientWindowBits: 15, Threshold: -1},
	}
}

// overStreams are the cases that make sense on a stream. Under the race detector those with large
// or many messages are left out.
func overStreams(more []*autobahn.Case) []*autobahn.Case {
	cases := slices.DeleteFunc(append(autobahn.Catalogue(), more...), (*autobahn.Case).Opening)
	if slow {
		cases = autobahn.Pick(cases, nil, []string{"9.*", "12.*", "13.*", "rfc.deflate.*"})
	}
	return cases
}

func TestCatalogueServer(t *testing.T) {
	t.Parallel()
	s := serve(t, echoing(&ws.Upgrader{Config: catalogueConfig(), Origins: []string{handshake.AnyOrigin}}), nil)
	client := quicGo(t, s)
	var report autobahn.Report
	c := autobahn.Client{
		Agent: "ws", Cases: overStreams(autobahn.BeyondServers()), RoundTrips: trips, Patience: patience,
		Open: func(ctx context.Context, extensions string) (autobahn.Stream, string, error) {
			return openStream(ctx, client, s.addr, extensions)
		},
	}
	if err := c.Run(bg, &report); err != nil {
		t.Fatal(err)
	}
	checkReport(t, &report, len(c.Cases))
}

// quicGo returns a connection of quic-go's client to s.
func quicGo(t testing.TB, s *server) *http3.ClientConn {
	_, pool := certificate()
	cfg := &tls.Config{RootCAs: pool, NextProtos: []string{http3.NextProtoH3}}
	conn, err := quic.DialAddr(bg, s.addr, cfg, &quic.Config{KeepAlivePeriod: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") })
	return new(http3.Transport).NewClientConn(conn)
}

// openStream opens a socket by quic-go's client.
func openStream(ctx context.Context, c *http3.ClientConn, addr, extensions string) (autobahn.Stream, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodConnect, "https://"+addr+"/", nil)
	if err != nil {
		return nil, "", err
	}
	r.Proto = "websocket"
	r.Header = http.Header{"Sec-Websocket-Version": {"13"}}
	if extensions != "" {
		r.Header.Set("Sec-WebSocket-Extensions", extensions)
	}
	s, err := c.OpenRequestStream(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := s.SendRequestHeader(r); err != nil {
		return nil, "", err
	}
	response, err := s.ReadResponse()
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, "", err
	}
	return &testerStream{half: s}, strings.Join(response.Header.Values("Sec-WebSocket-Extensions"), ", "), nil
}

// half is what quic-go has for a stream, as a client or as a server.
type half interface {
	io.ReadWriteCloser
	CancelRead(quic.StreamErrorCode)
	CancelWrite(quic.StreamErrorCode)
	SetWriteDeadline(time.Time) error
}

// testerStream is the tester's end.
type testerStream struct {
	half
	mu     sync.Mutex // of the end of writing
	closed bool
}

// Close sends FIN. The tester closes when it has read the end, or does not want to.
func (s *testerStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = s.half.Close()
		time.AfterFunc(time.Second, func() { s.CancelRead(quic.StreamErrorCode(http3.ErrCodeNoError)) })
	}
	return nil
}

func (s *testerStream) Abort() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	}
	return nil
}

func TestCatalogueClient(t *testing.T) {
	t.Parallel()
	tester := &autobahn.Server{Cases: overStreams(autobahn.BeyondClients()), RoundTrips: trips, Patience: patience}
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { visit(tester, w, r) }), nil)
	d := dialer(t)
	d.Dialer.Config = catalogueConfig()
	var wg sync.WaitGroup
	numbers := make(chan int)
	for range 8 {
		wg.Go(func() {
			for n := range numbers {
				echoUntilEnd(d.Dial(bg, fmt.Sprintf("%srunCase?case=%d&agent=ws", s.url(), n)))
			}
		})
	}
	for n := range tester.Cases {
		numbers <- n + 1
	}
	close(numbers)
	wg.Wait()
	for n := range tester.Cases { // a case may end on the server a little later than on the client
		echoUntilEnd(d.Dial(bg, fmt.Sprintf("%sgetCaseStatus?case=%d&agent=ws", s.url(), n+1)))
	}
	checkReport(t, &tester.Report, len(tester.Cases))
}

// echoUntilEnd echoes until the connection ends. The suite judges how it ends.
func echoUntilEnd(c *ws.Conn, _ *http.Response, err error) {
	if err != nil {
		return
	}
	defer c.CloseNow()
	for err == nil {
		var kind ws.MessageType
		var p []byte
		if kind, p, err = c.Read(bg); err == nil {
			err = c.Write(bg, kind, p)
		}
	}
}

// visit serves the tester's end of a connection if the client is tested. The ResponseWriter is
// Handler's, which has quic-go's in it.
func visit(s *autobahn.Server, w http.ResponseWriter, r *http.Request) {
	opened := false
	extensions := strings.Join(r.Header.Values("Sec-WebSocket-Extensions"), ", ")
	err := s.Visit(bg, r.URL.RequestURI(), extensions, func(answer string) (autobahn.Stream, error) {
		opened = true
		if answer != "" {
			w.Header().Set("Sec-WebSocket-Extensions", answer)
		}
		w.WriteHeader(http.StatusOK)
		stream, err := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(http3.HTTPStreamer).HTTPStream()
		if err != nil {
			return nil, err
		}
		return &testerStream{half: stream}, nil
	})
	if err != nil && !opened {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// checkReport compares a report with what is expected, as package autobahn's own tests do.
func checkReport(t *testing.T, report *autobahn.Report, cases int) {
	t.Helper()
	expect, err := autobahn.ReadExpectations("../../autobahn/expect.json")
	if err != nil {
		t.Fatal(err)
	}
	results := report.Index()["ws"]
	t.Logf("%d cases", len(results))
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
	for _, line := range expect.Check(ids(first), first) {
		t.Error(line)
	}
	for _, o := range report.Failures() {
		t.Log(o)
	}
}

// ids returns the identifiers of the suite's cases that were run.
func ids(results map[string]autobahn.Result) []string {
	if !slow {
		return autobahn.SuiteIDs()
	}
	return slices.Collect(maps.Keys(results))
}
