package websocket_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	websocket "github.com/rfc6455/ws/conn/gorilla"
	"github.com/rfc6455/ws/frame"
)

var sizes = []int{0, 1, 125, 126, 4096, 16 << 10, 65535, 65536, 300_000, 3 << 20}

func TestReadMessage(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		for _, n := range sizes {
			payload := strings.Repeat("x", n)
			for _, op := range []int{websocket.TextMessage, websocket.BinaryMessage} {
				go s.peer.Write(s.frame(message(op), payload))
				s.wantMessage(op, payload)
			}
		}
	})
}

// TestReadMessageIsTheCallers: a message stays as it is when the next one comes.
func TestReadMessageIsTheCallers(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.send(message(websocket.TextMessage), "first")
		s.send(message(websocket.TextMessage), "other")
		_, p, err := s.ReadMessage()
		check(t, err)
		s.wantMessage(websocket.TextMessage, "other")
		if string(p) != "first" {
			t.Errorf("the first message is %q now", p)
		}
	})
}

func TestNextReader(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		for _, n := range sizes {
			payload := strings.Repeat("0123456789", n/10+1)[:n]
			go s.peer.Write(s.frame(message(websocket.BinaryMessage), payload))
			op, r, err := s.NextReader()
			check(t, err)
			p, err := io.ReadAll(r)
			if op != websocket.BinaryMessage || string(p) != payload || err != nil {
				t.Fatalf("a message of %d bytes was read as %d bytes, type %d, %v", n, len(p), op,
					err)
			}
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Fatalf("Read behind the end = %d, %v, want io.EOF", n, err)
			}
		}
	})
}

// TestNextReaderDrops: the rest of a message that the program has not read is dropped, and the
// reader of that message ends.
func TestNextReaderDrops(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.send(frame.Header{Opcode: frame.Text}, strings.Repeat("a", 1000))
		s.send(message(0), strings.Repeat("b", 1000))
		s.send(message(websocket.BinaryMessage), "next")
		_, old, err := s.NextReader()
		check(t, err)
		if _, err := io.ReadFull(old, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		op, r, err := s.NextReader()
		check(t, err)
		if n, err := old.Read(make([]byte, 10)); n != 0 || err != io.EOF {
			t.Errorf("the reader before = %d, %v, want io.EOF", n, err)
		}
		if p, err := io.ReadAll(r); op != websocket.BinaryMessage || string(p) != "next" ||
			err != nil {
			t.Errorf("the next message is %d, %q, %v", op, p, err)
		}
	})
}

func TestFragmentsAreJoined(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.send(frame.Header{Opcode: frame.Text}, "a")
		s.send(message(websocket.PingMessage), "now")
		s.send(frame.Header{}, "")
		s.send(frame.Header{}, "b")
		s.send(message(0), "c")
		s.wantMessage(websocket.TextMessage, "abc")
		s.want(websocket.PongMessage, "now")
	})
}

func TestPingIsAnswered(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.send(message(websocket.PingMessage), "hello")
		s.send(message(websocket.PongMessage), "ignored")
		s.send(message(websocket.TextMessage), "x")
		s.wantMessage(websocket.TextMessage, "x")
		s.want(websocket.PongMessage, "hello")
	})
}

func TestHandlers(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		var got []string
		s.SetPingHandler(func(data string) error { got = append(got, "ping "+data); return nil })
		s.SetPongHandler(func(data string) error { got = append(got, "pong "+data); return nil })
		check(t, s.PingHandler()("by hand"))
		check(t, s.PongHandler()("by hand"))
		s.send(message(websocket.PingMessage), "1")
		s.send(message(websocket.PongMessage), "")
		s.send(message(websocket.TextMessage), "x")
		s.wantMessage(websocket.TextMessage, "x")
		want := []string{"ping by hand", "pong by hand", "ping 1", "pong "}
		if !slices.Equal(got, want) {
			t.Errorf("the handlers got %q, want %q", got, want)
		}
		s.SetPingHandler(nil)
		s.SetPongHandler(nil)
		check(t, s.PongHandler()("x"))
		check(t, s.PingHandler()("answered"))
		s.want(websocket.PongMessage, "answered")
	})
}

