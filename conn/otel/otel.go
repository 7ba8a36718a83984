// Package wsotel has traces and metrics of WebSockets for OpenTelemetry: a span for each
// connection, whose parent a server takes from the headers of the handshake, and counters.
//
//	import wsotel "github.com/rfc6455/ws/conn/otel"
//
//	t := wsotel.New(wsotel.Options{})
//	u := ws.Upgrader{Config: ws.Config{Trace: t.Trace()}}
//	... t.Context(c) ...               // for spans of your own within the connection's
//
// A client dials with [Telemetry.Dial], which sends the context along.
//
// Spans have the attributes of the semantic conventions for HTTP, with "websocket" as
// network.protocol.name, and others that begin with "websocket.": the conventions have none for
// WebSockets.
package wsotel

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	ws "github.com/rfc6455/ws/conn"
)

const scope = "github.com/rfc6455/ws/conn/otel"

// Options says where traces go. The zero Options uses what package otel has been told to use.
type Options struct {
	TracerProvider trace.TracerProvider
	Propagator     propagation.TextMapPropagator
}

// Telemetry makes the spans. One Telemetry may serve any number of Upgraders and Dialers. All
// methods may be called concurrently.
type Telemetry struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	open       sync.Map // *ws.Conn: *connection
}

// connection is an open connection with its span.
type connection struct {
	ctx  context.Context
	span trace.Span

	received, sent, bytesReceived, bytesSent atomic.Int64
}

// New returns a Telemetry.
func New(o Options) *Telemetry {
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.Propagator == nil {
		o.Propagator = otel.GetTextMapPropagator()
	}
	return &Telemetry{tracer: o.TracerProvider.Tracer(scope), propagator: o.Propagator}
}

// Trace returns a Trace for Config.Trace of an Upgrader. It makes a span of each connection, and of
// each handshake that is refused. [ws.JoinTraces] combines it with others.
func (t *Telemetry) Trace() *ws.Trace {
	return ws.JoinTraces(t.trace(), &ws.Trace{
		Opened: func(c *ws.Conn, r *ws.Request) {
			if r != nil {
				ctx, span := t.serverSpan(r)
				t.begin(c, ctx, span)
			}
		},
		Refused: func(r *ws.Request, err error) {
			if r == nil {
				return
			}
			_, span := t.serverSpan(r)
			defer span.End()
			if refused, ok := errors.AsType[*ws.HandshakeError](err); ok {
				span.SetAttributes(attribute.Int("http.response.status_code", refused.Status))
				if refused.Status < 500 {
					return // the client's fault is no error of the server
				}
			}
			span.SetStatus(codes.Error, err.Error())
		},
	})
}

// trace has the hooks for an open connection, in either role.
func (t *Telemetry) trace() *ws.Trace {
	return &ws.Trace{
		MessageReceived: func(c *ws.Conn, m ws.MessageInfo) {
			if x := t.of(c); x != nil {
				x.received.Add(1)
				x.bytesReceived.Add(m.Size)
			}
		},
		MessageSent: func(c *ws.Conn, m ws.MessageInfo) {
			if x := t.of(c); x != nil {
				x.sent.Add(1)
				x.bytesSent.Add(m.Size)
			}
		},
		Closed: t.end,
	}
}

// serverSpan begins the span of a handshake, as a child of the client's if the request says so.
func (t *Telemetry) serverSpan(r *ws.Request) (context.Context, trace.Span) {
	ctx := context.Background()
	if h := r.HTTPRequest(); h != nil {
		ctx = context.WithoutCancel(h.Context()) // which ends with the handshake
	}
	ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header()))
	method := r.Method
	if method != http.MethodGet && method != http.MethodConnect {
		method = "_OTHER" // so the conventions want it of what a stranger makes up
	}
	attrs := []attribute.KeyValue{
		attribute.String("network.protocol.name", "websocket"),
		attribute.String("http.request.method", method),
		attribute.String("server.address", r.Host),
	}
	if r.URL != nil {
		attrs = append(attrs, attribute.String("url.path", r.URL.Path)) // a query may have secrets
	}
	if host, port, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		attrs = append(attrs, attribute.String("client.address", host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, attribute.Int("client.port", n))
		}
	}
	return t.tracer.Start(ctx, "WebSocket", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
}

func (t *Telemetry) begin(c *ws.Conn, ctx context.Context, span trace.Span) {
	if p := c.Subprotocol(); p != "" {
		span.SetAttributes(attribute.String("websocket.subprotocol", p))
	}
	t.open.Store(c, &connection{ctx: ctx, span: span})
}

