package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Upgrader is the server's side of the opening handshake (RFC 6455 section
// 4.2). The zero value accepts any subprotocol-less client and, of browsers,
// those whose page is of the same host; see handshake.Policy for the rules of
// the fields that it shares. An Upgrader may be used concurrently and must not
// be changed while it is in use.
type Upgrader struct {
	Config

	// Origins lists the origins ("https://example.com") whose pages may
	// connect, instead of the Host header's own; handshake.AnyOrigin: all.
	// Behind a proxy that changes the Host header it must list the page's.
	Origins []string

	// CheckOrigin replaces the rule for origins.
	CheckOrigin func(r *handshake.Request) bool

	// Subprotocols lists the subprotocols spoken, the preferred one first.
	Subprotocols []string

	// SelectSubprotocol replaces the rule for subprotocols.
	SelectSubprotocol func(r *handshake.Request) (string, error)

	// Check, if set, is called for a valid request of an origin that is let in,
	// before the connection is taken over: for authentication, quotas and
	// paths. A *handshake.Error refuses the handshake with its status; any
	// other error with 500.
	Check func(r *handshake.Request) error

	// Header holds more headers for the response. Upgrade adds those that are
	// set on its http.ResponseWriter.
	Header http.Header

	// HandshakeTimeout bounds the writing of the response, and in UpgradeNet
	// all of the handshake. Default: 10 s; negative: no bound.
	HandshakeTimeout time.Duration
}

const defaultHandshakeTimeout = 10 * time.Second

func (u *Upgrader) timeout() time.Duration {
	return setting(u.HandshakeTimeout, defaultHandshakeTimeout, 0)
}

var zeroUpgrader Upgrader

// Upgrade is Upgrader.Upgrade with the zero Upgrader.
func Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	return zeroUpgrader.Upgrade(w, r)
}

// Upgrade answers the opening handshake in r and takes the connection over
// from net/http. Headers that are set on w go into the response. The server's
// timeouts do not apply to the connection any more.
//
// Over HTTP/2 (RFC 8441) it takes the request's stream over. The handler must
// then not return before Done tells the end, since its return is the end of the
// stream; over HTTP/1.1 it may. Package xconnect, below this one, says how to
// have net/http accept such requests.
//
// On an error the refusal has been sent; it is a *handshake.Error where the
// request was at fault.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	c, _, err := u.upgrade(w, r)
	return c, err
}

// Handler returns a handler that upgrades each request and serves ev on the
// connection, on a goroutine of its own: the one of net/http, with its
// buffers, ends. Over HTTP/2 it is the one of net/http that serves.
func (u *Upgrader) Handler(ev *Events) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, req, err := u.upgrade(w, r)
		switch {
		case err != nil: // the refusal has been sent
		case overStream(r):
			c.serveStream(ev, req)
		default:
			c.handle(ev, req)
		}
	})
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

