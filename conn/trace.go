//go:build !js

package conn

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rfc6455/ws/conn/internal/opening"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Trace holds hooks that observe connections. Hooks that are nil are not called, and a Config
// without a Trace costs nothing. One Trace may observe any number of connections. [Stats] and
// [LogTrace] make Traces, and [JoinTraces] combines several. What [Dial] does before there is a
// connection, it reports to an httptrace.ClientTrace in its context.
//
// A hook runs on the goroutine that caused it. Several hooks may run at once. A hook must not
// block. The connection may be locked meanwhile, so a hook may call only these methods of c: State,
// Subprotocol, Deflate, LocalAddr, RemoteAddr, Data and SetData. Opened, Closed and Panic may call
// all methods. Within Panic, as within the callback that panicked, [Conn.Close] returns
// [ErrClosing] and nothing can be read, unless a function of [Upgrader.HandlerFunc] panicked. No
// hook may call [Group.Shutdown] without a deadline, since Shutdown waits for the hook's
// connection.
//
// Strings that the peer chose are for logs, not for end users.
type Trace struct {
	// Opened is called once for every connection, when its opening handshake is done and before
	// anybody else has the connection. r is the client's request if this side is the server. It is
	// nil for [Dial] and [New].
	Opened func(c *Conn, r *Request)

	// Refused is called for an opening handshake that an [Upgrader] did not accept. err is what
	// Upgrade returns. It is a [*HandshakeError] if the request was at fault or a hook refused it.
	// Otherwise something went wrong on this side, such as a Config that makes no sense, and the
	// client gets no more than the status 500. Without this hook a fault of this side is logged, to
	// the ErrorLog of the request's http.Server or else by package log. If the request could not be
	// read, r has the RemoteAddr alone.
	Refused func(r *Request, err error)

	// FrameReceived is called for each frame of the peer that breaks no rule (RFC 6455 section
	// 5.2). It is called when the header of a data frame, or the whole of a control frame, has
	// arrived. h.Key is 0.
	FrameReceived func(c *Conn, h frame.Header)

	// FrameSent is called for each frame of this side when the frame gets its place in the order of
	// the wire. The frame leaves with the next write. A Write whose context ends may still take its
	// own frame back. h.Key is 0.
	FrameSent func(c *Conn, h frame.Header)

	// MessageReceived is called for each message of the peer when it is complete. If a message is
	// read in pieces, that is when its end was read.
	MessageReceived func(c *Conn, m MessageInfo)

	// MessageSent is called like FrameSent, for the last frame of a message.
	MessageSent func(c *Conn, m MessageInfo)

	// CloseReceived and CloseSent are called for Close frames. code is CloseNoStatus if the frame
	// has no code (RFC 6455 section 5.5.1).
	CloseReceived func(c *Conn, code CloseCode, reason string)
	CloseSent     func(c *Conn, code CloseCode, reason string)

	// RoundTrip is called when a Pong answers a Ping of [Conn.Ping] or of Config.KeepAlive. rtt is
	// how long that took.
	RoundTrip func(c *Conn, rtt time.Duration)

	// Queued is called when a message of [Conn.Append] or [Conn.Send] has to wait because the
	// transport is busy. buffered is the depth of the queue in bytes, as [Conn.Buffered] returns
	// it.
	Queued func(c *Conn, buffered int)

	// Dropped is called for a message that Config.QueuePolicy drops. m.Wire is 0, since the message
	// was never compressed.
	Dropped func(c *Conn, m MessageInfo)

	// Panic is called when a callback of [Conn.Serve], or a function of [Upgrader.HandlerFunc], has
	// panicked. value is what it panicked with. Without this hook value and stack are logged. The
	// connection is then failed with 1011, unless this hook closes it with a code of its own.
	Panic func(c *Conn, value any, stack []byte)

	// Closed is called once, when the connection has ended and its transport is closed.
	Closed func(c *Conn, err *CloseError)

	// countsRefused and countsPanics say that Refused and Panic only count, as those of Stats do.
	// What they are called for is logged as if they were nil.
	countsRefused, countsPanics bool
}

