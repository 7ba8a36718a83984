// Package interop runs conn against other WebSocket libraries and browsers, in
// both roles, directly and through proxies, and keeps docs/interop.md.
package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/handshake"
)

// subject is whom a conversation is with.
type subject struct {
	peer    *peer
	role    role
	via     *proxy // nil: directly
	program *process
}

// TestServer: the peers' clients against our server.
func TestServer(t *testing.T) { meet(t, asClient) }

// TestClient: our client against the peers' servers.
func TestClient(t *testing.T) { meet(t, asServer) }

func meet(t *testing.T, r role) {
	for _, p := range met() {
		if !slices.Contains(p.roles, r) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			s := &subject{peer: p, role: r}
			s.run(t, "plain", setting{}, (*subject).everything)
			if r == asClient && !slices.Contains(p.lacks, overTLS) {
				s.run(t, "wss", setting{secure: true}, (*subject).exchange)
			}
			if p.plain {
				return
			}
			s.run(t, "deflate", setting{words: []string{"deflate"}, ours: widest}, (*subject).everything)
			for _, o := range p.settings(r) {
				s.run(t, o.String(), o, (*subject).exchange)
			}
		})
	}
}

// run runs a test with the peer's program, a new one if the last test failed.
func (s *subject) run(t *testing.T, name string, o setting, test func(*subject, *testing.T, setting)) {
	if s.program == nil {
		s.program = s.peer.run(t)
	}
	if !t.Run(name, func(t *testing.T) { test(s, t, o) }) {
		s.program = nil
	}
}

// setting is how both sides of a conversation are set up.
type setting struct {
	words  []string       // the peer's parameters
	ours   ws.Compression // this side's
	secure bool
}

func (o setting) String() string {
	mode := map[ws.CompressionMode]string{ws.CompressionTakeover: "takeover", ws.CompressionNoTakeover: "no takeover"}[o.ours.Mode]
	return fmt.Sprintf("%s; ours %s %d,%d", strings.Join(o.words, " "), mode, o.ours.ServerWindowBits, o.ours.ClientWindowBits)
}

// widest is this side's compression where the peer's is varied: everything is
// compressed, with whatever the peer wants.
var widest = ws.Compression{Mode: ws.CompressionTakeover, Threshold: -1, ServerWindowBits: 15, ClientWindowBits: 15}

// settings are what the peer is met with: its parameters, then ours.
func (p *peer) settings(r role) (all []setting) {
	can := func(name string) bool { return slices.Contains(p.parameters, name) }
	add := func(words ...string) {
		all = append(all, setting{words: append([]string{"deflate"}, words...), ours: widest})
	}
	if can("server_alone") {
		add("server_alone")
	}
	if can("client_alone") {
		add("client_alone")
	}
	if can("alone") {
		add("server_alone", "client_alone")
	}
	for bits := 9; bits <= 15; bits++ {
		server, client := fmt.Sprint("server_bits=", bits), fmt.Sprint("client_bits=", bits)
		if can("server_bits") {
			add(server)
		}
		if can("client_bits") {
			add(client)
			add(server, client, "client_alone")
		}
	}
	for _, mode := range []ws.CompressionMode{ws.CompressionTakeover, ws.CompressionNoTakeover} {
		for _, bits := range []int{0, 9, 12, 15} {
			ours := ws.Compression{Mode: mode, Threshold: -1, ServerWindowBits: bits, ClientWindowBits: bits}
			if p.unbounded && r == asServer {
				ours.ServerWindowBits = 15
			}
			all = append(all, setting{words: []string{"deflate"}, ours: ours})
		}
	}
	return all
}

// everything goes through all that the peer can, on two connections.
func (s *subject) everything(t *testing.T, o setting) {
	v := s.open(t, o, ws.Config{}, nil)
	v.try(t, text, func() error { return v.exchange(texts()) })
	v.try(t, binary, func() error { return v.exchange(binaries()) })
	v.try(t, largest, func() error { return v.exchange(large()) })
	v.try(t, ourPing, v.ping)
	v.try(t, theirPing, v.askPing)
	v.try(t, theirClose, v.askEnd)

	var raw *wiretap
	if s.via == nil && !s.peer.http2 && !s.peer.http3 {
		raw = new(wiretap)
	}
	v = s.open(t, o, ws.Config{FragmentSize: 1000}, raw)
	v.try(t, ourFragments, v.sendFragments)
	v.try(t, between, v.pingBetween)
	v.try(t, theirFragments, v.askFragments)
	v.try(t, ourClose, v.end)
}