// upgradeHTTP is Upgrade for req, which is r.
func (u *Upgrader) upgradeHTTP(w http.ResponseWriter, r *http.Request, req *handshake.Request) (*Conn, error) {
	accepted, err := u.decide(req, w.Header())
	if err != nil {
		refuse(w, r, err)
		return nil, err
	}
	if overStream(r) {
		return u.acceptStream(w, r, req, &accepted)
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		err = fmt.Errorf("websocket: the connection can't be taken over from net/http (is there a middleware's ResponseWriter without Unwrap, or an http.TimeoutHandler?): %w", err)
		refuse(w, r, &handshake.Error{Status: http.StatusNotImplemented, Reason: "this server can't take over the connection: connect with HTTP/1.1, and take what wraps its ResponseWriter without Unwrap, as http.TimeoutHandler does, out of the way"})
		return nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // what the client sent along with its request
	c, err := u.accept(nc, req, &accepted, early)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

// decide checks the request and settles what is agreed.
func (u *Upgrader) decide(req *handshake.Request, header http.Header) (handshake.Accepted, error) {
	if u.Group.refuses() {
		return handshake.Accepted{}, errGoingDown
	}
	if err := handshake.CheckRequest(req); err != nil {
		return handshake.Accepted{}, err
	}
	deflate, err := u.Compression.policy()
	if err != nil {
		return handshake.Accepted{}, err
	}
	if len(u.Header) > 0 {
		all := maps.Clone(u.Header)
		maps.Copy(all, header)
		header = all
	}
	return handshake.Respond(req, &handshake.Policy{
		Origins: u.Origins, CheckOrigin: u.CheckOrigin, Authorize: u.Check,
		Subprotocols: u.Subprotocols, SelectSubprotocol: u.SelectSubprotocol,
		Deflate: deflate, Header: header,
	})
}

// accept sends the response and makes the connection.
func (u *Upgrader) accept(nc net.Conn, req *handshake.Request, a *handshake.Accepted, early []byte) (*Conn, error) {
	if err := nc.SetDeadline(time.Time{}); err != nil { // those of net/http
		return nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	buf := getBuffer(512)
	if req.ExpectsContinue() {
		buf = append(buf, handshake.Continue...)
	}
	buf = a.AppendResponse(buf, req)
	raw := newRawConn(nc)
	err := u.writeResponse(nc, raw, buf)
	putBuffer(buf)
	if err != nil {
		return nil, fmt.Errorf("websocket: handshake: the response could not be sent: %w", err)
	}
	n := Negotiated{Subprotocol: a.Subprotocol, Deflate: a.Deflate, Early: early, request: req}
	return newConnOver(nc, raw, frame.Server, n, &u.Config), nil
}

// writeResponse writes p within the timeout. A socket that takes all of it at
// once, as a fresh one does, needs no timer for that.
func (u *Upgrader) writeResponse(nc net.Conn, raw syscall.RawConn, p []byte) error {
	if raw != nil {
		n, err := rawTry(raw, p)
		if p = p[n:]; err != nil || len(p) == 0 {
			return err
		}
	}
	if d := u.timeout(); d > 0 {
		_ = nc.SetWriteDeadline(time.Now().Add(d))
	}
	if _, err := nc.Write(p); err != nil {
		return err
	}
	return nc.SetWriteDeadline(time.Time{})
}

// refusal is the reply to a request that failed with err. A hook's own error
// is not for the client's eyes, nor is one without a status of a refusal: that
// of a handshake which a hook itself did as a client.
func refusal(err error) *handshake.Error {
	var refused *handshake.Error
	if errors.As(err, &refused) && refused.Status >= 200 && refused.Status <= 599 {
		return refused
	}
	return &handshake.Error{Status: http.StatusInternalServerError, Reason: "the server failed to handle the request"}
}

// refuse sends err as the reply through net/http. It ends the connection, as a
// client that was refused has no other use for it; but one with 426 has to say
// Upgrade, which net/http passes on only where it keeps the connection or, in
// HTTP/1.0, together with close.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := refusal(err)
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Transfer-Encoding"} {
		w.Header().Del(name) // of another body, set before
	}
	maps.Copy(w.Header(), e.Header())
	switch {
	case overStream(r): // no such headers; Connection would be the end of all its streams
		for _, name := range [...]string{"Connection", "Upgrade", "Keep-Alive"} {
			w.Header().Del(name)
		}
	case e.Status != http.StatusUpgradeRequired:
		w.Header().Set("Connection", "close")
	case r.ProtoMinor == 0:
		w.Header().Set("Connection", "Upgrade, close")
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write([]byte(e.Body())) // nobody is left to tell
}

// UpgradeNet is Upgrade without net/http: it reads the request from nc, after
// the bytes of it in early that the caller has read already, answers it, and
// makes a connection of nc. It allocates less and holds less than Upgrade.
//
// ctx and HandshakeTimeout bound the handshake. On an error the refusal has
// been sent and nc is closed.
func (u *Upgrader) UpgradeNet(ctx context.Context, nc net.Conn, early []byte) (*Conn, *handshake.Request, error) {
	if d := u.timeout(); d > 0 {
		_ = nc.SetReadDeadline(time.Now().Add(d))
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = interruptOn(ctx, nc)
	}
	c, req, err := u.upgradeNet(nc, early)
	if !stop() && err == nil {
		_ = c.CloseNow() // a deadline in the past may strike it at any moment
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("websocket: handshake: %w", handshakeError(ctx))
		}
		if req == nil {
			req = &handshake.Request{RemoteAddr: addressText(nc.RemoteAddr())}
		}
		u.Trace.refused(req, err)
		return nil, nil, err
	}
	return c, req, nil
}

func (u *Upgrader) upgradeNet(nc net.Conn, early []byte) (*Conn, *handshake.Request, error) {
	req, buf, n, err := u.readRequest(nc, early)
	defer putBuffer(buf)
	if err != nil {
		return nil, nil, err
	}
	req.RemoteAddr = addressText(nc.RemoteAddr())
	if t, ok := nc.(*tls.Conn); ok {
		state := t.ConnectionState()
		req.TLS = &state
	}
	u.Group.hold()
	defer u.Group.release()
	accepted, err := u.decide(req, nil)
	if err != nil {
		u.refuseNet(nc, err)
		return nil, req, err
	}
	c, err := u.accept(nc, req, &accepted, buf[n:])
	return c, req, err
}

// readRequest reads a request from nc, behind early. The pooled buf holds it in
// its first n bytes, then what came after it. What is no request is refused.
func (u *Upgrader) readRequest(nc net.Conn, early []byte) (req *handshake.Request, buf []byte, n int, err error) {
	buf = append(getBuffer(max(len(early), pumpSize)), early...)
	var parser handshake.Parser
	req, n, err = parser.Request(buf)
	for n == 0 && err == nil {
		buf = grow(buf, 1)
		m, readErr := nc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if m > 0 {
			req, n, err = parser.Request(buf)
		} else if readErr != nil {
			return nil, buf, 0, fmt.Errorf("websocket: handshake: the request did not arrive whole: %w", readErr)
		}
	}
	if err != nil {
		u.refuseNet(nc, err)
	}
	return req, buf, n, err
}

// addressText is a.String(), in one allocation for TCP.
func addressText(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		if ap := t.AddrPort(); ap.IsValid() {
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String()
		}
	}
	if a == nil {
		return ""
	}
	return a.String()
}

// refuseNet sends err as the reply and lets the peer read it: a socket that is
// closed with unread bytes is reset, and the reply lost with it.
func (u *Upgrader) refuseNet(nc net.Conn, err error) {
	if u.writeResponse(nc, nil, refusal(err).AppendResponse(nil)) != nil {
		return
	}
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = nc.SetReadDeadline(time.Now().Add(time.Second))
	rest := getReadBuffer()
	defer putReadBuffer(rest)
	for drained := 0; drained < handshake.MaxHeaderBytes; {
		n, err := nc.Read(rest.room[:])
		if err != nil {
			return
		}
		drained += n
	}
}
