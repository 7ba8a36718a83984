package relay_test

import (
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/relay"
)

// TestChurn ends pairs in all ways while messages of many sizes pass in both directions. Nothing is
// left of them: no pair, no descriptor and, as TestMain checks, no goroutine.
func TestChurn(t *testing.T) {
	for _, front := range []way{http1, http2} {
		for _, m := range modes {
			t.Run(front.name+"/"+m.name, func(t *testing.T) { churn(t, front, m.messages) })
		}
	}
}

func churn(t *testing.T, front way, messages *relay.Messages) {
	u := ws.Upgrader{}
	backend := http1.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			tumult(c, r.URL.RawQuery)
		}
	}))
	p := proxyTo(t, backend, http1)
	p.Messages = messages
	srv := front.serve(t, p)
	before := descriptors()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range 60 {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ends := [2]string{"", ""}
			ends[i%2] = []string{"close", "cut", "reset"}[i%3]
			c, _, err := front.dial(t, ws.Dialer{}, srv, "/?"+ends[0])
			if err != nil {
				t.Error(err)
				return
			}
			tumult(c, ends[1])
		})
	}
	wg.Wait()
	if err := p.Shutdown(within(t)); err != nil {
		t.Error(err)
	}
	if n := p.Len(); n != 0 {
		t.Errorf("%d pairs are left", n)
	}
	srv.CloseClientConnections()
	backend.CloseClientConnections()
	// The pipes of splice(2) are kept, 16 at most, and a few connections may be on their way out.
	if after := descriptors(); after > before+2*16+20 {
		t.Errorf("%d descriptors, want no more than the %d from before and a few", after, before)
	}
}

// tumult sends and receives messages of many sizes. After a while it ends the connection as how says,
// or waits for the other side to do so.
func tumult(c *ws.Conn, how string) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		var p []byte
		for err := error(nil); err == nil; {
			_, p, err = c.ReadInto(bg, p[:0])
		}
	}()
	p := make([]byte, 1<<20)
	for n := 0; n < 30 || how == ""; n++ {
		if c.Write(bg, ws.Binary, p[:1<<rand.N(20)]) != nil {
			break
		}
		if how == "" && n == 30 {
			<-read
		}
	}
	switch how {
	case "reset":
		if nc, ok := c.NetConn().(interface{ NetConn() net.Conn }); ok {
			if tcp, ok := nc.NetConn().(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		}
		_ = c.CloseNow()
	case "cut":
		_ = c.CloseNow()
	default:
		_ = c.Close(ws.CloseNormal, "")
	}
	<-read
}

// descriptors returns how many files are open, or 0 if that can't be told.
func descriptors() int {
	runtime.GC()
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}
