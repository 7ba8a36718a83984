package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/rfc6455/ws/frame"
)

// DialVia is Dial over HTTP/2 (RFC 8441): rt sends the handshake as an extended
// CONNECT, and the stream of its response is the connection. Package conn/h2 has
// a Dialer that brings such a round tripper along, from golang.org/x/net/http2;
// use DialVia where you have one of your own. net/http's Transport cannot do it
// as of Go 1.27: it refuses the header ":protocol". From Go 1.27 on the Transport
// of golang.org/x/net/http2 is net/http's, unless the program is built with the tag
// http2legacy. errors.Is finds errors.ErrUnsupported in an error that says so.
//
// rt must read the request's body while it returns the response's, and wait for
// the server's SETTINGS_ENABLE_CONNECT_PROTOCOL. The request's context lives as
// long as the connection. The connection's TLS and proxies, names and addresses
// are rt's: of the Dialer's fields TLSConfig, NetDial, Proxy and OneAtATime are
// not used.
//
// Closing the connection ends its stream, with END_STREAM after a closing
// handshake and RST_STREAM (CANCEL) where it is cut; others of the same HTTP/2
// connection go on. NetConn is nil.
func (d *Dialer) DialVia(ctx context.Context, rawURL string, rt http.RoundTripper) (*Conn, *http.Response, error) {
	return d.dial(ctx, rawURL, func(ctx context.Context, h *hop) (*Conn, *http.Response, error) {
		return d.dialStream(ctx, h, rt)
	})
}

// dialStream does the handshake with the hop's server through rt.
func (d *Dialer) dialStream(ctx context.Context, h *hop, rt http.RoundTripper) (*Conn, *http.Response, error) {
	offer, err := d.offer(h)
	if err != nil {
		return nil, nil, err
	}
	req, err := offer.ConnectRequest()
	if err != nil {
		return nil, nil, err
	}
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "identity") // or round trippers ask for gzip, and undo it
	}
	s := new(clientStream)
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.out = newRequestBody()
	req.Body = s.out
	stop := context.AfterFunc(ctx, cancel) // until the response is there
	resp, err := rt.RoundTrip(req.WithContext(httptrace.WithClientTrace(life, s.trace())))
	if err != nil {
		stop()
		cancel()
		return nil, nil, explainProtocol(err)
	}
	s.in = resp.Body
	resp.Body = http.NoBody
	accepted, err := offer.CheckResponse(resp)
	switch {
	case err != nil && resp.StatusCode > 299: // else it is a stream's
		s.keepBody(resp)
	case err != nil:
	case !stop():
		err = ctx.Err()
	}
	d.keepCookies(h, resp)
	if err != nil {
		stop()
		s.Abort()
		_ = s.Close()
		return nil, resp, err
	}
	n := Negotiated{Subprotocol: accepted.Subprotocol, Deflate: accepted.Deflate}
	return newConn(s, frame.Client, n, &d.Config), resp, nil
}

// explainProtocol says what to do about a round tripper that refuses the header
// ":protocol", for which net/http has no error of its own.
func explainProtocol(err error) error {
	if !strings.Contains(err.Error(), `invalid header field name ":protocol"`) {
		return err
	}
	return fmt.Errorf("%w: this round tripper cannot send an extended CONNECT (golang.org/x/net/http2's can; from Go 1.27 on, if the program is built with -tags http2legacy): %w", err, errors.ErrUnsupported)
}

// keepBody makes the beginning of a refusal's body the response's, as far as it
// comes in time.
func (s *clientStream) keepBody(resp *http.Response) {
	timer := time.AfterFunc(time.Second, s.Abort)
	defer timer.Stop()
	body, _ := io.ReadAll(io.LimitReader(s.in, maxBody)) // what came is better than nothing
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
}

// trace learns the addresses of the connection that carries the stream.
func (s *clientStream) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Conn != nil {
			s.local, s.remote = info.Conn.LocalAddr(), info.Conn.RemoteAddr()
		}
	}}
}

// errStreamEnded is what writing finds where the round tripper has let go of the
// request's body. The reader learns why.
var errStreamEnded = fmt.Errorf("the server, or the loss of its connection, ended the HTTP/2 stream: %w", io.ErrClosedPipe)
