package conn_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/conntest"
	"github.com/rfc6455/ws/conn/internal/h2client"
)

// TestFaultsHTTP2 is TestFaults with three sockets on each connection of HTTP/2:
// in pieces, stalled, broken, cut, with a GOAWAY in it, or with one of its streams
// reset. TestMain looks for goroutines that are left.
func TestFaultsHTTP2(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() || ws.RaceEnabled {
		seeds = 10
	}
	var clean, all atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				link := newFaultyLink(t, seed)
				link.converse(t)
				clean.Add(int64(link.clean))
				all.Add(int64(link.opened))
			})
		}
	})
	if c, a := clean.Load(), all.Load(); c < a/10 || c > a*9/10 || a < int64(seeds) {
		t.Errorf("%d of %d sockets ended cleanly: the faults are too many or too few", c, a)
	}
}

// event is what happens to a connection besides its faults.
type event int

const (
	nothing event = iota
	goAway        // the server ends in good order
	cut           // TCP ends
	reset         // a side cuts one of the sockets
	events
)

// faultyLink is a connection of HTTP/2 with its server.
type faultyLink struct {
	r        *rand.Rand
	server   *http.Server
	rt       *h2client.Client
	url      string
	event    event
	faulty   bool
	config   ws.Config
	accepted chan *ws.Conn
	client   atomic.Pointer[conntest.FaultyConn] // that of the client

	opened, clean int
}

func newFaultyLink(t *testing.T, seed uint64) *faultyLink {
	r := rand.New(rand.NewPCG(seed, 2))
	l := &faultyLink{r: r, event: event(seed) % events, faulty: seed/uint64(events)%2 == 1, accepted: make(chan *ws.Conn, 1)}
	l.config = ws.Config{
		FragmentSize: 1 + r.IntN(3000), Queue: 1 << 20,
		KeepAlive: time.Second, PongTimeout: l.patience(), WriteTimeout: l.patience(),
	}
	if r.IntN(2) == 0 {
		l.config.Compression = ws.Compression{Mode: ws.CompressionTakeover, Fragment: true}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.url = "ws://" + ln.Addr().String() + "/"
	l.server = &http.Server{Handler: http.HandlerFunc(l.serve), Protocols: new(http.Protocols)}
	l.server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	theirs, ours := l.faults(), l.faults()
	go func() { served <- l.server.Serve(faultyListener{ln, theirs}) }()
	l.rt = &h2client.Client{Dial: func(context.Context, *url.URL) (net.Conn, error) {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return nil, err
		}
		l.client.Store(conntest.Faulty(nc, ours))
		return l.client.Load(), nil
	}}
	t.Cleanup(func() {
		l.rt.CloseIdleConnections()
		_ = l.server.Close()
		<-served
	})
	return l
}

// patience is how long an end waits for the other. Where nothing stalls, no timeout
// has a part in what happens.
func (l *faultyLink) patience() time.Duration {
	if l.faulty {
		return 3 * time.Second
	}
	return limit
}

// faults are those of one side of the connection.
func (l *faultyLink) faults() conntest.Faults {
	f := conntest.Faults{Seed: l.r.Uint64(), Piece: l.r.IntN(2) * (1 + l.r.IntN(900))}
	if l.faulty {
		f.Read, f.Write = anyFaults(l.r).Read, anyFaults(l.r).Write
	}
	return f
}

// faultyListener gives what it accepts the same faults.
type faultyListener struct {
	net.Listener
	faults conntest.Faults
}

func (l faultyListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conntest.Faulty(nc, l.faults), nil
}

func (l *faultyLink) serve(w http.ResponseWriter, r *http.Request) {
	c, err := (&ws.Upgrader{Config: l.config}).Upgrade(w, r)
	if err != nil {
		return // the client learns of it
	}
	l.accepted <- c
	<-c.Done()
}

// converse has a conversation on each of three sockets while the event happens.
func (l *faultyLink) converse(t *testing.T) {
	var pairs [][2]*party
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), l.patience())
		c, _, err := (&ws.Dialer{Config: l.config}).DialVia(ctx, l.url, l.rt)
		cancel()
		if err != nil {
			if !l.faulty {
				t.Fatal(err)
			}
			break
		}
		pairs = append(pairs, [2]*party{newParty(t, <-l.accepted, l.r), newParty(t, c, l.r)})
	}
	l.abandon()
	var conversations, happening sync.WaitGroup
	var clean atomic.Int64
	for _, p := range pairs {
		conversations.Go(func() {
			if converse(t, p[0], p[1]) {
				clean.Add(1)
			}
		})
	}
	happening.Go(func() { l.happen(t, pairs) })
	conversations.Wait()
	happening.Wait()
	l.opened, l.clean = len(pairs), int(clean.Load())
	if !l.faulty && (l.event == nothing || l.event == goAway) && l.clean != 3 {
		for _, p := range pairs {
			t.Errorf("the server's end: %v; the client's: %v", p[0].c.Err(), p[1].c.Err())
		}
	}
}

// abandon ends the server's side of what the client did not see opened.
func (l *faultyLink) abandon() {
	go func() {
		for c := range l.accepted {
			_ = c.CloseNow()
		}
	}()
}

// happen is the event, in the middle of the conversations.
func (l *faultyLink) happen(t *testing.T, pairs [][2]*party) {
	if len(pairs) == 0 {
		return
	}
	after := 1 + l.r.IntN(20)
	for p := pairs[0][1]; after > 0; after-- {
		if _, err := p.c.Ping(context.Background()); err != nil {
			break // over already
		}
	}
	switch l.event {
	case goAway:
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := l.server.Shutdown(ctx); err != nil && !l.faulty && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Shutdown: %v", err)
		}
	case cut:
		_ = l.client.Load().Close()
	case reset:
		_ = pairs[l.r.IntN(len(pairs))][l.r.IntN(2)].c.CloseNow()
	}
}

// TestHandedOverHTTP2 cuts a socket after its last Write has returned: what was
// written comes all the same, and then the reset.
func TestHandedOverHTTP2(t *testing.T) {
	for side, from := range []string{"server", "client"} {
		for _, size := range []int{1, 500, 4000} {
			t.Run(fmt.Sprint(from, " ", size), func(t *testing.T) {
				l := newFaultyLink(t, 0)
				c, _, err := (&ws.Dialer{Config: l.config}).DialVia(context.Background(), l.url, l.rt)
				if err != nil {
					t.Fatal(err)
				}
				ends := [2]*ws.Conn{<-l.accepted, c}
				const messages = 50
				for i := range messages {
					p := append(make([]byte, size), byte(i))
					if err := ends[side].Write(context.Background(), ws.Binary, p); err != nil {
						t.Fatal(err)
					}
				}
				_ = ends[side].CloseNow()
				for i := range messages {
					_, p, err := ends[1-side].Read(context.Background())
					if err != nil {
						t.Fatalf("message %d was lost: %v", i, err)
					}
					if len(p) != size+1 || p[size] != byte(i) {
						t.Fatalf("message %d is not as it was", i)
					}
				}
				if _, _, err := ends[1-side].Read(context.Background()); err == nil {
					t.Fatal("a message too many")
				}
			})
		}
	}
}
