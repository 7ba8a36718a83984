package site

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
)

// The page can't see what carries its sockets, so it asks. The answer says how many WebSockets are
// streams of the connection on which the question came (RFC 8441, RFC 9220). With HTTP/1.1 there
// are none, since each has a connection of its own.

// carried counts the WebSockets that one connection of HTTP/2 or HTTP/3 carries.
type carried struct{ sockets atomic.Int32 }

type carriedKey struct{}

// Carry gives a connection its count. ctx becomes the context of the connection's requests.
func Carry(ctx context.Context) context.Context {
	return context.WithValue(ctx, carriedKey{}, new(carried))
}

// countSockets counts the sockets that h serves over HTTP/2 and HTTP/3. Over HTTP/2 h does not
// return until the socket has ended. Over HTTP/3 the request's context ends with it.
func countSockets(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(carriedKey{}).(*carried); ok && r.Method == http.MethodConnect {
			c.sockets.Add(1)
			end := func() { c.sockets.Add(-1) }
			if r.ProtoMajor == 3 {
				context.AfterFunc(r.Context(), end)
			} else {
				defer end()
			}
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
	_ = json.NewEncoder(w).Encode(answer) // if it fails, whoever asked is gone
}
