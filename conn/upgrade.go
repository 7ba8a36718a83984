//go:build !js

package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Upgrader is the server's side of the opening handshake (RFC 6455 section 4.2). The zero value
// speaks no subprotocol. It accepts every client that is no browser, and browsers whose page is of
// the same host. [handshake.Policy] has the rules of the fields that the two share. An Upgrader may
// be used concurrently. It must not be changed while it is in use.
type Upgrader struct {
	Config

	// Origins lists the origins, such as "https://example.com", whose pages may connect. The list
	// takes the place of the Host header: pages of the server's own host may connect only if they
	// are in it, too. "https://*.example.com" stands for all subdomains, and [AnyOrigin] for all
	// origins. "null" and "file://" may be listed. Another port is another origin.
	//
	// Without Origins the page's host must be the one in the Host header. Some proxies change the
	// Host header, as httputil.ReverseProxy's SetURL does. Behind such a proxy every browser is
	// refused with 403. List the page's origin then, or let the proxy pass the Host header on
	// (ProxyRequest.Out.Host = ProxyRequest.In.Host).
	Origins []string

	// CheckOrigin replaces the rule for origins. It reports whether r's origin may connect.
	CheckOrigin func(r *Request) bool

	// Subprotocols lists the subprotocols that the server speaks, the preferred one first. A client
	// that offers none of them is accepted without one. A program may go on then. A browser that has
	// offered some cuts the connection, and its page sees 1006. [Conn.Subprotocol] returns "", and
	// Check may refuse such a client.
	Subprotocols []string

	// SelectSubprotocol replaces the rule for subprotocols. It returns the one to speak, or "" for
	// none.
	SelectSubprotocol func(r *Request) (string, error)

	// Check, if set, is called for a valid request of an origin that may connect, before the
	// connection is taken over. It is for authentication, quotas and paths. If it returns a
	// [*HandshakeError] with a status of 300 to 599, the handshake is refused with that status. If
	// it returns another error, the handshake is refused with 500 and the error is logged: see
	// Trace.Refused. Check may keep what it finds out, such as who the client is, in r.Data.
	// [Conn.Data] returns that value, and Events.Open gets the request.
	Check func(r *Request) error

	// Header holds more headers for the response. Upgrade adds those that are set on its
	// http.ResponseWriter. Headers of the handshake itself are replaced there, and are a mistake in
	// Header.
	Header http.Header

	// HandshakeTimeout bounds the writing of the response, and in [Upgrader.UpgradeNet] all of the
	// handshake. Default: 10 s. Negative: no bound.
	HandshakeTimeout time.Duration
}

// AnyOrigin, as an element of Upgrader.Origins, lets pages of any origin connect. It is
// [handshake.AnyOrigin].
const AnyOrigin = handshake.AnyOrigin

// HandshakeError says that an opening handshake was refused, and has the status of the response.
// [Dial] returns one if the server refused. [Upgrade] returns one if the request was at fault.
// Upgrader.Check returns one to refuse a request. It is [handshake.Error].
type HandshakeError = handshake.Error

// Request is the request of an opening handshake, as Upgrader's hooks and Events.Open get it. It is
// that of package handshake. Its strings are a stranger's. The fields that programs use most are
// URL, Subprotocols, RemoteAddr, TLS and Data. The methods are Get and Values for a header, Cookie,
// Header for all headers, and HTTPRequest for the *http.Request of [Upgrader.Upgrade].
type Request = handshake.Request

const defaultHandshakeTimeout = 10 * time.Second

func (u *Upgrader) timeout() time.Duration {
	return setting(u.HandshakeTimeout, defaultHandshakeTimeout, 0)
}

