// Package relay is a reverse proxy for WebSockets.
//
//	p := &relay.Proxy{Rewrite: func(r *httputil.ProxyRequest) {
//		r.SetURL(backend)
//		r.SetXForwarded()
//	}}
//	http.Handle("/chat", p)
//
// Clients come over HTTP/1.1, HTTP/2 (RFC 8441) or, with package h3, HTTP/3 (RFC 9220), and backends
// are reached over any of these. So a proxy in Go can let browsers open their WebSockets over
// HTTP/2, for which net/http needs package xconnect, beside this one, and its backends need not know
// of it. [httputil.ReverseProxy] can't take such requests.
//
// The backend decides. It gets the client's handshake as Proxy.Rewrite has made it, with the
// client's Origin, cookies, subprotocols and extensions, and the client gets the backend's answer,
// with the header that came with it. If the backend refuses, the client gets the refusal. If it
// can't be reached the answer is 502, and 504 if it does not answer in time.
//
// # Frames as they are
//
// By default frames pass as they are. Both sides have agreed on the same extensions, since each got
// what the other one said. So any extension works, Pings and Pongs pass, and nothing is masked or
// inflated on the way. A pair of connections that waits holds no buffer. A side that is slow holds
// back the other one, and no more is held in between than one read, 18 KiB, and what the kernel has
// room for.
//
// The relay follows the frames, and judges nothing. A Close frame passes like the others, with its
// code and its reason, or with none (1005). When a side ends its direction of the transport, that
// direction ends at the other side after everything that was sent in it: a FIN becomes a FIN, or
// END_STREAM. Behind a Close frame it waits for that side's answer, since browsers end a stream of
// HTTP/2 right there, and servers over TCP take that for a client that has gone. If a side is lost
// without a Close frame, as by a RST, the other one is reset (1006).
// From the first of these ends on the rest is bounded by Dialer.CloseTimeout.
//
// # Messages
//
// With Proxy.Messages the relay takes messages, and sends them again. They can be looked at,
// changed, bounded and dropped, and compression may be used on one side alone.
//
// # The end
//
// [Proxy.Shutdown] ends all connections with 1001, each where one frame ends and no other begins.
package relay
