// Command metrics is an echo server that Prometheus and OpenTelemetry look into.
//
//	go run .                             # ws://127.0.0.1:8080/echo
//	prometheus --config.file=prometheus.yml
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 go run .
//
// Prometheus asks http://127.0.0.1:8081/metrics, another port than clients know of. Spans go to a
// collector if the environment names one, or else to the standard output.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	ws "github.com/rfc6455/ws/conn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	public, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	private, err := net.Listen("tcp", "127.0.0.1:8081")
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("ws://%v/echo and http://%v/metrics", public.Addr(), private.Addr())
	if err := run(ctx, public, private); err != nil {
		log.Fatal(err)
	}
}

// run serves on two listeners until ctx ends. Then it closes the connections, which ends their
// spans, and sends the spans on.
func run(ctx context.Context, public, private net.Listener) error {
	exporter, err := newExporter(ctx)
	if err != nil {
		return err
	}
	// OTEL_SERVICE_NAME and OTEL_TRACES_SAMPLER are the environment's.
	spans := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	var group ws.Group
	s := newServer(ws.Config{
		Group:       &group,
		KeepAlive:   15 * time.Second, // its Pings measure round trips
		Compression: ws.Compression{Mode: ws.CompressionTakeover},
	}, spans)

	servers := []*http.Server{
		{Handler: s.public, ReadHeaderTimeout: 5 * time.Second},
		{Handler: s.private, ReadHeaderTimeout: 5 * time.Second},
	}
	failed := make(chan error, 2)
	for i, l := range []net.Listener{public, private} {
		go func() { failed <- servers[i].Serve(l) }()
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, group.Shutdown(ctx),
		servers[0].Shutdown(ctx), servers[1].Shutdown(ctx), spans.Shutdown(ctx))
}

// newExporter returns where spans go.
func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" {
		return otlptracehttp.New(ctx) // which reads the variable itself
	}
	return stdouttrace.New()
}