// Validate reports the first mistake in u. With a mistake u would refuse every handshake, or fail
// to refuse one that it should refuse. A mistake is a Compression or a QueuePolicy that does not
// exist, a timeout whose unit was forgotten, an element of Origins that matches nothing, or a
// subprotocol or a header that can't be sent. Upgrade, UpgradeNet and Handler check the same and
// answer 500. Call Validate if a mistake should show when the server starts.
func (u *Upgrader) Validate() error {
	deflate, err := u.validate()
	if err != nil {
		return err
	}
	return u.policy(deflate, u.Header).Validate()
}

// validate checks what handshake.Policy.Validate does not check. It returns the policy of
// compression, which Validate needs.
func (u *Upgrader) validate() (*handshake.DeflatePolicy, error) {
	if err := u.Config.validate(); err != nil {
		return nil, err
	}
	return u.Compression.policy()
}

var zeroUpgrader Upgrader

// Upgrade is [Upgrader.Upgrade] with the zero [Upgrader].
func Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	return zeroUpgrader.Upgrade(w, r)
}

// Upgrade answers the opening handshake in r and takes the connection over from net/http. Headers
// that are set on w go into the response. Nothing may be written to w before, since the client
// would take that for the response, nor afterwards. The server's timeouts do not apply to the
// connection any more.
//
// r.Context() ends when the handler returns. Over HTTP/1.1 it does not end when the client goes. It
// is right for reading within the handler. What outlives the handler needs a context of its own.
//
// Over HTTP/2 (RFC 8441) Upgrade takes the request's stream over. Then the handler must not return
// before [Conn.Done] is closed, since its return ends the stream. Over HTTP/1.1 it may return
// earlier. Somebody has to read meanwhile, since the reader finds the client's Close frame. Package
// xconnect, below this one, says how to make net/http accept such requests.
//
// Over HTTP/3 (RFC 9220) Upgrade takes the stream of a request that came through the Handler of
// module conn/h3. That stream outlives the handler, as a connection of HTTP/1.1 does.
//
// If Upgrade returns an error, it has already sent the refusal. The error is a [*HandshakeError] if
// the request was at fault.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	c, _, err := u.upgrade(w, r)
	return c, err
}

// Handler returns a handler that upgrades each request and serves ev on the connection, as
// [Conn.Serve] does. It serves on a new goroutine. net/http's goroutine returns, which frees its
// buffers. Over HTTP/2 net/http's goroutine serves. If [Upgrader.Validate] finds a mistake in u,
// every request would get 500, so Handler logs the mistake by package log.
func (u *Upgrader) Handler(ev *Events) http.Handler {
	u.reportMistake()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, req, err := u.upgrade(w, r)
		switch {
		case err != nil: // the refusal has been sent
		case handled{c}.tied():
			handled{c}.serveStream(ev, req)
		default:
			_ = handle(c, ev, req) // an error says that the connection has ended in the meantime
		}
	})
}

// HandlerFunc returns a handler that upgrades each request and calls f with the connection and the
// request. It is for programs that read in a loop. f runs on a new goroutine. net/http's goroutine
// returns, which frees its buffers, so that an idle connection costs f's stack alone: 2 KiB if f
// needs little. Over HTTP/2 f runs on net/http's goroutine.
//
// When f returns, the connection is closed with 1000, unless it has ended or f has closed it. What
// f has queued leaves first, and nobody waits for the end. If f panics, Trace.Panic gets the panic,
// or else the log, and the connection fails with 1011. It also fails with 1011 if f calls
// runtime.Goexit. [Group.Shutdown] closes the connection and waits for f to return, as it waits for
// a callback of [Conn.Serve].
//
// The context of r's HTTPRequest has ended when f runs; only its values are of use. Reads and
// writes need another context, such as context.Background. A read ends when the connection does. If
// [Upgrader.Validate] finds a mistake in u, HandlerFunc logs it, as [Upgrader.Handler] does.
func (u *Upgrader) HandlerFunc(f func(c *Conn, r *Request)) http.Handler {
	u.reportMistake()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.Group.hold() // until f has returned
		c, req, err := u.upgrade(w, r)
		switch {
		case err != nil: // the refusal has been sent
			u.Group.release()
		case handled{c}.tied():
			defer handled{c}.leaveStream()
			c.runner(f, req)()
		default:
			go c.runner(f, req)()
		}
	})
}

