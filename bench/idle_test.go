package bench

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// BenchmarkIdle reports what a connection holds that has exchanged messages and waits: its heap and
// its goroutine's stack, in bytes for each end. The time is of no interest.
func BenchmarkIdle(b *testing.B) {
	serve := func(c *ws.Conn) { _ = c.Serve(bg, &ws.Events{}) }
	read := func(c *ws.Conn) {
		for {
			if _, _, err := c.Read(bg); err != nil {
				return
			}
		}
	}
	for _, way := range []struct {
		name string
		wait func(c *ws.Conn)
		pair func(b *testing.B, ln net.Listener) (s, c *ws.Conn)
	}{{"Serve", serve, plainPair}, {"Read", read, plainPair}, {"TLS/Serve", serve, tlsPair}, {"TLS/Read", read, tlsPair}} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				idle(b, way.wait, way.pair)
			}
		})
	}
}

func plainPair(b *testing.B, ln net.Listener) (s, c *ws.Conn) { return tcpPair(b, ln, ws.Config{}) }

// tlsPair returns a pair of connections over TLS, whose own buffers and keys count, too.
func tlsPair(b *testing.B, ln net.Listener) (s, c *ws.Conn) {
	dialed, err := net.Dial("tcp", ln.Addr().String())
	must(b, err)
	accepted, err := ln.Accept()
	must(b, err)
	server := tls.Server(accepted, serverTLS())
	client := tls.Client(dialed, &tls.Config{InsecureSkipVerify: true}) // nothing secret is sent
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	must(b, client.Handshake())
	must(b, <-done)
	return ws.New(server, frame.Server, ws.Negotiated{}, ws.Config{}), ws.New(client, frame.Client, ws.Negotiated{}, ws.Config{})
}

// serverTLS returns a configuration with a certificate that is made once.
var serverTLS = sync.OnceValue(func() *tls.Config {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
})

// idle makes pairs whose ends wait by f, and reports what they hold.
func idle(b *testing.B, f func(c *ws.Conn), pair func(*testing.B, net.Listener) (s, c *ws.Conn)) {
	const pairs, messages, size = 250, 10, 1000
	ln := listen(b)
	var before, after runtime.MemStats
	settle(&before)
	ends := make([]*ws.Conn, 0, 2*pairs)
	for range pairs {
		s, c := pair(b, ln)
		ends = append(ends, s, c)
	}
	for _, c := range ends {
		go f(c)
	}
	p := payload(ws.Text, size)
	for range messages {
		for _, c := range ends {
			must(b, c.Write(bg, ws.Text, p))
		}
	}
	for _, c := range ends {
		_, err := c.Ping(bg) // which answers when everything before it was read
		must(b, err)
	}
	settle(&after)
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/(2*pairs), "heap-B/conn")
	b.ReportMetric((float64(after.StackInuse)-float64(before.StackInuse))/(2*pairs), "stack-B/conn")
	for _, c := range ends {
		_ = c.CloseNow()
	}
	for _, c := range ends {
		<-c.Done()
	}
}

// settle reads the memory in use once pools are empty.
func settle(m *runtime.MemStats) {
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(m)
}
