package wstest

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/rfc6455/ws/frame"
)

// Peer is the other end of the connection under test. It does what the test says, one frame after
// the other, and nothing by itself: it answers neither pings nor Close frames, and it may send what
// RFC 6455 forbids.
//
// A method that does not get what it wants ends the test with t.Fatalf, so call it from the test's
// own goroutine. (Several Peers in several goroutines each need a testing.T of their own.) Timeout
// bounds every call.
type Peer struct {
	// Timeout bounds each wait for the transport. NewPeer sets it to DefaultTimeout. In a synctest
	// bubble it counts in fake time, so a test that waits for an hour of silence sets more than an
	// hour here.
	Timeout time.Duration

	t    testing.TB
	nc   net.Conn
	role frame.Role
	buf  []byte // bytes read from nc and not looked at yet
	key  uint32 // of the last masked frame

	scratch [32 << 10]byte // for one Read
}

// DefaultTimeout is generous, because a busy machine must not fail a test.
const DefaultTimeout = time.Minute

// NewPeer returns a Peer that plays role on nc: a Client peer masks what it sends and wants
// unmasked frames, and a Server peer does the reverse (RFC 6455 section 5.1). nc is closed when the
// test ends.
func NewPeer(t testing.TB, nc net.Conn, role frame.Role) *Peer {
	t.Cleanup(func() { nc.Close() })
	return &Peer{Timeout: DefaultTimeout, t: t, nc: nc, role: role, key: 0x3d21fa37}
}

// NetConn returns the connection below the Peer. Bytes that the Peer has read ahead can't be read
// from it.
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

// SendHex writes the bytes of s, as [Hex] reads them.
func (p *Peer) SendHex(s string) {
	p.t.Helper()
	p.SendBytes(Hex(s))
}

// Send writes one frame with the header as it stands, legal or not. Masked and Key are taken from
// h, whatever the Peer's role is. If h.Length is 0, the length of the payload is announced,
// otherwise h.Length, true or not. payload is not changed. For a length that is not in its shortest
// form, use SendHex.
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

// Frame writes one frame, masked as the Peer's role demands. It checks neither op nor the length.
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

// Ping sends a ping. More than 125 bytes break RFC 6455 section 5.5.
func (p *Peer) Ping(s string) { p.t.Helper(); p.Frame(frame.Ping, Final, []byte(s)) }

// Pong sends a pong.
func (p *Peer) Pong(s string) { p.t.Helper(); p.Frame(frame.Pong, Final, []byte(s)) }

// Fragments sends a message in as many frames as there are parts. Empty parts are legal (RFC 6455
// section 5.4).
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

// Close sends a Close frame, an empty one if code is 0. Codes that may not be sent, and reasons
// that are too long or not UTF-8, are sent as they are.
func (p *Peer) Close(code frame.CloseCode, reason string) {
	p.t.Helper()
	var payload []byte
	if code != 0 {
		payload = binary.BigEndian.AppendUint16(nil, uint16(code))
	}
	p.Frame(frame.Close, Final, append(payload, reason...))
}

// nextKey returns a new key. It is not 0 within the first million frames and never the same twice
// in a row: a receiver that keeps a key from one frame to the next is found out.
func (p *Peer) nextKey() uint32 {
	p.key = p.key*1664525 + 1013904223
	return p.key
}

// xor masks or unmasks b, byte by byte, as RFC 6455 section 5.3 says. On purpose it does not use
// package mask, which is under test.
func xor(b []byte, key uint32) {
	var k [4]byte
	binary.LittleEndian.PutUint32(k[:], key)
	for i := range b {
		b[i] ^= k[i%4]
	}
}
