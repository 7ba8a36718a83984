package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// server serves what the tests in JavaScript need: the page, and WebSockets of several kinds.
type server struct {
	page string // http://127.0.0.1:port/
	url  string // ws://127.0.0.1:port

	mu    sync.Mutex
	gates map[string]chan struct{} // see gate
	held  map[string]chan string   // see flood
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{gates: make(map[string]chan struct{}), held: make(map[string]chan string)}
	var group ws.Group
	up := ws.Upgrader{Config: ws.Config{
		MaxMessageSize: 32 << 20, Group: &group,
		Compression: ws.Compression{Mode: ws.CompressionTakeover},
	}}
	up.Subprotocols = []string{"one", "two"}
	plain := ws.Upgrader{Config: up.Config} // for those that count on the size of what waits
	plain.Compression = ws.Compression{}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><title>Go</title>
			<script src="/wasm_exec.js"></script>`)
	})
	mux.HandleFunc("/wasm_exec.js", func(w http.ResponseWriter, r *http.Request) {
		name, err := support("wasm_exec.js")
		if err != nil {
			t.Error(err)
		}
		http.ServeFile(w, r, name)
	})
	mux.HandleFunc("/test.wasm", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/wasm")
		http.ServeFile(w, r, program)
	})
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusForbidden)
	})
	mux.HandleFunc("/never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.Handle("/echo", up.Handler(&ws.Events{Message: echo}))
	mux.Handle("/cut", up.Handler(&ws.Events{
		Message: func(c *ws.Conn, _ ws.MessageType, _ []byte) { _ = c.CloseNow() },
	}))
	mux.Handle("/close", up.HandlerFunc(sendAndClose))
	mux.Handle("/slow", plain.HandlerFunc(s.slow))
	mux.Handle("/flood", up.HandlerFunc(s.flood))
	mux.Handle("/open", up.HandlerFunc(s.openGate))
	mux.Handle("/held", up.HandlerFunc(s.tellHeld))
	hs := httptest.NewServer(mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = group.Shutdown(ctx) // what the tests have left open is cut
		hs.CloseClientConnections()
		hs.Close()
	})
	s.page, s.url = hs.URL+"/", "ws"+strings.TrimPrefix(hs.URL, "http")
	return s
}

// echo sends p back.
func echo(c *ws.Conn, t ws.MessageType, p []byte) {
	if err := c.Write(context.Background(), t, p); err != nil {
		_ = c.CloseNow()
	}
}

// sendAndClose sends as many messages as the query n says, and closes with code and reason.
func sendAndClose(c *ws.Conn, r *ws.Request) {
	q := r.URL.Query()
	n, _ := strconv.Atoi(q.Get("n"))
	for i := range n {
		_ = c.Append(ws.Text, []byte(strconv.Itoa(i)))
	}
	code, _ := strconv.Atoi(q.Get("code"))
	_ = c.Close(ws.CloseCode(code), q.Get("reason"))
}

// gate returns a channel of this name, which openGate closes.
func (s *server) gate(name string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gates[name] == nil {
		s.gates[name] = make(chan struct{})
	}
	return s.gates[name]
}

// slow reads nothing until the gate is open. Then it reads everything and sends back how many bytes
// each message has.
func (s *server) slow(c *ws.Conn, r *ws.Request) {
	select {
	case <-s.gate(r.URL.Query().Get("gate")):
	case <-c.Done():
		return
	}
	for {
		_, p, err := c.Read(context.Background())
		if err != nil {
			return
		}
		_ = c.Append(ws.Text, []byte(strconv.Itoa(len(p))))
	}
}

// openGate opens a gate, and closes.
func (s *server) openGate(c *ws.Conn, r *ws.Request) {
	close(s.gate(r.URL.Query().Get("gate")))
	_ = c.Close(ws.CloseNormal, "")
}

// holder returns the channel of this name on which flood tells that it is held back.
func (s *server) holder(name string) chan string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[name] == nil {
		s.held[name] = make(chan string, floodMessages+1)
	}
	return s.held[name]
}

// The messages of flood: 64 MiB in all.
const (
	floodMessages = 1024
	floodSize     = 64 << 10
)

// flood sends 64 MiB and closes. It tells tellHeld when the client has taken nothing for seconds,
// or that everything has left.
func (s *server) flood(c *ws.Conn, r *ws.Request) {
	held := s.holder(r.URL.Query().Get("name"))
	go func() { _, _, _ = c.Read(context.Background()) }() // for the end
	p := make([]byte, floodSize)
	for i := range floodMessages {
		copy(p, fmt.Sprintf("%04d", i))
		timer := time.AfterFunc(3*time.Second, func() { held <- fmt.Sprint("held back after ", i) })
		err := c.Write(context.Background(), ws.Binary|ws.Uncompressed, p)
		timer.Stop()
		if err != nil {
			return
		}
	}
	held <- "all sent"
	_ = c.Close(ws.CloseNormal, "")
}

// tellHeld sends what has become of a flood.
func (s *server) tellHeld(c *ws.Conn, r *ws.Request) {
	_ = c.Write(context.Background(), ws.Text, []byte(<-s.holder(r.URL.Query().Get("name"))))
}
