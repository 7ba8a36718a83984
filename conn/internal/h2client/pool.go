package h2client

import (
	"context"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http2/hpack"
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
func (c *Client) open(ctx context.Context, u *url.URL, fields []hpack.HeaderField) (*Stream, error) {
	for {
		s, d, err := c.find(u, fields)
		switch {
		case err != nil:
			return nil, err
		case s != nil:
			reportConn(ctx, s, true)
			return s, nil
		case d == nil:
			return c.dial(ctx, u, fields)
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
func (c *Client) find(u *url.URL, fields []hpack.HeaderField) (*Stream, *dialing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	srv := c.serverLocked(u)
	for _, l := range srv.links {
		if s, err := l.open(fields); s != nil || err != nil {
			return s, nil, err
		}
	}
	if d := srv.dialing; d != nil {
		return nil, d, nil
	}
	srv.dialing = &dialing{done: make(chan struct{})}
	return nil, nil, nil
}

// serverLocked returns the entry for u. c.mu is held.
func (c *Client) serverLocked(u *url.URL) *server {
	key := u.Scheme + "://" + strings.ToLower(u.Host)
	srv := c.servers[key]
	if srv == nil {
		srv = new(server)
		if c.servers == nil {
			c.servers = make(map[string]*server)
		}
		c.servers[key] = srv
	}
	return srv
}

// dial opens a connection, and a stream on it before others find the connection.
func (c *Client) dial(ctx context.Context, u *url.URL, fields []hpack.HeaderField) (*Stream, error) {
	l, err := c.connect(ctx, u)
	var s *Stream
	if err == nil {
		if s, err = l.open(fields); s == nil && err == nil {
			err = l.refuse()
		}
	}
	c.mu.Lock()
	srv := c.serverLocked(u)
	d := srv.dialing
	srv.dialing = nil
	if l != nil && !l.over() {
		srv.links = append(srv.links, l)
	}
	c.mu.Unlock()
	if ctx.Err() == nil { // otherwise err says nothing about the server
		d.err = err
	}
	close(d.done)
	if s != nil {
		reportConn(ctx, s, false)
	}
	return s, err
}

// connect opens a connection and waits for the server's SETTINGS.
func (c *Client) connect(ctx context.Context, u *url.URL) (*link, error) {
	nc, err := c.Dial(ctx, u)
	if err != nil {
		return nil, err
	}
	l := newLink(nc)
	l.start(func() { c.forget(u, l) })
	select {
	case <-l.settled:
	case <-ctx.Done():
		l.leave(context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	return l, nil
}

// forget removes a connection that has ended.
func (c *Client) forget(u *url.URL, l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	srv := c.serverLocked(u)
	srv.links = slices.DeleteFunc(srv.links, func(other *link) bool { return other == l })
	if len(srv.links) == 0 && srv.dialing == nil {
		delete(c.servers, u.Scheme+"://"+strings.ToLower(u.Host))
	}
}

// CloseIdleConnections closes the connections that carry no stream in use. If a connection still
// carries closed streams, they may end first.
func (c *Client) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, srv := range c.servers {
		for _, l := range srv.links {
			l.closeIdle()
		}
	}
}

// reportConn tells ctx's [httptrace.ClientTrace] which connection carries s, and that the request
// is on its way.
func reportConn(ctx context.Context, s *Stream, reused bool) {
	t := httptrace.ContextClientTrace(ctx)
	if t == nil {
		return
	}
	if t.GotConn != nil {
		t.GotConn(httptrace.GotConnInfo{Conn: s.link.nc, Reused: reused})
	}
	if t.WroteRequest != nil {
		t.WroteRequest(httptrace.WroteRequestInfo{})
	}
}
