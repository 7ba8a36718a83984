package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/handshake"
)

// accepted is one side whose handshake is done.
type accepted struct {
	link   transport.Link
	early  []byte // bytes that came with the handshake
	agreed handshake.Accepted
	wait   func() // a client's over HTTP/2: returns when nobody uses the stream any more
}

// drop cuts a connection that is of no use.
func (a *accepted) drop() { transport.CloseHard(a.link.Unwrap()) }

const handshakeTimeout = 10 * time.Second

// dial connects to the backend and does the handshake there. An error may come with the response of
// a backend that has refused.
func (p *Proxy) dial(ctx context.Context, out *outgoing) (accepted, *http.Response, error) {
	if t := setting(p.Dialer.HandshakeTimeout, handshakeTimeout); t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	offer := &handshake.Offer{
		URL: out.url, Key: handshake.NewKey(), Host: out.host, Header: out.header,
		Subprotocols: out.subprotocols, Extensions: out.extensions,
	}
	client, hop := p.client(out), &opening.Hop{URL: out.url, Header: out.header, Host: out.host}
	var a accepted
	var resp *http.Response
	var err error
	if p.Via != nil {
		a, resp, err = dialVia(ctx, offer, p.Via)
	} else {
		a, resp, err = dialNet(ctx, client, hop, offer)
	}
	if err != nil {
		err = client.Explain(ctx, &opening.Failure{Hop: hop, Response: resp, Err: err})
	}
	return a, resp, err
}

// client returns the Dialer's settings for what lies below the handshake.
func (p *Proxy) client(out *outgoing) *opening.Client {
	d := &p.Dialer
	proxy := d.Proxy
	if proxy == nil {
		proxy = ws.ProxyFromEnvironment
	}
	return &opening.Client{
		NetDial: d.NetDial, TLSConfig: d.TLSConfig, Proxy: proxy, ProxyHeader: d.ProxyHeader,
		Subprotocols: out.subprotocols,
	}
}

// dialNet dials over HTTP/1.1.
func dialNet(
	ctx context.Context, c *opening.Client, hop *opening.Hop, offer *handshake.Offer,
) (accepted, *http.Response, error) {
	o, resp, err := c.Dial(ctx, hop, offer)
	if err != nil {
		return accepted{}, resp, err
	}
	return accepted{link: transport.FitNet(o.Conn), early: o.Early, agreed: o.Accepted}, resp, nil
}

// dialVia dials through a round tripper, with an extended CONNECT.
func dialVia(
	ctx context.Context, offer *handshake.Offer, rt http.RoundTripper,
) (accepted, *http.Response, error) {
	req, err := offer.ConnectRequest()
	if err != nil {
		return accepted{}, nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // or round trippers ask for gzip, and undo it
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := transport.NewClientStream(cancel)
	req.Body = s.RequestBody()
	stop := context.AfterFunc(ctx, cancel) // until the response is there
	resp, err := rt.RoundTrip(req.WithContext(httptrace.WithClientTrace(life, s.Trace())))
	if err != nil {
		stop()
		cancel()
		return accepted{}, nil, fmt.Errorf("Proxy.Via: %w", err)
	}
	end := s.Over(resp)
	agreed, err := offer.CheckResponse(resp)
	switch {
	case err != nil && resp.StatusCode > 299: // below that the body is the stream
		opening.KeepBody(resp, end, end.Abort)
	case err == nil && !stop():
		err = ctx.Err()
	}
	if err != nil {
		stop()
		end.Abort()
		_ = end.Close()
		return accepted{}, resp, err
	}
	return accepted{link: transport.Fit(end), agreed: agreed}, resp, nil
}

// refusal returns the response of a backend that has refused the handshake, which the client gets.
// If there is none, it is nil: a proxy on the way has refused, or the server speaks no WebSocket.
func refusal(resp *http.Response, err error) *http.Response {
	if resp == nil || resp.StatusCode < 300 {
		return nil
	}
	refused, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok || refused.Field == "CONNECT" {
		return nil
	}
	return resp
}
