package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h2"
	"github.com/rfc6455/ws/conn/h3"
	"github.com/rfc6455/ws/conn/relay"
	"github.com/rfc6455/ws/frame"
)

// proxyCmd is ws proxy.
type proxyCmd struct {
	TCP  proxyTCP  `cmd:"" name:"tcp" help:"Take TCP connections, and carry each over a WebSocket."`
	WS   proxyWS   `cmd:"" name:"ws" help:"Take WebSockets, and carry each over a TCP connection."`
	Show proxyShow `cmd:"" help:"Relay WebSockets to a server, and show the messages that pass."`
}

type proxyTCP struct {
	dialFlags
	Listen string `arg:"" help:"Where to listen, such as 127.0.0.1:2222."`
	URL    string `arg:"" help:"The server, such as wss://example.com/ssh."`
}

// Run carries TCP over WebSockets.
func (c *proxyTCP) Run(a *app) error {
	d, err := c.dialer(nil)
	if err != nil {
		return err
	}
	defer d.close()
	if err := checkAddress("", c.Listen); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "TCP at %s goes to %s\n", ln.Addr(), complete(c.URL))
	stop := context.AfterFunc(a.ctx, func() { _ = ln.Close() })
	defer stop()
	var wg sync.WaitGroup
	for {
		nc, err := ln.Accept()
		if err != nil {
			wg.Wait()
			if a.ctx.Err() != nil {
				return nil
			}
			return err
		}
		wg.Go(func() {
			defer nc.Close()
			conn, err := d.dial(a.ctx, c.URL)
			if err != nil {
				fmt.Fprintln(a.stderr, "ws:", explain(err))
				return
			}
			carry(a.ctx, nc, conn)
		})
	}
}

// carry copies between a TCP connection and a WebSocket, until one of them ends.
func carry(ctx context.Context, nc net.Conn, conn *ws.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close(ws.CloseGoingAway, "") })
	defer stop()
	done := make(chan struct{})
	go func() { // what comes from the WebSocket
		defer close(done)
		var p []byte
		for {
			var err error
			if _, p, err = conn.ReadInto(context.Background(), p[:0]); err != nil {
				break
			}
			if _, err := nc.Write(p); err != nil {
				_ = conn.Close(ws.CloseGoingAway, "")
				break
			}
		}
		_ = nc.Close()
	}()
	p := make([]byte, 32<<10)
	for {
		n, err := nc.Read(p)
		if n > 0 && conn.Write(context.Background(), ws.Binary, p[:n]) != nil {
			break
		}
		switch {
		case err == io.EOF:
			_ = conn.Close(ws.CloseNormal, "")
		case err != nil && !errors.Is(err, net.ErrClosed):
			_ = conn.CloseNow()
		}
		if err != nil {
			break
		}
	}
	_ = conn.Close(ws.CloseNormal, "")
	<-done
}

type proxyWS struct {
	serveFlags
	Target string `arg:"" help:"Where to connect to, such as 127.0.0.1:22."`
}

// Run carries WebSockets over TCP.
func (c *proxyWS) Run(a *app) error {
	group := new(ws.Group)
	u := c.upgrader(group)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, err := new(net.Dialer).DialContext(r.Context(), "tcp", c.Target)
		if err != nil {
			fmt.Fprintln(a.stderr, "ws:", explain(err))
			http.Error(w, "502 Bad Gateway", http.StatusBadGateway)
			return
		}
		defer nc.Close()
		conn, err := u.Upgrade(w, r)
		if err != nil {
			return
		}
		carry(a.ctx, nc, conn)
	})
	return c.serve(a, "TCP to "+c.Target, h, group.Shutdown)
}

