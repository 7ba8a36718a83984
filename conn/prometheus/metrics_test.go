package wsprometheus

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
)

// TestMetrics counts two connections, and holds the text against what happened.
func TestMetrics(t *testing.T) {
	ctx := context.Background()
	m := New(prometheus.Labels{"service": "chat"})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	for _, code := range []ws.CloseCode{ws.CloseNormal, 4001} {
		s, c := conntest.Pair(t, ws.Config{Trace: m.Trace()}, ws.Config{})
		served := make(chan error)
		go func() {
			served <- s.Serve(ctx, &ws.Events{
				Message: func(c *ws.Conn, mt ws.MessageType, p []byte) { _ = c.Append(mt, p) },
			})
		}()
		if err := c.Write(ctx, ws.Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(ctx); err != nil {
			t.Fatal(err)
		}
		go c.Close(code, "")
		<-served
	}
	want := `
# HELP websocket_connections_closed_total Connections that have ended, by the code of the Close frame received.
# TYPE websocket_connections_closed_total counter
websocket_connections_closed_total{code="1000",service="chat"} 1
websocket_connections_closed_total{code="4xxx",service="chat"} 1
# HELP websocket_connections_open Connections that have not ended.
# TYPE websocket_connections_open gauge
websocket_connections_open{service="chat"} 0
# HELP websocket_connections_opened_total Connections.
# TYPE websocket_connections_opened_total counter
websocket_connections_opened_total{service="chat"} 2
# HELP websocket_message_bytes_total Bytes of messages, before compression.
# TYPE websocket_message_bytes_total counter
websocket_message_bytes_total{direction="received",service="chat"} 10
websocket_message_bytes_total{direction="sent",service="chat"} 10
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "websocket_connections_closed_total",
		"websocket_connections_open", "websocket_connections_opened_total", "websocket_message_bytes_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "websocket_connection_duration_seconds" && f.Metric[0].Histogram.GetSampleCount() != 2 {
			t.Errorf("%d durations, want two", f.Metric[0].Histogram.GetSampleCount())
		}
	}
	m.began.Range(func(any, any) bool {
		t.Error("the beginning is kept of a connection that has ended")
		return true
	})
}

// TestDashboard: the dashboard is JSON and shows each metric, and nothing else. The queries
// themselves are tested in examples/metrics.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) {
		t.Fatal("dashboard.json is no JSON")
	}
	ch := make(chan *prometheus.Desc, 100)
	New(nil).Describe(ch)
	close(ch)
	shown := map[string]bool{} // by the metrics that there are
	name := regexp.MustCompile(`fqName: "(websocket_\w+)"`)
	for d := range ch {
		shown[name.FindStringSubmatch(d.String())[1]] = false
	}
	for _, used := range regexp.MustCompile(`websocket_\w+`).FindAllString(string(text), -1) {
		base := strings.TrimSuffix(used, "_bucket")
		if _, ok := shown[base]; !ok {
			t.Errorf("the dashboard shows %s, which is no metric", used)
		}
		shown[base] = true
	}
	for metric, ok := range shown {
		if !ok {
			t.Errorf("the dashboard does not show %s", metric)
		}
	}
}
