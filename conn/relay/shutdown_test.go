package relay_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// TestShutdown ends both sides with 1001, and refuses new connections with 503.
func TestShutdown(t *testing.T) {
	overAll(t, func(t *testing.T, s setup) {
		b := newBridge(t, s)
		echo(t, b.client, b.backend, ws.Text, []byte("hello"))
		if n := b.proxy.Len(); n != 1 {
			t.Errorf("Len() = %d, want 1", n)
		}
		ends := make(chan error, 2)
		for _, c := range []*ws.Conn{b.client, b.backend} {
			go func() { _, _, err := c.Read(within(t)); ends <- err }()
		}
		if err := b.proxy.Shutdown(within(t)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if code, _ := ws.CloseStatus(<-ends); code != ws.CloseGoingAway {
				t.Errorf("a side: ended with %d, want 1001", code)
			}
		}
		if e := b.end(t); e.Err != nil || e.Client.Code != ws.CloseGoingAway || e.Backend.Code != ws.CloseGoingAway {
			t.Errorf("ended with %+v, want the answers 1001", e)
		}
		if n := b.proxy.Len(); n != 0 {
			t.Errorf("Len() = %d, want 0", n)
		}
		srv := http1.serve(t, b.proxy)
		_, _, err := http1.dial(t, ws.Dialer{}, srv, "/")
		wantStatus(t, "after Shutdown", err, http.StatusServiceUnavailable)
		if err := b.proxy.Shutdown(within(t)); err != nil {
			t.Errorf("a second Shutdown: %v", err)
		}
	})
}

// TestShutdownWithin puts the Close frame between two frames of a message that is under way, and
// not into one of them.
func TestShutdownWithin(t *testing.T) {
	for _, front := range []way{http1, http2} {
		t.Run(front.name, func(t *testing.T) {
			b := newBridge(t, setup{front: front, dialer: ws.Dialer{Config: ws.Config{FragmentSize: 1 << 10}}})
			_, w := begin(t, b)
			shut := make(chan error, 1)
			go func() { shut <- b.proxy.Shutdown(within(t)) }()
			_, _, err := b.client.Read(within(t)) // answers
			wantEnd(t, "the client", err, ws.CloseGoingAway, "the proxy is shutting down", true)
			_ = w.Close()
			if err := <-shut; err != nil {
				t.Error(err)
			}
		})
	}
}

// begin sends the first frames of a message from the client, and reads them at the backend, which
// goes on reading.
func begin(t *testing.T, b *bridge) (ended chan error, w *ws.MessageWriter) {
	t.Helper()
	w, err := b.client.NextWriter(within(t), ws.Binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("x"), 4<<10)); err != nil {
		t.Fatal(err)
	}
	ended = make(chan error, 1)
	_, r, err := b.backend.NextReader(within(t))
	if err != nil {
		t.Fatal(err)
	}
	go func() { ended <- r.Discard() }()
	return ended, w
}

// TestShutdownGivesUp cuts what has not ended with the context, and after CloseTimeout.
func TestShutdownGivesUp(t *testing.T) {
	for _, m := range modes {
		b := newBridge(t, setup{messages: m.messages})
		ctx, cancel := context.WithCancel(bg)
		cancel()
		if err := b.proxy.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", m.name, err)
		}
		b.end(t)

		b = newBridge(t, setup{messages: m.messages, proxy: nil})
		b.proxy.Dialer.CloseTimeout = 20 * time.Millisecond
		if m.messages != nil {
			continue // its Config was taken when it was dialed
		}
		if err := b.proxy.Shutdown(within(t)); err != nil { // nobody reads at either side
			t.Errorf("%s: %v, want nil", m.name, err)
		}
		if e := b.end(t); !errors.Is(e.Err, ws.ErrCloseTimeout) {
			t.Errorf("%s: ended with %+v, want ErrCloseTimeout", m.name, e)
		}
	}
}
