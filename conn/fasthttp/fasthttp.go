// Package wsfasthttp takes WebSockets over from github.com/valyala/fasthttp, and so from fiber,
// which is made of it.
//
//	import wsfasthttp "github.com/rfc6455/ws/conn/fasthttp"
//
//	var u ws.Upgrader
//	err := fasthttp.ListenAndServe(":8080", wsfasthttp.Handler(&u, &ws.Events{
//		Message: func(c *ws.Conn, t ws.MessageType, p []byte) { _ = c.Append(t, p) },
//	}))
//
// In a handler of fiber:
//
//	app.Get("/chat", func(c fiber.Ctx) error {
//		user := c.Locals("user").(string) // what a middleware has left
//		wsfasthttp.Upgrade(&u, c.RequestCtx(), func(conn *ws.Conn, r *ws.Request) { chat(conn, user) })
//		return nil
//	})
//
// The opening handshake is that of [ws.Upgrader.UpgradeNet]: the Upgrader's limits, Origins and
// Check are in force, and so are its hooks. A request that is refused gets its response from the
// Upgrader, and its connection is closed.
//
// fasthttp keeps a goroutine, and a buffer if bytes followed the request at once, for each
// connection that was taken over. A server for a hundred thousand idle connections is better off
// with Upgrader.UpgradeNet on a listener of its own, or with net/http.
package wsfasthttp

import (
	"bytes"
	"context"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	ws "github.com/rfc6455/ws/conn"
)

// Upgrade takes the connection over when the handler of ctx has returned. f gets it on a goroutine
// of its own if the handshake succeeds. Its return closes the connection with 1000 (normal
// closure), unless it is closed already. A panic in f is not recovered.
//
// fasthttp uses ctx again for another request, so f must not use it: take out what you need before.
// Headers that were set on ctx's response are not sent: set Header of the Upgrader.
func Upgrade(u *ws.Upgrader, ctx *fasthttp.RequestCtx, f func(c *ws.Conn, r *ws.Request)) {
	request := rawRequest(&ctx.Request.Header)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(nc net.Conn) {
		raw, early, err := unwrap(nc)
		if err != nil {
			return // it has no deadlines, or has ended; fasthttp closes it
		}
		c, r, err := u.UpgradeNet(context.Background(), raw, append(request, early...))
		if err != nil {
			return // the refusal has been sent
		}
		defer func() {
			_ = c.Close(ws.CloseNormal, "")
			<-c.Done() // fasthttp closes the transport next
		}()
		f(c, r)
	})
}

// HandlerFunc returns a handler that takes every connection over. f is that of [Upgrade].
func HandlerFunc(u *ws.Upgrader, f func(c *ws.Conn, r *ws.Request)) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) { Upgrade(u, ctx, f) }
}

// Handler returns a handler that takes every connection over and serves it with the callbacks of
// ev. As with [ws.Upgrader.Handler], Events.Open gets the request of the handshake.
func Handler(u *ws.Upgrader, ev *ws.Events) fasthttp.RequestHandler {
	return HandlerFunc(u, func(c *ws.Conn, r *ws.Request) {
		served := *ev
		if ev.Open != nil {
			served.Open = func(c *ws.Conn, _ *ws.Request) { ev.Open(c, r) }
		}
		_ = c.Serve(context.Background(), &served) // Events.Close reports the end
	})
}

// rawRequest returns the request as it came, in memory of its own.
func rawRequest(h *fasthttp.RequestHeader) []byte {
	var b []byte
	b = append(b, h.Method()...)
	b = append(b, ' ')
	b = append(b, h.RequestURI()...)
	b = append(b, ' ')
	b = append(b, h.Protocol()...)
	b = append(b, "\r\n"...)
	b = append(b, bytes.TrimRight(h.RawHeaders(), "\r\n")...)
	return append(b, "\r\n\r\n"...)
}

// unwrap returns the connection that fasthttp was given, and what fasthttp has read of it beyond
// the request. What fasthttp passes is a wrapper, which it uses again when the function that has it
// returns: a timer or a writer of the ws.Conn may still be at work then. And package conn waits for
// a socket without a buffer, but can't see it in a wrapper.
func unwrap(nc net.Conn) (raw net.Conn, early []byte, err error) {
	raw = nc
	if w, ok := nc.(interface{ UnsafeConn() net.Conn }); ok {
		raw = w.UnsafeConn()
	}
	// A read with a deadline that has passed returns what is buffered, and waits for nothing.
	if err := raw.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return nil, nil, err
	}
	var p [4096]byte
	for err == nil {
		var n int
		n, err = nc.Read(p[:])
		early = append(early, p[:n]...)
	}
	// Another error is the end of the peer's direction, which the next read finds again.
	return raw, early, raw.SetReadDeadline(time.Time{})
}
