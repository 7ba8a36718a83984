package hub

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
)

var bg = context.Background()

// TestMain fails the tests if they leave goroutines of this package behind.
func TestMain(m *testing.M) {
	code := m.Run()
	for range 100 {
		if left := leftovers(); left == "" {
			os.Exit(code)
		}
		runtime.Gosched()
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Println("goroutines are left:", leftovers())
	os.Exit(1)
}

func leftovers() string {
	buf := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "conn/hub.") && !strings.Contains(g, "leftovers") {
			return g
		}
	}
	return ""
}

// client is the client's side of a connection. It keeps what it receives.
type client struct {
	c, server *ws.Conn

	gate chan struct{} // if it is not nil, nothing is read until it is closed

	mu  sync.Mutex
	got []string
}

// hold makes the client read nothing more, after the next message, until the channel is closed.
func (cl *client) hold() chan struct{} {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.gate = make(chan struct{})
	return cl.gate
}

// connect makes a connection whose client reads.
func connect(t testing.TB) *client { return connectWith(t, ws.Config{}) }

func connectWith(t testing.TB, server ws.Config) *client {
	s, c := conntest.Pair(t, server, ws.Config{})
	cl := &client{c: c, server: s}
	go func() {
		_ = c.Serve(bg, &ws.Events{Message: func(_ *ws.Conn, _ ws.MessageType, p []byte) {
			cl.mu.Lock()
			gate := cl.gate
			cl.mu.Unlock()
			if gate != nil {
				<-gate
			}
			cl.mu.Lock()
			defer cl.mu.Unlock()
			cl.got = append(cl.got, string(p))
		}})
	}()
	go func() { _ = s.Serve(bg, nil) }()
	return cl
}

// received returns what has come, once nothing more is on its way.
func (cl *client) received() []string {
	synctest.Wait()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	got := cl.got
	cl.got = nil
	return got
}

// want checks what the client has received since the last time.
func (cl *client) want(t *testing.T, why string, want ...string) {
	t.Helper()
	if got := cl.received(); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s: received %.80q, want %.80q", why, got, want)
	}
}

func (cl *client) cut() {
	_ = cl.server.CloseNow()
	_ = cl.c.CloseNow()
	synctest.Wait()
}

func subscribe(t *testing.T, h *Hub, cl *client, topic string, since Position) Position {
	t.Helper()
	at, err := h.Subscribe(bg, cl.server, topic, since)
	if err != nil {
		t.Fatalf("Subscribe to %s from %v: %v", topic, since, err)
	}
	return at
}

func publish(t *testing.T, h *Hub, topic, text string) Position {
	t.Helper()
	at, err := h.Publish(bg, topic, ws.Text, []byte(text))
	if err != nil {
		t.Fatalf("Publish to %s: %v", topic, err)
	}
	return at
}

// history is a Memory that keeps n messages of each topic.
func history(n int) *Memory { return &Memory{Retention: Retention{Messages: n, Age: -1}} }

// settle runs f in a bubble.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
