package conn

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneAtATimeByName: where this side does not know the address, names take its place; different
// ones do not wait for each other.
func TestOneAtATimeByName(t *testing.T) {
	for name, proxy := range map[string]string{"NetDial": "", "proxy": "http://proxy"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var dials int
				serve := func(nc net.Conn) {
					if proxy != "" {
						readRequest(nc, nil)
						io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
					}
					<-time.After(time.Second)
					accept(nil)(nc)
				}
				all, _ := scripted(t, serve, serve, serve, serve)
				d := &Dialer{OneAtATime: true, NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					mu.Lock()
					defer mu.Unlock()
					dials++
					return all(ctx, network, addr)
				}}
				d.Proxy = func(*url.URL) (*url.URL, error) {
					if proxy == "" {
						return nil, nil
					}
					return url.Parse(proxy)
				}
				start := time.Now()
				took := make(chan time.Duration, 4)
				for _, u := range []string{"ws://a/1", "ws://a/2", "ws://a/3", "ws://b/"} {
					go func() {
						c, _, err := d.Dial(bg, u)
						if err != nil {
							t.Error(err)
						} else {
							_ = c.CloseNow()
						}
						took <- time.Since(start)
					}()
				}
				synctest.Wait()
				mu.Lock()
				if dials != 2 {
					t.Errorf("%d connections at once", dials)
				}
				mu.Unlock()
				for _, want := range []time.Duration{1, 1, 2, 3} {
					if got := <-took; got != want*time.Second {
						t.Errorf("a dial took %v, want %v", got, want*time.Second)
					}
				}
			})
		})
	}
}
