package brokertest

import (
	"context"
	"slices"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/hub"
)

// Latency measures the time from Publish on one node to the message's arrival at a client of
// another node, one message of 512 bytes at a time.
func Latency(b *testing.B, one, two hub.Broker) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	publisher, subscriber := hub.Hub{Broker: one}, hub.Hub{Broker: two}
	server, client := conntest.Pair(b, ws.Config{}, ws.Config{})
	if _, err := subscriber.Subscribe(ctx, server, "latency", hub.Position{}); err != nil {
		b.Fatal(err)
	}
	text := make([]byte, 512)
	for i := range text {
		text[i] = 'x'
	}
	var buf []byte
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := publisher.Publish(ctx, "latency", ws.Text, text); err != nil {
			b.Fatal(err)
		}
		_, p, err := client.ReadInto(ctx, buf[:0])
		if err != nil {
			b.Fatal(err)
		}
		buf = p
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
