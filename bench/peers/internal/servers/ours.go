package servers

import (
	"context"
	"errors"
	"net"
	"net/http"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// config returns the default Config, with the compression that s asks for.
func config(s Setting) ws.Config {
	var cfg ws.Config
	switch s.Compression {
	case NoTakeover:
		cfg.Compression.Mode = ws.CompressionNoTakeover
	case Takeover:
		cfg.Compression.Mode = ws.CompressionTakeover
	}
	return cfg
}

// events returns callbacks that answer each message with answer, or send it to all connections.
func events(s Setting, answer func(c *ws.Conn, t ws.MessageType, p []byte)) *ws.Events {
	if s.Deep {
		return &ws.Events{Message: func(c *ws.Conn, t ws.MessageType, p []byte) {
			s.use(p)
			answer(c, t, p)
		}}
	}
	if s.Work == Echo {
		return &ws.Events{Message: answer}
	}
	all := newHub[*ws.Conn](s)
	return &ws.Events{
		Open: func(c *ws.Conn, _ *handshake.Request) { all.add(c) },
		Message: func(_ *ws.Conn, t ws.MessageType, p []byte) {
			broadcast(all, t, p)
		},
	}
}

// broadcast sends a message to all connections.
func broadcast(all *hub[*ws.Conn], t ws.MessageType, p []byte) {
	m, err := ws.Prepare(t, p)
	if err != nil {
		return
	}
	all.each(func(c *ws.Conn) { _ = c.SendPrepared(m) })
}

// serveCallbacks serves by UpgradeNet and Serve.
func serveCallbacks(ln net.Listener, s Setting) error {
	u := &ws.Upgrader{Config: config(s)}
	ctx := context.Background()
	ev := events(s, func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Write(ctx, t, p) })
	return accept(ln, func(nc net.Conn) {
		c, _, err := u.UpgradeNet(ctx, nc, nil)
		if err != nil {
			return
		}
		go func() { _ = c.Serve(ctx, ev) }() // the handshake has grown this goroutine's stack
	})
}

// serveHandler serves by Upgrader.Handler.
func serveHandler(ln net.Listener, s Setting) error {
	u := &ws.Upgrader{Config: config(s)}
	u.QueuePolicy = ws.QueueRefuse
	return http.Serve(ln, u.Handler(events(s, appendAnswer)))
}

// serveEventLoop serves by Upgrader.Handler with a Loop.
func serveEventLoop(ln net.Listener, s Setting) error {
	u := &ws.Upgrader{Config: config(s)}
	u.QueuePolicy, u.Loop = ws.QueueRefuse, &eventLoop
	return http.Serve(ln, u.Handler(events(s, appendAnswer)))
}

// eventLoop is the process's Loop.
var eventLoop ws.Loop

// appendAnswer queues an answer, so that answers leave together. If the queue is full, it writes
// the answer, which waits until the peer has read.
func appendAnswer(c *ws.Conn, t ws.MessageType, p []byte) {
	if err := c.Append(t, p); errors.Is(err, ws.ErrQueueFull) {
		_ = c.Write(context.Background(), t, p)
	}
}

// serveReadInto serves by Upgrade and ReadInto.
func serveReadInto(ln net.Listener, s Setting) error {
	u := &ws.Upgrader{Config: config(s)}
	all := newHub[*ws.Conn](s)
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			return
		}
		if s.Work == Broadcast {
			all.add(c)
		}
		go readInto(c, s, all)
	}))
}

// readInto is the loop of an application that reads into one buffer again and again. The buffer is
// as large as the largest message so far. It is a part of the memory of an idle connection.
func readInto(c *ws.Conn, s Setting, all *hub[*ws.Conn]) {
	ctx := context.Background()
	var buf []byte
	for {
		t, p, err := c.ReadInto(ctx, buf[:0])
		if err != nil {
			return
		}
		s.use(p)
		if s.Work == Broadcast {
			broadcast(all, t, p)
		} else if c.Write(ctx, t, p) != nil {
			return
		}
		buf = p
	}
}

// serveLoop serves in the style that is most common: the handler reads on net/http's goroutine.
func serveLoop(ln net.Listener, s Setting) error {
	u := &ws.Upgrader{Config: config(s)}
	all := newHub[*ws.Conn](s)
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			return
		}
		if s.Work == Broadcast {
			all.add(c)
		}
		loop(context.Background(), c, s, all)
	}))
}

// serveHandlerFunc serves by Upgrader.HandlerFunc. The style is that of serveLoop, but net/http's
// goroutine is not held.
func serveHandlerFunc(ln net.Listener, s Setting) error {
	u := &ws.Upgrader{Config: config(s)}
	all := newHub[*ws.Conn](s)
	return http.Serve(ln, u.HandlerFunc(func(c *ws.Conn, _ *ws.Request) {
		if s.Work == Broadcast {
			all.add(c)
		}
		loop(context.Background(), c, s, all)
	}))
}

// loop reads with Read and answers with Write.
func loop(ctx context.Context, c *ws.Conn, s Setting, all *hub[*ws.Conn]) {
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return
		}
		s.use(p)
		if s.Work == Broadcast {
			broadcast(all, t, p)
		} else if c.Write(ctx, t, p) != nil {
			return
		}
	}
}

// accept serves each connection of ln on a goroutine.
func accept(ln net.Listener, serve func(net.Conn)) error {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return err
		}
		go serve(nc)
	}
}