// TestHandlerFails: the error of a handler is that of the read, and of all others.
func TestHandlerFails(t *testing.T) {
	mine := errors.New("mine")
	for name, set := range map[string]func(s *side){
		"ping": func(s *side) {
			s.SetPingHandler(func(string) error { return mine })
			s.send(message(websocket.PingMessage), "")
		},
		"pong": func(s *side) {
			s.SetPongHandler(func(string) error { return mine })
			s.send(message(websocket.PongMessage), "")
		},
		"close": func(s *side) {
			s.SetCloseHandler(func(int, string) error { return mine })
			s.send(message(websocket.CloseMessage), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, s *side) {
				set(s)
				s.send(message(websocket.TextMessage), "x")
				for range 2 {
					if op, p, err := s.ReadMessage(); err != mine || op != -1 || p != nil {
						t.Errorf("ReadMessage = %d, %q, %v, want -1, nil and the handler's error",
							op, p, err)
					}
				}
			})
		})
	}
}

// TestHandlerReturnsEOF: io.EOF of a handler is no end of the message within which it was called.
func TestHandlerReturnsEOF(t *testing.T) {
	for name, read := range map[string]func(s *side) ([]byte, error){
		"ReadMessage": func(s *side) ([]byte, error) {
			_, p, err := s.ReadMessage()
			return p, err
		},
		"NextReader": func(s *side) ([]byte, error) {
			_, r, err := s.NextReader()
			check(s.t, err)
			return io.ReadAll(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, s *side) {
				s.SetPingHandler(func(string) error { return io.EOF })
				s.send(frame.Header{Opcode: frame.Text}, "half")
				s.send(message(websocket.PingMessage), "")
				s.send(message(0), "whole")
				if p, err := read(s); string(p) != "half" ||
					!websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
					t.Errorf("the message is %q, %v, want half of it and 1006", p, err)
				}
				if _, _, err := s.NextReader(); err != io.EOF {
					t.Errorf("the next read: %v, want the handler's error", err)
				}
			})
		})
	}
}

func TestCloseIsAnswered(t *testing.T) {
	for _, x := range []struct {
		payload string
		code    int
		text    string
		answer  string
	}{
		{"", websocket.CloseNoStatusReceived, "", ""},
		{"\x03\xe8", websocket.CloseNormalClosure, "", "\x03\xe8"},
		{"\x03\xe9bye", websocket.CloseGoingAway, "bye", "\x03\xe9"},
		{"\x0f\xa0", 4000, "", "\x0f\xa0"},
	} {
		both(t, func(t *testing.T, s *side) {
			s.send(message(websocket.CloseMessage), x.payload)
			_, _, err := s.ReadMessage()
			e, ok := err.(*websocket.CloseError)
			if !ok || e.Code != x.code || e.Text != x.text {
				t.Fatalf("ReadMessage: %v, want code %d %q", err, x.code, x.text)
			}
			s.want(websocket.CloseMessage, x.answer)
			if _, _, again := s.NextReader(); again != err {
				t.Errorf("the next read: %v, want the same error", again)
			}
			if err := s.WriteMessage(websocket.TextMessage, nil); err != websocket.ErrCloseSent {
				t.Errorf("WriteMessage: %v, want ErrCloseSent", err)
			}
		})
	}
}

// TestCloseHandler: the closing handshake is the program's. It may go on sending after the peer's
// Close frame.
func TestCloseHandler(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		var code int
		var text string
		s.SetCloseHandler(func(c int, t string) error { code, text = c, t; return nil })
		s.send(message(websocket.CloseMessage), "\x03\xe9bye")
		if _, _, err := s.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Fatalf("ReadMessage: %v, want 1001", err)
		}
		if code != websocket.CloseGoingAway || text != "bye" {
			t.Errorf("the handler got %d %q", code, text)
		}
		check(t, s.WriteMessage(websocket.TextMessage, []byte("the last word")))
		s.want(websocket.TextMessage, "the last word")
		s.SetCloseHandler(nil)
		check(t, s.CloseHandler()(websocket.CloseNormalClosure, "not repeated"))
		s.want(websocket.CloseMessage, "\x03\xe8")
	})
}

