//go:build unix

package bench

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	_ "github.com/rfc6455/ws/conn/xconnect"
)

// The number of sockets in the benchmarks of HTTP/2, and of the connections that carry them.
const (
	sockets = 1000
	links   = 10
)

// BenchmarkHTTP2 compares a thousand sockets as streams of ten connections of HTTP/2 with a
// thousand sockets of HTTP/1.1, all over TLS: the CPU time of a message and its echo, and what a
// socket holds after it has exchanged one and while it waits. Both ends are in the process.
func BenchmarkHTTP2(b *testing.B) {
	for _, way := range []struct {
		name string
		dial func(b *testing.B, srv *httptest.Server) []*ws.Conn
	}{{"http1", dialTLS}, {"http2", dialStreams}} {
		for _, size := range []int{128, 4 << 10} {
			b.Run(way.name+"/"+sizeName(size), func(b *testing.B) {
				echoOver(b, size, way.dial)
			})
		}
	}
}

func echoOver(b *testing.B, size int, dial func(*testing.B, *httptest.Server) []*ws.Conn) {
	u := ws.Upgrader{}
	srv := httptest.NewUnstartedServer(u.Handler(&ws.Events{
		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) },
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	var before, after runtime.MemStats
	settle(&before)
	conns := dial(b, srv)
	defer func() {
		for _, c := range conns {
			_ = c.CloseNow()
		}
	}()
	p := payload(ws.Binary, size)
	exchange(b, conns, p, sockets)
	settle(&after)
	holds := func(before, after uint64) float64 { return (float64(after) - float64(before)) / sockets }
	cpu := cpuTime(b)
	b.ResetTimer()
	exchange(b, conns, p, b.N)
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(holds(before.HeapInuse, after.HeapInuse), "heap-B/socket")
	b.ReportMetric(holds(before.StackInuse, after.StackInuse), "stack-B/socket")
}

// exchange sends n messages and waits for their echoes, shared among the sockets.
func exchange(b *testing.B, conns []*ws.Conn, p []byte, n int) {
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			var buf []byte
			for range (n + i) / len(conns) {
				err := c.Write(bg, ws.Binary, p)
				if err == nil {
					_, buf, err = c.ReadInto(bg, buf[:0])
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func trust(srv *httptest.Server) *tls.Config {
	return srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

// dialTLS opens each socket on a connection of HTTP/1.1.
func dialTLS(b *testing.B, srv *httptest.Server) []*ws.Conn {
	d := ws.Dialer{TLSConfig: trust(srv), Proxy: ws.NoProxy}
	d.TLSConfig.NextProtos = nil
	var conns []*ws.Conn
	for range sockets {
		c, _, err := d.Dial(bg, "wss"+strings.TrimPrefix(srv.URL, "https"))
		must(b, err)
		conns = append(conns, c)
	}
	return conns
}

// dialStreams opens each socket on a stream of HTTP/2.
func dialStreams(b *testing.B, srv *httptest.Server) []*ws.Conn {
	var conns []*ws.Conn
	for range links {
		d := &h2.Dialer{Dialer: ws.Dialer{TLSConfig: trust(srv), Proxy: ws.NoProxy}}
		b.Cleanup(d.CloseIdleConnections)
		for range sockets / links {
			c, _, err := d.Dial(bg, "wss"+strings.TrimPrefix(srv.URL, "https"))
			must(b, err)
			conns = append(conns, c)
		}
	}
	return conns
}

// cpuTime returns the processor time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
