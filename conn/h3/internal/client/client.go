// Package client is a client of HTTP/3 for extended CONNECT alone (RFC 9114, RFC 9220). Each
// request opens a stream of QUIC, and the response's Body is that stream, a [tunnel.Stream].
// quic-go's own client does not say whether a connection can carry one more stream, and its streams
// lose octets if a deadline ends a read: see package tunnel.
//
// The parts:
//
//   - [Client] keeps the connections to each server (pool.go) and sends requests.
//   - link is one connection. It reads the server's control stream (control.go), and knows how many
//     streams are open.
//   - exchange is one request with its response (exchange.go, headers.go).
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// Client opens tunnels. It is an [http.RoundTripper] for extended CONNECT. It may be used
// concurrently and must not be copied.
type Client struct {
	// Dial opens a QUIC connection to the server of u, whose scheme is https. It returns when the
	// handshake is complete.
	Dial func(ctx context.Context, u *url.URL) (*quic.Conn, error)

	mu      sync.Mutex
	closed  bool
	servers map[string]*server
}

// Errors of a server that can't be used over HTTP/3. No request has been sent.
var (
	// ErrNotAllowed says that the server's SETTINGS do not allow extended CONNECT.
	ErrNotAllowed = errors.New("the server does not allow extended CONNECT: " +
		"it did not send SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 9220 section 3)")

	// ErrNoStreams says that the server allows no stream on a new connection.
	ErrNoStreams = errors.New("the server allows no streams (initial_max_streams_bidi is 0)")

	// ErrClosed says that the Client is closed.
	ErrClosed = fmt.Errorf("websocket: the Dialer is closed: %w", net.ErrClosed)
)

// ConnectError is the error of a connection that could not be made. No request has been sent.
type ConnectError struct{ err error }

func (e *ConnectError) Error() string { return "QUIC: " + e.err.Error() }
func (e *ConnectError) Unwrap() error { return e.err }

// refused is the error of a request that the server has not processed. The request may be sent
// again (RFC 9114 section 4.1.1).
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// maxTries is how often one request is sent at most.
const maxTries = 4

// RoundTrip sends an extended CONNECT: req.Method is CONNECT, and its Header has ":protocol". The
// response's Body is a [*tunnel.Stream]. req.Body is closed and not used. req's context bounds the
// wait for the response and nothing after that.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	fields, err := requestFields(req)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		x, err := c.open(req.Context(), req.URL)
		if err != nil {
			return nil, err
		}
		resp, err := x.await(req.Context(), fields)
		if err == nil {
			resp.Request = req
			return resp, nil
		}
		if _, again := errors.AsType[refused](err); !again || try == maxTries {
			return nil, err
		}
	}
}

// localError is the error of a connection or a stream whose peer has broken HTTP/3.
func localError(code http3.ErrCode, format string, args ...any) *http3.Error {
	return &http3.Error{ErrorCode: code, ErrorMessage: fmt.Sprintf(format, args...)}
}
