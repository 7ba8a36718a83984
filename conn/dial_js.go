package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/rfc6455/ws/conn/internal/browser"
)

// Dialer is the client's side of the opening handshake. A browser does most of that by itself. The
// fields by which a page could have a say in it are an error of [Dialer.Dial]. They have types to
// which what they have on other platforms can be assigned.
type Dialer struct {
	Config
	Retry Retry // for Reconnect

	// If there are some, the server has to choose one. A browser insists on that.
	Subprotocols     []string
	HandshakeTimeout time.Duration
	OneAtATime       bool // a browser does that anyway (RFC 6455 section 4.1)

	// Not in a browser.
	Header       map[string][]string
	Host         string
	TLSConfig    any
	NetDial      func(ctx context.Context, network, addr string) (net.Conn, error)
	Proxy        any
	ProxyHeader  map[string][]string
	Jar          any
	MaxRedirects int
}

// Response is in the place of http.Response. A page gets no response, so that it is always nil.
type Response struct {
	Status     string
	StatusCode int
	Header     map[string][]string
}

// Validate reports the first field of d that can't be set in a browser, or whose value is wrong.
func (d *Dialer) Validate() error {
	switch {
	case d.Header != nil:
		return notInBrowsers("Dialer.Header",
			"it writes the headers itself; use the URL, a subprotocol, a cookie or the first message")
	case d.Host != "":
		return notInBrowsers("Dialer.Host", "it takes the host of the URL")
	case d.TLSConfig != nil:
		return notInBrowsers("Dialer.TLSConfig", "it has its own settings of TLS")
	case d.NetDial != nil:
		return notInBrowsers("Dialer.NetDial", "it makes the connection itself")
	case d.Proxy != nil:
		return notInBrowsers("Dialer.Proxy", "it has its own settings of proxies")
	case d.ProxyHeader != nil:
		return notInBrowsers("Dialer.ProxyHeader", "it asks proxies itself")
	case d.Jar != nil:
		return notInBrowsers("Dialer.Jar", "it keeps the cookies itself")
	case d.MaxRedirects != 0:
		return notInBrowsers("Dialer.MaxRedirects", "it follows no redirects")
	}
	return d.Config.validate()
}

// Dial connects to a ws or wss URL with the zero Dialer.
func Dial(ctx context.Context, url string) (*Conn, error) {
	c, _, err := new(Dialer).Dial(ctx, url)
	return c, err
}

// Dial connects to a ws or wss URL over the WebSocket that JavaScript has.
//
// If the server can't be reached or refuses, the error is a [*HandshakeError]. It does not say
// which of the two it was, since a page is not told.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*Conn, *Response, error) {
	if d.Group.refuses() {
		return nil, nil, ErrGroupClosed
	}
	if err := d.Validate(); err != nil {
		return nil, nil, err
	}
	u, err := checkURL(rawURL)
	if err != nil {
		return nil, nil, err
	}
	if t := setting(d.HandshakeTimeout, defaultHandshakeTimeout, 0); t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	c, err := open(ctx, u, d)
	return c, nil, err
}

// checkURL checks the parts of a URL that a browser does not check, or checks in another way. It
// returns http and https as ws and wss, for browsers that don't know that.
func checkURL(raw string) (string, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if strings.Contains(raw, "#") {
		return "", errors.New("websocket: the URL has a fragment: remove it, or write # as %23")
	}
	switch strings.ToLower(scheme) {
	case "ws", "http":
		scheme = "ws"
	case "wss", "https":
		scheme = "wss"
	default:
		ok = false
	}
	if !ok {
		return "", errors.New("websocket: the URL must begin with ws:// or wss://")
	}
	return scheme + "://" + rest, nil
}

// open opens the socket, and makes a connection of it.
func open(ctx context.Context, url string, d *Dialer) (*Conn, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var (
		c      *Conn
		socket browser.Socket
		late   bool // ctx has ended
		opened = make(chan struct{})
		ended  = make(chan struct{})
	)
	socket, err := browser.Open(url, d.Subprotocols, browser.Handler{
		Opened: func() { // nothing comes before, and what comes after finds c
			c = newConn(socket, &d.Config)
			close(opened)
		},
		Message: func(m browser.Message) { c.received(m) },
		Ended: func(how browser.End) {
			if c != nil && !late {
				c.over(how)
			}
			close(ended)
		},
	})
	switch {
	case errors.Is(err, browser.ErrNone):
		return nil, fmt.Errorf("websocket: %w (%w)", err, errors.ErrUnsupported)
	case err != nil:
		return nil, fmt.Errorf("websocket: %w", err)
	}
	select {
	case <-opened:
	case <-ended:
		return nil, &HandshakeError{Reason: "the server could not be reached, or it refused; " +
			"the browser does not tell a page which, but its console may"}
	case <-ctx.Done():
		late = true
		socket.Close(0, "") // it may be open by now
		return nil, fmt.Errorf("websocket: handshake: %w", ctx.Err())
	}
	c.start()
	return c, nil
}