// TestCut: the peer ends the connection without a Close frame.
func TestCut(t *testing.T) {
	const text = "websocket: close 1006 (abnormal closure): unexpected EOF"
	both(t, func(t *testing.T, s *side) {
		check(t, s.peer.Close())
		_, _, err := s.ReadMessage()
		if err == nil || err.Error() != text ||
			!websocket.IsUnexpectedCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("ReadMessage: %v, want %q", err, text)
		}
	})
	both(t, func(t *testing.T, s *side) {
		b := s.frame(message(websocket.TextMessage), "half a message")
		_, err := s.peer.Write(b[:len(b)-7])
		check(t, err)
		check(t, s.peer.Close())
		op, p, err := s.ReadMessage()
		if op != websocket.TextMessage || string(p) != "half a " || err == nil ||
			err.Error() != text {
			t.Errorf("ReadMessage = %d, %q, %v, want what came and %q", op, p, err, text)
		}
		if _, _, again := s.ReadMessage(); again != err {
			t.Errorf("the next read: %v, want the same error", again)
		}
	})
	both(t, func(t *testing.T, s *side) {
		s.send(frame.Header{Opcode: frame.Text}, "half")
		check(t, s.peer.Close())
		_, r, err := s.NextReader()
		check(t, err)
		if p, err := io.ReadAll(r); string(p) != "half" || err == nil || err.Error() != text {
			t.Errorf("ReadAll = %q, %v, want what came and %q", p, err, text)
		}
	})
}

// TestFailedReads: a program that reads in spite of errors is stopped.
func TestFailedReads(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		check(t, s.Close())
		_, _, first := s.ReadMessage()
		if first == nil || !strings.Contains(first.Error(), "use of closed network connection") {
			t.Fatalf("ReadMessage after Close: %v", first)
		}
		defer func() {
			if p := recover(); p != "repeated read on failed websocket connection" {
				t.Errorf("recovered %v", p)
			}
		}()
		for n := 2; n <= 1000; n++ {
			if n == 1000 {
				_, _, _ = s.NextReader()
				t.Error("the thousandth read does not panic")
			} else if _, _, err := s.ReadMessage(); err != first {
				t.Fatalf("read %d: %v, want the first error", n, err)
			}
		}
	})
}

// TestReadDeadline: a read that times out ends the reading for good.
func TestReadDeadline(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.send(message(websocket.TextMessage), "x")
		check(t, s.SetReadDeadline(time.Now().Add(long)))
		s.wantMessage(websocket.TextMessage, "x")
		check(t, s.SetReadDeadline(time.Now().Add(-time.Second)))
		_, _, err := s.ReadMessage()
		if !isTimeout(err) || isTemporary(err) ||
			!strings.HasSuffix(err.Error(), "i/o timeout") ||
			!strings.HasPrefix(err.Error(), "read tcp 127.0.0.1:") {
			t.Fatalf("ReadMessage: %#v (%v), want a timeout that is not temporary", err, err)
		}
		check(t, s.SetReadDeadline(time.Time{}))
		s.send(message(websocket.TextMessage), "y")
		if _, _, again := s.ReadMessage(); again != err {
			t.Errorf("ReadMessage: %v, want the same error", again)
		}
	})
}

// TestReadDeadlineWakes: a deadline that is set meanwhile ends a read, and Close does.
func TestReadDeadlineWakes(t *testing.T) {
	for name, end := range map[string]func(s *side){
		"deadline": func(s *side) { _ = s.SetReadDeadline(time.Now()) },
		"net.Conn": func(s *side) { _ = s.NetConn().SetReadDeadline(time.Now()) },
		"close":    func(s *side) { _ = s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, s *side) {
				reading := make(chan struct{})
				s.SetPongHandler(func(string) error { close(reading); return nil })
				s.send(message(websocket.PongMessage), "")
				done := make(chan error, 1)
				go func() {
					_, _, err := s.ReadMessage()
					done <- err
				}()
				<-reading
				end(s)
				if err := <-done; err == nil {
					t.Error("ReadMessage returned nil")
				}
			})
		})
	}
}

func TestReadLimit(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.SetReadLimit(10)
		s.send(message(websocket.TextMessage), strings.Repeat("x", 10))
		s.wantMessage(websocket.TextMessage, strings.Repeat("x", 10))
		s.send(frame.Header{Opcode: frame.Text}, "12345")
		s.send(message(0), "67890")
		s.wantMessage(websocket.TextMessage, "1234567890")
		s.send(message(websocket.TextMessage), strings.Repeat("x", 11))
		for range 2 {
			if _, _, err := s.ReadMessage(); err != websocket.ErrReadLimit {
				t.Errorf("ReadMessage: %v, want ErrReadLimit", err)
			}
		}
		s.want(websocket.CloseMessage, "\x03\xf1")
	})
	both(t, func(t *testing.T, s *side) {
		s.SetReadLimit(10)
		s.send(frame.Header{Opcode: frame.Text}, "12345")
		s.send(message(0), "678901")
		_, r, err := s.NextReader()
		check(t, err)
		if p, err := io.ReadAll(r); string(p) != "12345" || err != websocket.ErrReadLimit {
			t.Errorf("ReadAll = %q, %v, want ErrReadLimit", p, err)
		}
	})
	both(t, func(t *testing.T, s *side) {
		s.SetReadLimit(10)
		s.SetReadLimit(0)
		s.send(message(websocket.TextMessage), strings.Repeat("x", 1000))
		s.wantMessage(websocket.TextMessage, strings.Repeat("x", 1000))
	})
}

