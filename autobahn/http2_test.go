package autobahn_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rfc6455/ws/autobahn"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the servers of this file
	"github.com/rfc6455/ws/handshake"
)

// This file runs both catalogues once more. Each connection is a stream of HTTP/2 (RFC 8441)
// between net/http's server and x/net's transport. The cases about the opening handshake of
// HTTP/1.1 are left out, since they say nothing about another: keys, Upgrade and Connection,
// status 101, the grammar of the header's text, and what comes in one segment with it.
//
// All cases share one TCP connection. If one sends its message an octet at a time, it holds up
// all others, for seconds on a busy machine. That is why these runs need patience most.

// overStreams are the cases that make sense on a stream.
func overStreams(more []*autobahn.Case) []*autobahn.Case {
	return slices.DeleteFunc(append(autobahn.Catalogue(), more...), (*autobahn.Case).Opening)
}

func TestServerHTTP2(t *testing.T) {
	u := ws.Upgrader{
		Config:  ws.Config{MaxMessageSize: maxMessage, Queue: 2 * maxMessage, Compression: compression, CloseTimeout: closeTimeout},
		Origins: []string{handshake.AnyOrigin},
	}
	url, transport := serveHTTP2(t, u.Handler(&ws.Events{
		Message: func(c *ws.Conn, kind ws.MessageType, p []byte) { _ = c.Append(kind, p) },
	}))
	var report autobahn.Report
	c := autobahn.Client{
		Agent: "ws", Cases: overStreams(autobahn.BeyondServers()), RoundTrips: trips, Patience: patience,
		Open: func(ctx context.Context, extensions string) (autobahn.Stream, string, error) {
			return openStream(ctx, transport, url, extensions)
		},
	}
	if err := c.Run(context.Background(), &report); err != nil {
		t.Fatal(err)
	}
	check(t, &report, len(c.Cases))
}

func TestClientHTTP2(t *testing.T) {
	s := &autobahn.Server{Cases: overStreams(autobahn.BeyondClients()), RoundTrips: trips, Patience: patience}
	url, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visit(s, w, r)
	}))
	d := &ws.Dialer{Config: ws.Config{MaxMessageSize: maxMessage, Compression: compression, CloseTimeout: closeTimeout}}
	echoCases(context.Background(), s, dial{nil, func(ctx context.Context, target string) (*ws.Conn, *http.Response, error) {
		return d.DialVia(ctx, "wss"+strings.TrimPrefix(url, "https")+target, transport)
	}})
	check(t, &s.Report, len(s.Cases))
}

// serveHTTP2 serves h and returns a client that trusts the server, and speaks HTTP/2
// alone.
func serveHTTP2(t *testing.T, h http.Handler) (url string, client *h2.Dialer) {
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	client = &h2.Dialer{Fallback: h2.Fail}
	client.Dialer.TLSConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	t.Cleanup(client.CloseIdleConnections)
	return server.URL, client
}

// clientStream is the tester's end where the server is tested: the response's body.
type clientStream struct{ h2Stream }

type h2Stream interface {
	io.ReadWriteCloser
	CloseWrite() error
	Abort()
}

func openStream(ctx context.Context, client *h2.Dialer, url, extensions string) (autobahn.Stream, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodConnect, url, nil)
	if err != nil {
		return nil, "", err
	}
	r.Header = http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	if extensions != "" {
		r.Header.Set("Sec-WebSocket-Extensions", extensions)
	}
	response, err := client.RoundTrip(r)
	if err == nil && response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, "", err
	}
	return &clientStream{response.Body.(h2Stream)}, strings.Join(response.Header.Values("Sec-WebSocket-Extensions"), ", "), nil
}

// Close sends END_STREAM, and resets the stream if the server does not end it in time.
func (s *clientStream) Close() error {
	time.AfterFunc(patience*time.Second, s.h2Stream.Abort)
	return s.CloseWrite()
}

func (s *clientStream) Abort() error {
	s.h2Stream.Abort()
	return nil
}

// visit serves the tester's end of a connection if the client is tested.
func visit(s *autobahn.Server, w http.ResponseWriter, r *http.Request) {
	stream := &serverStream{ReadCloser: r.Body, w: w, control: http.NewResponseController(w)}
	extensions := strings.Join(r.Header.Values("Sec-WebSocket-Extensions"), ", ")
	opened := false
	// A reset of the client must not overtake what it sent before.
	ctx := context.WithoutCancel(r.Context())
	err := s.Visit(ctx, r.URL.RequestURI(), extensions, func(answer string) (autobahn.Stream, error) {
		opened = true
		if answer != "" {
			w.Header().Set("Sec-WebSocket-Extensions", answer)
		}
		w.WriteHeader(http.StatusOK)
		return stream, stream.control.Flush()
	})
	if err != nil && !opened {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	stream.leave()
}

// serverStream is the tester's end if the client is tested: the request's body comes in and the
// response's goes out. The handler's return ends the stream.
type serverStream struct {
	io.ReadCloser // the request's body
	w             http.ResponseWriter
	control       *http.ResponseController

	writing sync.Mutex // held while w is in use; w is not ours when the handler has returned
	state   sync.Mutex // for what follows
	closed  bool
}

func (s *serverStream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.isClosed() {
		return 0, io.ErrClosedPipe
	}
	n, err := s.w.Write(p)
	return n, errors.Join(err, s.control.Flush())
}

// Close ends Read, and with it Visit. END_STREAM follows.
func (s *serverStream) Close() error {
	s.close()
	return s.ReadCloser.Close()
}

// Abort resets the stream, unless Close is ending it or the handler returns.
func (s *serverStream) Abort() error {
	s.state.Lock()
	defer s.state.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.control.SetWriteDeadline(time.Unix(1, 0))
}

// leave waits for a write that is under way.
func (s *serverStream) leave() {
	s.close()
	s.writing.Lock()
	defer s.writing.Unlock()
}

func (s *serverStream) close() {
	s.state.Lock()
	defer s.state.Unlock()
	s.closed = true
}

func (s *serverStream) isClosed() bool {
	s.state.Lock()
	defer s.state.Unlock()
	return s.closed
}
