package websocket_test

import (
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	websocket "github.com/rfc6455/ws/conn/gorilla"
	"github.com/rfc6455/ws/frame"
)

// whole reads a message of Conn's, whose frames may be several.
func (s *side) whole() (op frame.Opcode, payload string, frames int, err error) {
	for {
		h, p, err := readFrame(s.in)
		if err != nil {
			return op, payload, frames, err
		}
		if frames++; frames == 1 {
			op = h.Opcode
		}
		if payload += p; h.Fin {
			return op, payload, frames, nil
		}
	}
}

// wantWhole starts to read a message. The function that it returns waits for it.
func (s *side) wantWhole(op int, payload string) (wait func()) {
	type result struct {
		op  frame.Opcode
		p   string
		err error
	}
	got := make(chan result, 1)
	go func() {
		op, p, _, err := s.whole()
		got <- result{op, p, err}
	}()
	return func() {
		s.t.Helper()
		if r := <-got; int(r.op) != op || r.p != payload || r.err != nil {
			s.t.Fatalf("got opcode %d with %d bytes %.40q, %v, want %d with %d bytes", r.op,
				len(r.p), r.p, r.err, op, len(payload))
		}
	}
}

func TestWriteMessage(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		for _, n := range sizes {
			payload := strings.Repeat("0123456789", n/10+1)[:n]
			for _, op := range []int{websocket.TextMessage, websocket.BinaryMessage} {
				wait := s.wantWhole(op, payload)
				check(t, s.WriteMessage(op, []byte(payload)))
				wait()
			}
		}
		for _, op := range []int{
			websocket.PingMessage, websocket.PongMessage,
			websocket.CloseMessage,
		} {
			check(t, s.WriteMessage(op, nil))
			s.want(op, "")
		}
	})
}

// TestWriteKeepsThePayload: the caller's bytes are not masked.
func TestWriteKeepsThePayload(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		p := []byte("as it was")
		check(t, s.WriteMessage(websocket.TextMessage, p))
		check(t, s.WriteControl(websocket.PingMessage, p, time.Now().Add(long)))
		w, err := s.NextWriter(websocket.BinaryMessage)
		check(t, err)
		_, err = w.Write(p)
		check(t, err)
		check(t, w.Close())
		if string(p) != "as it was" {
			t.Errorf("the payload is %q now", p)
		}
	})
}

func TestNextWriter(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		for _, n := range sizes {
			payload := strings.Repeat("0123456789", n/10+1)[:n]
			wait := s.wantWhole(websocket.BinaryMessage, payload)
			w, err := s.NextWriter(websocket.BinaryMessage)
			check(t, err)
			m, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(payload)})
			if m != int64(n) || err != nil {
				t.Fatalf("Copy = %d, %v, want %d", m, err, n)
			}
			check(t, w.Close())
			wait()
		}
		for _, op := range []int{
			websocket.PingMessage, websocket.PongMessage,
			websocket.CloseMessage,
		} {
			w, err := s.NextWriter(op)
			check(t, err)
			_, err = io.WriteString(w, "\x03\xe8")
			check(t, err)
			check(t, w.Close())
			s.want(op, "\x03\xe8")
		}
		if _, err := s.NextWriter(websocket.TextMessage); err != websocket.ErrCloseSent {
			t.Errorf("NextWriter: %v, want ErrCloseSent", err)
		}
	})
}

// TestNextWriterClosesTheOneBefore: the message that the program forgot to end is sent.
func TestNextWriterClosesTheOneBefore(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		old, err := s.NextWriter(websocket.TextMessage)
		check(t, err)
		_, err = io.WriteString(old, "forgotten")
		check(t, err)
		w, err := s.NextWriter(websocket.BinaryMessage)
		check(t, err)
		s.want(websocket.TextMessage, "forgotten")
		if _, err := old.Write([]byte("x")); err == nil ||
			err.Error() != "websocket: write closed" {
			t.Errorf("Write of the writer before: %v", err)
		}
		if err := old.Close(); err == nil {
			t.Error("Close of the writer before: nil")
		}
		check(t, w.Close())
		s.want(websocket.BinaryMessage, "")
		if err := w.Close(); err == nil || err.Error() != "websocket: write closed" {
			t.Errorf("the second Close: %v", err)
		}
	})
}

