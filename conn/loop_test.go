//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestLoopEcho: in a loop, served over TCP and TLS, dialed connections served, too.
func TestLoopEcho(t *testing.T) {
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			cfg := Config{Loop: new(Loop)}
			url, d := serveLoop(t, scheme, cfg, echoEvents)
			for _, n := range []int{0, 1, 125, 5000, 70_000, 1 << 20} {
				c, _, err := d.Dial(within(t), url)
				if err != nil {
					t.Fatal(err)
				}
				if c.transport.LoopSocket() == nil {
					t.Fatal("the dialed connection is in no loop")
				}
				got := make(chan string, 10)
				closed := make(chan *CloseError, 1)
				check(c.Handle(&Events{
					Message: func(_ *Conn, _ MessageType, p []byte) { got <- string(p) },
					Close:   func(_ *Conn, err *CloseError) { closed <- err },
				}))
				want := string(pattern(n))
				for range 3 {
					check(c.Write(within(t), Text, []byte(want)))
					if g := <-got; g != want {
						t.Fatalf("got %d bytes, want %d", len(g), n)
					}
				}
				if err := c.Close(CloseNormal, "bye"); err != nil {
					t.Errorf("Close: %v", err)
				}
				wantEnd(t, <-closed, CloseError{Code: CloseNormal, Reason: ""})
			}
		})
	}
}

var echoEvents = &Events{Message: func(c *Conn, t MessageType, p []byte) { _ = c.Append(t, p) }}

// serveLoop serves ev with net/http, and returns the URL and how to dial it.
func serveLoop(t testing.TB, scheme string, cfg Config, ev *Events) (url string, d Dialer) {
	u := Upgrader{Config: cfg}
	srv := httptest.NewUnstartedServer(u.Handler(ev))
	srv.Listener = cfg.Loop.Listener(smallBuffers{srv.Listener})
	if scheme == "wss" {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	d = Dialer{Config: cfg, Proxy: NoProxy, NetDial: dialSmall}
	if scheme == "wss" {
		d.TLSConfig = srvTLS(srv)
	}
	return scheme + "://" + srv.Listener.Addr().String(), d
}

// dialSmall dials with a buffer that takes little.
func dialSmall(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		_ = nc.(*net.TCPConn).SetReadBuffer(256 << 10)
	}
	return nc, err
}

// smallBuffers is a listener whose sockets take little that their peers do not read.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		_ = nc.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return nc, err
}

// loopSchemes runs f over TCP and over TLS.
func loopSchemes(t *testing.T, f func(t *testing.T, scheme string)) {
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) { f(t, scheme) })
	}
}

// dialLoop dials n connections.
func dialLoop(t testing.TB, url string, d Dialer, n int) []*Conn {
	t.Helper()
	all := make([]*Conn, n)
	for i := range all {
		c, _, err := d.Dial(within(t), url)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = c
		t.Cleanup(func() { _ = c.CloseNow() })
	}
	return all
}

// echoOnce sends a message and wants it back.
func echoOnce(t testing.TB, c *Conn) {
	t.Helper()
	check(c.Write(within(t), Text, []byte("hello")))
	if _, p, err := c.Read(within(t)); err != nil || string(p) != "hello" {
		t.Fatalf("got %q, %v, want hello", p, err)
	}
}

// TestLoopCallbackBlocks: callbacks that block hold up no other connection.
func TestLoopCallbackBlocks(t *testing.T) {
	loopSchemes(t, func(t *testing.T, scheme string) {
		const blocked, others = 10, 10
		began, release := make(chan bool, blocked), make(chan bool)
		ev := &Events{Message: func(c *Conn, t MessageType, p []byte) {
			if string(p) == "block" {
				began <- true
				<-release
			}
			_ = c.Append(t, p)
		}}
		url, d := serveLoop(t, scheme, Config{Loop: new(Loop)}, ev)
		all := dialLoop(t, url, d, blocked+others)
		for _, c := range all[:blocked] {
			check(c.Write(within(t), Text, []byte("block")))
		}
		for range blocked {
			<-began
		}
		for range 5 {
			for _, c := range all[blocked:] {
				echoOnce(t, c)
			}
		}
		for _, c := range all[:blocked] { // what comes meanwhile waits its turn
			check(c.Write(within(t), Text, []byte("after")))
		}
		close(release)
		for _, c := range all[:blocked] {
			for _, want := range []string{"block", "after"} {
				if _, p, err := c.Read(within(t)); err != nil || string(p) != want {
					t.Fatalf("got %q, %v, want %q", p, err, want)
				}
			}
		}
	})
}

