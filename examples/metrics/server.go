package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	ws "github.com/rfc6455/ws/conn"
	wsotel "github.com/rfc6455/ws/conn/otel"
	wsprometheus "github.com/rfc6455/ws/conn/prometheus"
)

// server has what clients see, and what Prometheus sees.
type server struct {
	public, private http.Handler
}

// newServer returns a server that counts its connections and sends their spans to spans. cfg may have
// a Trace of its own.
func newServer(cfg ws.Config, spans trace.TracerProvider) server {
	metrics := wsprometheus.New(nil)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics, collectors.NewGoCollector())

	telemetry := wsotel.New(wsotel.Options{TracerProvider: spans, Propagator: propagation.TraceContext{}})
	tracer := spans.Tracer("github.com/rfc6455/ws/examples/metrics")

	cfg.Trace = ws.JoinTraces(metrics.Trace(), telemetry.Trace(), cfg.Trace)
	u := ws.Upgrader{Config: cfg}
	public, private := http.NewServeMux(), http.NewServeMux()
	public.Handle("/echo", u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
			// A span for each message, within that of its connection.
			_, span := tracer.Start(telemetry.Context(c), "echo", trace.WithAttributes(attribute.Int("size", len(p))))
			defer span.End()
			_ = c.Append(t, p)
		},
	}))
	private.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return server{public, private}
}
