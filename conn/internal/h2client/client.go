// Package h2client is a client of HTTP/2 for extended CONNECT alone (RFC 9113, RFC 8441). Each
// request opens a stream, and the response's Body is that stream, for reading and for writing.
//
// The parts:
//
//   - [Client] keeps the connections to each server (pool.go) and sends requests.
//   - link is one connection. One mutex guards its state. Two goroutines serve it: one reads frames
//     (receive.go), one writes what has been collected in link.out (send.go). Nobody else touches
//     the transport, so nobody who uses a stream can be caught in a write to it.
//   - [Stream] is one stream. Reads and writes wait on the conditions of the stream and of the
//     link. Deadlines and aborts end the waiting.
package h2client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/net/http2"
)

// Client opens streams. It is an [http.RoundTripper] for extended CONNECT. It may be used
// concurrently and must not be copied.
type Client struct {
	// Dial opens a connection to the server of u, whose scheme is http or https. It also does the
	// TLS handshake and ALPN.
	Dial func(ctx context.Context, u *url.URL) (net.Conn, error)

	mu      sync.Mutex
	servers map[string]*server
}

var (
	// ErrNotAllowed says that the server's SETTINGS do not allow extended CONNECT.
	ErrNotAllowed = errors.New("the server does not allow extended CONNECT: it did not send SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3)")

	// ErrNoStreams says that the server allows no stream on a new connection.
	ErrNoStreams = errors.New("the server allows no streams (SETTINGS_MAX_CONCURRENT_STREAMS is 0)")
)

// refused is the error of a stream that the server has not processed. The request may be sent again
// (RFC 9113 section 8.7).
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// maxTries is how often one request is sent at most.
const maxTries = 4

// RoundTrip sends an extended CONNECT: req.Method is CONNECT, and its Header has ":protocol". The
// response's Body is a [*Stream]. req.Body is closed and not used. req's context bounds the wait
// for the response and nothing after that.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	fields, err := requestFields(req)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		s, err := c.open(req.Context(), req.URL, fields)
		if err != nil {
			return nil, err
		}
		resp, err := s.await(req.Context())
		if err == nil {
			resp.Request = req
			return resp, nil
		}
		if _, again := errors.AsType[refused](err); !again || try == maxTries {
			return nil, err
		}
	}
}

// goAway returns the error of a stream that a GOAWAY frame left out.
func goAway(code http2.ErrCode, debug []byte) error {
	text := ""
	if len(debug) > 0 {
		text = fmt.Sprintf(": %.100q", debug)
	}
	return fmt.Errorf("the server did not serve the HTTP/2 stream: it sent GOAWAY with %v%s", code, text)
}
