package main

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	ws "github.com/rfc6455/ws/conn"
)

// collect stands in for an OpenTelemetry collector. Spans arrive in the channel.
func collect(t *testing.T) (url string, spans <-chan *trace.Span) {
	ch := make(chan *trace.Span, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var batch collector.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(body, &batch)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v, want spans for /v1/traces", r.URL, err)
		}
		for _, resource := range batch.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					ch <- span
				}
			}
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, ch
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestRun runs the server with a collector. A client's message is counted and has a span, within
// that of the connection, within that of the client; the end of the server ends them.
func TestRun(t *testing.T) {
	url, spans := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	public, private := listen(t), listen(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- run(ctx, public, private) }()

	const traceID, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	d := ws.Dialer{Header: http.Header{"Traceparent": {"00-" + traceID + "-" + parent + "-01"}}}
	c, _, err := d.Dial(t.Context(), "ws://"+public.Addr().String()+"/echo")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), ws.Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
		t.Fatalf("read %q, %v, want the echo", p, err)
	}

	text := get(t, "http://"+private.Addr().String()+"/metrics")
	for _, line := range []string{"websocket_connections_open 1", `websocket_messages_total{direction="received"} 1`} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("/metrics lacks %s:\n%s", line, text)
		}
	}
	if resp, err := http.Get("http://" + public.Addr().String() + "/metrics"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("clients get /metrics: %v, %v, want 404", resp, err)
	}

	stop()
	if _, _, err := c.Read(t.Context()); !endsWith(err, ws.CloseGoingAway) {
		t.Errorf("the end is %v, want 1001", err)
	}
	if err := <-served; err != nil {
		t.Errorf("run = %v, want a clean end", err)
	}
	byName := map[string]*trace.Span{}
	for range 2 {
		select {
		case s := <-spans:
			byName[s.Name] = s
		case <-time.After(time.Minute):
			t.Fatal("the spans did not reach the collector")
		}
	}
	socket, echo := byName["WebSocket"], byName["echo"]
	if socket == nil || echo == nil {
		t.Fatalf("spans are %v, want WebSocket and echo", byName)
	}
	if hex.EncodeToString(socket.TraceId) != traceID || hex.EncodeToString(socket.ParentSpanId) != parent {
		t.Errorf("the connection's span is %v, want a child of the client's", socket)
	}
	if string(echo.ParentSpanId) != string(socket.SpanId) {
		t.Errorf("the message's span is %v, want a child of the connection's", echo)
	}
}

func endsWith(err error, code ws.CloseCode) bool {
	got, _ := ws.CloseStatus(err)
	return got == code
}

// get returns the body at a URL.
func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, resp.Status, err, body)
	}
	return string(body)
}