// TestWriteMessageClosesTheWriter: WriteMessage is a NextWriter, and so sends the message that the
// program forgot to end before its own. WriteJSON does, too.
func TestWriteMessageClosesTheWriter(t *testing.T) {
	for name, next := range map[string]struct {
		write   func(*side) error
		op      int
		payload string
	}{
		"data": {func(s *side) error { return s.WriteMessage(websocket.BinaryMessage, []byte("x")) }, websocket.BinaryMessage, "x"},
		"Ping": {func(s *side) error { return s.WriteMessage(websocket.PingMessage, []byte("x")) }, websocket.PingMessage, "x"},
		"JSON": {func(s *side) error { return s.WriteJSON(1) }, websocket.TextMessage, "1\n"},
		"Close": {func(s *side) error {
			return s.WriteMessage(websocket.CloseMessage, []byte("\x03\xe8"))
		}, websocket.CloseMessage, "\x03\xe8"},
	} {
		for _, n := range []int{9, 100 << 10} { // nothing has been sent of it, or a part
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				both(t, func(t *testing.T, s *side) {
					payload := strings.Repeat("forgotten", n/9+1)[:n]
					wait := s.wantWhole(websocket.TextMessage, payload)
					w, err := s.NextWriter(websocket.TextMessage)
					check(t, err)
					_, err = io.WriteString(w, payload)
					check(t, err)
					check(t, next.write(s))
					wait()
					s.want(next.op, next.payload)
					if _, err := io.WriteString(w, "x"); err == nil || err.Error() != "websocket: write closed" {
						t.Errorf("Write of the writer before: %v", err)
					}
				})
			})
		}
	}
}

// TestWriteBufferSize: a message that fits is one frame. Some peers read frames and not messages.
func TestWriteBufferSize(t *testing.T) {
	const size = 33 << 10
	u := &websocket.Upgrader{WriteBufferSize: size}
	for _, s := range []*side{
		server(t, u, request(nil)), client(t, &websocket.Dialer{WriteBufferSize: size}, nil),
	} {
		w, err := s.NextWriter(websocket.BinaryMessage)
		check(t, err)
		for _, n := range []int{1, size - 1} {
			_, err = w.Write(make([]byte, n))
			check(t, err)
		}
		check(t, w.Close())
		if _, p, frames, err := s.whole(); len(p) != size || frames != 1 || err != nil {
			t.Errorf("%v: got %d bytes in %d frames, %v, want %d in one", s.role, len(p), frames,
				err, size)
		}
	}
}

// TestControlFramesAreBounded: more than 125 bytes are refused, and nothing is sent.
func TestControlFramesAreBounded(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		big, most := make([]byte, 126), make([]byte, 125)
		soon := time.Now().Add(long)
		for _, op := range []int{
			websocket.PingMessage, websocket.PongMessage,
			websocket.CloseMessage,
		} {
			if err := s.WriteControl(op, big, soon); err == nil ||
				err.Error() != "websocket: invalid control frame" {
				t.Errorf("WriteControl of 126 bytes: %v", err)
			}
			if err := s.WriteMessage(op, big); err == nil {
				t.Error("WriteMessage of 126 bytes: nil")
			}
			w, err := s.NextWriter(op)
			check(t, err)
			_, err = w.Write(big)
			if err2 := w.Close(); err == nil && err2 == nil {
				t.Error("a writer took 126 bytes")
			}
		}
		check(t, s.WriteControl(websocket.PingMessage, most, soon))
		s.want(websocket.PingMessage, string(most))
	})
}

func TestWrongTypes(t *testing.T) {
	const text = "websocket: bad write message type"
	both(t, func(t *testing.T, s *side) {
		for _, op := range []int{0, 3, 11, -1, 257, math.MaxInt} {
			_, err := s.NextWriter(op)
			_, err2 := websocket.NewPreparedMessage(op, nil)
			for _, err := range []error{
				s.WriteMessage(op, nil),
				s.WriteControl(op, nil, time.Time{}), err, err2,
			} {
				if err == nil || err.Error() != text {
					t.Errorf("type %d: %v, want %q", op, err, text)
				}
			}
		}
		if err := s.WriteControl(websocket.TextMessage, nil, time.Time{}); err == nil ||
			err.Error() != text {
			t.Errorf("WriteControl of text: %v, want %q", err, text)
		}
		check(t, s.WriteMessage(websocket.TextMessage, nil))
		s.want(websocket.TextMessage, "")
	})
}

// TestControlIsSentAsGiven: the payload of a Close frame is the program's.
func TestControlIsSentAsGiven(t *testing.T) {
	for _, payload := range []string{"", "x", "\x03\xee", "\x03\xe8\xff"} {
		both(t, func(t *testing.T, s *side) {
			check(t, s.WriteControl(websocket.CloseMessage, []byte(payload), time.Time{}))
			s.want(websocket.CloseMessage, payload)
		})
	}
}

