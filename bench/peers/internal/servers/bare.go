package servers

import (
	"bufio"
	"fmt"
	"net"
	"net/http"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
	"github.com/rfc6455/ws/mask"
)

func serveBare(ln net.Listener, s Setting) error {
	all := newHub[net.Conn](s)
	return accept(ln, func(nc net.Conn) {
		defer nc.Close()
		if bareUpgrade(nc) != nil {
			return
		}
		if s.Work == Broadcast {
			all.add(nc)
		}
		bareLoop(nc, s, all)
	})
}

// bareUpgrade answers the handshake and checks nothing. It drops the bytes that its reader has read
// ahead. There are none, since the load generator sends nothing before the answer.
func bareUpgrade(nc net.Conn) error {
	r, err := http.ReadRequest(bufio.NewReader(nc))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		handshake.Accept(r.Header.Get("Sec-WebSocket-Key")))
	return err
}

// bareLoop reads as much as there is, and writes it back as a server's frames. There is one write
// for each read, wherever the frames end.
func bareLoop(nc net.Conn, s Setting, all *hub[net.Conn]) {
	var t turner
	in := make([]byte, 4<<10)
	kept := 0 // bytes of an incomplete header
	for {
		n, err := nc.Read(in[kept:])
		if err != nil {
			return
		}
		out, rest := t.turn(in[:kept+n])
		s.use(out)
		if s.Work == Broadcast {
			all.each(func(nc net.Conn) { _, _ = nc.Write(out) })
		} else if _, err := nc.Write(out); err != nil {
			return
		}
		kept = copy(in, rest)
		if len(in) < 256<<10 && kept+n == len(in) {
			in = append(make([]byte, 0, 4*len(in)), in...)[:4*len(in)]
		}
	}
}

// turner turns a client's frames into the same frames of a server. It does so in place, since the
// frames only become shorter.
type turner struct {
	left int64 // payload of the current frame that is still to come
	key  uint32
}

// turn turns the frames in p. It returns the bytes to send, which lie in p, and the rest of p, a
// part of a header.
func (t *turner) turn(p []byte) (out, rest []byte) {
	out = p[:0]
	for len(p) > 0 {
		if t.left == 0 {
			h, n, err := frame.Parse(p)
			if err != nil || n == 0 {
				break
			}
			t.left, t.key = h.Length, h.Key
			h.Masked, h.Key = false, 0
			out = frame.Append(out, h)
			p = p[n:]
		}
		n := int(min(t.left, int64(len(p))))
		t.key = mask.XOR(p[:n], t.key)
		out = append(out, p[:n]...)
		t.left -= int64(n)
		p = p[n:]
	}
	return out, p
}