// MessageInfo describes a message for a Trace.
type MessageInfo struct {
	Type       MessageType // Text or Binary
	Compressed bool        // compressed on the wire (RFC 7692)
	Size       int64       // its length in bytes, as the programs at both ends see it
	Wire       int64       // payload of its frames in bytes: less than Size if compression helped
}

func (t *Trace) opened(c *Conn, r *handshake.Request) {
	if t != nil && t.Opened != nil {
		t.Opened(c, r)
	}
}

func (t *Trace) closed(c *Conn, err *CloseError) {
	if t != nil && t.Closed != nil {
		t.Closed(c, err)
	}
}

// received reports the frame that ev begins, or that ev is as a whole. ev is an event of c's
// decoder.
func (t *Trace) received(c *Conn, ev frame.Event) {
	if t.FrameReceived != nil && (ev.Kind == frame.Start || ev.Kind == frame.Control) {
		t.FrameReceived(c, c.rd.dec.Header())
	}
}

// receivedMessage reports the message that the reader has completed.
func (t *Trace) receivedMessage(c *Conn, size int64) {
	if r := &c.rd; t.MessageReceived != nil {
		t.MessageReceived(c, MessageInfo{Type: r.typ, Compressed: r.zipped, Size: size, Wire: r.dec.Announced()})
	}
}

// hooks returns the outbox's hooks that report c's sending to t.
func (t *Trace) hooks(c *Conn) *outbox.Hooks {
	h := &outbox.Hooks{
		Frame: func(frame.Header) {}, Message: func(outbox.Info) {}, Close: func(p []byte) { t.closeSent(c, p) },
		Queued: func(int) {}, Dropped: func(outbox.Type, int) {},
	}
	if t.FrameSent != nil {
		h.Frame = func(fh frame.Header) { t.FrameSent(c, fh) }
	}
	if t.MessageSent != nil {
		h.Message = func(m outbox.Info) {
			t.MessageSent(c, MessageInfo{Type: MessageType(m.Type), Compressed: m.Compressed, Size: m.Size, Wire: m.Wire})
		}
	}
	if t.Queued != nil {
		h.Queued = func(n int) { t.Queued(c, n) }
	}
	if t.Dropped != nil {
		h.Dropped = func(typ outbox.Type, size int) {
			t.Dropped(c, MessageInfo{Type: MessageType(typ), Size: int64(size)})
		}
	}
	return h
}

func (t *Trace) roundTrip(c *Conn, rtt time.Duration) {
	if t != nil && t.RoundTrip != nil {
		t.RoundTrip(c, rtt)
	}
}

// closeReceived and closeSent take the payload of a valid Close frame.

func (t *Trace) closeReceived(c *Conn, payload []byte) {
	if t != nil && t.CloseReceived != nil {
		code, reason, _ := frame.ParseClose(payload)
		t.CloseReceived(c, code, string(reason))
	}
}

func (t *Trace) closeSent(c *Conn, payload []byte) {
	if t.CloseSent != nil {
		code, reason, _ := frame.ParseClose(payload)
		t.CloseSent(c, code, string(reason))
	}
}

// JoinTraces returns a Trace that calls the hooks of all traces, in their order. It skips nil
// traces, and does not change the others.
func JoinTraces(traces ...*Trace) *Trace {
	all := new(Trace)
	for _, t := range traces {
		if t == nil {
			continue
		}
		all = &Trace{
			Opened:          join2(all.Opened, t.Opened),
			Refused:         join2(all.Refused, t.Refused),
			FrameReceived:   join2(all.FrameReceived, t.FrameReceived),
			FrameSent:       join2(all.FrameSent, t.FrameSent),
			MessageReceived: join2(all.MessageReceived, t.MessageReceived),
			MessageSent:     join2(all.MessageSent, t.MessageSent),
			CloseReceived:   join3(all.CloseReceived, t.CloseReceived),
			CloseSent:       join3(all.CloseSent, t.CloseSent),
			RoundTrip:       join2(all.RoundTrip, t.RoundTrip),
			Queued:          join2(all.Queued, t.Queued),
			Dropped:         join2(all.Dropped, t.Dropped),
			Panic:           join3(all.Panic, t.Panic),
			Closed:          join2(all.Closed, t.Closed),

			countsRefused: (all.Refused == nil || all.countsRefused) && (t.Refused == nil || t.countsRefused),
			countsPanics:  (all.Panic == nil || all.countsPanics) && (t.Panic == nil || t.countsPanics),
		}
	}
	return all
}

