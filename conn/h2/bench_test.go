package h2_test

import (
	"net/http"
	"runtime"
	"sync"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// clients are the HTTP/2 clients that the benchmarks compare: this package's, and
// golang.org/x/net/http2's if the release has it.
var clients = map[string]func(s *server, t testing.TB) http.RoundTripper{
	"h2.Dialer": func(s *server, t testing.TB) http.RoundTripper { return s.dialer(t) },
}

// BenchmarkEcho sends messages on 100 sockets of one connection, and gets them back. The CPU time
// is that of both ends. net/http's server is the same for all clients.
func BenchmarkEcho(b *testing.B) {
	for _, name := range []string{"h2.Dialer", "http2.Transport"} {
		for _, size := range []struct {
			name  string
			bytes int
		}{{"128B", 128}, {"4KiB", 4 << 10}, {"64KiB", 64 << 10}} {
			b.Run(name+"/"+size.name, func(b *testing.B) { benchEcho(b, name, size.bytes) })
		}
	}
}

func benchEcho(b *testing.B, name string, size int) {
	conns := openMany(b, name, 100)
	message := make([]byte, size)
	work := make(chan struct{})
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			var buf []byte
			for range work {
				if err := c.Write(bg, ws.Binary, message); err != nil {
					b.Error(err)
				}
				var err error
				if _, buf, err = c.ReadInto(bg, buf[:0]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

// BenchmarkIdle opens sockets that wait, and reports what each holds at both ends. It does so once,
// however often the benchmark is to run.
func BenchmarkIdle(b *testing.B) {
	for _, name := range []string{"h2.Dialer", "http2.Transport"} {
		b.Run(name, func(b *testing.B) {
			const n = 200
			first := openMany(b, name, 1)
			heap0, stack0 := memory()
			conns := openMany(b, name, n)
			for _, c := range conns {
				if err := echo(c, "hello"); err != nil {
					b.Fatal(err)
				}
				go c.Read(bg)
			}
			heap1, stack1 := memory()
			b.ReportMetric(float64(heap1-heap0)/n, "heap-B/socket")
			b.ReportMetric(float64(stack1-stack0)/n, "stack-B/socket")
			for _, c := range append(conns, first...) {
				_ = c.CloseNow()
			}
		})
	}
}

func memory() (heap, stack int64) {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse)
}

// openMany opens sockets through a client of a server of their own.
func openMany(b *testing.B, name string, n int) []*ws.Conn {
	b.Helper()
	make := clients[name]
	if make == nil {
		b.Skip("this release of Go has no such client")
	}
	s := serve(b, &ws.Upgrader{}, nil)
	rt := make(s, b)
	var conns []*ws.Conn
	for range n {
		c, _, err := new(ws.Dialer).DialVia(bg, s.url(), rt)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.CloseNow() })
		conns = append(conns, c)
	}
	return conns
}
