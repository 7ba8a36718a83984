package h2

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"

	"golang.org/x/net/http2"
)

// smallFrames is a connection whose server seems to take frames of 16 KiB at
// most. http2's Transport holds, for each stream that is open for writing, a
// buffer of the size of a frame: with net/http's 1 MiB, of which it uses half,
// 1,000 idle sockets would hold 500 MiB. Frames may always be smaller.
type smallFrames struct {
	net.Conn
	begun bool
	head  []byte // of what the server sent: not read yet
	err   error  // what came after it
}

// Read begins with the server's first frame, which is its SETTINGS (RFC 9113
// section 3.4).
func (c *smallFrames) Read(p []byte) (int, error) {
	if !c.begun {
		c.begun = true
		c.head, c.err = readSettings(c.Conn)
	}
	switch {
	case len(c.head) > 0:
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	case c.err != nil:
		return 0, c.err
	}
	return c.Conn.Read(p)
}

const (
	frameHeader  = 9       // RFC 9113 section 4.1
	minFrameSize = 1 << 14 // what every endpoint takes: section 4.2
)

// readSettings reads the first frame and has SETTINGS_MAX_FRAME_SIZE say 16 KiB.
// A frame that is none of SETTINGS is the Transport's to judge.
func readSettings(r io.Reader) ([]byte, error) {
	b := make([]byte, frameHeader)
	n, err := io.ReadFull(r, b)
	length := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	if err != nil || http2.FrameType(b[3]) != http2.FrameSettings || length > minFrameSize {
		return b[:n], err
	}
	b = append(b, make([]byte, length)...)
	n, err = io.ReadFull(r, b[frameHeader:])
	for s := b[frameHeader : frameHeader+n]; len(s) >= 6; s = s[6:] {
		if http2.SettingID(binary.BigEndian.Uint16(s)) == http2.SettingMaxFrameSize {
			binary.BigEndian.PutUint32(s[2:], min(binary.BigEndian.Uint32(s[2:]), minFrameSize))
		}
	}
	return b[:frameHeader+n], err
}

// secure is smallFrames over TLS, which the Transport asks for its state.
type secure struct {
	smallFrames
	tls *tls.Conn
}

// ConnectionState is the TLS connection's.
func (c *secure) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
