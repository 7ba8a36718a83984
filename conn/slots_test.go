package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// waiting is how many dials hold or want the address.
func waiting(addr string) int {
	connecting.Lock()
	defer connecting.Unlock()
	if t := connecting.to[addr]; t != nil {
		return t.users
	}
	return 0
}

// TestOneAtATime: over TCP the second dial does not even connect while the
// first one's handshake is under way.
func TestOneAtATime(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().String()
	d := &Dialer{OneAtATime: true}
	dialed := make(chan error, 2)
	dial := func() {
		c, _, err := d.Dial(within(t), "ws://"+addr)
		if err == nil {
			_ = c.CloseNow()
		}
		dialed <- err
	}
	go dial()
	first, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	go dial()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for waiting(addr) < 2 { // the second one waits before it connects
		<-tick.C
	}
	accept(nil)(first)
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	second, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	accept(nil)(second)
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	if n := waiting(addr); n > 0 {
		t.Errorf("%d dials still hold the address", n)
	}
}

// TestOneAtATimeByName: where this side does not know the address, names take
// its place; different ones do not wait for each other.
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

// TestOneAtATimeGivesUp: a dial that waits for its turn obeys its context.
func TestOneAtATimeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Dialer{OneAtATime: true, HandshakeTimeout: time.Second}
		d.NetDial, _ = scripted(t, silent)
		first := make(chan error, 1)
		go func() {
			_, _, err := d.Dial(bg, "ws://a")
			first <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(bg, time.Second/2)
		defer cancel()
		if _, _, err := d.Dial(ctx, "ws://a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		<-first
		if n := waiting("a:80"); n != 0 {
			t.Errorf("%d dials still hold the address", n)
		}
	})
}

// TestSlotsMoveOn: a dial that goes on to another address of the name lets go
// of the one that it could not reach, so that no two wait for each other; one
// that is over takes no address any more.
func TestSlotsMoveOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(bg, time.Minute)
		defer cancel()
		var a, b slots
		for _, step := range []struct {
			s    *slots
			addr string
		}{{&a, "1"}, {&b, "2"}} {
			if err := step.s.acquire(ctx, "tcp4", step.addr, nil); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for s, addr := range map[*slots]string{&a: "2", &b: "1"} {
			wg.Go(func() {
				if err := s.acquire(ctx, "tcp4", addr, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := a.acquire(ctx, "tcp6", "6", nil); err != nil || waiting("2") != 1 {
			t.Errorf("%v: the two networks stand for themselves", err)
		}
		a.release()
		b.release()
		if err := a.acquire(ctx, "tcp6", "6", nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
		if len(connecting.to) > 0 {
			t.Errorf("still held: %v", connecting.to)
		}
	})
}
