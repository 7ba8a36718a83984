package wstest

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/rfc6455/ws/frame"
)

// Peer is the other end of the connection that a test looks at: it does what
// the test says, one frame after the other, and nothing by itself. It answers
// no ping and no close, and it may send what RFC 6455 forbids.
//
// A method that does not get what it wants ends the test with t.Fatalf, so
// call it from the test's own goroutine (several Peers in several goroutines
// need a testing.T of their own). Every call is bounded by Timeout.
type Peer struct {
	// Timeout bounds each wait for the transport: DefaultTimeout from NewPeer.
	// In a synctest bubble it counts in fake time, so a test that waits for an
	// hour of silence sets more than an hour here.
	Timeout time.Duration

	t    testing.TB
	nc   net.Conn
	role frame.Role
	buf  []byte // read from nc and not yet looked at
	key  uint32 // of the last masked frame

	scratch [32 << 10]byte // for one Read
}

// DefaultTimeout is generous, since a busy machine must not fail a test.
const DefaultTimeout = time.Minute

// NewPeer returns a Peer that plays role on nc: a Client peer masks what it
// sends and wants unmasked frames, a Server peer the reverse (RFC 6455 section
// 5.1). nc is closed when the test ends.
func NewPeer(t testing.TB, nc net.Conn, role frame.Role) *Peer {
	t.Cleanup(func() { nc.Close() })
	return &Peer{Timeout: DefaultTimeout, t: t, nc: nc, role: role, key: 0x3d21fa37}
}

// NetConn returns the connection under the Peer. Bytes that the Peer has read
// ahead are missing from it.
func (p *Peer) NetConn() net.Conn { return p.nc }

// SendBytes writes b as it is.
func (p *Peer) SendBytes(b []byte) {
	p.t.Helper()
	p.nc.SetWriteDeadline(time.Now().Add(p.Timeout))
	defer p.nc.SetWriteDeadline(time.Time{})
	if n, err := p.nc.Write(b); err != nil {
		p.t.Fatalf("peer: sent %d of %d bytes (%s): %v", n, len(b), Dump(b), err)
	}
}

// SendHex writes the bytes of a text that [Hex] reads.
func (p *Peer) SendHex(s string) {
	p.t.Helper()
	p.SendBytes(Hex(s))
}

// Send writes one frame with the header as it stands, legal or not: Masked and
// Key are taken from h, whatever the Peer's role. Where h.Length is 0 it is
// the payload's; any other value is announced as it is, true or not. payload
// is not changed. (A header whose length is not in its shortest form takes
// SendHex.)
func (p *Peer) Send(h frame.Header, payload []byte) {
	p.t.Helper()
	if h.Length == 0 {
		h.Length = int64(len(payload))
	}
	b := append(frame.Append(nil, h), payload...)
	if h.Masked {
		xor(b[len(b)-len(payload):], h.Key)
	}
	p.SendBytes(b)
}

// Frame writes one frame, masked as the Peer's role wants it. op and the
// length are not checked.
func (p *Peer) Frame(op frame.Opcode, fin Fin, payload []byte) {
	p.t.Helper()
	h := frame.Header{Opcode: op, Fin: fin == Final, Masked: p.role == frame.Client}
	if h.Masked {
		h.Key = p.nextKey()
	}
	p.Send(h, payload)
}

// Fin says whether a frame ends its message.
type Fin uint8

// The two values of the FIN bit (RFC 6455 section 5.2).
const (
	Final Fin = iota // the last frame of its message
	More             // others follow
)

// Text sends a whole text message. s may be invalid UTF-8.
func (p *Peer) Text(s string) { p.t.Helper(); p.Frame(frame.Text, Final, []byte(s)) }

// Binary sends a whole binary message.
func (p *Peer) Binary(b []byte) { p.t.Helper(); p.Frame(frame.Binary, Final, b) }

// Ping sends a ping; more than 125 bytes are against RFC 6455 section 5.5.
func (p *Peer) Ping(s string) { p.t.Helper(); p.Frame(frame.Ping, Final, []byte(s)) }

// Pong sends a pong.
func (p *Peer) Pong(s string) { p.t.Helper(); p.Frame(frame.Pong, Final, []byte(s)) }

// Fragments sends a message in as many frames as there are parts. Empty parts
// are legal (RFC 6455 section 5.4).
func (p *Peer) Fragments(op frame.Opcode, parts ...string) {
	p.t.Helper()
	for i, part := range parts {
		fin := More
		if i == len(parts)-1 {
			fin = Final
		}
		p.Frame(op, fin, []byte(part))
		op = frame.Continuation
	}
}

// Close sends a Close frame. Code 0 is an empty one; codes that may not be
// sent and reasons that are too long or no UTF-8 are sent as they are.
func (p *Peer) Close(code frame.CloseCode, reason string) {
	p.t.Helper()
	var payload []byte
	if code != 0 {
		payload = binary.BigEndian.AppendUint16(nil, uint16(code))
	}
	p.Frame(frame.Close, Final, append(payload, reason...))
}

// nextKey is never 0 for the first million frames and never the last one: a
// receiver that keeps a key from one frame to the next is found out.
func (p *Peer) nextKey() uint32 {
	p.key = p.key*1664525 + 1013904223
	return p.key
}

// xor masks or unmasks b, byte by byte as RFC 6455 section 5.3 writes it. This
// is on purpose not package mask, which the tests look at.
func xor(b []byte, key uint32) {
	var k [4]byte
	binary.LittleEndian.PutUint32(k[:], key)
	for i := range b {
		b[i] ^= k[i%4]
	}
}
