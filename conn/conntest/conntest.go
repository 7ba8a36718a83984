package conntest

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// Buffer is how many bytes each direction of an in-memory connection holds. A writer blocks if its
// peer leaves that many unread.
const Buffer = 64 << 10

// handshakeURL is what the client of [Handshake] dials. The URL of [Dial]'s client begins with
// handshakeHost. Nobody resolves the name.
const (
	handshakeHost = "ws://conntest.invalid"
	handshakeURL  = handshakeHost + "/"
)

// Pair returns the server's and the client's end of one open connection with these configurations.
// It ends the test if they can't agree.
func Pair(t testing.TB, server, client conn.Config) (s, c *conn.Conn) {
	t.Helper()
	return Handshake(t, &conn.Upgrader{Config: server}, &conn.Dialer{Config: client})
}

// Handshake does what [Pair] does, with everything that an Upgrader and a Dialer can say:
// subprotocols, headers, hooks. The Dialer's NetDial and Proxy are not used. Neither u nor d is
// changed. Handshake ends the test if the handshake fails.
func Handshake(t testing.TB, u *conn.Upgrader, d *conn.Dialer) (s, c *conn.Conn) {
	t.Helper()
	a, b := wstest.Pipe(Buffer)
	dialer := *d
	dialer.Proxy, dialer.OneAtATime = conn.NoProxy, false
	f := failuresOf(t)
	dialer.NetDial = func(context.Context, string, string) (net.Conn, error) { return &loggedConn{b, f}, nil }

	refused := make(chan error, 1)
	go func() {
		var err error
		s, _, err = u.UpgradeNet(context.Background(), &loggedConn{a, f}, nil)
		refused <- err
	}()
	c, _, err := dialer.Dial(context.Background(), handshakeURL)
	if err != nil {
		a.Close() // the server may still be waiting for a request
	}
	if serverErr := <-refused; serverErr != nil || err != nil {
		t.Fatalf("conntest: handshake: server: %v; client: %v", serverErr, err)
	}
	closeAfter(t, s)
	closeAfter(t, c)
	return s, c
}

// New returns a connection that plays role, and the [Peer] at its other end. There is no opening
// handshake: n says what it would have agreed on.
func New(t testing.TB, role frame.Role, n conn.Negotiated, cfg conn.Config) (*conn.Conn, *Peer) {
	a, b := wstest.Pipe(Buffer)
	c := conn.New(&loggedConn{a, failuresOf(t)}, role, n, cfg)
	closeAfter(t, c)
	return c, newPeer(t, b, role)
}

// NewPlain does what [New] does over a stream that has neither deadlines nor half closes nor
// addresses, such as the streams of other protocols.
func NewPlain(t testing.TB, role frame.Role, n conn.Negotiated, cfg conn.Config) (*conn.Conn, *Peer) {
	a, b := wstest.Pipe(Buffer)
	c := conn.New(loggedStream{wstest.Plain(a), failuresOf(t)}, role, n, cfg)
	closeAfter(t, c)
	return c, newPeer(t, b, role)
}

func closeAfter(t testing.TB, c *conn.Conn) {
	t.Cleanup(func() {
		c.CloseNow()
		<-c.Done()
	})
}

// Peer is the other end of the connection under test. It does what the test says, one frame after
// the other, and nothing by itself: it answers neither Ping nor Close frames. It may send what RFC
// 6455 forbids.
//
// A method that does not get what it wants, or that waits longer than a minute for it, ends the
// test with t.Fatalf. So call these methods on the goroutine of the test. In a synctest bubble the
// minute is one of the bubble's clock. [Peer.SetTimeout] changes it.
type Peer struct {
	t testing.TB
	p *wstest.Peer
	c *wstest.PipeConn
}

// newPeer returns the Peer of an end that plays role.
func newPeer(t testing.TB, c *wstest.PipeConn, role frame.Role) *Peer {
	return &Peer{t, wstest.NewPeer(t, c, role.Peer()), c}
}

