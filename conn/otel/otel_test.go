package wsotel

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	ws "github.com/rfc6455/ws/conn"
)

var bg = context.Background()

// value is the value of an attribute, as text.
func value(s sdktrace.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if a.Key == attribute.Key(key) {
			return a.Value.Emit()
		}
	}
	return ""
}

// TestSpans: the server's span is a child of the client's, spans within the connection are children
// of the server's, and each says how the connection ended.
func TestSpans(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	tel := New(Options{provider, propagation.TraceContext{}})
	var stats ws.Stats
	closed := make(chan struct{}, 2) // of both ends, when their spans have ended
	after := &ws.Trace{Closed: func(*ws.Conn, *ws.CloseError) { closed <- struct{}{} }}
	u := ws.Upgrader{Config: ws.Config{Trace: ws.JoinTraces(tel.Trace(), stats.Trace(), after)}, Subprotocols: []string{"chat"}}
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, mt ws.MessageType, p []byte) {
			_, span := provider.Tracer("test").Start(tel.Context(c), "work")
			_ = c.Append(mt, p)
			span.End()
		},
	}))
	defer srv.Close()

	ctx, root := provider.Tracer("test").Start(bg, "root")
	d := ws.Dialer{Subprotocols: []string{"chat"}, Config: ws.Config{Trace: after}}
	c, _, err := tel.Dial(ctx, &d, strings.Replace(srv.URL, "http", "ws", 1)+"/room?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	if d.Header != nil || d.Trace != after {
		t.Error("Dial changed the Dialer")
	}
	if err := c.Write(bg, ws.Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(bg); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(4000, "bye"); err != nil {
		t.Error(err)
	}
	<-closed
	<-closed
	root.End()

	spans := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range recorder.Ended() {
		spans[s.Name()+" "+s.SpanKind().String()] = s
	}
	client, server, work := spans["WebSocket client"], spans["WebSocket server"], spans["work internal"]
	if client == nil || server == nil || work == nil {
		t.Fatalf("the spans are %v, want those of the client, the server and the work", spans)
	}
	for _, pair := range []struct {
		child  sdktrace.ReadOnlySpan
		parent trace.SpanContext
	}{{client, root.SpanContext()}, {server, client.SpanContext()}, {work, server.SpanContext()}} {
		if p := pair.child.Parent(); p.SpanID() != pair.parent.SpanID() || p.TraceID() != pair.parent.TraceID() {
			t.Errorf("the parent of %q is %v, want %v", pair.child.Name(), p.SpanID(), pair.parent.SpanID())
		}
	}
	for key, want := range map[string]string{
		"websocket.close.code": "4000", "websocket.close.remote": "true", "websocket.messages.received": "1",
		"websocket.bytes.sent": "5", "websocket.subprotocol": "chat", "url.path": "/room", "http.request.method": "GET",
	} {
		if got := value(server, key); got != want {
			t.Errorf("%s of the server's span is %q, want %q", key, got, want)
		}
	}
	if server.Status().Code == codes.Error {
		t.Errorf("a clean end is an error: %v", server.Status())
	}
	for _, a := range server.Attributes() {
		if strings.Contains(a.Value.Emit(), "secret") {
			t.Errorf("%s has the query", a.Key)
		}
	}
	if tel.Context(c) != bg {
		t.Error("a connection that has ended has a context with a span")
	}
}

// TestRefusedAndCut: what the client did wrong is no error of the server's span, and a cut is one.
func TestRefusedAndCut(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tel := New(Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))})
	ended := make(chan struct{}, 2)
	u := ws.Upgrader{Config: ws.Config{Trace: ws.JoinTraces(tel.Trace(), &ws.Trace{
		Refused: func(*ws.Request, error) { ended <- struct{}{} },
		Closed:  func(*ws.Conn, *ws.CloseError) { ended <- struct{}{} },
	})}}
	srv := httptest.NewServer(u.Handler(nil))
	defer srv.Close()
	url := strings.Replace(srv.URL, "http", "ws", 1)
	_, _, err := tel.Dial(bg, &ws.Dialer{Header: http.Header{"Origin": {"https://evil.example"}}}, url)
	if err == nil {
		t.Fatal("the origin was accepted")
	}
	<-ended
	c, _, err := (&ws.Dialer{}).Dial(bg, url)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	<-ended
	spans := recorder.Ended()
	if len(spans) != 3 {
		t.Fatalf("%d spans, want those of the refusal, from both sides, and of the cut connection", len(spans))
	}
	for _, s := range spans {
		refused := value(s, "http.response.status_code") == "403"
		wantError := !refused || s.SpanKind() == trace.SpanKindClient
		if (s.Status().Code == codes.Error) != wantError {
			t.Errorf("%v span, refused %t: status %v", s.SpanKind(), refused, s.Status())
		}
	}
}

func TestMetrics(t *testing.T) {
	var stats ws.Stats
	reader := sdkmetric.NewManualReader()
	registration, err := Metrics(&stats, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{})
	u := ws.Upgrader{Config: ws.Config{Trace: ws.JoinTraces(stats.Trace(), &ws.Trace{
		Opened: func(*ws.Conn, *ws.Request) { close(opened) },
	})}}
	srv := httptest.NewServer(u.Handler(nil))
	defer srv.Close()
	c, err := ws.Dial(bg, strings.Replace(srv.URL, "http", "ws", 1))
	if err != nil {
		t.Fatal(err)
	}
	<-opened
	var all metricdata.ResourceMetrics
	if err := reader.Collect(bg, &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
			got[m.Name] = sum.DataPoints[0].Value
		}
	}
	if len(got) != 9 || got["websocket.connections.open"] != 1 || got["websocket.connections.opened"] != 1 {
		t.Errorf("observed %v, want nine metrics and one open connection", got)
	}
	_ = c.CloseNow()
	if err := registration.Unregister(); err != nil {
		t.Error(err)
	}
}