func TestCloseSent(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		pm, err := websocket.NewPreparedMessage(websocket.TextMessage, nil)
		check(t, err)
		w, err := s.NextWriter(websocket.TextMessage)
		check(t, err)
		check(t, s.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(websocket.CloseGoingAway, "bye"), time.Time{}))
		s.want(websocket.CloseMessage, "\x03\xe9bye")
		for name, err := range map[string]error{
			"WriteMessage":         s.WriteMessage(websocket.TextMessage, nil),
			"WriteControl":         s.WriteControl(websocket.PingMessage, nil, time.Time{}),
			"a second Close":       s.WriteControl(websocket.CloseMessage, nil, time.Time{}),
			"WriteJSON":            s.WriteJSON(1),
			"WritePreparedMessage": s.WritePreparedMessage(pm),
			"Close of the writer":  w.Close(),
		} {
			if err != websocket.ErrCloseSent {
				t.Errorf("%s: %v, want ErrCloseSent", name, err)
			}
		}
		// Messages of the peer still come.
		s.send(message(websocket.PingMessage), "")
		s.send(message(websocket.TextMessage), "x")
		s.wantMessage(websocket.TextMessage, "x")
	})
}

// TestWriteDeadline: a write that times out ends the writing for good.
func TestWriteDeadline(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		check(t, s.SetWriteDeadline(time.Now().Add(long)))
		check(t, s.WriteMessage(websocket.TextMessage, []byte("in time")))
		s.want(websocket.TextMessage, "in time")
		check(t, s.SetWriteDeadline(time.Now().Add(-time.Second)))
		err := s.WriteMessage(websocket.TextMessage, []byte("late"))
		if !isTimeout(err) || isTemporary(err) ||
			!strings.HasSuffix(err.Error(), "i/o timeout") ||
			!strings.HasPrefix(err.Error(), "write tcp 127.0.0.1:") {
			t.Fatalf("WriteMessage: %#v (%v), want a timeout that is not temporary", err, err)
		}
		check(t, s.SetWriteDeadline(time.Time{}))
		if err := s.WriteMessage(websocket.TextMessage, nil); !isTimeout(err) {
			t.Errorf("WriteMessage: %v, want the timeout again", err)
		}
		if err := s.WriteControl(websocket.PingMessage, nil, time.Time{}); !isTimeout(err) {
			t.Errorf("WriteControl: %v, want the timeout again", err)
		}
		s.send(message(websocket.TextMessage), "x")
		s.wantMessage(websocket.TextMessage, "x") // reading goes on
	})
}

// TestSlowPeer: a peer that does not read holds a write until its deadline, and not longer.
func TestSlowPeer(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		check(t, s.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
		if err := s.WriteMessage(websocket.BinaryMessage, make([]byte, 64<<20)); !isTimeout(err) {
			t.Errorf("WriteMessage: %v, want a timeout", err)
		}
	})
}

func TestWriteControlDeadline(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		err := s.WriteControl(websocket.PingMessage, nil, time.Now().Add(-time.Second))
		if !isTimeout(err) || !isTemporary(err) || err.Error() != "websocket: write timeout" {
			t.Errorf("WriteControl after its deadline: %v, want a temporary timeout", err)
		}
		check(t, s.WriteControl(websocket.PingMessage, []byte("in time"), time.Now().Add(long)))
		s.want(websocket.PingMessage, "in time")
	})
}

// TestWriteControlWaits: a control frame waits for the message that is being written, until its
// deadline.
func TestWriteControlWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		s := serverOver(t, new(websocket.Upgrader), request(nil), near, far)
		done := make(chan error, 1)
		go func() { done <- s.WriteMessage(websocket.TextMessage, []byte("slow")) }()
		synctest.Wait()
		start := time.Now()
		err := s.WriteControl(websocket.PingMessage, nil, start.Add(3*time.Second))
		if !isTemporary(err) || time.Since(start) != 3*time.Second {
			t.Errorf("WriteControl: %v after %v, want a temporary timeout after 3s", err,
				time.Since(start))
		}
		s.want(websocket.TextMessage, "slow")
		check(t, <-done)
		go func() { done <- s.WriteControl(websocket.PingMessage, nil, time.Time{}) }()
		s.want(websocket.PingMessage, "")
		check(t, <-done)
		check(t, s.Close())
	})
}

