package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// serveMetrics serves /metrics on an address of its own, which should not be a public one, in the
// text format of Prometheus. conn/prometheus, a module of its own, has histograms and labels.
func serveMetrics(addr string, c *chat, failed chan<- error) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		c.writeMetrics(w)
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { failed <- srv.Serve(l) }()
	return l, nil
}

func (c *chat) writeMetrics(w io.Writer) {
	s := c.stats.Snapshot()
	for _, m := range []struct {
		name, kind, help string
		value            int64
	}{
		{"chat_connections", "gauge", "WebSockets that are open.", s.Open},
		{"chat_connections_total", "counter", "WebSockets that were opened.", s.Opened},
		{"chat_handshakes_refused_total", "counter", "Handshakes that were refused.", s.Refused},
		{"chat_messages_received_total", "counter", "Messages from clients.", s.MessagesReceived},
		{"chat_messages_sent_total", "counter", "Messages to clients.", s.MessagesSent},
		{"chat_bytes_received_total", "counter", "Bytes of frames from clients.", s.WireReceived},
		{"chat_bytes_sent_total", "counter", "Bytes of frames to clients.", s.WireSent},
		{"chat_panics_total", "counter", "Callbacks that panicked.", s.Panics},
	} {
		writeHead(w, m.name, m.kind, m.help)
		fmt.Fprintf(w, "%s %d\n", m.name, m.value)
	}
	writeHead(w, "chat_connections_ended_total", "counter",
		"Connections that ended, by the close code that came: 1006 is a cut.")
	for code, n := range c.stats.Closed() {
		fmt.Fprintf(w, "chat_connections_ended_total{code=\"%d\"} %d\n", code, n)
	}
	writeHead(w, "chat_close_frames_sent_total", "counter",
		"Close frames that the chat sent, by code: 1013 if a client read too slowly, "+
			"or a message was not stored.")
	for code, n := range c.stats.CloseSent() {
		fmt.Fprintf(w, "chat_close_frames_sent_total{code=\"%d\"} %d\n", code, n)
	}
	writeHead(w, "chat_room_members", "gauge", "Users who are in a room.")
	for _, room := range c.cfg.rooms {
		members, _ := c.store.Members(context.Background(), room) // has no errors
		fmt.Fprintf(w, "chat_room_members{room=%q} %d\n", room, len(members))
	}
}

// writeHead says what the samples that follow are. Prometheus' tools warn if a metric has no HELP.
func writeHead(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}