// TestViolations: a peer that breaks a rule gets a Close frame with 1002, and reads end.
func TestViolations(t *testing.T) {
	for name, f := range map[string]func(s *side) []byte{
		"RSV1": func(s *side) []byte {
			return s.frame(frame.Header{
				Opcode: 1, Fin: true,
				RSV: 4,
			}, "x")
		},
		"RSV2": func(s *side) []byte {
			return s.frame(frame.Header{
				Opcode: 1, Fin: true,
				RSV: 2,
			}, "x")
		},
		"RSV3": func(s *side) []byte {
			return s.frame(frame.Header{
				Opcode: 1, Fin: true,
				RSV: 1,
			}, "x")
		},
		"opcode":         func(s *side) []byte { return s.frame(message(3), "x") },
		"control opcode": func(s *side) []byte { return s.frame(message(11), "x") },
		"continuation":   func(s *side) []byte { return s.frame(message(0), "x") },
		"new message": func(s *side) []byte {
			return append(s.frame(frame.Header{Opcode: 1}, "x"), s.frame(message(1), "y")...)
		},
		"fragmented ping": func(s *side) []byte { return s.frame(frame.Header{Opcode: 9}, "x") },
		"long ping": func(s *side) []byte {
			return s.frame(message(9),
				strings.Repeat("x", 126))
		},
		"close code": func(s *side) []byte { return s.frame(message(8), "\x03\xed") },
		"mask": func(s *side) []byte {
			other := *s
			other.role = s.role.Peer()
			return other.frame(message(1), "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, s *side) {
				_, err := s.peer.Write(f(s))
				check(t, err)
				_, _, err = s.ReadMessage()
				if err == nil || !strings.HasPrefix(err.Error(), "websocket: ") {
					t.Fatalf("ReadMessage: %v, want an error of this package", err)
				}
				if code := s.wantClose(); code != frame.ProtocolError {
					t.Errorf("the Close frame has %v, want 1002", code)
				}
				if _, _, again := s.ReadMessage(); again == nil || again.Error() != err.Error() {
					t.Errorf("the next read: %v, want the same error", again)
				}
				if err := s.WriteMessage(websocket.TextMessage,
					nil); err != websocket.ErrCloseSent {
					t.Errorf("WriteMessage: %v, want ErrCloseSent", err)
				}
			})
		})
	}
}

func TestJoinMessages(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.send(message(websocket.TextMessage), "one")
		s.send(message(websocket.BinaryMessage), "")
		s.send(message(websocket.TextMessage), "two")
		s.send(message(websocket.CloseMessage), "")
		p, err := io.ReadAll(websocket.JoinMessages(s.Conn, ";"))
		if string(p) != "one;;two;" || !websocket.IsCloseError(err,
			websocket.CloseNoStatusReceived) {
			t.Errorf("ReadAll = %q, %v, want %q and 1005", p, err, "one;;two;")
		}
	})
}

func TestReadJSON(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		var v struct{ A int }
		s.send(message(websocket.TextMessage), ` {"A": 1} trailing`)
		if err := s.ReadJSON(&v); err != nil || v.A != 1 {
			t.Errorf("ReadJSON: %v, %+v", err, v)
		}
		s.send(message(websocket.TextMessage), "")
		if err := s.ReadJSON(&v); err != io.ErrUnexpectedEOF {
			t.Errorf("ReadJSON of nothing: %v, want io.ErrUnexpectedEOF", err)
		}
		s.send(message(websocket.TextMessage), "{")
		if err := s.ReadJSON(&v); err != io.ErrUnexpectedEOF {
			t.Errorf("ReadJSON of half a value: %v, want io.ErrUnexpectedEOF", err)
		}
		s.send(message(websocket.TextMessage), "x")
		if err := s.ReadJSON(&v); err == nil {
			t.Error("ReadJSON of what is no JSON: nil")
		}
		s.send(message(websocket.BinaryMessage), `{"A": 2}`)
		if err := websocket.ReadJSON(s.Conn, &v); err != nil || v.A != 2 {
			t.Errorf("ReadJSON after errors of JSON: %v, %+v", err, v)
		}
	})
}
