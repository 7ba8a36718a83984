package autobahn_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/autobahn"
	ws "github.com/rfc6455/ws/conn"
)

// echoServer returns a server that passes all cases of both catalogues.
// docs/conformance.md shows it.
//
// The suite sends messages of up to 16 MiB, and wants each of them back: that is what
// MaxMessageSize is for, whose double may wait to be sent. Its sections 12 and 13 need compression.
// ReadHeaderTimeout ends requests that never end, of which rfc.HS-4.2-15 has some.
func echoServer() *http.Server {
	const maxMessage = 16 << 20
	u := ws.Upgrader{Config: ws.Config{
		MaxMessageSize: maxMessage,
		Compression:    ws.Compression{Mode: ws.CompressionTakeover, ServerWindowBits: 15, ClientWindowBits: 15},
	}}
	echo := u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, data []byte) { _ = c.Append(t, data) },
	})
	return &http.Server{Addr: "127.0.0.1:9001", Handler: echo, ReadHeaderTimeout: 5 * time.Second}
}

// A server that passes all cases, and a few of them. As a program, the server calls
// ListenAndServe, and wsconform server-test -url ws://127.0.0.1:9001 -catalogue all runs
// the cases.
func ExampleClient() {
	server := httptest.NewUnstartedServer(nil)
	server.Config = echoServer()
	server.Start()
	defer server.Close()

	var report autobahn.Report
	client := autobahn.Client{
		URL:   "ws" + strings.TrimPrefix(server.URL, "http"),
		Agent: "echo",
		Cases: autobahn.Pick(autobahn.Catalogue(), []string{"1.1.1", "9.1.6", "12.1.1"}, nil),
	}
	if err := client.Run(context.Background(), &report); err != nil {
		log.Fatal(err)
	}
	for id, result := range report.Index()["echo"] {
		fmt.Println(id, result.Behavior)
	}
	// Unordered output:
	// 1.1.1 OK
	// 9.1.6 OK
	// 12.1.1 OK
}

// TestEchoServer runs the cases for which echoServer needs its settings.
func TestEchoServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config = echoServer()
	server.Start()
	defer server.Close()
	all := append(autobahn.Catalogue(), autobahn.BeyondServers()...)
	c := autobahn.Client{
		URL: "ws" + strings.TrimPrefix(server.URL, "http"), Agent: "ws", RoundTrips: 2, Patience: patience,
		Cases: autobahn.Pick(all, []string{"9.1*", "9.2*", "12.1.1*", "13.*.1", "rfc.HS-4.2-15*"}, nil),
	}
	var report autobahn.Report
	if err := c.Run(t.Context(), &report); err != nil {
		t.Fatal(err)
	}
	if got := len(report.Index()["ws"]); got != len(c.Cases) || got < 20 {
		t.Errorf("%d results, want %d", got, len(c.Cases))
	}
	for _, o := range report.Failures() {
		t.Error(o)
	}
	for _, r := range report.Index()["ws"] {
		if r.Behavior != autobahn.OK {
			t.Errorf("%s: %s, want OK", r.ReportFile, r.Behavior)
		}
	}
}

// TestDocumentShowsEchoServer: docs/conformance.md has echoServer as it is here.
func TestDocumentShowsEchoServer(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "\nfunc echoServer()")
	code, _, found := strings.Cut(code, "\n}\n")
	document, err := os.ReadFile("../docs/conformance.md")
	if err != nil || !found {
		t.Fatalf("no docs/conformance.md, or no echoServer: %v", err)
	}
	if !strings.Contains(string(document), "func echoServer()"+code+"\n}\n") {
		t.Error("docs/conformance.md does not have echoServer as example_test.go has it")
	}
}