type proxyShow struct {
	listenFlags
	Target   string `arg:"" help:"The server, such as ws://127.0.0.1:9000. The paths of requests are added to its path."`
	Frames   bool   `help:"Show each frame that comes, too."`
	JSONL    bool   `name:"jsonl" help:"A line of JSON for each event."`
	HTTP2    bool   `name:"http2" xor:"http" help:"Connect to the server over HTTP/2."`
	HTTP3    bool   `name:"http3" xor:"http" help:"Connect to the server, a wss URL, over HTTP/3."`
	Insecure bool   `help:"Do not verify the server's certificate."`
	KeepHost bool   `help:"Send the client's Host header to the server, and not the server's own."`
}

// Run relays, and shows what passes.
func (c *proxyShow) Run(a *app) error {
	target, err := url.Parse(complete(c.Target))
	if err != nil || target.Host == "" {
		return errors.New("the server: write it as ws://HOST:PORT")
	}
	out := &passing{w: &jsonWriter{w: a.stdout}, show: &shower{out: a.stdout}, json: c.JSONL}
	tlsConfig, err := (&dialFlags{Insecure: c.Insecure}).tls()
	if err != nil {
		return err
	}
	client := ws.Config{MaxMessageSize: c.MaxMessage}
	if c.Compress {
		client.Compression.Mode = ws.CompressionTakeover
	}
	backend := client
	if c.Frames {
		client.Trace = &ws.Trace{FrameReceived: out.fromClient}
		backend.Trace = &ws.Trace{FrameReceived: out.fromServer}
	}
	p := &relay.Proxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
			if c.KeepHost {
				r.Out.Host = r.In.Host
			}
		},
		Dialer:   ws.Dialer{Config: backend, TLSConfig: tlsConfig},
		Messages: &relay.Messages{Client: client, Inspect: out.message},
		Ended:    out.ended,
	}
	switch {
	case c.HTTP2:
		p.Via = &h2.Dialer{Dialer: p.Dialer, Cleartext: true}
	case c.HTTP3:
		d := &h3.Dialer{Dialer: p.Dialer, Fallback: h3.Fail}
		defer func() { _ = d.Close() }()
		p.Via = d
	}
	return (&serveFlags{listenFlags: c.listenFlags}).serve(a, "relay to "+complete(c.Target), p, p.Shutdown)
}

// passing shows what passes.
type passing struct {
	w    *jsonWriter
	show *shower
	json bool
}

func (p *passing) message(m *relay.Message) error {
	event, arrow := "from-server", "<"
	if m.FromClient {
		event, arrow = "from-client", ">"
	}
	if p.json {
		r := message(event, m.Type, m.Data)
		r.URL = m.Request.RemoteAddr
		p.w.write(r)
		return nil
	}
	p.show.line(green, fmt.Sprintf("%s %s %s", m.Request.RemoteAddr, arrow, content(m.Type, m.Data)))
	return nil
}

// fromClient shows a frame of a client. The message that it ends or is a part of follows it.
func (p *passing) fromClient(c *ws.Conn, h frame.Header) {
	if p.json {
		r := header("frame-from-client", h)
		r.URL = c.RemoteAddr().String()
		p.w.write(r)
		return
	}
	p.show.line(grey, fmt.Sprintf("%s > %s", c.RemoteAddr(), headerText(h)))
}

// fromServer shows a frame of the server. For which client it is, the message after it shows.
func (p *passing) fromServer(_ *ws.Conn, h frame.Header) {
	if p.json {
		p.w.write(header("frame-from-server", h))
		return
	}
	p.show.line(grey, "server < "+headerText(h))
}

func (p *passing) ended(r *http.Request, e relay.End) {
	if p.json {
		p.w.write(record{Event: "close-from-client", URL: r.RemoteAddr, Code: int(e.Client.Code), Reason: e.Client.Reason})
		p.w.write(record{Event: "close-from-server", URL: r.RemoteAddr, Code: int(e.Backend.Code), Reason: e.Backend.Reason})
		return
	}
	p.show.line(grey, fmt.Sprintf("%s ended: client %v %s, server %v %s", r.RemoteAddr,
		e.Client.Code, safe(e.Client.Reason), e.Backend.Code, safe(e.Backend.Reason)))
}
