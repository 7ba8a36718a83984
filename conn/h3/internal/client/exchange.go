package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
	"github.com/rfc6455/ws/conn/h3/internal/tunnel"
)

// exchange is one request with its response, on a stream of its own.
type exchange struct {
	link   *link
	stream *quic.Stream

	refused bool // GOAWAY has named the stream; guarded by link.mu
}

// maxInterim is how many interim responses are taken (RFC 9110 section 15.2).
const maxInterim = 5

var longAgo = time.Unix(1, 0)

// await sends the request and waits for the response. The end of ctx cancels the request.
func (x *exchange) await(ctx context.Context, fields []byte) (*http.Response, error) {
	stop := context.AfterFunc(ctx, func() { _ = x.stream.SetDeadline(longAgo) })
	resp, err := x.roundTrip(ctx, fields)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	x.link.answered(x)
	if err != nil {
		return nil, x.failed(ctx, err)
	}
	_ = x.stream.SetDeadline(time.Time{}) // GOAWAY may have set one just now
	resp.Body = tunnel.New(tunnel.Config{
		QUIC: x.stream, Ends: x.stream, Client: true, Message: resp.StatusCode > 299,
		Fail: x.link.fail, Closed: x.link.closed, Over: x.link.ended,
		Local: x.link.conn.LocalAddr(), Remote: x.link.conn.RemoteAddr(),
	})
	return resp, nil
}

// roundTrip sends the request and reads the response.
func (x *exchange) roundTrip(ctx context.Context, fields []byte) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(ctx)
	b := quicvarint.Append(nil, frameHeaders)
	b = quicvarint.Append(b, uint64(len(fields)))
	_, err := x.stream.Write(append(b, fields...))
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	if err != nil {
		return nil, err
	}
	r := quicvarint.NewReader(x.stream)
	for range maxInterim + 1 {
		resp, err := x.response(r)
		if err != nil || resp.StatusCode >= 200 {
			if err == nil && trace != nil && trace.GotFirstResponseByte != nil {
				trace.GotFirstResponseByte()
			}
			return resp, err
		}
	}
	return nil, localError(http3.ErrCodeExcessiveLoad,
		"more than %d interim responses came", maxInterim)
}

// response reads one response.
func (x *exchange) response(r quicvarint.Reader) (*http.Response, error) {
	kind, length, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	if kind != frameHeaders {
		e := localError(http3.ErrCodeFrameUnexpected, "a frame of type %#x before the response", kind)
		x.link.fail(e)
		return nil, e
	}
	block, err := readPayload(r, length, maxHeader)
	if err != nil {
		return nil, err
	}
	resp, broken := response(block)
	if broken != nil {
		return nil, broken
	}
	return resp, nil
}

// refuse ends the exchange, since the server has not processed the request. link.mu is held.
func (x *exchange) refuse() {
	x.refused = true
	_ = x.stream.SetDeadline(longAgo)
}

// failed ends the stream and returns the error for err.
func (x *exchange) failed(ctx context.Context, err error) error {
	x.link.mu.Lock()
	again := x.refused
	x.link.mu.Unlock()
	var local *http3.Error
	var reset *quic.StreamError
	code := http3.ErrCodeRequestCanceled
	switch {
	case ctx.Err() != nil:
		err, again = context.Cause(ctx), false
	case again:
		err = errors.New("the server did not serve the request: it sent GOAWAY")
	case errors.As(err, &local):
		code = local.ErrorCode
	case errors.As(err, &reset) && reset.Remote:
		again = http3.ErrCode(reset.ErrorCode) == http3.ErrCodeRequestRejected
		err = &http3.Error{
			Remote: true, ErrorCode: http3.ErrCode(reset.ErrorCode),
			ErrorMessage: "the server reset the stream of the request",
		}
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		err = errors.New("the server ended the stream without a response")
	}
	x.stream.CancelRead(quic.StreamErrorCode(code))
	x.stream.CancelWrite(quic.StreamErrorCode(code))
	x.link.closed()
	x.link.ended()
	if again {
		return refused{err}
	}
	return err
}
