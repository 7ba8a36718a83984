package servers

import (
	"bufio"
	"bytes"
	"io"
	"net"

	"github.com/gobwas/ws"
)

func serveGobwas(ln net.Listener, s Setting) error {
	all := newHub[net.Conn](s)
	return accept(ln, func(nc net.Conn) {
		defer nc.Close()
		if _, err := ws.Upgrade(nc); err != nil {
			return
		}
		if s.Work == Broadcast {
			all.add(nc)
		}
		_ = gobwasLoop(nc, s, all)
	})
}

// gobwasLoop leaves room for a header before the payload. So an answer is one write, and the
// payload is not copied.
func gobwasLoop(nc net.Conn, s Setting, all *hub[net.Conn]) error {
	in := bufio.NewReader(nc)
	var header bytes.Buffer
	var buf []byte
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return err
		}
		n := ws.MaxHeaderSize + int(h.Length)
		if cap(buf) < n {
			buf = make([]byte, n)
		}
		payload := buf[ws.MaxHeaderSize:n]
		if _, err := io.ReadFull(in, payload); err != nil {
			return err
		}
		ws.Cipher(payload, h.Mask, 0)
		if h.OpCode == ws.OpText && !validText(payload) {
			return io.ErrUnexpectedEOF
		}
		header.Reset()
		answer := ws.Header{Fin: h.Fin, OpCode: h.OpCode, Length: h.Length}
		if err := ws.WriteHeader(&header, answer); err != nil {
			return err
		}
		frame := buf[ws.MaxHeaderSize-header.Len() : n]
		copy(frame, header.Bytes())
		s.use(payload)
		if s.Work == Broadcast {
			all.each(func(nc net.Conn) { _, _ = nc.Write(frame) })
		} else if _, err := nc.Write(frame); err != nil {
			return err
		}
	}
}
