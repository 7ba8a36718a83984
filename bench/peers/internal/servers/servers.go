// Package servers holds the programs that are measured: the same work, written
// for each library the way its documentation shows.
package servers

import (
	"net"
	"slices"
	"sync"
	"unicode/utf8"
)

// Work is what a server does with a message.
type Work string

// The kinds of work.
const (
	Echo      Work = "echo"      // sends it back
	Broadcast Work = "broadcast" // sends it to every connection
)

// Compression is the use of permessage-deflate.
type Compression string

// The modes of compression.
const (
	Off        Compression = ""
	NoTakeover Compression = "no takeover"
	Takeover   Compression = "takeover"
)

// Setting is what a server is started for.
type Setting struct {
	Work        Work
	Compression Compression
	Dialed      bool // the connections are made by the measured process
	Deep        bool // the handler uses 8 KiB of stack for each message
}

// use is what the handler does with a message besides sending it.
func (s Setting) use(p []byte) {
	if s.Deep {
		deep(p)
	}
}

// deep uses 8 KiB of stack.
//
//go:noinline
func deep(p []byte) byte {
	var a [8 << 10]byte
	n := copy(a[:], p)
	return a[n/2]
}

// Server is one program to be measured.
type Server struct {
	Name  string
	Ours  bool
	About string // how it uses its library, for the report

	// Compression lists the modes besides Off that it can do.
	Compression []Compression

	// Serve accepts connections from ln until that fails.
	Serve func(ln net.Listener, s Setting) error

	// IdleTakeover bounds the connections with takeover that are left idle,
	// where each needs so much memory that ten thousand don't fit into a
	// machine; 0: no bound.
	IdleTakeover int

	// Dial makes one connection and echoes on it; nil where that is not
	// measured.
	Dial func(url string) error
}

// Can reports whether the server can do what s asks for.
func (s *Server) Can(want Setting) bool {
	if want.Dialed {
		return s.Dial != nil
	}
	return want.Compression == Off || slices.Contains(s.Compression, want.Compression)
}

var both = []Compression{NoTakeover, Takeover}

// All are the servers, in the order of the report.
var All = []*Server{
	{Name: "serve", Ours: true, Compression: both, Serve: serveCallbacks, Dial: dialCallbacks, About: "UpgradeNet, then Serve with a callback that answers with Write"},
	{Name: "read", Ours: true, Compression: both, Serve: serveReadInto, Dial: dialReadInto, About: "Upgrade in a net/http handler, then ReadInto and Write on a goroutine of its own"},
	{Name: "handler", Ours: true, Compression: both, Serve: serveHandler, About: "Upgrader.Handler with a callback that answers with Append"},
	{Name: "gorilla", Compression: []Compression{NoTakeover}, Serve: serveGorilla, Dial: dialGorilla, About: "github.com/gorilla/websocket: ReadMessage and WriteMessage"},
	{Name: "coder", Compression: both, IdleTakeover: 1000, Serve: serveCoder, Dial: dialCoder, About: "github.com/coder/websocket: Read and Write"},
	{Name: "gobwas", Serve: serveGobwas, About: "github.com/gobwas/ws: headers read from a bufio.Reader, payload into a buffer that is used again, one write for each answer; no UTF-8 check and no assembly of fragments"},
	{Name: "gws", Compression: both, Serve: serveGws, Dial: dialGws, About: "github.com/lxzan/gws: ReadLoop, WriteMessage in OnMessage, UTF-8 check on"},
	{Name: "xnet", Serve: serveXnet, About: "golang.org/x/net/websocket: a Codec that keeps the type of the message"},
	{Name: "fasthttp", Compression: []Compression{NoTakeover}, Serve: serveFasthttp, About: "github.com/fasthttp/websocket on fasthttp: ReadMessage and WriteMessage"},
	{Name: "bare", Serve: serveBare, About: "package net alone: unmasks what it has read in place and writes it back, and checks nothing; no WebSocket library, but a bound for those built on package net"},
}

// Find returns the server of that name, or nil.
func Find(name string) *Server {
	i := slices.IndexFunc(All, func(s *Server) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return All[i]
}

// hub is the set of connections of a broadcast. Connections are added and
// never removed: a process serves one cell.
type hub[C any] struct {
	mu  sync.Mutex
	all []C
}

func (h *hub[C]) add(c C) {
	h.mu.Lock()
	h.all = append(h.all, c)
	h.mu.Unlock()
}

// each calls f for every connection, one after another.
func (h *hub[C]) each(f func(C)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.all {
		f(c)
	}
}

// validText is what a handler does for text where its library leaves that to
// it (RFC 6455 section 8.1), so that all do the same work.
func validText(p []byte) bool { return utf8.Valid(p) }
