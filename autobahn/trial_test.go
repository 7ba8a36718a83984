package autobahn

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// TestTrial has servers that open no WebSocket. No case may run then. The error has to say why,
// and what to do, without what is secret in the address.
func TestTrial(t *testing.T) {
	for _, test := range []struct {
		name, refusal string
		want          []string
	}{
		{"no such path", "HTTP/1.1 404 Not Found\r\n\r\n", []string{"404 Not Found", "is the path right?"}},
		{"a page", "HTTP/1.1 200 OK\r\n\r\n", []string{"200 OK", "is the path right?"}},
		{"another place", "HTTP/1.1 301 Moved\r\nLocation: /ws\r\n\r\n", []string{"301 Moved", "is the path right?"}},
		{"no permission", "HTTP/1.1 403 Forbidden\r\n\r\n", []string{"403 Forbidden", "Origin"}},
		{"a port for TLS", "HTTP/1.0 400 Bad Request\r\n\r\n", []string{"400 Bad Request", "wss"}},
		{"overloaded", "HTTP/1.1 503 Service Unavailable\r\n\r\n", []string{"503 Service Unavailable"}},
		{"no HTTP", "SSH-2.0-x\r\n\r\n", []string{"malformed"}},
		{"the end", "", []string{"EOF"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := 0
				c := Client{URL: "ws://user:s3cret@testee/path?token=s3cret", Agent: "x"}
				c.Dial = func(context.Context, string, string) (net.Conn, error) {
					dials++
					near, far := net.Pipe()
					go answerOnce(far, test.refusal)
					return near, nil
				}
				var report Report
				err := c.Run(t.Context(), &report)
				if err == nil {
					t.Fatal("got no error")
				}
				for _, want := range append(test.want, "websocket: ws://testee/path ") {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("got %q, want %q in it", err, want)
					}
				}
				if strings.Contains(err.Error(), "s3cret") {
					t.Errorf("a secret is in %q", err)
				}
				if dials != 1 || len(outcomesOf(&report)) != 0 {
					t.Errorf("%d connections and %d outcomes, want one and none", dials, len(outcomesOf(&report)))
				}
			})
		})
	}
}

// answerOnce reads a request and answers it with text. Then the connection ends.
func answerOnce(c net.Conn, text string) {
	defer c.Close()
	if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		c.Write([]byte(text))
	}
}

// TestTrialOfBadHandshake: a server that answers with status 101, but wrongly, is tested:
// what is wrong is for the cases to say.
func TestTrialOfBadHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var report Report
		c := Client{URL: "ws://testee/", Agent: "x", Dial: testee{accept: "x"}.dial, Cases: Pick(Catalogue(), []string{"1.1.1"}, nil)}
		if err := c.Run(t.Context(), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Failures()) != 1 {
			t.Errorf("%d outcomes have failed, want one", len(report.Failures()))
		}
	})
}

// TestTrialIsCut: if a context ends in the trial, Run returns its error.
func TestTrialIsCut(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var report Report
	c := Client{URL: "ws" + strings.TrimPrefix(server.URL, "http"), Agent: "x"}
	c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		defer cancel()
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	if err := c.Run(ctx, &report); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
