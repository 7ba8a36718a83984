// Package servers holds the programs that are measured. All of them do the same work. Each is
// written in the way that the documentation of its library shows.
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

// Compression says how permessage-deflate is used (RFC 7692).
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
	Conns       int  // how many connections a broadcast goes to
	Dialed      bool // the measured process makes the connections
	Deep        bool // the handler uses 8 KiB of stack for each message
	TLS         bool // the listener speaks TLS
}

// use does what the handler has to do with a message beside sending it.
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

	// Compression lists the modes that the server can do beside Off.
	Compression []Compression

	// Tag is the build tag of the program that has this server. It is for a library that costs the
	// process something even if nothing calls it. "": every program has the server.
	Tag string

	// Serve accepts connections from ln until ln fails. It returns that error. It is nil if this
	// program was built without Tag, or for a system that can't.
	Serve func(ln net.Listener, s Setting) error

	// Listen returns what TLS and the server use in place of ln. It is nil if that is ln itself.
	Listen func(ln net.Listener) net.Listener

	// Bound says that this is no library, but what libraries can't be better than.
	Bound bool

	// NoBroadcast says that the server can only echo.
	NoBroadcast bool

	// NoTLS says that the server is not measured over TLS, since its TLS is not crypto/tls.
	NoTLS bool

	// IdleTakeover bounds the number of idle connections with takeover, if each needs so much
	// memory that a machine has no room for ten thousand. 0 is no bound.
	IdleTakeover int

	// Dial makes one connection and echoes on it. It is nil if the library's client is not
	// measured.
	Dial func(url string) error
}

// Can reports whether the server can do what want asks for.
func (s *Server) Can(want Setting) bool {
	switch {
	case want.Dialed:
		return s.Dial != nil
	case want.TLS && s.NoTLS, want.Work == Broadcast && s.NoBroadcast:
		return false
	}
	return want.Compression == Off || slices.Contains(s.Compression, want.Compression)
}

var both = []Compression{NoTakeover, Takeover}

// All are the servers, in the order of the report.
var All = []*Server{
	{
		Name: "serve", Ours: true, Compression: both, Serve: serveCallbacks, Dial: dialCallbacks,
		About: "UpgradeNet, then Serve with a callback that answers with Write",
	},
	{
		Name: "read", Ours: true, Compression: both, Serve: serveReadInto, Dial: dialReadInto,
		About: "Upgrade in a net/http handler, then ReadInto and Write on a goroutine of " +
			"its own",
	},
	{
		Name: "loop", Ours: true, Compression: both, Serve: serveLoop,
		About: "Upgrade in a net/http handler that stays: a loop of Read, which needs no " +
			"buffer of the application's, and Write",
	},
	{
		Name: "handlerfunc", Ours: true, Compression: both, Serve: serveHandlerFunc,
		About: "Upgrader.HandlerFunc with the same loop of Read and Write, on a goroutine " +
			"of the connection's own",
	},
	{
		Name: "handler", Ours: true, Compression: both, Serve: serveHandler,
		About: "Upgrader.Handler with a callback that answers with Append",
	},
	{
		Name: "eventloop", Ours: true, Compression: both, Serve: serveEventLoop,
		Dial: dialEventLoop, Listen: eventLoop.Listener,
		About: "as `handler`, with Config.Loop: an event loop, and no goroutine for each " +
			"connection",
	},
	{
		Name: "gorilla", Compression: []Compression{NoTakeover}, Serve: serveGorilla,
		Dial:  dialGorilla,
		About: "github.com/gorilla/websocket: ReadMessage and WriteMessage",
	},
	{
		Name: "replaced", Ours: true, Compression: []Compression{NoTakeover},
		Serve: serveReplaced, Dial: dialReplaced,
		About: "the program of gorilla, with conn/gorilla in its place",
	},
	{
		Name: "coder", Compression: both, IdleTakeover: 1000, Serve: serveCoder, Dial: dialCoder,
		About: "github.com/coder/websocket: Read and Write",
	},
	{
		Name: "gobwas", Serve: serveGobwas,
		About: "github.com/gobwas/ws: headers read from a bufio.Reader, payload into a " +
			"buffer that is used again, one write for each answer; no UTF-8 check and no " +
			"assembly of fragments",
	},
	{
		Name: "gws", Compression: both, Serve: serveGws, Dial: dialGws,
		About: "github.com/lxzan/gws: ReadLoop, WriteMessage in OnMessage, UTF-8 check on",
	},
	{
		Name: "xnet", Serve: serveXnet,
		About: "golang.org/x/net/websocket: a Codec that keeps the type of the message",
	},
	{
		Name: "fasthttp", Compression: []Compression{NoTakeover}, Serve: serveFasthttp,
		About: "github.com/fasthttp/websocket on fasthttp: ReadMessage and WriteMessage",
	},
	{
		// nbio sets up its queues when a process begins. In a program of its own they are not marked
		// by the garbage collections of the others.
		Name: "nbio", Tag: "nbio", NoTLS: true,
		About: "github.com/lesismal/nbio with its own HTTP server in its non-blocking mode: " +
			"WriteMessage in OnMessage",
	},
	{
		Name: "bare", Bound: true, Serve: serveBare,
		About: "package net alone: unmasks what it has read in place and writes it back, " +
			"and checks nothing; no WebSocket library, but a bound for those built on " +
			"package net",
	},
	{
		Name: "syscalls", Bound: true, NoBroadcast: true, NoTLS: true,
		About: "as `bare`, without package net: one goroutine that calls epoll_pwait, recvfrom " +
			"and sendto; what the kernel takes, and so a bound for all",
	},
	{
		Name: "copying", Bound: true, NoBroadcast: true, NoTLS: true,
		About: "as `syscalls`, and each answer is copied into a new slice; a bound for those " +
			"that give each message away, as Read and ReadMessage do",
	},
}

// Find returns the server with the name. If there is none, it returns nil.
func Find(name string) *Server {
	i := slices.IndexFunc(All, func(s *Server) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return All[i]
}

// hub is the set of connections of a broadcast. Its methods may be called concurrently. Connections
// are never removed, since a process serves only one cell.
type hub[C any] struct {
	mu    sync.Mutex
	added sync.Cond
	all   []C
	want  int
}

// newHub returns the hub of a server that is started for s.
func newHub[C any](s Setting) *hub[C] {
	h := &hub[C]{want: s.Conns}
	h.added.L = &h.mu
	return h
}

// add adds a connection.
func (h *hub[C]) add(c C) {
	h.mu.Lock()
	h.all = append(h.all, c)
	h.mu.Unlock()
	h.added.Broadcast()
}

// each calls f for every connection, one after another. It waits until all have been added, since a
// client may have the answer to its handshake before the server's handler runs.
func (h *hub[C]) each(f func(C)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.all) < h.want {
		h.added.Wait()
	}
	for _, c := range h.all {
		f(c)
	}
}

// validText reports whether p is valid UTF-8 (RFC 6455 section 8.1). A handler calls it if its
// library does not check text, so that all do the same work.
func validText(p []byte) bool { return utf8.Valid(p) }
