package relay

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/handshake"
)

// Proxy is a handler that passes WebSockets on to a backend. Rewrite must be set. The fields must
// not be changed while the Proxy is in use, and a Proxy must not be copied after its first use. Its
// methods may be called concurrently.
type Proxy struct {
	// Rewrite makes the request for the backend of the client's, as Rewrite of
	// [httputil.ReverseProxy] does. It has to set Out.URL, to which ProxyRequest.SetURL helps. The
	// schemes are http and https or, with the same meaning, ws and wss.
	//
	// Out has the client's header, Origin, Cookie and Authorization among it. The hop-by-hop
	// headers are removed before Rewrite is called, and so are Forwarded and X-Forwarded-For, -Host
	// and -Proto: ProxyRequest.SetXForwarded sets these. SetURL also makes the backend's host the Host
	// header. A backend that compares the Origin of a browser with that will refuse the browser.
	// Then let Rewrite set Out.Host to In.Host.
	//
	// Sec-WebSocket-Protocol and Sec-WebSocket-Extensions of Out are what the client offers.
	// Rewrite may take elements away. Rewrite must not use the ProxyRequest after it has returned.
	Rewrite func(*httputil.ProxyRequest)

	// Dialer says how to connect to backends: TLSConfig, NetDial, Proxy, ProxyHeader and
	// HandshakeTimeout. Its WriteTimeout and CloseTimeout hold for both sides, unless Messages is
	// set: then Messages.Client has those of clients. The fields Header, Host, Subprotocols, Jar,
	// MaxRedirects and, unless Messages is set, the rest of Config have no effect: the client says
	// what is asked for, and redirects are passed on to it.
	Dialer ws.Dialer

	// Via, if set, connects to backends over HTTP/2 or HTTP/3, as [ws.Dialer.DialVia] does: it is a
	// round tripper that sends an extended CONNECT (RFC 8441), such as an h2.Dialer. TLS and
	// addresses are then up to Via.
	Via http.RoundTripper

	// Messages, if set, makes the Proxy relay message by message. Default: frames pass as they are.
	Messages *Messages

	// Other, if set, gets the requests that ask for no WebSocket. An httputil.ReverseProxy with the
	// same Rewrite is right for most proxies. Default: they are refused, most of them with 426.
	Other http.Handler

	// ErrorHandler answers a request for which the backend could not be reached, or has sent an
	// answer that is no handshake. [Status] says with which status to answer. It also gets the
	// errors of Rewrite's results. Default: the error is logged, and the status is the answer.
	//
	// If the backend has refused the handshake, the client gets that refusal instead, with its
	// status, its header and the first 64 KiB of its body.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// ErrorLog gets what the default ErrorHandler logs. Default: the http.Server's ErrorLog, or
	// else package log.
	ErrorLog *log.Logger

	// Ended, if set, is called at the end of each pair of connections, when both transports are
	// closed. r is the client's handshake; its context has ended.
	Ended func(r *http.Request, e End)

	mu      sync.Mutex
	closing bool
	held    int // handshakes and sessions
	pairs   map[pair]struct{}
	empty   chan struct{} // closed when held is 0; made when someone waits for that
}

// pair is a client's connection together with the backend's.
type pair interface {
	shutdown() // begins the end, with 1001
	cutOff()   // ends at once
}

// End says how a pair of connections has ended.
type End struct {
	Client, Backend Side

	// Err is the cause if one side was lost, took no bytes or did not end in time, so that both
	// were cut. With Messages it may also be the rule that a side has broken. If there is no such
	// cause, it is nil.
	Err error
}

// Side says how one of the two sides has ended its direction.
type Side struct {
	// Code is that of its Close frame: CloseNoStatus (1005) if that frame had none, and
	// CloseAbnormal (1006) if no Close frame came.
	Code ws.CloseCode

	Reason string // of its Close frame: what a stranger says
	Bytes  int64  // that were passed on: frames or, with Messages, payloads
}

// Status returns the status with which to answer a request that failed with err: 504 if the
// backend did not answer in time, 503 after [Proxy.Shutdown], and else 502.
func Status(err error) int {
	var timeout net.Error
	switch {
	case errors.Is(err, errShutdown):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

var errShutdown = errors.New("websocket: relay: Shutdown was called: no new connections are taken")

// ServeHTTP passes one WebSocket on. Over HTTP/1.1 it returns after the handshake. Over HTTP/2 it
// returns at the end, since its return ends the stream.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.Other != nil && !isHandshake(r) {
		p.Other.ServeHTTP(w, r)
		return
	}
	req := handshake.NewRequest(r)
	if err := handshake.CheckRequest(req); err != nil {
		opening.RefuseHTTP(w, r, err)
		return
	}
	if !p.hold() {
		p.refuse(w, r, errShutdown)
		return
	}
	defer p.release()
	out, err := p.rewrite(r)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	if p.Messages != nil {
		p.serveMessages(w, r, out)
		return
	}
	p.serveRaw(w, r, req, out)
}

// serveRaw relays the frames as they are.
func (p *Proxy) serveRaw(
	w http.ResponseWriter, r *http.Request, req *handshake.Request, out *outgoing,
) {
	backend, resp, err := p.dial(r.Context(), out)
	if err != nil {
		p.refuseWith(w, r, resp, err)
		return
	}
	client, err := p.accept(w, r, req, backend, resp)
	if err != nil {
		backend.drop()
		return
	}
	s := newSession(p, r, client, backend)
	p.enter(s)
	s.start()
	if client.wait != nil {
		<-s.done
		client.wait()
	}
}

func (p *Proxy) writeTimeout() time.Duration {
	return setting(p.Dialer.WriteTimeout, 30*time.Second)
}

func (p *Proxy) closeTimeout() time.Duration {
	return setting(p.Dialer.CloseTimeout, 5*time.Second)
}

// setting resolves a duration. Zero means def, and a negative value means that there is no bound.
func setting(d, def time.Duration) time.Duration {
	switch {
	case d == 0:
		return def
	case d < 0:
		return 0
	}
	return d
}

// ended reports the end of a pair.
func (p *Proxy) ended(r *http.Request, e End) {
	if p.Ended != nil {
		p.Ended(r, e)
	}
}
