// Package middleware shows an access log that knows of WebSockets, and how it joins chi, gin and
// echo.
//
// A usual access log writes its line when the handler returns. For a WebSocket that is either at
// once, with a status that was never sent, or after hours. This one writes two lines: one with the
// status 101 when the connection opens, and one with its length and its close code when it has
// ended.
package middleware

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// AccessLog logs requests and WebSockets. Put Middleware around the router, and [AccessLog.Trace]
// into the Config of each Upgrader. It must not be copied after its first use.
type AccessLog struct {
	// Print writes one line. It may be called concurrently.
	Print func(line string)

	open sync.Map // *ws.Conn: *entry
}

// entry is what is known of a request.
type entry struct {
	method, path, remote string

	began    time.Time
	upgraded atomic.Bool
}

type entryKey struct{}

// begin returns r with an entry in its context.
func begin(r *http.Request) (*http.Request, *entry) {
	e := &entry{method: r.Method, path: r.URL.Path, remote: r.RemoteAddr, began: time.Now()}
	return r.WithContext(context.WithValue(r.Context(), entryKey{}, e)), e
}

// Middleware logs each request when it has been answered, unless it became a WebSocket.
func (l *AccessLog) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, e := begin(r)
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		l.answered(e, s.status)
	})
}

// answered logs a request that did not become a WebSocket.
func (l *AccessLog) answered(e *entry, status int) {
	if !e.upgraded.Load() {
		l.Print(fmt.Sprintf("%s %s %s %d after %v", e.remote, e.method, e.path, status, since(e.began)))
	}
}

// Trace logs the WebSockets of an Upgrader: set its Config.Trace, with ws.JoinTraces if there is
// another one.
func (l *AccessLog) Trace() *ws.Trace {
	return &ws.Trace{
		Opened: func(c *ws.Conn, r *ws.Request) {
			if r == nil || r.HTTPRequest() == nil {
				return // a client, or a server without net/http
			}
			e, ok := r.HTTPRequest().Context().Value(entryKey{}).(*entry)
			if !ok {
				return // the Middleware is not around this handler
			}
			e.upgraded.Store(true)
			l.open.Store(c, e)
			status := http.StatusSwitchingProtocols
			if r.HTTPRequest().ProtoMajor > 1 {
				status = http.StatusOK // RFC 8441 section 5
			}
			l.Print(fmt.Sprintf("%s %s %s %d open after %v", e.remote, e.method, e.path, status, since(e.began)))
		},
		Closed: func(c *ws.Conn, err *ws.CloseError) {
			if e, ok := l.open.LoadAndDelete(c); ok {
				e := e.(*entry)
				l.Print(fmt.Sprintf("%s %s %s closed after %v: %v", e.remote, e.method, e.path, since(e.began), err.Code))
			}
		},
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

// statusWriter remembers the status. It has Unwrap, through which Upgrade finds the connection: a
// ResponseWriter of a middleware needs that, or Hijack.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	if status >= 200 { // else an interim response
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