// TestLoopFlood: a connection that floods the loop does not keep it to itself.
func TestLoopFlood(t *testing.T) {
	loopSchemes(t, func(t *testing.T, scheme string) {
		url, d := serveLoop(t, scheme, Config{Loop: new(Loop)}, echoEvents)
		all := dialLoop(t, url, d, 10)
		ctx, cancel := context.WithCancel(bg)
		var floods sync.WaitGroup
		for _, c := range all[:2] {
			floods.Go(func() {
				for c.Write(ctx, Binary, pattern(1000)) == nil {
				}
			})
			floods.Go(func() {
				for {
					if _, _, err := c.Read(ctx); err != nil {
						return
					}
				}
			})
		}
		for range 20 {
			for _, c := range all[2:] {
				echoOnce(t, c)
			}
		}
		cancel()
		floods.Wait()
	})
}

var loopPeers = flag.Int("loop-peers", 500, "connections of TestLoopGoroutines over TCP")

// TestLoopGoroutines: connections that wait have no goroutines, nor have those whose peers do not
// read what they are sent.
func TestLoopGoroutines(t *testing.T) {
	loopSchemes(t, func(t *testing.T, scheme string) {
		n := 100 // TLS takes its time for the handshakes
		if scheme == "ws" {
			n = *loopPeers
		}
		n = min(n, openFiles()/2-100) // each has two descriptors here
		t.Logf("%d connections", n)
		group := new(Group)
		cfg := Config{Loop: new(Loop), Group: group, QueuePolicy: QueueRefuse}
		url, d := serveLoop(t, scheme, cfg, &Events{
			Open:    func(c *Conn, _ *Request) { setSendBuffer(c, 32<<10) },
			Message: echoEvents.Message,
		})
		d.Group = nil
		d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dialSmall(ctx, network, addr)
			if err == nil { // all of them together hold much
				_ = nc.(*net.TCPConn).SetReadBuffer(32 << 10)
			}
			return nc, err
		}
		first := dialLoop(t, url, d, 1)[0]
		echoOnce(t, first)
		before := settledGoroutines()
		// Each poller may have got a goroutine by the end, and net/http has some that are about to end.
		most := before + runtime.GOMAXPROCS(0) + 3
		all := dialLoop(t, url, d, n)
		for _, c := range all {
			echoOnce(t, c)
		}
		if now := settledGoroutines(); now > most {
			t.Errorf("%d goroutines with %d connections, %d with one, want at most %d", now, n, before, most)
		}
		const size = 256 << 10 // more than both buffers take
		_, err := group.Broadcast(Binary, pattern(size))
		check(err)
		if now := settledGoroutines(); now > most {
			t.Errorf("%d goroutines while %d peers do not read, want at most %d", now, n, most)
		}
		for _, c := range all[:10] { // they get all of it when they read
			if _, p, err := c.Read(within(t)); err != nil || len(p) != size {
				t.Fatalf("got %d bytes, %v", len(p), err)
			}
		}
		for _, c := range all {
			_ = c.CloseNow()
		}
		check(group.Shutdown(within(t))) // their ends take a while if there are many
	})
}

// setSendBuffer sets the buffer of a socket in a loop.
func setSendBuffer(c *Conn, size int) {
	raw, err := c.transport.LoopSocket().SyscallConn()
	check(err)
	check(raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, size)
	}))
}

// openFiles is how many descriptors the process may have.
func openFiles() int {
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	return int(min(uint64(limit.Cur), 1<<20))
}

