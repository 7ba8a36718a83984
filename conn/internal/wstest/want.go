package wstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/frame"
)

// fill reads until at least n bytes are in buf. If the transport fails first, fill returns its
// error, and what came before stays in buf.
func (p *Peer) fill(n int) error {
	p.nc.SetReadDeadline(time.Now().Add(p.Timeout))
	defer p.nc.SetReadDeadline(time.Time{})
	for len(p.buf) < n {
		m, err := p.nc.Read(p.scratch[:])
		p.buf = append(p.buf, p.scratch[:m]...)
		if err != nil && len(p.buf) < n {
			return err
		}
	}
	return nil
}

// take removes the next n bytes from buf and returns them.
func (p *Peer) take(n int) []byte {
	b := bytes.Clone(p.buf[:n])
	p.buf = p.buf[n:]
	return b
}

// WantBytes reads len(want) bytes, which must be want.
func (p *Peer) WantBytes(want []byte) {
	p.t.Helper()
	if err := p.fill(len(want)); err != nil {
		p.t.Fatalf("peer: got %s, want %s: %v", Dump(p.buf), Dump(want), err)
	}
	if got := p.take(len(want)); !bytes.Equal(got, want) {
		p.t.Fatalf("peer: got %s, want %s", Dump(got), Dump(want))
	}
}

// WantHex reads the bytes of s, as [Hex] reads them, which must come next.
func (p *Peer) WantHex(s string) {
	p.t.Helper()
	p.WantBytes(Hex(s))
}

// maxHead is the most bytes that WantHead reads.
const maxHead = 64 << 10

// WantHead reads an HTTP head, including its empty line, and returns it. What follows is left for
// the other methods, so a test can do the opening handshake by hand (RFC 6455 section 4).
func (p *Peer) WantHead() string {
	p.t.Helper()
	for n := 1; n <= maxHead; n = len(p.buf) + 1 {
		if err := p.fill(n); err != nil {
			p.t.Fatalf("peer: got %q, want an HTTP head: %v", p.buf, err)
		}
		if i := bytes.Index(p.buf, []byte("\r\n\r\n")); i >= 0 {
			return string(p.take(i + 4))
		}
	}
	p.t.Fatalf("peer: no empty line in the first %d bytes of an HTTP head", maxHead)
	return ""
}

// maxPayload is the greatest payload that a Peer reads.
const maxPayload = 1 << 30

// WantFrame reads the next frame, whatever it is, and returns its header and its payload, unmasked.
// The header must be in its shortest form, and masked or not as RFC 6455 section 5.1 demands of the
// other end.
func (p *Peer) WantFrame() (frame.Header, []byte) {
	p.t.Helper()
	return p.readFrame(func() string { return "a frame" })
}

// readFrame is WantFrame. If nothing comes, the failure names what the test wants.
func (p *Peer) readFrame(want func() string) (frame.Header, []byte) {
	p.t.Helper()
	h := p.readHeader(want)
	if masked := p.role == frame.Server; h.Masked != masked {
		p.t.Fatalf("peer: frame %v with mask bit %t, want %t from the other end of a %v", h.Opcode, h.Masked, masked, p.role)
	}
	if h.Length > maxPayload {
		p.t.Fatalf("peer: frame %v announces %d bytes, more than a test sends", h.Opcode, h.Length)
	}
	if err := p.fill(int(h.Length)); err != nil {
		p.t.Fatalf("peer: got %d of %d payload bytes of a frame %v: %v", len(p.buf), h.Length, h.Opcode, err)
	}
	payload := p.take(int(h.Length))
	if h.Masked {
		xor(payload, h.Key)
	}
	return h, payload
}

// readHeader reads as many bytes as the next header takes.
func (p *Peer) readHeader(want func() string) frame.Header {
	p.t.Helper()
	for n := len(p.buf); ; n = len(p.buf) + 1 {
		if err := p.fill(n); err != nil {
			p.t.Fatalf("peer: got %s, want %s: %v", Dump(p.buf), want(), err)
		}
		h, size, err := frame.Parse(p.buf)
		if err != nil {
			p.t.Fatalf("peer: got %s, not a frame header: %v", Dump(p.buf), err)
		}
		if size > 0 {
			p.buf = p.buf[size:]
			return h
		}
	}
}

// Want reads the next frame, which must be a whole message or a control frame with exactly this
// payload, FIN set and the reserved bits clear.
func (p *Peer) Want(op frame.Opcode, payload string) {
	p.t.Helper()
	p.wantExactly(frame.Header{Opcode: op, Fin: true}, payload)
}