// reportMistake logs the mistake that Validate finds, since with one every request would get 500.
func (u *Upgrader) reportMistake() {
	if err := u.Validate(); err != nil {
		report(nil, "this Upgrader refuses every client: %v", err)
	}
}

func (u *Upgrader) upgrade(w http.ResponseWriter, r *http.Request) (*Conn, *handshake.Request, error) {
	u.Group.hold()
	defer u.Group.release()
	req := handshake.NewRequest(r)
	c, err := u.upgradeHTTP(w, r, req)
	if err != nil {
		u.Trace.refused(req, err)
		return nil, nil, err
	}
	return c, req, nil
}

// upgradeHTTP is Upgrade. req is made of r.
func (u *Upgrader) upgradeHTTP(w http.ResponseWriter, r *http.Request, req *handshake.Request) (*Conn, error) {
	accepted, err := u.decide(req, w.Header())
	if err != nil {
		opening.RefuseHTTP(w, r, err)
		return nil, err
	}
	if opening.OverStream(r) {
		return u.acceptStream(w, r, req, &accepted)
	}
	nc, early, err := opening.Hijack(w)
	switch {
	case errors.Is(err, http.ErrHijacked): // the client has had its answer
		return nil, err
	case err != nil:
		opening.RefuseHTTP(w, r, errNoHijack)
		return nil, err
	}
	c, err := u.accept(nc, req, &accepted, early)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

// errNoHijack is the reply if net/http does not give the connection away.
var errNoHijack = &handshake.Error{
	Status: http.StatusNotImplemented,
	Reason: "this server can't take over the connection: connect with HTTP/1.1, and take what wraps " +
		"its ResponseWriter without Unwrap, as http.TimeoutHandler does, out of the way",
}

// errGoingDown is the reply of a server whose Group was shut down.
var errGoingDown = &handshake.Error{
	Status: http.StatusServiceUnavailable, Reason: "the server is shutting down; connect again later",
}

// decide checks the request and decides what is agreed.
func (u *Upgrader) decide(req *handshake.Request, header http.Header) (handshake.Accepted, error) {
	if u.Group.refuses() {
		return handshake.Accepted{}, errGoingDown
	}
	if err := handshake.CheckRequest(req); err != nil {
		return handshake.Accepted{}, err
	}
	deflate, err := u.validate()
	if err != nil {
		return handshake.Accepted{}, err
	}
	return handshake.Respond(req, u.policy(deflate, opening.ResponseHeader(u.Header, header)))
}

// policy returns what u wants of a handshake.
func (u *Upgrader) policy(deflate *handshake.DeflatePolicy, header http.Header) *handshake.Policy {
	return &handshake.Policy{
		Origins: u.Origins, CheckOrigin: u.CheckOrigin, Check: u.Check,
		Subprotocols: u.Subprotocols, SelectSubprotocol: u.SelectSubprotocol,
		Deflate: deflate, Header: header,
	}
}

// accept sends the response and makes the connection.
func (u *Upgrader) accept(nc net.Conn, req *handshake.Request, a *handshake.Accepted, early []byte) (*Conn, error) {
	_ = nc.SetDeadline(time.Time{}) // lifts net/http's; some transports have none
	buf := pool.Get(512)
	if req.ExpectsContinue() {
		buf = append(buf, handshake.Continue...)
	}
	buf = a.AppendResponse(buf, req)
	link := transport.FitNet(nc)
	err := u.writeResponse(nc, &link, buf)
	pool.Put(buf)
	if err != nil {
		return nil, fmt.Errorf("websocket: handshake: %w: %w", errUnsent, err)
	}
	if !link.Socket() && req.HTTPRequest() == nil { // net/http itself needs deadlines that work
		link = transport.Fit(nc)
	}
	n := Negotiated{Subprotocol: a.Subprotocol, Deflate: a.Deflate, Early: early, request: req}
	return newConnOver(link, frame.Server, n, &u.Config), nil
}

// writeResponse writes p within the timeout. If a socket takes all of p at once, as a fresh one
// does, no timer is needed.
func (u *Upgrader) writeResponse(nc net.Conn, link *transport.Link, p []byte) error {
	n, err := link.TryWrite(p)
	if p = p[n:]; err != nil || len(p) == 0 {
		return err
	}
	return opening.Write(nc, p, u.timeout())
}

// UpgradeNet is [Upgrader.Upgrade] without net/http. It reads the request from nc, answers it, and
// makes a connection of nc. early holds what the caller has read from nc already; UpgradeNet keeps
// a copy. It allocates less and holds less than Upgrade.
//
// ctx and HandshakeTimeout bound the handshake. If UpgradeNet returns an error, it has sent the
// refusal and closed nc. The error is a [*HandshakeError] if the request was at fault.
func (u *Upgrader) UpgradeNet(ctx context.Context, nc net.Conn, early []byte) (*Conn, *Request, error) {
	var up netUpgrade
	var err error
	if transport.HasDeadlines(nc) { // a closure of its own, which is not allocated
		up, err = opening.ByDeadline(ctx, nc, u.timeout(),
			func() (netUpgrade, error) { return u.upgradeNet(nc, early) }, netUpgrade.undo)
	} else {
		up, err = opening.ByClose(ctx, nc, u.timeout(),
			func() (netUpgrade, error) { return u.upgradeNet(nc, early) }, netUpgrade.undo)
	}
	if err != nil {
		_ = nc.Close()
		if up.req == nil {
			up.req = &handshake.Request{RemoteAddr: opening.AddressText(nc.RemoteAddr())}
		}
		u.Trace.refused(up.req, err)
		return nil, nil, err
	}
	return up.c, up.req, nil
}

// netUpgrade is the result of UpgradeNet.
type netUpgrade struct {
	c   *Conn
	req *handshake.Request // may be set if c is nil
}

// undo ends a connection that was made too late.
func (up netUpgrade) undo() { _ = up.c.CloseNow() }

// upgradeNet is UpgradeNet without its time limits.
func (u *Upgrader) upgradeNet(nc net.Conn, early []byte) (netUpgrade, error) {
	req, buf, n, err := opening.ReadRequest(nc, early, u.timeout())
	defer pool.Put(buf)
	if err != nil {
		return netUpgrade{}, err
	}
	u.Group.hold()
	defer u.Group.release()
	accepted, err := u.decide(req, nil)
	if err != nil {
		opening.Refuse(nc, err, u.timeout())
		return netUpgrade{nil, req}, err
	}
	c, err := u.accept(nc, req, &accepted, buf[n:])
	return netUpgrade{c, req}, err
}

// runner returns what calls a function of HandlerFunc and ends the connection after it. It is a
// goroutine's first function itself, since each frame below f is taken from the 2 KiB of stack in
// which an idle connection has to fit.
func (c *Conn) runner(f func(*Conn, *Request), r *Request) func() {
	return func() {
		defer c.ranOut()
		f(c, r)
		c.closeSoon(CloseNormal, "")
	}
}

// ranOut is deferred around a function of HandlerFunc. The connection is open if that has not
// returned: it panicked, or called runtime.Goexit.
func (c *Conn) ranOut() {
	defer c.cfg.Group.release()
	if v := recover(); v != nil {
		if !c.panicked(v) {
			c.failWith(CloseInternalError, fmt.Errorf("websocket: %w: %v", errPanicked, v))
		}
		return
	}
	if c.lifecycle() == frame.Open {
		c.failWith(CloseInternalError, fmt.Errorf("websocket: %w", errExited))
	}
}