// settledGoroutines is how many goroutines there are when those that are about to end have.
func settledGoroutines() int {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	least, same := runtime.NumGoroutine(), 0
	for range 500 {
		<-tick.C
		now := runtime.NumGoroutine()
		if now >= least {
			same++
		} else {
			same = 0
		}
		if least = min(least, now); same > 20 {
			break
		}
	}
	return least
}

// TestLoopTimeouts: each timeout ends the connection of a peer that does nothing, with its error.
func TestLoopTimeouts(t *testing.T) {
	const soon = 50 * time.Millisecond
	for name, test := range map[string]struct {
		cfg  Config
		want error
		code CloseCode
		do   func(c *Conn)
	}{
		"pong": {Config{KeepAlive: soon, PongTimeout: soon}, ErrPongTimeout, CloseAbnormal, nil},
		"close": {Config{CloseTimeout: soon}, ErrCloseTimeout, CloseAbnormal, func(c *Conn) {
			_ = c.Close(CloseNormal, "")
		}},
		"write": {Config{WriteTimeout: soon, Queue: 64 << 20}, ErrWriteTimeout, CloseAbnormal, func(c *Conn) {
			_ = c.Send(Binary, pattern(8<<20))
		}},
	} {
		for _, scheme := range []string{"ws", "wss"} {
			t.Run(name+"/"+scheme, func(t *testing.T) {
				cfg := test.cfg
				cfg.Loop = new(Loop)
				ended := make(chan *CloseError, 1)
				open := make(chan *Conn, 1)
				url, d := serveLoop(t, scheme, cfg, &Events{
					Open:  func(c *Conn, _ *Request) { open <- c },
					Close: func(_ *Conn, err *CloseError) { ended <- err },
				})
				d.Config = Config{}
				dialLoop(t, url, d, 1) // and nobody reads it
				if c := <-open; test.do != nil {
					test.do(c)
				}
				wantEnd(t, <-ended, CloseError{Code: test.code, Err: test.want})
			})
		}
	}
	t.Run("idle", func(t *testing.T) {
		url, d := serveLoop(t, "ws", Config{Loop: new(Loop), IdleTimeout: soon}, echoEvents)
		d.Config = Config{}
		_, _, err := dialLoop(t, url, d, 1)[0].Read(within(t))
		wantEnd(t, err, CloseError{Code: CloseGoingAway, Reason: "idle", Remote: true})
	})
}

// TestLoopEnds: connections that are closed in every way at the same time, while messages pass, end
// once, and nothing is left of them.
func TestLoopEnds(t *testing.T) {
	loopSchemes(t, func(t *testing.T, scheme string) {
		var opened, closed atomic.Int32
		group := new(Group)
		cfg := Config{Loop: new(Loop), Group: group, CloseTimeout: 10 * time.Second}
		url, d := serveLoop(t, scheme, cfg, &Events{
			Open:    func(*Conn, *Request) { opened.Add(1) },
			Message: func(c *Conn, t MessageType, p []byte) { _ = c.Append(t, p) },
			Close:   func(*Conn, *CloseError) { closed.Add(1) },
		})
		d.Group = nil
		ends := []func(c *Conn){
			func(c *Conn) { _ = c.CloseNow() },
			func(c *Conn) { _ = c.Close(CloseNormal, "") },
			func(c *Conn) { _ = c.NetConn().Close() },
			func(c *Conn) { _ = c.Send(Text, pattern(100_000)); _ = c.Close(CloseNormal, "") },
			func(c *Conn) { _ = c.Write(bg, Text, []byte("\xff")); _ = c.CloseNow() },
		}
		var all sync.WaitGroup
		for i, c := range dialLoop(t, url, d, 60) {
			check(c.Handle(echoEvents))
			all.Go(func() {
				for range 3 {
					_ = c.Send(Text, pattern(1000))
				}
				var both sync.WaitGroup
				both.Go(func() { ends[i%len(ends)](c) })
				both.Go(func() { ends[i/len(ends)%len(ends)](c) })
				both.Wait()
				<-c.Done()
			})
		}
		check(group.Shutdown(within(t)))
		all.Wait()
		if o, c := opened.Load(), closed.Load(); o != c {
			t.Errorf("%d connections were opened, and %d told their end", o, c)
		}
	})
}