// end ends the span of a connection.
func (t *Telemetry) end(c *ws.Conn, err *ws.CloseError) {
	v, ok := t.open.LoadAndDelete(c)
	if !ok {
		return
	}
	x := v.(*connection)
	x.span.SetAttributes(
		attribute.Int("websocket.close.code", int(err.Code)),
		attribute.Bool("websocket.close.remote", err.Remote),
		attribute.Int64("websocket.messages.received", x.received.Load()),
		attribute.Int64("websocket.messages.sent", x.sent.Load()),
		attribute.Int64("websocket.bytes.received", x.bytesReceived.Load()),
		attribute.Int64("websocket.bytes.sent", x.bytesSent.Load()),
	)
	if !err.Clean() {
		x.span.SetStatus(codes.Error, err.Error())
	}
	x.span.End()
}

func (t *Telemetry) of(c *ws.Conn) *connection {
	if v, ok := t.open.Load(c); ok {
		return v.(*connection)
	}
	return nil
}

// Context returns a context with the span of c, for spans within it. It never ends. If c has no
// span, or has ended, that is context.Background.
func (t *Telemetry) Context(c *ws.Conn) context.Context {
	if x := t.of(c); x != nil {
		return x.ctx
	}
	return context.Background()
}

// Dial does what d.Dial does, within a span that is a child of that in ctx and ends with the
// connection. The handshake's headers tell the server of it. d is not changed. Use d with its own
// Trace or none: that of [Telemetry.Trace] is for servers.
func (t *Telemetry) Dial(ctx context.Context, d *ws.Dialer, url string) (*ws.Conn, *http.Response, error) {
	spanCtx, span := t.tracer.Start(ctx, "WebSocket", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("network.protocol.name", "websocket")))
	own := *d
	own.Header = d.Header.Clone()
	if own.Header == nil {
		own.Header = http.Header{}
	}
	t.propagator.Inject(spanCtx, propagation.HeaderCarrier(own.Header))
	own.Trace = ws.JoinTraces(t.trace(), &ws.Trace{
		Opened: func(c *ws.Conn, _ *ws.Request) { t.begin(c, context.WithoutCancel(spanCtx), span) },
	}, d.Trace)
	c, resp, err := own.Dial(ctx, url)
	if err != nil {
		if resp != nil {
			span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		}
		span.SetStatus(codes.Error, err.Error())
		span.End()
	}
	return c, resp, err
}

// Metrics has the counters of stats observed by meter, until the Registration is unregistered. The
// names begin with "websocket.".
func Metrics(stats *ws.Stats, meter metric.Meter) (metric.Registration, error) {
	var errs []error
	var all []metric.Observable
	counter := func(name, unit, description string) metric.Int64ObservableCounter {
		c, err := meter.Int64ObservableCounter("websocket."+name, metric.WithUnit(unit), metric.WithDescription(description))
		errs, all = append(errs, err), append(all, c)
		return c
	}
	open, err := meter.Int64ObservableUpDownCounter("websocket.connections.open", metric.WithUnit("{connection}"), metric.WithDescription("Connections that have not ended"))
	errs, all = append(errs, err), append(all, open)
	opened := counter("connections.opened", "{connection}", "Connections")
	refused := counter("handshakes.refused", "{handshake}", "Opening handshakes that were not accepted")
	messages := counter("messages", "{message}", "Messages, by direction")
	bytes := counter("messages.size", "By", "Bytes of messages before compression, by direction")
	wire := counter("wire.size", "By", "Bytes of frames, by direction")
	queued := counter("messages.queued", "{message}", "Messages that had to wait for the transport")
	dropped := counter("messages.dropped", "{message}", "Messages that QueuePolicy dropped")
	panics := counter("panics", "{panic}", "Callbacks that panicked")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	received := metric.WithAttributes(attribute.String("network.io.direction", "receive"))
	sent := metric.WithAttributes(attribute.String("network.io.direction", "transmit"))
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		n := stats.Snapshot()
		o.ObserveInt64(open, n.Open)
		o.ObserveInt64(opened, n.Opened)
		o.ObserveInt64(refused, n.Refused)
		o.ObserveInt64(messages, n.MessagesReceived, received)
		o.ObserveInt64(messages, n.MessagesSent, sent)
		o.ObserveInt64(bytes, n.BytesReceived, received)
		o.ObserveInt64(bytes, n.BytesSent, sent)
		o.ObserveInt64(wire, n.WireReceived, received)
		o.ObserveInt64(wire, n.WireSent, sent)
		o.ObserveInt64(queued, n.Queued)
		o.ObserveInt64(dropped, n.Dropped)
		o.ObserveInt64(panics, n.Panics)
		return nil
	}, all...)
}
