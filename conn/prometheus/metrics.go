// Package wsprometheus has the metrics of WebSockets for Prometheus.
//
//	import wsprometheus "github.com/rfc6455/ws/conn/prometheus"
//
//	m := wsprometheus.New(nil)
//	prometheus.MustRegister(m)
//	u := ws.Upgrader{Config: ws.Config{Trace: m.Trace()}}
//
// dashboard.json, beside this package, is a dashboard for Grafana.
package wsprometheus

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	ws "github.com/rfc6455/ws/conn"
)

// Metrics is a prometheus.Collector of what connections do. Its names begin with "websocket_". One
// Metrics may count for any number of Upgraders and Dialers. All methods may be called
// concurrently.
type Metrics struct {
	stats     ws.Stats
	began     sync.Map // *ws.Conn: time.Time
	duration  prometheus.Histogram
	roundTrip prometheus.Histogram

	open, opened, refused, panics, queued, dropped *prometheus.Desc

	// By direction.
	messages, bytes, compressed, frames, wire, pings *prometheus.Desc

	// By code.
	closed, closeSent *prometheus.Desc
}

// New returns Metrics with these labels on each of them, nil for none. Use labels to tell several
// Metrics of a program apart.
func New(labels prometheus.Labels) *Metrics {
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("websocket_"+name, help, variable, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "websocket_" + name, Help: help, ConstLabels: labels, Buckets: buckets,
		})
	}
	return &Metrics{
		duration: histogram("connection_duration_seconds", "How long connections were open.",
			[]float64{.1, 1, 10, 60, 300, 1800, 3600, 4 * 3600, 24 * 3600}),
		roundTrip: histogram("round_trip_seconds", "From a Ping of this side to its Pong.",
			[]float64{.001, .003, .01, .03, .1, .3, 1, 3, 10}),
		open:       desc("connections_open", "Connections that have not ended."),
		opened:     desc("connections_opened_total", "Connections."),
		refused:    desc("handshakes_refused_total", "Opening handshakes that were not accepted."),
		panics:     desc("panics_total", "Callbacks that panicked."),
		queued:     desc("messages_queued_total", "Messages that had to wait for the transport."),
		dropped:    desc("messages_dropped_total", "Messages that QueuePolicy dropped."),
		messages:   desc("messages_total", "Messages.", "direction"),
		bytes:      desc("message_bytes_total", "Bytes of messages, before compression.", "direction"),
		compressed: desc("messages_compressed_total", "Messages that were compressed.", "direction"),
		frames:     desc("frames_total", "Frames, control frames among them.", "direction"),
		wire:       desc("wire_bytes_total", "Bytes of frames, headers included.", "direction"),
		pings:      desc("pings_total", "Pings.", "direction"),
		closed:     desc("connections_closed_total", "Connections that have ended, by the code of the Close frame received.", "code"),
		closeSent:  desc("closes_sent_total", "Connections that have ended, by the code of the Close frame sent.", "code"),
	}
}

// Trace returns a Trace that counts, for Config.Trace. [ws.JoinTraces] combines it with others.
func (m *Metrics) Trace() *ws.Trace {
	return ws.JoinTraces(m.stats.Trace(), &ws.Trace{
		Opened:    func(c *ws.Conn, _ *ws.Request) { m.began.Store(c, time.Now()) },
		RoundTrip: func(_ *ws.Conn, rtt time.Duration) { m.roundTrip.Observe(rtt.Seconds()) },
		Closed: func(c *ws.Conn, _ *ws.CloseError) {
			if began, ok := m.began.LoadAndDelete(c); ok {
				m.duration.Observe(time.Since(began.(time.Time)).Seconds())
			}
		},
	})
}

// Describe is that of prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.duration.Describe(ch)
	m.roundTrip.Describe(ch)
	for _, d := range []*prometheus.Desc{
		m.open, m.opened, m.refused, m.panics, m.queued, m.dropped,
		m.messages, m.bytes, m.compressed, m.frames, m.wire, m.pings, m.closed, m.closeSent,
	} {
		ch <- d
	}
}

// Collect is that of prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.duration.Collect(ch)
	m.roundTrip.Collect(ch)
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	n := m.stats.Snapshot()
	ch <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, float64(n.Open))
	count(m.opened, n.Opened)
	count(m.refused, n.Refused)
	count(m.panics, n.Panics)
	count(m.queued, n.Queued)
	count(m.dropped, n.Dropped)
	for _, x := range []struct {
		desc           *prometheus.Desc
		received, sent int64
	}{
		{m.messages, n.MessagesReceived, n.MessagesSent},
		{m.bytes, n.BytesReceived, n.BytesSent},
		{m.compressed, n.CompressedReceived, n.CompressedSent},
		{m.frames, n.FramesReceived, n.FramesSent},
		{m.wire, n.WireReceived, n.WireSent},
		{m.pings, n.PingsReceived, n.PingsSent},
	} {
		count(x.desc, x.received, "received")
		count(x.desc, x.sent, "sent")
	}
	for d, codes := range map[*prometheus.Desc]map[ws.CloseCode]int64{m.closed: m.stats.Closed(), m.closeSent: m.stats.CloseSent()} {
		for label, n := range byLabel(codes) {
			count(d, n, label)
		}
	}
}

// byLabel puts the codes of libraries and applications together. A stranger chooses among two
// thousand of them, and each label is a time series.
func byLabel(codes map[ws.CloseCode]int64) map[string]int64 {
	labels := map[string]int64{}
	for code, n := range codes {
		label := fmt.Sprint(uint16(code))
		switch {
		case code >= 4000:
			label = "4xxx"
		case code >= 3000:
			label = "3xxx"
		}
		labels[label] += n
	}
	return labels
}
