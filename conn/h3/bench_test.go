package h3_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
)

// carriers are what the benchmarks compare: the same sockets over three versions of HTTP, each with
// TLS. dial opens a socket.
var carriers = []struct {
	name string
	make func(testing.TB, http.Handler) (dial func(testing.TB) *ws.Conn)
}{
	{"HTTP1.1", func(t testing.TB, h http.Handler) func(testing.TB) *ws.Conn {
		d := dialer(t).Dialer
		url := wss(overTCP(t, h, "", false))
		return func(t testing.TB) *ws.Conn { return must(d.Dial(bg, url))(t) }
	}},
	{"HTTP2", func(t testing.TB, h http.Handler) func(testing.TB) *ws.Conn {
		d := &h2.Dialer{Dialer: dialer(t).Dialer, Fallback: h2.Fail}
		t.Cleanup(d.CloseIdleConnections)
		url := wss(overTCP(t, h, "", true))
		return func(t testing.TB) *ws.Conn { return must(d.Dial(bg, url))(t) }
	}},
	{"HTTP3", func(t testing.TB, h http.Handler) func(testing.TB) *ws.Conn {
		d := dialer(t)
		url := serve(t, h, nil).url()
		return func(t testing.TB) *ws.Conn { return must(d.Dial(bg, url))(t) }
	}},
}

func must(c *ws.Conn, _ *http.Response, err error) func(testing.TB) *ws.Conn {
	return func(t testing.TB) *ws.Conn {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		return c
	}
}

// BenchmarkEcho sends messages on 50 sockets, and gets them back. Over HTTP/2 and HTTP/3 they share
// one connection. The CPU time is that of both ends.
func BenchmarkEcho(b *testing.B) {
	for _, carrier := range carriers {
		for _, size := range []int{128, 4 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%s/%dB", carrier.name, size), func(b *testing.B) {
				open := carrier.make(b, echoing(&ws.Upgrader{}))
				message := make([]byte, size)
				work := make(chan struct{})
				var wg sync.WaitGroup
				for range 50 {
					c := open(b)
					wg.Go(func() {
						var buf []byte
						for range work {
							err := c.Write(bg, ws.Binary, message)
							if err == nil {
								_, buf, err = c.ReadInto(bg, buf[:0])
							}
							if err != nil {
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
			})
		}
	}
}

// BenchmarkIdle opens 1,000 sockets that wait, and reports what each holds at both ends. Over
// HTTP/3 they have ten connections, since quic-go lets a client open 100 streams. It does so once,
// however often the benchmark is to run.
func BenchmarkIdle(b *testing.B) {
	for _, carrier := range carriers {
		b.Run(carrier.name, func(b *testing.B) {
			const n = 1000
			open := carrier.make(b, echoing(&ws.Upgrader{}))
			heap0, stack0 := memory()
			for range n {
				c := open(b)
				if err := echo(c, "hello"); err != nil {
					b.Fatal(err)
				}
				go c.Serve(bg, nil)
			}
			heap1, stack1 := memory()
			b.ReportMetric(float64(heap1-heap0)/n, "heap-B/socket")
			b.ReportMetric(float64(stack1-stack0)/n, "stack-B/socket")
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

// BenchmarkLoss measures the round trip of a small message, every 5 ms, while 10 messages of 1 KiB
// are sent in that time, through a network that delays each datagram by 10 ms and loses some. On a
// socket of its own the small message waits for its own lost datagrams alone.
func BenchmarkLoss(b *testing.B) {
	for _, lose := range []float64{0, 0.01, 0.05} {
		for _, own := range []bool{true, false} {
			b.Run(fmt.Sprintf("lose %v/own socket %v", lose, own), func(b *testing.B) { benchLoss(b, lose, own) })
		}
	}
}

// benchLoss has the probe on a socket of its own, or on the one of the other messages, as if there
// were one stream for all as in TCP.
func benchLoss(b *testing.B, lose float64, own bool) {
	s := serve(b, echoing(&ws.Upgrader{}), nil)
	r := relayTo(b, s.addr, 1, faults{lose: lose, wait: 10 * time.Millisecond})
	d := dialer(b)
	busy := must(d.Dial(bg, "wss://"+r.addr()+"/"))(b)
	probe := busy
	if own {
		probe = must(d.Dial(bg, "wss://"+r.addr()+"/"))(b)
		go busy.Serve(bg, nil)
	}
	answered := make(chan time.Time, 1)
	go probe.Serve(bg, &ws.Events{Message: func(_ *ws.Conn, t ws.MessageType, _ []byte) {
		if t == ws.Text {
			answered <- time.Now()
		}
	}})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var took []time.Duration
	for range max(b.N, 400) {
		<-tick.C
		for range 10 {
			_ = busy.Send(ws.Binary, make([]byte, 1024))
		}
		begin := time.Now()
		_ = probe.Send(ws.Text, []byte("probe"))
		took = append(took, (<-answered).Sub(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
