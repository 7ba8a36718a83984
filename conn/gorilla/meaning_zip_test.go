package websocket_test

import (
	"bytes"
	"compress/flate"
	"io"
	"net/http"
	"strings"
	"testing"

	websocket "github.com/rfc6455/ws/conn/gorilla"
	"github.com/rfc6455/ws/frame"
)

const noTakeover = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// bothZipped is both with compression agreed on.
func bothZipped(t *testing.T, f func(t *testing.T, s *side)) {
	t.Run("server", func(t *testing.T) {
		u := &websocket.Upgrader{EnableCompression: true}
		f(t, server(t, u, request(http.Header{"Sec-Websocket-Extensions": {noTakeover}})))
	})
	t.Run("client", func(t *testing.T) {
		d := &websocket.Dialer{EnableCompression: true}
		f(t, client(t, d, http.Header{"Sec-Websocket-Extensions": {noTakeover}}))
	})
}

// deflated returns the payload of a compressed message.
func deflated(text string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = io.WriteString(w, text)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// inflated is the opposite.
func inflated(t testing.TB, payload string) string {
	r := flate.NewReader(strings.NewReader(payload + "\x00\x00\xff\xff\x01\x00\x00\xff\xff"))
	p, err := io.ReadAll(r)
	check(t, err)
	return string(p)
}

var zipped = frame.Header{Opcode: frame.Text, Fin: true, RSV: frame.RSV1}

func TestCompressedMessagesAreRead(t *testing.T) {
	text := strings.Repeat("compressible ", 50_000)
	bothZipped(t, func(t *testing.T, s *side) {
		for range 2 {
			s.send(zipped, deflated(text))
			s.wantMessage(websocket.TextMessage, text)
			s.send(message(websocket.TextMessage), "plain")
			s.wantMessage(websocket.TextMessage, "plain")
			s.send(zipped, deflated(""))
			s.wantMessage(websocket.TextMessage, "")
		}
		p := deflated(text)
		s.send(frame.Header{Opcode: frame.Text, RSV: frame.RSV1}, p[:10])
		s.send(message(0), p[10:])
		_, r, err := s.NextReader()
		check(t, err)
		got, err := io.ReadAll(r)
		if string(got) != text || err != nil {
			t.Errorf("a compressed message was read as %d bytes, %v, want %d", len(got), err,
				len(text))
		}
	})
}

// TestCompressedMessageIsDropped: the rest of a compressed message is dropped as that of others.
func TestCompressedMessageIsDropped(t *testing.T) {
	bothZipped(t, func(t *testing.T, s *side) {
		s.send(zipped, deflated(strings.Repeat("dropped", 10_000)))
		s.send(zipped, deflated("kept"))
		_, r, err := s.NextReader()
		check(t, err)
		_, err = io.ReadFull(r, make([]byte, 5))
		check(t, err)
		s.wantMessage(websocket.TextMessage, "kept")
	})
}

// TestHandlerReturnsEOFWithinCompressed: io.EOF of a handler is no end of a compressed message.
func TestHandlerReturnsEOFWithinCompressed(t *testing.T) {
	for name, read := range map[string]func(s *side) error{
		"ReadMessage": func(s *side) error {
			_, _, err := s.ReadMessage()
			return err
		},
		"ReadAll": func(s *side) error {
			_, r, err := s.NextReader()
			check(t, err)
			_, err = io.ReadAll(r)
			return err
		},
	} {
		bothZipped(t, func(t *testing.T, s *side) {
			s.SetPingHandler(func(string) error { return io.EOF })
			p := deflated(strings.Repeat("half", 1000))
			s.send(frame.Header{Opcode: frame.Text, RSV: frame.RSV1}, p[:len(p)/2])
			s.send(message(websocket.PingMessage), "")
			s.send(message(0), p[len(p)/2:])
			if read(s) == nil {
				t.Errorf("%s: nil", name)
			}
		})
	}
}

func TestMessagesAreCompressed(t *testing.T) {
	text := strings.Repeat("compressible ", 1000)
	bothZipped(t, func(t *testing.T, s *side) {
		pm, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte(text))
		check(t, err)
		for level := -2; level <= 9; level++ {
			check(t, s.SetCompressionLevel(level))
			if level == 0 {
				continue // compress/flate stores the text then
			}
			for name, write := range map[string]func() error{
				"WriteMessage": func() error {
					return s.WriteMessage(websocket.TextMessage, []byte(text))
				},
				"WritePreparedMessage": func() error { return s.WritePreparedMessage(pm) },
				"NextWriter": func() error {
					w, err := s.NextWriter(websocket.TextMessage)
					check(t, err)
					_, err = io.WriteString(w, text)
					check(t, err)
					return w.Close()
				},
			} {
				check(t, write())
				h, p := s.got()
				for !h.Fin {
					more, q := s.got()
					p, h.Fin = p+q, more.Fin
				}
				if h.RSV != frame.RSV1 || len(p) > len(text)-len(text)/4 || inflated(t, p) != text {
					t.Errorf("%s at level %d: RSV %d, %d bytes of %d", name, level, h.RSV, len(p),
						len(text))
				}
			}
		}
		for _, level := range []int{-3, 10} {
			if err := s.SetCompressionLevel(level); err == nil ||
				err.Error() != "websocket: invalid compression level" {
				t.Errorf("SetCompressionLevel(%d): %v", level, err)
			}
		}
		s.EnableWriteCompression(false)
		check(t, s.WriteMessage(websocket.TextMessage, []byte("plain")))
		s.want(websocket.TextMessage, "plain")
		wait := s.wantWhole(websocket.TextMessage, text)
		check(t, s.WritePreparedMessage(pm))
		wait()
		s.EnableWriteCompression(true)
		check(t, s.WriteMessage(websocket.TextMessage, nil))
		if h, p := s.got(); h.RSV != frame.RSV1 || inflated(t, p) != "" {
			t.Errorf("an empty message: %+v, %q, want it compressed", h, p)
		}
	})
}

// TestCompressionIsNotAgreed: what sets compression has no effect then.
func TestCompressionIsNotAgreed(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.EnableWriteCompression(true)
		check(t, s.SetCompressionLevel(9))
		text := strings.Repeat("x", 1000)
		check(t, s.WriteMessage(websocket.TextMessage, []byte(text)))
		s.want(websocket.TextMessage, text)
	})
}

func TestCorruptMessage(t *testing.T) {
	bothZipped(t, func(t *testing.T, s *side) {
		s.send(zipped, "\xff\xff\xff")
		if _, _, err := s.ReadMessage(); err == nil {
			t.Error("ReadMessage: nil")
		}
	})
}
