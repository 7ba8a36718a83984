package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync/atomic"
)

// The page cannot see what carries its sockets, so that it asks: over says how
// many WebSockets are streams of the very connection on which the question came
// (RFC 8441). With HTTP/1.1 there are none: each has a connection of its own.

// carried is the number of WebSockets that one connection of HTTP/2 carries.
type carried struct{ sockets atomic.Int32 }

type carriedKey struct{}

// withCarried is http.Server.ConnContext: it gives each connection its count.
func withCarried(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, carriedKey{}, new(carried))
}

// counted counts the sockets that h serves over HTTP/2, where h stays until the
// socket has ended.
func counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(carriedKey{}).(*carried); ok && r.Method == http.MethodConnect {
			c.sockets.Add(1)
			defer c.sockets.Add(-1)
		}
		h.ServeHTTP(w, r)
	})
}

// over answers with {"protocol": "HTTP/2.0", "sockets": 2}.
func over(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		Protocol string `json:"protocol"`
		Sockets  int32  `json:"sockets"`
	}{Protocol: r.Proto}
	if c, ok := r.Context().Value(carriedKey{}).(*carried); ok {
		answer.Sockets = c.sockets.Load()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // whoever asked is gone
}