// TestLoopHandles: Handle says if it can't begin.
func TestLoopHandles(t *testing.T) {
	for name, l := range map[string]*Loop{"loop": new(Loop), "none": nil} {
		t.Run(name, func(t *testing.T) {
			s, c := tcpPair(t, Config{Loop: l, CloseTimeout: 50 * time.Millisecond})
			ended := make(chan *CloseError, 1)
			check(s.Handle(&Events{
				Message: func(c *Conn, t MessageType, p []byte) { _ = c.Append(t, p) },
				Close:   func(_ *Conn, err *CloseError) { ended <- err },
			}))
			echoOnce(t, c)
			if err := s.Handle(nil); err != ErrConcurrentRead {
				t.Errorf("the second Handle: %v, want %v", err, ErrConcurrentRead)
			}
			if err := s.Close(CloseNormal, "bye"); err == nil {
				t.Error("Close = nil, but nobody reads the other end")
			}
			wantEnd(t, <-ended, CloseError{Code: CloseAbnormal, Err: ErrCloseTimeout})
			if err := s.Handle(nil); !isErr[*CloseError](err) {
				t.Errorf("Handle after the end: %v, want the end", err)
			}
		})
	}
}

// TestLoopUpgradeNet: without net/http, over TCP and TLS, with messages that come with the request.
func TestLoopUpgradeNet(t *testing.T) {
	loopSchemes(t, func(t *testing.T, scheme string) {
		l := new(Loop)
		ln := l.Listener(wstest.Listen(t))
		certified := httptest.NewUnstartedServer(nil)
		certified.StartTLS()
		defer certified.Close()
		if scheme == "wss" {
			ln = tls.NewListener(ln, certified.TLS)
		}
		u := Upgrader{Config: Config{Loop: l}}
		go func() {
			for {
				nc, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					c, _, err := u.UpgradeNet(within(t), nc, nil)
					if err == nil {
						if c.transport.LoopSocket() == nil {
							t.Error("the connection is in no loop")
						}
						check(c.Handle(echoEvents))
					}
				}()
			}
		}()
		nc, err := net.Dial("tcp", ln.Addr().String())
		check(err)
		defer nc.Close()
		if scheme == "wss" {
			cfg := srvTLS(certified)
			cfg.ServerName = "example.com"
			nc = tls.Client(nc, cfg)
		}
		e := frame.Encoder{Role: frame.Client}
		early, err := e.AppendMessage([]byte(request("Host: localhost")), frame.Text, 7, []byte("early"))
		check(err)
		_, err = nc.Write(early)
		check(err)
		var got strings.Builder
		for buf := make([]byte, 100); !strings.HasSuffix(got.String(), "early"); {
			n, err := nc.Read(buf)
			if got.Write(buf[:n]); err != nil {
				t.Fatalf("%q, %v", got.String(), err)
			}
		}
	})
}

// TestLoopTLSVersions: an echo and an end over each version of TLS, and close_notify without a
// Close frame.
func TestLoopTLSVersions(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			ended := make(chan *CloseError, 1)
			url, d := serveLoop(t, "wss", Config{Loop: new(Loop)}, &Events{
				Message: echoEvents.Message,
				Close:   func(_ *Conn, err *CloseError) { ended <- err },
			})
			d.TLSConfig.MinVersion, d.TLSConfig.MaxVersion = version, version
			d.TLSConfig.Renegotiation = tls.RenegotiateFreelyAsClient
			all := dialLoop(t, url, d, 2)
			for _, c := range all {
				echoOnce(t, c)
				if got := tlsOf(c).ConnectionState().Version; got != version {
					t.Errorf("TLS %x, want %x", got, version)
				}
			}
			check(all[0].Close(CloseNormal, ""))
			wantEnd(t, <-ended, CloseError{Code: CloseNormal, Remote: true})
			check(tlsOf(all[1]).CloseWrite())
			wantEnd(t, <-ended, CloseError{Code: CloseAbnormal, Err: io.ErrUnexpectedEOF})
		})
	}
}