// exchange is a short conversation: messages, and the end.
func (s *subject) exchange(t *testing.T, o setting) {
	v := s.open(t, o, ws.Config{}, nil)
	v.try(t, text, func() error { return v.exchange(texts()) })
	v.try(t, binary, func() error { return v.exchange(binaries()) })
	v.try(t, theirClose, v.askEnd)
}

// try does one thing, unless the peer can't, and records that it passed.
func (v *conversation) try(t *testing.T, a aspect, do func() error) {
	t.Helper()
	if !v.can(a) {
		return
	}
	if err := do(); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	v.with.passed(a)
}

// can reports whether the peer does a thing on this connection.
func (v *conversation) can(a aspect) bool {
	p := v.with.peer
	compressed := v.Deflate() != handshake.Deflate{}
	return !slices.Contains(p.lacks, a) && !(compressed && slices.Contains(p.compressed, a))
}

// open connects the two sides.
func (s *subject) open(t *testing.T, o setting, cfg ws.Config, raw *wiretap) *conversation {
	t.Helper()
	cfg.MaxMessageSize = 32 << 20
	cfg.Compression = o.ours
	cfg.Compression.Fragment = cfg.FragmentSize > 0
	ctx := deadline(t)
	var c *ws.Conn
	var err error
	if s.role == asClient {
		c, err = s.accept(ctx, t, o, cfg, raw)
	} else {
		c, err = s.dial(ctx, t, o, cfg, raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	if c.Subprotocol() != "chat" {
		t.Fatalf("the subprotocol is %q", c.Subprotocol())
	}
	if z := c.Deflate(); (z != handshake.Deflate{}) != (o.ours.Mode != ws.CompressionOff) {
		t.Fatalf("agreed on the compression %+v", z)
	} else if o.ours.Mode != ws.CompressionOff {
		s.agreed(z)
	}
	if o.secure || s.peer.http3 {
		s.passed(overTLS)
	}
	return converse(ctx, c, s, raw)
}

// accept has the peer's client connect to a server of ours.
func (s *subject) accept(ctx context.Context, t *testing.T, o setting, cfg ws.Config, raw *wiretap) (*ws.Conn, error) {
	u := &ws.Upgrader{Config: cfg, Subprotocols: []string{"chat"}, Origins: []string{handshake.AnyOrigin}}
	accepted := make(chan *ws.Conn, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			accepted <- c
			<-c.Done() // over HTTP/2 the stream ends with the handler
		}
	})
	server := serve
	switch {
	case s.peer.http2:
		server = serveHTTP2
	case s.peer.http3:
		server = serveHTTP3
	}
	url := server(t, h, o.secure && s.via == nil, raw)
	url, err := s.front(ctx, t, url+"/")
	if err != nil {
		return nil, err
	}
	s.program.tell(t, append([]string{"connect", url}, o.words...)...)
	if err := s.program.hearOpen(ctx); err != nil {
		return nil, err
	}
	return <-accepted, nil
}

// serve starts a server, whose connections raw listens to, and returns its ws or
// wss URL.
func serve(t *testing.T, h http.Handler, secure bool, raw *wiretap) string {
	srv := httptest.NewUnstartedServer(h)
	if raw != nil {
		srv.Listener = tappedListener{srv.Listener, raw}
	}
	if secure {
		srv.TLS = &tls.Config{Certificates: []tls.Certificate{built.keyPair}}
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// dial connects to a server of the peer's.
func (s *subject) dial(ctx context.Context, t *testing.T, o setting, cfg ws.Config, raw *wiretap) (*ws.Conn, error) {
	s.program.tell(t, append([]string{"serve"}, o.words...)...)
	port, err := s.program.hear(ctx, "listening")
	if err != nil {
		return nil, err
	}
	scheme := "ws"
	if s.peer.http3 {
		scheme = "wss"
	}
	target, err := s.front(ctx, t, scheme+"://127.0.0.1:"+port+"/")
	if err != nil {
		return nil, err
	}
	d := &ws.Dialer{Config: cfg, Subprotocols: []string{"chat"}, Proxy: ws.NoProxy, TLSConfig: &tls.Config{RootCAs: built.roots}}
	if raw != nil {
		d.NetDial = raw.dial
	}
	if s.via != nil && s.via.connect {
		if err := s.connectThrough(ctx, t, d); err != nil {
			return nil, err
		}
	}
	var c *ws.Conn
	switch {
	case s.peer.http2:
		c, _, err = d.DialVia(ctx, target, plainHTTP2(t))
	case s.peer.http3:
		c, _, err = overHTTP3(t, d).Dial(ctx, target)
	default:
		c, _, err = d.Dial(ctx, target)
	}
	if err != nil {
		return nil, err
	}
	return c, s.program.hearOpen(ctx)
}
