package bench

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// BenchmarkEcho sends messages over loopback TCP, one at a time, to servers of three kinds, and
// waits for each to come back. Both ends are in this process, so the time is that of a server and a
// client together.
func BenchmarkEcho(b *testing.B) {
	for _, n := range []int{128, 1 << 10, 16 << 10, 1 << 20} {
		for _, e := range echoes() {
			b.Run(sizeName(n)+"/"+e.name, func(b *testing.B) {
				c := dial(b, e.handler)
				p := payload(ws.Binary, n)
				buf := make([]byte, 0, n)
				roundTrip(b, c, p, buf)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					roundTrip(b, c, p, buf)
				}
			})
		}
	}
}

// BenchmarkEchoBurst sends sixteen messages together. That is the best case for Append, whose
// answers leave together, too. The time is that of one message.
func BenchmarkEchoBurst(b *testing.B) {
	const burst = 16
	for _, n := range []int{128, 1 << 10} {
		for _, e := range echoes() {
			b.Run(sizeName(n)+"/"+e.name, func(b *testing.B) {
				c := dial(b, e.handler)
				p := payload(ws.Binary, n)
				buf := make([]byte, 0, n)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					must(b, c.Append(ws.Binary, p))
					if i++; i%burst != 0 {
						continue
					}
					must(b, c.Flush(bg))
					for range burst {
						if _, _, err := c.ReadInto(bg, buf); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// echo is a way to serve.
type echo struct {
	name    string
	handler http.Handler
}

func echoes() []echo {
	var u ws.Upgrader
	write := &ws.Events{Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Write(bg, t, p) }}
	add := &ws.Events{Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
		if c.Append(t, p) != nil {
			_ = c.Write(bg, t, p) // longer than the queue may be
		}
	}}
	return []echo{
		{"ServeWrite", u.Handler(write)},
		{"ServeAppend", u.Handler(add)},
		{"ReadInto", http.HandlerFunc(echoReadInto)},
	}
}

func echoReadInto(w http.ResponseWriter, r *http.Request) {
	c, err := ws.Upgrade(w, r)
	if err != nil {
		return
	}
	var buf []byte
	for {
		t, p, err := c.ReadInto(bg, buf[:0])
		if err != nil || c.Write(bg, t, p) != nil {
			return
		}
		buf = p
	}
}

// dial connects to a server of its own.
func dial(b *testing.B, h http.Handler) *ws.Conn {
	s := httptest.NewServer(h)
	b.Cleanup(s.Close)
	c, err := ws.Dial(bg, "ws"+strings.TrimPrefix(s.URL, "http"))
	must(b, err)
	b.Cleanup(func() { _ = c.Close(ws.CloseNormal, "") })
	return c
}

func roundTrip(b *testing.B, c *ws.Conn, p, buf []byte) {
	if err := c.Write(bg, ws.Binary, p); err != nil {
		b.Fatal(err)
	}
	_, got, err := c.ReadInto(bg, buf)
	if err != nil || !bytes.Equal(got, p) {
		b.Fatalf("%d bytes came back, error %v; want the %d that were sent", len(got), err, len(p))
	}
}
