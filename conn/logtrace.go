package conn

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// LogTrace returns a Trace that logs to l. The levels: Error for callbacks that
// panic and for opening handshakes that fail by this side's fault, such as a
// Config that makes no sense; Warn for messages that Config.QueuePolicy drops;
// Info for connections that begin and end and for handshakes that are refused;
// Debug for every frame, message, round trip and wait. What l does not log costs
// the question whether it does.
//
// l is called while the connection is locked, so that a slow handler slows the
// connection down. Reasons of Close frames are the peer's own words.
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

// logger is the hooks of LogTrace.
type logger struct{ *slog.Logger }

func (l logger) wants(level slog.Level) bool { return l.Enabled(context.Background(), level) }

// about logs a line about c.
func (l logger) about(c *Conn, level slog.Level, msg string, attrs ...slog.Attr) {
	if l.wants(level) {
		l.LogAttrs(context.Background(), level, msg, append(attrs, remote(c))...)
	}
}

// remote says whose connection it is.
func remote(c *Conn) slog.Attr {
	if a := c.RemoteAddr(); a != nil {
		return slog.String("remote", a.String())
	}
	return slog.Attr{} // which handlers leave out
}

func (l logger) opened(c *Conn, r *handshake.Request) {
	attrs := []slog.Attr{slog.String("role", c.role().String())}
	if r != nil {
		attrs = append(attrs, slog.String("target", r.Target), slog.String("origin", r.Get("Origin")))
	}
	if p := c.Subprotocol(); p != "" {
		attrs = append(attrs, slog.String("subprotocol", p))
	}
	l.about(c, slog.LevelInfo, "websocket opened", attrs...)
}

func (l logger) refused(r *handshake.Request, err error) {
	// Not for strangers to fill the log of errors with: a request that was
	// refused or did not come whole, a network that failed.
	level := slog.LevelError
	var refusal *handshake.Error
	var network net.Error
	if errors.As(err, &refusal) || errors.As(err, &network) || r.Method == "" {
		level = slog.LevelInfo
	}
	l.LogAttrs(context.Background(), level, "websocket refused",
		slog.String("error", err.Error()), slog.String("target", r.Target), slog.String("remote", r.RemoteAddr))
}

func (l logger) closed(c *Conn, err *CloseError) {
	attrs := []slog.Attr{slog.Int("code", int(err.Code)), slog.Bool("by_peer", err.Remote)}
	if err.Reason != "" {
		attrs = append(attrs, slog.String("reason", err.Reason))
	}
	if err.Err != nil {
		attrs = append(attrs, slog.String("error", err.Err.Error()))
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