// tlsOf is the TLS of a connection.
func tlsOf(c *Conn) *tls.Conn {
	return c.NetConn().(interface{ NetConn() net.Conn }).NetConn().(*tls.Conn)
}

// TestLoopStalledEnd: over TLS a Close frame and what is before it arrive, even if the peer reads
// them when this side has nothing more to do.
func TestLoopStalledEnd(t *testing.T) {
	loopSchemes(t, func(t *testing.T, scheme string) {
		size := 1 << 20
		cfg := Config{Loop: new(Loop), Queue: 16 << 20, CloseTimeout: time.Minute}
		url, d := serveLoop(t, scheme, cfg, &Events{
			Message: func(c *Conn, t MessageType, p []byte) {
				_ = c.Send(t, pattern(size))
				_ = c.Close(CloseNormal, "that was all")
			},
		})
		d.MaxMessageSize = -1
		c := dialLoop(t, url, d, 1)[0]
		check(c.Write(within(t), Text, []byte("go")))
		tick := time.NewTimer(20 * time.Millisecond)
		<-tick.C // the server has filled the socket by now, most often
		if _, p, err := c.Read(within(t)); err != nil || len(p) != size {
			t.Fatalf("got %d bytes, %v, want %d", len(p), err, size)
		}
		_, _, err := c.Read(within(t))
		wantEnd(t, err, CloseError{Code: CloseNormal, Reason: "that was all", Remote: true})
	})
}

// TestLoopGoexit: a callback that calls runtime.Goexit ends its connection alone.
func TestLoopGoexit(t *testing.T) {
	ended := make(chan *CloseError, 3)
	url, d := serveLoop(t, "ws", Config{Loop: new(Loop)}, &Events{
		Message: func(c *Conn, t MessageType, p []byte) {
			if string(p) == "exit" {
				runtime.Goexit()
			}
			_ = c.Append(t, p)
		},
		Close: func(_ *Conn, err *CloseError) { ended <- err },
	})
	all := dialLoop(t, url, d, 3)
	check(all[0].Write(within(t), Text, []byte("exit")))
	_, _, err := all[0].Read(within(t))
	var end *CloseError
	if !errors.As(err, &end) || end.Code != CloseInternalError {
		t.Errorf("the peer reads %v, want 1011", err)
	}
	wantEnd(t, <-ended, CloseError{Code: CloseAbnormal, Err: errExited})
	for _, c := range all[1:] {
		echoOnce(t, c)
	}
}

// TestHeapPerIdleLoopConn bounds what a connection that waits in a loop holds on the heap.
func TestHeapPerIdleLoopConn(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	onOneProcessor(t)
	const n, limit = 500, 800
	cfg := &Config{Loop: new(Loop)}
	ln := wstest.Listen(t)
	all := make([]*Conn, 0, 2*n)
	before := heapNow()
	for range n {
		dialed, err := net.Dial("tcp", ln.Addr().String())
		check(err)
		accepted, err := ln.Accept()
		check(err)
		s := newConn(accepted, frame.Server, Negotiated{}, cfg)
		c := newConn(dialed, frame.Client, Negotiated{}, cfg)
		check(s.Handle(echoEvents))
		got := make(chan bool, 1)
		ev := &Events{Message: func(*Conn, MessageType, []byte) { got <- true }}
		check(c.Handle(ev))
		check(c.Send(Text, pattern(1000)))
		<-got
		ev.Message, got = nil, nil
		all = append(all, s, c)
	}
	heap := (heapNow() - before) / (2 * n)
	for _, c := range all {
		_ = c.CloseNow()
	}
	for _, c := range all { // a thousand ends would disturb a later test's measurement
		<-c.Done()
	}
	t.Logf("an idle connection holds %d bytes of heap, of which its client's Events are a part", heap)
	if heap > limit {
		t.Errorf("an idle connection holds %d bytes of heap, want at most %d", heap, limit)
	}
}
