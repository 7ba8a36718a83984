package bench

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// BenchmarkLoopBlocked echoes on 1,000 connections of a Loop, one message under way on each, while
// the callbacks of no or ten other connections block for 100 ms each, again and again. The metrics
// are the latencies of the thousand: the p99 with ten should be at most twice that with none.
func BenchmarkLoopBlocked(b *testing.B) {
	for _, blocked := range []int{0, 10} {
		b.Run(fmt.Sprintf("%d", blocked), func(b *testing.B) { blockedLoop(b, 1000, blocked) })
	}
}

// echoer is a client that sends the next message when the last one is back.
type echoer struct {
	conn *ws.Conn
	sent time.Time
	took []time.Duration
}

// blockedLoop sends b.N messages over n connections.
func blockedLoop(b *testing.B, n, blocked int) {
	var serverLoop, clientLoop ws.Loop
	u := ws.Upgrader{Config: ws.Config{Loop: &serverLoop}}
	srv := httptest.NewServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
			if t == ws.Text {
				time.Sleep(100 * time.Millisecond)
			}
			_ = c.Append(t, p)
		},
	}))
	defer srv.Close()
	d := ws.Dialer{Config: ws.Config{Loop: &clientLoop}, Proxy: ws.NoProxy}
	dial := func(message func(c *ws.Conn, t ws.MessageType, p []byte)) *ws.Conn {
		c, _, err := d.Dial(bg, "ws"+strings.TrimPrefix(srv.URL, "http"))
		must(b, err)
		must(b, c.Handle(&ws.Events{Message: message}))
		b.Cleanup(func() { _ = c.CloseNow() })
		return c
	}

	var left atomic.Int64
	var ends sync.WaitGroup
	p := payload(ws.Binary, 128)
	all := make([]*echoer, n)
	for i := range all {
		e := new(echoer)
		e.conn = dial(func(c *ws.Conn, t ws.MessageType, p []byte) {
			e.took = append(e.took, time.Since(e.sent))
			if left.Add(-1) < 0 {
				ends.Done()
				return
			}
			e.sent = time.Now()
			_ = c.Append(t, p)
		})
		all[i] = e
	}
	round := func(messages int) {
		left.Store(int64(messages - n))
		ends.Add(n)
		for _, e := range all {
			e.took, e.sent = e.took[:0], time.Now()
			must(b, e.conn.Send(ws.Binary, p))
		}
		ends.Wait()
	}
	for range blocked {
		c := dial(func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) })
		must(b, c.Send(ws.Text, []byte("block")))
	}
	round(n)
	b.ResetTimer()
	round(b.N)
	b.StopTimer()
	var took []time.Duration
	for _, e := range all {
		took = append(took, e.took...)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