// TestCloseEndsAWrite: Close ends a write that waits for the peer.
func TestCloseEndsAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		s := serverOver(t, new(websocket.Upgrader), request(nil), near, far)
		done := make(chan error, 1)
		go func() { done <- s.WriteMessage(websocket.TextMessage, []byte("slow")) }()
		synctest.Wait()
		check(t, s.Close())
		err := <-done
		if err == nil {
			t.Fatal("WriteMessage: nil")
		}
		if again := s.WriteMessage(websocket.TextMessage, nil); again != err {
			t.Errorf("the next WriteMessage: %v, want %v", again, err)
		}
	})
}

func TestPreparedMessage(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		for _, n := range sizes {
			payload := []byte(strings.Repeat("x", n))
			pm, err := websocket.NewPreparedMessage(websocket.BinaryMessage, payload)
			check(t, err)
			clear(payload) // it has a copy
			for range 2 {
				wait := s.wantWhole(websocket.BinaryMessage, strings.Repeat("x", n))
				check(t, s.WritePreparedMessage(pm))
				wait()
			}
		}
		if _, err := websocket.NewPreparedMessage(websocket.PingMessage,
			make([]byte, 126)); err == nil {
			t.Error("NewPreparedMessage of a ping with 126 bytes: nil")
		}
		pm, err := websocket.NewPreparedMessage(websocket.CloseMessage, []byte("\x03\xe8"))
		check(t, err)
		check(t, s.WritePreparedMessage(pm))
		s.want(websocket.CloseMessage, "\x03\xe8")
		if err := s.WritePreparedMessage(pm); err != websocket.ErrCloseSent {
			t.Errorf("a second Close frame: %v, want ErrCloseSent", err)
		}
	})
}

func TestWriteJSON(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		check(t, s.WriteJSON(map[string]any{"a": []int{1, 2}, "b": "<&>"}))
		s.want(websocket.TextMessage, `{"a":[1,2],"b":"\u003c\u0026\u003e"}`+"\n")
		check(t, websocket.WriteJSON(s.Conn, nil))
		s.want(websocket.TextMessage, "null\n")
		if err := s.WriteJSON(func() {}); err == nil {
			t.Error("WriteJSON of a function: nil")
		}
	})
}

func TestAddresses(t *testing.T) {
	near, far := pipe(t)
	s := serverOver(t, new(websocket.Upgrader), request(nil), near, far)
	if s.NetConn() != near || s.UnderlyingConn() != near {
		t.Error("NetConn and UnderlyingConn are not the connection itself")
	}
	if s.LocalAddr() != near.LocalAddr() || s.RemoteAddr() != near.RemoteAddr() {
		t.Error("the addresses are not the connection's")
	}
}

func TestCloseErrors(t *testing.T) {
	for code, want := range map[int]string{
		1000: "1000 (normal)", 1001: "1001 (going away)", 1002: "1002 (protocol error)",
		1003: "1003 (unsupported data)", 1005: "1005 (no status)", 1006: "1006 (abnormal closure)",
		1007: "1007 (invalid payload data)", 1008: "1008 (policy violation)",
		1009: "1009 (message too big)", 1010: "1010 (mandatory extension missing)",
		1011: "1011 (internal server error)", 1012: "1012", 1013: "1013",
		1015: "1015 (TLS handshake error)", 4000: "4000",
	} {
		if got := (&websocket.CloseError{Code: code}).Error(); got != "websocket: close "+want {
			t.Errorf("%d: %q", code, got)
		}
	}
	err := error(&websocket.CloseError{Code: websocket.CloseGoingAway, Text: "bye"})
	if got := err.Error(); got != "websocket: close 1001 (going away): bye" {
		t.Errorf("Error() = %q", got)
	}
	for name, ok := range map[string]bool{
		"is one of two":  websocket.IsCloseError(err, 1000, 1001),
		"is not another": !websocket.IsCloseError(err, 1000) && !websocket.IsCloseError(err),
		"is unexpected": websocket.IsUnexpectedCloseError(err, 1000) &&
			websocket.IsUnexpectedCloseError(err),
		"is expected": !websocket.IsUnexpectedCloseError(err, 1000, 1001),
		"is no close": !websocket.IsCloseError(io.EOF, 1000) &&
			!websocket.IsUnexpectedCloseError(io.EOF, 1000),
		"nil is no close": !websocket.IsCloseError(nil, 1000) &&
			!websocket.IsUnexpectedCloseError(nil, 1000),
		"an empty message": string(websocket.FormatCloseMessage(1005, "x")) == "" &&
			websocket.FormatCloseMessage(1005, "") != nil,
		"a message with text": string(websocket.FormatCloseMessage(1000, "x")) == "\x03\xe8x",
	} {
		if !ok {
			t.Errorf("%s: false", name)
		}
	}
}