// SetTimeout bounds each wait of the Peer by d instead of a minute.
func (p *Peer) SetTimeout(d time.Duration) { p.p.Timeout = d }

// NetConn returns the Peer's end of the transport, for closing it or for passing bytes around the
// frames. The Peer may have read ahead.
func (p *Peer) NetConn() net.Conn { return p.c }

// Cut loses the transport: reads and writes of both ends fail with err, and the bytes on their way
// are gone. If err is nil, it is a connection reset.
func (p *Peer) Cut(err error) { p.c.Cut(err) }

// Send sends one frame with the header as it is, legal or not. If Length is 0, it is set to the
// length of the payload. Any other Length is announced, true or not. If Masked is set, the payload
// is masked with Key. The caller's bytes are not changed.
func (p *Peer) Send(h frame.Header, payload []byte) { p.t.Helper(); p.p.Send(h, payload) }

// SendBytes sends bytes as they are.
func (p *Peer) SendBytes(b []byte) { p.t.Helper(); p.p.SendBytes(b) }

// Text sends a text message in one frame. Like the frames of the methods below, it is masked if the
// Peer's role demands that. s may be invalid UTF-8.
func (p *Peer) Text(s string) { p.t.Helper(); p.p.Text(s) }

// Binary sends a binary message in one frame.
func (p *Peer) Binary(b []byte) { p.t.Helper(); p.p.Binary(b) }

// Fragments sends a message with one frame for each part.
func (p *Peer) Fragments(op frame.Opcode, parts ...string) { p.t.Helper(); p.p.Fragments(op, parts...) }

// Ping sends a Ping frame.
func (p *Peer) Ping(payload string) { p.t.Helper(); p.p.Ping(payload) }

// Pong sends a Pong frame.
func (p *Peer) Pong(payload string) { p.t.Helper(); p.p.Pong(payload) }

// Close sends a Close frame, an empty one if code is 0. Neither code nor reason need be legal. The
// transport stays open.
func (p *Peer) Close(code frame.CloseCode, reason string) { p.t.Helper(); p.p.Close(code, reason) }

// WantFrame reads the next frame and returns its header and its payload, unmasked. The frame must
// be masked or not as RFC 6455 section 5.1 demands of the connection under test. The caller owns
// the payload.
func (p *Peer) WantFrame() (frame.Header, []byte) { p.t.Helper(); return p.p.WantFrame() }

// Want reads the next frame, which must be a final one with this opcode and payload and without
// reserved bits.
func (p *Peer) Want(op frame.Opcode, payload string) { p.t.Helper(); p.p.Want(op, payload) }

// WantText reads a text message in one frame.
func (p *Peer) WantText(s string) { p.t.Helper(); p.p.WantText(s) }

// WantBinary reads a binary message in one frame.
func (p *Peer) WantBinary(b []byte) { p.t.Helper(); p.p.WantBinary(b) }

// WantMessage reads a message in any number of frames. It returns that number.
func (p *Peer) WantMessage(op frame.Opcode, payload string) (frames int) {
	p.t.Helper()
	return p.p.WantMessage(op, payload)
}

// WantPong reads a Pong frame.
func (p *Peer) WantPong(payload string) { p.t.Helper(); p.p.WantPong(payload) }

// WantClose reads a Close frame with this code, or an empty one if code is 0, and returns its
// reason.
func (p *Peer) WantClose(code frame.CloseCode) (reason string) {
	p.t.Helper()
	return p.p.WantClose(code)
}

// WantEOF reads the orderly end of the transport, and nothing before it.
func (p *Peer) WantEOF() { p.t.Helper(); p.p.WantEOF() }

// WantNothing waits until everything in the synctest bubble is blocked. By then nothing must have
// been sent. It panics outside a bubble.
func (p *Peer) WantNothing() { p.t.Helper(); p.p.WantNothing() }
