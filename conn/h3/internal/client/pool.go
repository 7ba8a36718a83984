package client

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// server holds what a Client has of one server.
type server struct {
	links   []*link
	dialing *dialing // nil if nobody dials
}

// dialing is one attempt to open another connection. Others wait for it.
type dialing struct {
	done chan struct{}
	err  error // set before done is closed
}

// open opens a stream, on an existing connection or on a new one. One connection is dialed at a
// time. Others who need one wait for it.
func (c *Client) open(ctx context.Context, u *url.URL) (*exchange, error) {
	for {
		x, d, err := c.find(u)
		switch {
		case x != nil || err != nil:
			return x, err
		case d == nil:
			return c.dial(ctx, u)
		}
		select {
		case <-d.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if d.err != nil {
			return nil, d.err
		}
	}
}

// find opens a stream on an existing connection, or returns the dialing to wait for. If it returns
// neither, the caller has to dial.
func (c *Client) find(u *url.URL) (*exchange, *dialing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, ErrClosed
	}
	srv := c.serverLocked(u)
	for _, l := range srv.links {
		if x, err := l.exchange(); x != nil || err != nil {
			return x, nil, err
		}
	}
	if d := srv.dialing; d != nil {
		return nil, d, nil
	}
	srv.dialing = &dialing{done: make(chan struct{})}
	return nil, nil, nil
}

func key(u *url.URL) string { return strings.ToLower(u.Host) }

// serverLocked returns the entry for u. c.mu is held.
func (c *Client) serverLocked(u *url.URL) *server {
	srv := c.servers[key(u)]
	if srv == nil {
		srv = new(server)
		if c.servers == nil {
			c.servers = make(map[string]*server)
		}
		c.servers[key(u)] = srv
	}
	return srv
}

// dial opens a connection, and a stream on it before others find the connection.
func (c *Client) dial(ctx context.Context, u *url.URL) (*exchange, error) {
	l, err := c.connect(ctx, u)
	c.mu.Lock()
	var x *exchange
	switch {
	case err != nil:
	case c.closed:
		err = ErrClosed
		l.closeIdle()
	default:
		x, err = l.exchange()
	}
	srv := c.serverLocked(u)
	d := srv.dialing
	srv.dialing = nil
	if l != nil && !l.over() {
		srv.links = append(srv.links, l)
	}
	c.forgetUnusedLocked(u)
	c.mu.Unlock()
	if x == nil && err == nil {
		err = l.errUnused()
	}
	if ctx.Err() == nil { // otherwise err says nothing about the server
		d.err = err
	}
	close(d.done)
	return x, err
}

// connect opens a connection and waits for the server's SETTINGS.
func (c *Client) connect(ctx context.Context, u *url.URL) (*link, error) {
	conn, err := c.Dial(ctx, u)
	if err != nil {
		return nil, &ConnectError{err}
	}
	l := newLink(conn)
	l.start(func() { c.forget(u, l) })
	if err := l.await(ctx); err != nil {
		return nil, &ConnectError{err}
	}
	return l, nil
}

// forget removes a connection that has ended.
func (c *Client) forget(u *url.URL, l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	srv := c.serverLocked(u)
	srv.links = slices.DeleteFunc(srv.links, func(other *link) bool { return other == l })
	c.forgetUnusedLocked(u)
}

// forgetUnusedLocked removes a server to which there is no connection. c.mu is held.
func (c *Client) forgetUnusedLocked(u *url.URL) {
	if srv := c.servers[key(u)]; len(srv.links) == 0 && srv.dialing == nil {
		delete(c.servers, key(u))
	}
}

// CloseIdleConnections closes the connections that carry no stream.
func (c *Client) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, srv := range c.servers {
		for _, l := range srv.links {
			l.closeIdle()
		}
	}
}

// Closed reports whether Close was called.
func (c *Client) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Close closes the connections that carry no stream, when what was written on them has left, and
// makes the other ones close after their last stream. It waits for 6 seconds at most. No stream can
// be opened after that.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	c.mu.Lock()
	c.closed = true
	var links []*link
	for _, srv := range c.servers {
		links = append(links, srv.links...)
	}
	c.mu.Unlock()
	errs := make([]error, len(links))
	var wg sync.WaitGroup
	for i, l := range links {
		wg.Go(func() { errs[i] = l.finish(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