// join2 and join3 return a hook that calls f, then g.

func join2[A, B any](f, g func(A, B)) func(A, B) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(a A, b B) { f(a, b); g(a, b) }
}

func join3[A, B, C any](f, g func(A, B, C)) func(A, B, C) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(a A, b B, c C) { f(a, b, c); g(a, b, c) }
}

// Nothing that goes wrong on this side is silent. If no hook of a Trace is called for it, it is
// logged to http.Server.ErrorLog or else by package log, as net/http does.

// report logs a fault of this side to l, or by package log if l is nil.
func report(l *log.Logger, format string, args ...any) {
	if l == nil {
		l = log.Default()
	}
	l.Printf("websocket: "+format, args...)
}

// errorLog returns the ErrorLog of the http.Server that read r. It is nil if there is none. r may
// be nil.
func errorLog(r *handshake.Request) *log.Logger {
	if r == nil || r.HTTPRequest() == nil {
		return nil
	}
	if s, ok := r.HTTPRequest().Context().Value(http.ServerContextKey).(*http.Server); ok {
		return s.ErrorLog
	}
	return nil
}

// panicked reports to Trace.Panic, or to the log, that a callback panicked with v. The deferred
// function that recovered v must call it, since the stack is still that of the panic there. It
// returns true if a hook has closed the connection, with a code of its own.
func (c *Conn) panicked(v any) (closed bool) {
	open := c.lifecycle() == frame.Open
	stack := debug.Stack()
	t := c.cfg.Trace
	if t != nil && t.Panic != nil {
		t.Panic(c, v, stack)
	}
	if t == nil || t.Panic == nil || t.countsPanics {
		report(c.errorLog(), "panic serving %s: %v\n%s", opening.AddressText(c.RemoteAddr()), v, stack)
	}
	return open && c.lifecycle() != frame.Open
}

// refused reports to Trace.Refused that a handshake failed with err. If this side is at fault and
// there is no such hook, or one that only counts, it logs err.
func (t *Trace) refused(r *handshake.Request, err error) {
	if t != nil && t.Refused != nil {
		t.Refused(r, err)
	}
	if (t == nil || t.Refused == nil || t.countsRefused) && ownFault(r, err) {
		report(errorLog(r), "refusing %s %s of %s: %v", r.Method, target(r), r.RemoteAddr, err)
	}
}

// ownFault reports whether this side is at fault if the handshake of r failed with err. It is not
// at fault for what a stranger sent or did not send, for the network, or if a hook refused the
// request.
func ownFault(r *handshake.Request, err error) bool {
	var refusal *handshake.Error
	var network net.Error
	switch {
	case errors.As(err, &refusal):
		return opening.AsRefusal(err) == nil // its status does not refuse, so the client gets 500
	case errors.As(err, &network), errors.Is(err, errUnsent), errors.Is(err, context.Canceled):
		return false
	}
	return r.Method != "" // else no request was read
}

