//go:build linux

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/centrifugal/centrifuge"
	"github.com/olahol/melody"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/hub"
)

// topics is a server whose connections all get what is published.
type topics struct {
	handler http.Handler
	hello   string // what a client sends first, and is answered
	publish func(p []byte) error
}

// topicServers are the libraries that have topics or something like it. What centrifuge sends is in
// an envelope of its own; what the others send is what was published.
var topicServers = map[string]func(testing.TB) *topics{
	"hub": func(testing.TB) *topics {
		h := new(hub.Hub)
		u := new(ws.Upgrader)
		return &topics{
			handler: u.Handler(&ws.Events{Open: func(c *ws.Conn, _ *ws.Request) {
				if _, err := h.Subscribe(context.Background(), c, "room", hub.Position{}); err == nil {
					_ = c.Send(ws.Text, []byte("{}"))
				}
			}}),
			publish: func(p []byte) error {
				_, err := h.Publish(context.Background(), "room", ws.Text, p)
				return err
			},
		}
	},
	"melody": func(testing.TB) *topics {
		m := melody.New()
		m.HandleConnect(func(s *melody.Session) { _ = s.Write([]byte("{}")) })
		return &topics{
			handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = m.HandleRequest(w, r) }),
			publish: m.Broadcast,
		}
	},
	"centrifuge": func(tb testing.TB) *topics {
		node, err := centrifuge.New(centrifuge.Config{})
		must(tb, err)
		node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
			return centrifuge.ConnectReply{
				Credentials:   &centrifuge.Credentials{UserID: "1"},
				Subscriptions: map[string]centrifuge.SubscribeOptions{"room": {}},
			}, nil
		})
		must(tb, node.Run())
		tb.Cleanup(func() { _ = node.Shutdown(context.Background()) })
		return &topics{
			handler: centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}),
			hello:   `{"id":1,"connect":{}}`,
			publish: func(p []byte) error {
				_, err := node.Publish("room", p)
				return err
			},
		}
	},
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// subscribe connects n clients of this module that count the messages. wait returns when each has
// received one more.
func subscribe(tb testing.TB, s *topics, n int) (wait func()) {
	srv := httptest.NewServer(s.handler)
	tb.Cleanup(srv.Close)
	var got sync.WaitGroup
	got.Add(n)
	for range n {
		c, err := ws.Dial(tb.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"))
		must(tb, err)
		tb.Cleanup(func() { _ = c.CloseNow() })
		if s.hello != "" {
			must(tb, c.Write(tb.Context(), ws.Text, []byte(s.hello)))
		}
		_, _, err = c.Read(tb.Context()) // it is subscribed
		must(tb, err)
		go func() {
			_ = c.Serve(context.Background(), &ws.Events{Message: func(_ *ws.Conn, _ ws.MessageType, p []byte) {
				if len(p) > 100 { // no ping of centrifuge's
					got.Done()
				}
			}})
		}()
	}
	return func() {
		got.Wait()
		got.Add(n)
	}
}

// BenchmarkTopics publishes messages of 512 bytes, one at a time, to 1000 subscribers over TCP. The
// time is for one recipient. bytes/subscriber is the heap of both ends of a connection.
func BenchmarkTopics(b *testing.B) {
	const subscribers = 1000
	text := []byte(`{"text":"` + strings.Repeat("x", 501) + `"}`)
	for _, name := range []string{"hub", "melody", "centrifuge"} {
		b.Run(name, func(b *testing.B) {
			before := liveHeap()
			s := topicServers[name](b)
			wait := subscribe(b, s, subscribers)
			heap := liveHeap() - before
			for b.Loop() {
				must(b, s.publish(text))
				wait()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/subscribers, "ns/recipient")
			b.ReportMetric(float64(heap)/subscribers, "bytes/subscriber")
		})
	}
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTopics: each server of BenchmarkTopics delivers to all.
func TestTopics(t *testing.T) {
	for name, start := range topicServers {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			wait := subscribe(t, s, 10)
			for range 3 {
				must(t, s.publish([]byte(`{"text":"`+strings.Repeat("x", 200)+`"}`)))
				wait()
			}
		})
	}
}
