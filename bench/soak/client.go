//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// patience is how long anything may take, on a machine that others use, too.
const patience = time.Minute

// client is the client's side of the soak.
type client struct {
	problems problems
	urls     [kinds][]string
	dialers  [kinds]*ws.Dialer
	ids      atomic.Uint32

	opened, closed, asked, cut, messages atomic.Int64
	sent                                 atomic.Int64 // messages that were sent whole
	late                                 atomic.Int64 // connections of the churn that had to be left out
}

func newClient(g *greeting) (*client, error) {
	certificate, err := x509.ParseCertificate(g.Certificate)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	c := &client{urls: g.URLs}
	for k := range kinds {
		d := &ws.Dialer{Proxy: ws.NoProxy, HandshakeTimeout: patience, TLSConfig: &tls.Config{RootCAs: roots}}
		d.CloseTimeout, d.WriteTimeout = patience, patience
		d.FragmentSize = messageMost
		if k == compressed {
			d.Compression.Mode = ws.CompressionTakeover
		}
		if k == byLoop || k == loopOverTLS {
			d.Loop = &eventLoop
		}
		c.dialers[k] = d
	}
	return c, nil
}

// anyKind returns a random kind of connection. TLS is rare, since its handshake costs as much as
// ten others.
func anyKind(r *rand.Rand) kind {
	if r.IntN(20) == 0 {
		return overTLS + kind(r.IntN(int(kinds-overTLS)))
	}
	return kind(r.IntN(int(overTLS)))
}

// dial makes a connection.
func (c *client) dial(r *rand.Rand) (*ws.Conn, uint32, error) {
	k := anyKind(r)
	id := c.ids.Add(1)
	nc, _, err := c.dialers[k].Dial(bg, c.urls[k][r.IntN(addresses)])
	if err != nil {
		return nil, id, fmt.Errorf("client: %v: %w", k, err)
	}
	if k == compressed != (nc.Deflate().ServerMaxWindowBits > 0) {
		c.problems.add("client: %v: agreed on compression: %+v", k, nc.Deflate())
	}
	c.opened.Add(1)
	return nc, id, nil
}

// held is a connection that stays for the whole soak.
type held struct {
	conn *ws.Conn
	id   uint32
	sent uint32
	got  counter // of the reader
	seen atomic.Uint32
	echo chan struct{} // holds a token when echoes may have come
	done chan struct{} // closed when the reader has returned
}

// hold makes n connections, some at a time.
func (c *client) hold(n int) []*held {
	all := make([]*held, n)
	var wg sync.WaitGroup
	const dialing = 64
	for i := range dialing {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for j := i; j < n; j += dialing {
				all[j] = c.holdOne(r)
			}
		})
	}
	wg.Wait()
	return all
}

// holdOne makes one connection and reads it. If that fails, it returns nil.
func (c *client) holdOne(r *rand.Rand) *held {
	nc, id, err := c.dial(r)
	if err != nil {
		c.problems.add("%v", err)
		return nil
	}
	h := &held{conn: nc, id: id, got: counter{id: id, known: true}, echo: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		_ = nc.Serve(bg, &ws.Events{Message: func(_ *ws.Conn, _ ws.MessageType, p []byte) { c.check(h, p) }})
	}()
	// Whatever a connection holds as long as it lives, such as windows, it holds from its first
	// messages on. Memory counts from there.
	for range burstMost {
		if !c.sendOne(r, h, messageMost) {
			return nil
		}
	}
	if !c.await(h) {
		return nil
	}
	return h
}

// check checks an echo.
func (c *client) check(h *held, p []byte) {
	if err := h.got.take(p); err != nil {
		c.problems.add("client: %v", err)
	}
	c.messages.Add(1)
	h.seen.Add(1)
	select {
	case h.echo <- struct{}{}:
	default:
	}
}

// bursts is how many bursts of messages a connection sends while it is active, at burstEvery.
const (
	bursts     = 20
	burstMost  = 4 // messages
	burstEvery = 50 * time.Millisecond
)

// activate keeps one of n shares of the connections active, one after another, until ctx ends.
func (c *client) activate(ctx context.Context, all []*held, share, n int) {
	r := rand.New(rand.NewPCG(2, uint64(share)))
	tick := time.NewTicker(burstEvery)
	defer tick.Stop()
	for i := share; ; i = (i + n) % len(all) {
		h := all[i]
		for range bursts {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if h == nil || !c.burst(r, h) {
				all[i] = nil // the failure was reported
				break
			}
		}
	}
}

// burst sends some messages and waits for their echoes.
func (c *client) burst(r *rand.Rand, h *held) bool {
	for range 1 + r.IntN(burstMost) {
		if !c.sendOne(r, h, messageSize(r)) {
			return false
		}
	}
	return c.await(h)
}

// sendOne sends one message.
func (c *client) sendOne(r *rand.Rand, h *held, size int) bool {
	if err := c.send(r, h.conn, h.id, h.sent, size); err != nil {
		c.problems.add("client: %v", err)
		return false
	}
	h.sent++
	return true
}

// await waits for the echoes of everything that was sent.
func (c *client) await(h *held) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for h.seen.Load() != h.sent {
		select {
		case <-h.echo:
		case <-h.conn.Done():
			c.problems.add("client: connection %d: of %d messages %d came back: %v", h.id, h.sent, h.seen.Load(), h.conn.Err())
			return false
		case <-limit.C:
			c.problems.add("client: connection %d: of %d messages %d came back in %v", h.id, h.sent, h.seen.Load(), patience)
			return false
		}
	}
	return true
}

var scratch = sync.Pool{New: func() any { return new([messageMax]byte) }}

// send sends one message, in one of the ways.
func (c *client) send(r *rand.Rand, nc *ws.Conn, id, seq uint32, size int) error {
	b := scratch.Get().(*[messageMax]byte)
	defer scratch.Put(b)
	p := appendMessage(b[:0], id, seq, size)
	err := sendAs(r, nc, p)
	if err == nil {
		c.sent.Add(1)
	}
	return err
}

func sendAs(r *rand.Rand, nc *ws.Conn, p []byte) error {
	switch r.IntN(4) {
	case 0:
		return nc.Send(ws.Binary, p)
	case 1:
		m, err := nc.NextWriter(bg, ws.Binary)
		if err != nil {
			return err
		}
		half := r.IntN(len(p))
		_, err = m.Write(p[:half])
		_, err2 := m.Write(p[half:])
		return errors.Join(err, err2, m.Close())
	}
	return nc.Write(bg, ws.Binary, p)
}

// release closes the connections that were held.
func (c *client) release(all []*held) {
	var wg sync.WaitGroup
	const closing = 64
	for i := range closing {
		wg.Go(func() {
			for j := i; j < len(all); j += closing {
				if h := all[j]; h != nil {
					c.close(h.conn, h.id, h.sent)
					<-h.done
				}
			}
		})
	}
	wg.Wait()
}

// close closes a connection and tells the server how many messages there were.
func (c *client) close(nc *ws.Conn, id, sent uint32) {
	if err := nc.Close(ws.CloseNormal, strconv.Itoa(int(sent))); err != nil {
		c.problems.add("client: closing connection %d: %v", id, err)
		return
	}
	c.closed.Add(1)
}