// target returns the target of a request for logs. It leaves out the query, which may hold secrets.
func target(r *handshake.Request) string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// LogTrace returns a Trace that logs to l. The levels are:
//
//   - Error: a callback panics, or an opening handshake fails by a fault of this side, such as a
//     Config that makes no sense.
//   - Warn: Config.QueuePolicy drops a message.
//   - Info: a connection begins or ends, or a handshake is refused.
//   - Debug: every frame, message, round trip and wait.
//
// A record below l's level costs one level check.
//
// The target of a request is logged without its query, which may hold secrets. The reason of a
// Close frame, the Origin and the Host are the peer's own words.
//
// l may be called while the connection is locked, so that a slow handler slows the connection down.
func LogTrace(l *slog.Logger) *Trace {
	log := logger{l}
	return &Trace{
		Opened:  log.opened,
		Refused: log.refused,
		FrameReceived: func(c *Conn, h frame.Header) {
			log.frame(c, "websocket frame received", h)
		},
		FrameSent: func(c *Conn, h frame.Header) {
			log.frame(c, "websocket frame sent", h)
		},
		MessageReceived: func(c *Conn, m MessageInfo) {
			log.message(c, slog.LevelDebug, "websocket message received", m)
		},
		MessageSent: func(c *Conn, m MessageInfo) {
			log.message(c, slog.LevelDebug, "websocket message sent", m)
		},
		CloseReceived: func(c *Conn, code CloseCode, reason string) {
			log.about(c, slog.LevelDebug, "websocket close received", slog.Int("code", int(code)), slog.String("reason", reason))
		},
		CloseSent: func(c *Conn, code CloseCode, reason string) {
			log.about(c, slog.LevelDebug, "websocket close sent", slog.Int("code", int(code)), slog.String("reason", reason))
		},
		RoundTrip: func(c *Conn, rtt time.Duration) {
			log.about(c, slog.LevelDebug, "websocket round trip", slog.Duration("rtt", rtt))
		},
		Queued: func(c *Conn, buffered int) {
			log.about(c, slog.LevelDebug, "websocket message queued", slog.Int("buffered", buffered))
		},
		Dropped: func(c *Conn, m MessageInfo) {
			log.message(c, slog.LevelWarn, "websocket message dropped", m)
		},
		Panic: func(c *Conn, value any, stack []byte) {
			log.about(c, slog.LevelError, "websocket callback panicked", slog.Any("panic", value), slog.String("stack", string(stack)))
		},
		Closed: log.closed,
	}
}

// logger has the hooks of LogTrace as methods.
type logger struct{ *slog.Logger }

func (l logger) wants(level slog.Level) bool { return l.Enabled(context.Background(), level) }

// about logs a record about c.
func (l logger) about(c *Conn, level slog.Level, msg string, attrs ...slog.Attr) {
	if l.wants(level) {
		l.LogAttrs(context.Background(), level, msg, append(attrs, remote(c))...)
	}
}

// remote returns the attribute that says whose connection c is.
func remote(c *Conn) slog.Attr {
	if a := c.RemoteAddr(); a != nil {
		return slog.String("remote", a.String())
	}
	return slog.Attr{} // which handlers leave out
}

func (l logger) opened(c *Conn, r *handshake.Request) {
	attrs := []slog.Attr{slog.String("role", c.role().String())}
	if r != nil {
		attrs = append(attrs, slog.String("target", target(r)), slog.String("origin", r.Get("Origin")))
	}
	l.about(c, slog.LevelInfo, "websocket opened", attrs...)
}

func (l logger) refused(r *handshake.Request, err error) {
	level := slog.LevelInfo // strangers can't fill the log of errors
	if ownFault(r, err) {
		level = slog.LevelError
	}
	l.LogAttrs(context.Background(), level, "websocket refused", slog.String("error", err.Error()),
		slog.String("target", target(r)), slog.String("host", r.Host), slog.String("origin", r.Get("Origin")),
		slog.String("remote", r.RemoteAddr))
}

func (l logger) closed(c *Conn, err *CloseError) {
	attrs := []slog.Attr{slog.Int("code", int(err.Code)), slog.Bool("by_peer", err.Remote)}
	if err.Reason != "" {
		attrs = append(attrs, slog.String("reason", err.Reason))
	}
	if err.Sent != 0 {
		attrs = append(attrs, slog.Int("sent", int(err.Sent)))
	}
	if err.Err != nil {
		attrs = append(attrs, slog.String("error", err.cause()))
	}
	l.about(c, slog.LevelInfo, "websocket closed", attrs...)
}

func (l logger) frame(c *Conn, msg string, h frame.Header) {
	if l.wants(slog.LevelDebug) {
		l.about(c, slog.LevelDebug, msg, slog.String("opcode", h.Opcode.String()),
			slog.Int64("length", h.Length), slog.Bool("fin", h.Fin), slog.Bool("rsv1", h.RSV&frame.RSV1 != 0))
	}
}

func (l logger) message(c *Conn, level slog.Level, msg string, m MessageInfo) {
	if l.wants(level) {
		l.about(c, level, msg, slog.String("type", m.Type.String()), slog.Int64("size", m.Size), slog.Int64("wire", m.Wire))
	}
}
