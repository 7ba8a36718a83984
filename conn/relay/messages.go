package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/frame"
)

// Messages has the settings of a Proxy that relays message by message. It is for programs that want
// to see messages, bound their size, or use compression on one side alone. Each side is a WebSocket
// connection of its own: the Proxy answers Pings itself, and a peer that breaks a rule gets its
// Close frame from the Proxy.
//
// A message passes when it has come as a whole. A side that is slow holds back the other one. For
// each direction there is one message in memory.
type Messages struct {
	// Client is for the connections to clients. Its MaxMessageSize, 1 MiB by default, bounds their
	// messages; a larger one ends both sides. Its Group must not be set: use [Proxy.Shutdown].
	Client ws.Config

	// Inspect, if set, sees each message before it passes, and may change it. The two directions
	// call it concurrently, for one message of each at a time. If it returns [ErrDrop], the message
	// does not pass, and the connection goes on. If it returns another error, both sides are
	// closed, with the Code and the Reason of the [*ws.CloseError] in it, or else with 1008 (policy
	// violation). If it makes a message that can't be sent, such as text that is not UTF-8, both
	// sides are closed with 1011.
	Inspect func(m *Message) error
}

// Message is a message that passes.
type Message struct {
	Request    *http.Request // the client's handshake
	FromClient bool          // else it is from the backend
	Type       ws.MessageType
	Data       []byte // valid until Inspect returns; Inspect may change it, or set another slice
}

// ErrDrop is what Messages.Inspect returns for a message that is not to pass.
var ErrDrop = errors.New("websocket: relay: the message is dropped")

// messagePair is a pair of connections that is relayed message by message.
type messagePair struct {
	p               *Proxy
	request         *http.Request
	client, backend half
	running         atomic.Int32
	done            chan struct{}

	own atomic.Pointer[ws.CloseError] // why the Proxy itself ends both; nil: it does not
}

// half is one direction of a messagePair.
type half struct {
	m          *messagePair
	src, dst   *ws.Conn
	fromClient bool
	bytes      atomic.Int64
}

// serveMessages relays message by message. Settings that package conn refuses are a backend's
// failure: 502.
func (p *Proxy) serveMessages(w http.ResponseWriter, r *http.Request, out *outgoing) {
	d := p.Dialer
	d.Group = nil
	d.Header, d.Host, d.Subprotocols = out.header, out.host, out.subprotocols
	d.Jar, d.MaxRedirects = nil, -1
	dial := d.Dial
	if p.Via != nil {
		dial = func(ctx context.Context, url string) (*ws.Conn, *http.Response, error) {
			return d.DialVia(ctx, url, p.Via)
		}
	}
	backend, resp, err := dial(r.Context(), out.url.String())
	if err != nil {
		p.refuseWith(w, r, resp, err)
		return
	}
	u := ws.Upgrader{Config: p.Messages.Client, Header: responseHeader(resp)}
	u.Origins = []string{ws.AnyOrigin} // the backend has decided
	u.Group = nil
	if s := backend.Subprotocol(); s != "" {
		u.Subprotocols = []string{s}
	}
	client, err := u.Upgrade(w, r)
	if err != nil {
		_ = backend.CloseNow()
		return
	}
	m := &messagePair{p: p, request: r, done: make(chan struct{})}
	m.client = half{m: m, src: client, dst: backend, fromClient: true}
	m.backend = half{m: m, src: backend, dst: client}
	m.running.Store(2)
	p.enter(m)
	go m.client.serve()
	go m.backend.serve()
	if opening.OverStream(r) {
		<-m.done
	}
}

// serve relays until src ends, and then ends dst in the same way.
func (h *half) serve() {
	_ = h.src.Serve(background, &ws.Events{Message: h.pass})
	<-h.src.Done() // the other half may have closed src before Serve began
	h.ended()
	if h.m.running.Add(-1) > 0 {
		return
	}
	m := h.m
	m.p.ended(m.request, End{Client: m.client.end(), Backend: m.backend.end(), Err: m.cause()})
	close(m.done)
	m.p.leave(m)
}

// pass passes one message on. While dst takes it, src is not read. Nothing passes once the Proxy
// ends both sides: no message may follow one that was refused.
func (h *half) pass(_ *ws.Conn, t ws.MessageType, p []byte) {
	if h.m.own.Load() != nil {
		return
	}
	if inspect := h.m.p.Messages.Inspect; inspect != nil {
		m := Message{Request: h.m.request, FromClient: h.fromClient, Type: t, Data: p}
		switch err := inspect(&m); {
		case err == ErrDrop:
			return
		case err != nil:
			h.m.refuse(err)
			return
		}
		t, p = m.Type, m.Data
	}
	switch err := h.dst.Write(background, t, p); err {
	case nil:
		h.bytes.Add(int64(len(p)))
	case ws.ErrMessageType, frame.ErrInvalidUTF8: // Inspect has made it so
		e := &ws.CloseError{Code: ws.CloseInternalError, Err: err}
		h.m.own.CompareAndSwap(nil, e)
		h.m.close(e.Code, "")
	}
}

// refuse closes both sides after an error of Inspect.
func (m *messagePair) refuse(err error) {
	code, reason := ws.ClosePolicyViolation, ""
	if e, ok := errors.AsType[*ws.CloseError](err); ok {
		code, reason = e.Code, e.Reason
	}
	m.close(code, reason)
}

// close begins the closing handshakes with both sides. A code that can't be sent cuts them.
func (m *messagePair) close(code ws.CloseCode, reason string) {
	m.own.CompareAndSwap(nil, &ws.CloseError{Code: code, Reason: reason})
	for _, c := range [...]*ws.Conn{m.client.src, m.backend.src} {
		go end(c, code, reason)
	}
}

// ended ends dst as src has ended.
func (h *half) ended() {
	e := h.m.own.Load()
	if e == nil {
		s := h.end()
		e = &ws.CloseError{Code: s.Code, Reason: s.Reason}
	}
	end(h.dst, e.Code, e.Reason)
}

// end closes c with the code and the reason, and waits for the end. 1005 is a Close frame without a
// code. A code that can't be sent, such as 1006, is a cut.
func end(c *ws.Conn, code ws.CloseCode, reason string) {
	if code == ws.CloseNoStatus {
		code = 0
	}
	var e *ws.CloseError
	if err := c.Close(code, reason); err != nil && !errors.As(err, &e) {
		_ = c.CloseNow()
	}
}

// end returns how the sender of h has ended it.
func (h *half) end() Side {
	e, ok := errors.AsType[*ws.CloseError](h.src.Err())
	if !ok {
		e = &ws.CloseError{Code: ws.CloseAbnormal}
	}
	return Side{Code: e.Code, Reason: e.Reason, Bytes: h.bytes.Load()}
}

// cause returns why one of the sides was cut, if the Proxy knows.
func (m *messagePair) cause() error {
	if e := m.own.Load(); e != nil && e.Err != nil {
		return e.Err
	}
	for _, c := range [...]*ws.Conn{m.client.src, m.backend.src} {
		e, ok := errors.AsType[*ws.CloseError](c.Err())
		if ok && e.Err != nil && e.Err != io.ErrUnexpectedEOF {
			return e.Err
		}
	}
	return nil
}

func (m *messagePair) shutdown() { m.close(ws.CloseGoingAway, "the proxy is shutting down") }

func (m *messagePair) cutOff() {
	_ = m.client.src.CloseNow()
	_ = m.backend.src.CloseNow()
}

func (s *session) cutOff() { s.abort(context.Canceled, false) }