// wantExactly compares the next frame with the opcode, FIN and reserved bits of want, and with the
// payload.
func (p *Peer) wantExactly(want frame.Header, payload string) {
	p.t.Helper()
	h, got := p.readFrame(func() string {
		return fmt.Sprintf("%v of %d bytes", want.Opcode, len(payload))
	})
	if h.Opcode != want.Opcode || h.Fin != want.Fin || h.RSV != want.RSV {
		p.t.Fatalf("peer: got %v, fin %t, rsv %d, payload %s; want %v, fin %t, rsv %d",
			h.Opcode, h.Fin, h.RSV, Dump(got), want.Opcode, want.Fin, want.RSV)
	}
	if string(got) != payload {
		at := differ(string(got), payload)
		p.t.Fatalf("peer: %v of %d bytes, want %d bytes; at byte %d: got %s, want %s",
			h.Opcode, len(got), len(payload), at, Dump(got[at:]), Dump([]byte(payload[at:])))
	}
}

// differ returns the first place at which a and b differ.
func differ(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// WantText reads a text message in one frame.
func (p *Peer) WantText(s string) { p.t.Helper(); p.Want(frame.Text, s) }

// WantBinary reads a binary message in one frame.
func (p *Peer) WantBinary(b []byte) { p.t.Helper(); p.Want(frame.Binary, string(b)) }

// WantPing reads a ping with this payload.
func (p *Peer) WantPing(s string) { p.t.Helper(); p.Want(frame.Ping, s) }

// WantPong reads a pong with this payload.
func (p *Peer) WantPong(s string) { p.t.Helper(); p.Want(frame.Pong, s) }

// WantMessage reads one message in any number of frames and returns that number. A control frame
// between them ends the test: if there may be some, read frame by frame.
func (p *Peer) WantMessage(op frame.Opcode, payload string) (frames int) {
	p.t.Helper()
	var got []byte
	for want := op; ; want = frame.Continuation {
		h, part := p.readFrame(func() string {
			return fmt.Sprintf("%v of a message of %d bytes", want, len(payload))
		})
		if h.Opcode != want || h.RSV != 0 {
			p.t.Fatalf("peer: frame %d: got %v, rsv %d, want %v, rsv 0", frames, h.Opcode, h.RSV, want)
		}
		got = append(got, part...)
		if frames++; h.Fin {
			break
		}
	}
	if string(got) != payload {
		at := differ(string(got), payload)
		p.t.Fatalf("peer: %v of %d bytes in %d frames, want %d bytes; at byte %d: got %s, want %s",
			op, len(got), frames, len(payload), at, Dump(got[at:]), Dump([]byte(payload[at:])))
	}
	return frames
}

// WantClose reads a Close frame with this code and returns its reason. Code 0 and frame.NoStatus
// stand for an empty frame (RFC 6455 section 7.1.5).
func (p *Peer) WantClose(code frame.CloseCode) (reason string) {
	p.t.Helper()
	h, payload := p.readFrame(func() string { return fmt.Sprintf("close %v", code) })
	if h.Opcode != frame.Close || !h.Fin || h.RSV != 0 {
		p.t.Fatalf("peer: got %v, fin %t, rsv %d, payload %s; want close %v", h.Opcode, h.Fin, h.RSV, Dump(payload), code)
	}
	if code == 0 {
		code = frame.NoStatus
	}
	got, text, err := frame.ParseClose(payload)
	if err != nil || got != code {
		p.t.Fatalf("peer: got close %s (%v, %v), want %v", Dump(payload), got, err, code)
	}
	return string(text)
}

// WantEOF reads the orderly end of the connection, and nothing before it.
func (p *Peer) WantEOF() {
	p.t.Helper()
	if err := p.fill(len(p.buf) + 1); !errors.Is(err, io.EOF) || len(p.buf) > 0 {
		p.t.Fatalf("peer: got %s, error %v; want the end of the connection", Dump(p.buf), err)
	}
}

// WantNothing waits until every goroutine of the bubble is blocked. By then no byte must have come
// for the Peer. It works in a synctest bubble, on a connection that can tell what is waiting, such
// as [PipeConn].
func (p *Peer) WantNothing() {
	p.t.Helper()
	nc, ok := p.nc.(interface{ Buffered() int })
	if !ok {
		p.t.Fatalf("peer: WantNothing needs a connection with Buffered, %T has none", p.nc)
	}
	synctest.Wait()
	if n := nc.Buffered(); n > 0 || len(p.buf) > 0 {
		p.fill(len(p.buf) + n)
		p.t.Fatalf("peer: got %s, want nothing", Dump(p.buf))
	}
}
