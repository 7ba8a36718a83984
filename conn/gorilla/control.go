package websocket

import (
	"errors"
	"strings"
	"time"

	"github.com/rfc6455/ws/frame"
)

// handlers are the program's handlers of control frames. Nil stands for the default.
type handlers struct {
	ping, pong func(appData string) error
	closed     func(code int, text string) error
}

// defaults are the handlers of a connection for which the program has set none.
var defaults handlers

// handlers returns the handlers, not to be changed.
func (r *readHalf) set() *handlers {
	if r.handlers == nil {
		return &defaults
	}
	return r.handlers
}

// own returns the handlers of this connection alone.
func (r *readHalf) own() *handlers {
	if r.handlers == nil {
		r.handlers = new(handlers)
	}
	return r.handlers
}

// handle gives a control frame to its handler (RFC 6455 section 5.5). An error ends the reading.
func (c *Conn) handle(op frame.Opcode, payload []byte) error {
	switch h := c.rd.set(); {
	case op == frame.Close:
		return c.peerClosed(payload)
	case op == frame.Ping && h.ping == nil:
		return c.pong(payload)
	case op == frame.Ping:
		return h.ping(string(payload))
	case op == frame.Pong && h.pong != nil:
		return h.pong(string(payload))
	}
	return nil
}

// peerClosed calls the handler of Close frames and returns the error of the read.
func (c *Conn) peerClosed(payload []byte) error {
	code, reason, _ := frame.ParseClose(payload) // the decoder has checked it
	end := &CloseError{Code: int(code), Text: string(reason)}
	if err := c.CloseHandler()(end.Code, end.Text); err != nil {
		return err
	}
	return end
}

// pong answers a Ping. An answer that finds no turn within writeWait is left out, and one that
// comes after this side's Close frame.
func (c *Conn) pong(payload []byte) error {
	err := c.WriteControl(PongMessage, payload, time.Now().Add(writeWait))
	if err == ErrCloseSent || err == errWriteTimeout {
		return nil
	}
	return err
}

// answerClose answers a Close frame with its code.
func (c *Conn) answerClose(code int, _ string) error {
	_ = c.WriteControl(CloseMessage, FormatCloseMessage(code, ""), time.Now().Add(writeWait))
	return nil
}

// violated tells the peer which rule it has broken (section 7.1.7), and ends the reading.
func (c *Conn) violated(err error) error {
	code, reason := CloseProtocolError, ""
	if rule, ok := errors.AsType[*frame.Error](err); ok {
		code = int(rule.Code())
		reason = frame.TruncateReason(strings.TrimPrefix(rule.Error(), "websocket: "))
	}
	if err == frame.ErrMessageTooBig {
		err, reason = ErrReadLimit, ""
	}
	_ = c.WriteControl(CloseMessage, FormatCloseMessage(code, reason), time.Now().Add(writeWait))
	return c.fail(err)
}

// PingHandler returns the handler of Ping frames.
func (c *Conn) PingHandler() func(appData string) error {
	if h := c.rd.set().ping; h != nil {
		return h
	}
	return func(appData string) error { return c.pong([]byte(appData)) }
}

// SetPingHandler sets the function that is called with the payload of each Ping frame. The default,
// which nil sets again, answers with a Pong frame. The read returns the handler's error, and so do
// all reads after it. The handler runs within the read and must not read itself. SetPingHandler
// must not be called while another goroutine reads.
func (c *Conn) SetPingHandler(h func(appData string) error) { c.rd.own().ping = h }

// PongHandler returns the handler of Pong frames.
func (c *Conn) PongHandler() func(appData string) error {
	if h := c.rd.set().pong; h != nil {
		return h
	}
	return func(string) error { return nil }
}

// SetPongHandler sets the function that is called with the payload of each Pong frame. The default,
// which nil sets again, does nothing. The read returns the handler's error, and so do all reads
// after it. The handler runs within the read and must not read itself. SetPongHandler must not be
// called while another goroutine reads.
func (c *Conn) SetPongHandler(h func(appData string) error) { c.rd.own().pong = h }

// CloseHandler returns the handler of Close frames.
func (c *Conn) CloseHandler() func(code int, text string) error {
	if h := c.rd.set().closed; h != nil {
		return h
	}
	return c.answerClose
}

// SetCloseHandler sets the function that is called with the code and the reason of the peer's Close
// frame. The code is [CloseNoStatusReceived] if the frame has none. The default, which nil sets
// again, answers with a Close frame of the same code. The read then returns the handler's error or,
// if that is nil, a [*CloseError]. The handler runs within the read and must not read itself.
// SetCloseHandler must not be called while another goroutine reads.
func (c *Conn) SetCloseHandler(h func(code int, text string) error) { c.rd.own().closed = h }
