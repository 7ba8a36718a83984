package websocket_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	websocket "github.com/rfc6455/ws/conn/gorilla"
	"github.com/rfc6455/ws/conn/internal/deflate"
	"github.com/rfc6455/ws/frame"
)

// The tests in this file show the rows of the table in the package's documentation, in its order.

// TestConcurrentWriters: messages of many goroutines, written in every way, arrive whole.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 50
	for name, run := range map[string]func(*testing.T, func(*testing.T, *side)){
		"plain": both, "compressed": bothZipped,
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, s *side) {
				var all sync.WaitGroup
				for i := range writers {
					text := strings.Repeat(fmt.Sprint(i), 1+2000*i)
					pm, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte(text))
					check(t, err)
					quoted, err := json.Marshal(text)
					check(t, err)
					for _, write := range []func() error{
						func() error { return s.WriteMessage(websocket.TextMessage, []byte(text)) },
						func() error { return s.WriteJSON(json.RawMessage(quoted)) },
						func() error { return s.WritePreparedMessage(pm) },
						func() error {
							deadline := time.Now().Add(long)
							return s.WriteControl(websocket.PingMessage, []byte("ping"), deadline)
						},
						func() error {
							return s.WriteMessage(websocket.PongMessage, []byte("pong"))
						},
					} {
						all.Go(func() {
							for range each {
								if err := write(); err != nil {
									t.Error(err)
								}
							}
						})
					}
				}
				done := make(chan struct{})
				go func() {
					all.Wait()
					_ = s.WriteControl(websocket.CloseMessage, nil, time.Time{})
					close(done)
				}()
				if messages, controls := s.wantUniform(); messages != 3*writers*each ||
					controls != 2*writers*each {
					t.Errorf("%d messages and %d control frames came, want %d and %d", messages,
						controls, 3*writers*each, 2*writers*each)
				}
				<-done
			})
		})
	}
}

// wantUniform reads messages until a Close frame. Each has to consist of one digit, in quotes or
// not, and to be as long as those of its writer.
func (s *side) wantUniform() (messages, controls int) {
	s.t.Helper()
	for {
		h, p := s.got()
		switch {
		case h.Opcode == frame.Close:
			return messages, controls
		case h.Opcode.IsControl():
			controls++
			continue
		}
		if h.RSV != 0 {
			p = inflated(s.t, p)
		}
		p = strings.Trim(p, "\"\n")
		if messages++; p == "" || p != strings.Repeat(p[:1], 1+2000*int(p[0]-'0')) {
			s.t.Fatalf("a message of %d bytes is not one that was sent: %.40q", len(p), p)
		}
	}
}

// TestWritersBesideNextWriter: a prepared message leaves that of a writer alone until a part of it
// has been sent. Control frames of WriteControl pass between its frames.
func TestWritersBesideNextWriter(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		w, err := s.NextWriter(websocket.TextMessage)
		check(t, err)
		_, err = io.WriteString(w, "in two ")
		check(t, err)
		pm, err := websocket.NewPreparedMessage(websocket.BinaryMessage, []byte("between"))
		check(t, err)
		check(t, s.WritePreparedMessage(pm))
		s.want(websocket.BinaryMessage, "between")
		_, err = io.WriteString(w, "pieces")
		check(t, err)
		check(t, w.Close())
		s.want(websocket.TextMessage, "in two pieces")

		w, err = s.NextWriter(websocket.TextMessage)
		check(t, err)
		long := strings.Repeat("x", 20<<10)
		for range 2 {
			_, err = io.WriteString(w, long)
			check(t, err)
		}
		check(t, s.WriteControl(websocket.PingMessage, nil, time.Time{}))
		check(t, s.WritePreparedMessage(pm))
		if err := w.Close(); err == nil {
			t.Error("Close of a message that another one has ended: nil")
		}
		check(t, s.WriteControl(websocket.CloseMessage, nil, time.Time{}))
		text, pings := "", 0
		for {
			h, p := s.got()
			if h.Opcode.IsControl() {
				pings++
				continue
			}
			if text += p; h.Fin {
				break
			}
		}
		if text != long+long || pings != 1 {
			t.Errorf("a message of %d bytes and %d pings came, want %d and 1", len(text), pings,
				2*len(long))
		}
		s.want(websocket.BinaryMessage, "between")
	})
}

// TestConcurrentReaders: each message goes to one of them.
func TestConcurrentReaders(t *testing.T) {
	const n = 200
	both(t, func(t *testing.T, s *side) {
		got := make(chan string, n)
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					_, p, err := s.ReadMessage()
					if err != nil {
						return
					}
					got <- string(p)
				}
			})
		}
		for i := range n {
			s.send(message(websocket.TextMessage), fmt.Sprint(i))
		}
		s.send(message(websocket.CloseMessage), "")
		readers.Wait()
		close(got)
		seen := map[string]bool{}
		for p := range got {
			seen[p] = true
		}
		if len(seen) != n {
			t.Errorf("%d messages came, want %d", len(seen), n)
		}
	})
}

// TestDefaultReadLimit: a connection without SetReadLimit is bounded.
func TestDefaultReadLimit(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		b := s.frame(message(websocket.BinaryMessage), "")
		h := frame.Header{
			Opcode: frame.Binary, Fin: true, Length: 32<<20 + 1,
			Masked: s.role == frame.Server,
		}
		_, err := s.peer.Write(append(b, frame.Append(nil, h)...))
		check(t, err)
		s.wantMessage(websocket.BinaryMessage, "")
		if _, _, err := s.ReadMessage(); err != websocket.ErrReadLimit {
			t.Errorf("ReadMessage: %v, want ErrReadLimit", err)
		}
		if code := s.wantClose(); code != frame.MessageTooBig {
			t.Errorf("the Close frame has %v, want 1009", code)
		}
	})
}

// TestAnnouncedLength: a length that was only announced takes no memory.
func TestAnnouncedLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		s := serverOver(t, new(websocket.Upgrader), request(nil), near, far)
		done := make(chan struct{})
		go func() { defer close(done); _, _, _ = s.ReadMessage() }()
		h := frame.Header{Opcode: frame.Binary, Fin: true, Length: 32 << 20, Masked: true}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := far.Write(append(frame.Append(nil, h), make([]byte, 100)...))
		check(t, err)
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("a header and 100 bytes took %d bytes of memory", n)
		}
		check(t, s.Close())
		<-done
	})
}

// TestReadLimitInflates: a small message that inflates beyond the limit.
func TestReadLimitInflates(t *testing.T) {
	const limit = 100_000
	text := strings.Repeat("x", limit)
	bothZipped(t, func(t *testing.T, s *side) {
		s.SetReadLimit(limit)
		s.send(zipped, deflated(text))
		s.wantMessage(websocket.TextMessage, text)
		s.send(zipped, deflated(text+"y"))
		if _, _, err := s.ReadMessage(); err != websocket.ErrReadLimit {
			t.Errorf("ReadMessage: %v, want ErrReadLimit", err)
		}
		if code := s.wantClose(); code != frame.MessageTooBig {
			t.Errorf("the Close frame has %v, want 1009", code)
		}
	})
	bothZipped(t, func(t *testing.T, s *side) {
		s.SetReadLimit(limit)
		s.send(zipped, deflated(text+"y"))
		_, r, err := s.NextReader()
		check(t, err)
		if n, err := io.Copy(io.Discard, r); n > limit || err != websocket.ErrReadLimit {
			t.Errorf("Copy = %d, %v, want ErrReadLimit", n, err)
		}
	})
	bothZipped(t, func(t *testing.T, s *side) { // one that is not compressed, on such a connection
		s.SetReadLimit(limit)
		s.send(message(websocket.TextMessage), text+"y")
		if _, _, err := s.ReadMessage(); err != websocket.ErrReadLimit {
			t.Errorf("ReadMessage: %v, want ErrReadLimit", err)
		}
	})
}

// TestReadLimitCountsWhatIsDropped: a message that is larger than the limit ends the reading, even
// if the program has left it.
func TestReadLimitCountsWhatIsDropped(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.SetReadLimit(10)
		s.send(frame.Header{Opcode: frame.Text}, "12345")
		_, _, err := s.NextReader()
		check(t, err)
		s.send(message(0), "678901")
		if _, _, err := s.NextReader(); err != websocket.ErrReadLimit {
			t.Errorf("NextReader: %v, want ErrReadLimit", err)
		}
	})
}

// TestTextIsChecked in both directions.
func TestTextIsChecked(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		bad := []byte("\xc3(")
		w, err := s.NextWriter(websocket.TextMessage)
		check(t, err)
		_, err = w.Write(bad)
		_, err2 := websocket.NewPreparedMessage(websocket.TextMessage, bad)
		for _, err := range []error{s.WriteMessage(websocket.TextMessage, bad), err, err2} {
			if !errors.Is(err, frame.ErrInvalidUTF8) {
				t.Errorf("a write: %v, want ErrInvalidUTF8", err)
			}
		}
		_, err = io.WriteString(w, "good")
		check(t, err)
		check(t, w.Close())
		s.want(websocket.TextMessage, "good")
		check(t, s.WriteMessage(websocket.BinaryMessage, bad))
		s.want(websocket.BinaryMessage, string(bad))

		s.send(message(websocket.BinaryMessage), string(bad))
		s.wantMessage(websocket.BinaryMessage, string(bad))
		s.send(message(websocket.TextMessage), string(bad))
		if _, _, err := s.ReadMessage(); !errors.Is(err, frame.ErrInvalidUTF8) {
			t.Errorf("ReadMessage: %v, want ErrInvalidUTF8", err)
		}
		if code := s.wantClose(); code != frame.InvalidPayload {
			t.Errorf("the Close frame has %v, want 1007", code)
		}
	})
	bothZipped(t, func(t *testing.T, s *side) {
		s.send(zipped, deflated("\xc3("))
		if _, _, err := s.ReadMessage(); !errors.Is(err, frame.ErrInvalidUTF8) {
			t.Errorf("ReadMessage of compressed text: %v, want ErrInvalidUTF8", err)
		}
	})
}

// TestTextEndsWithinACharacter: such a message is not sent. If a part of it has been sent, nothing
// can follow.
func TestTextEndsWithinACharacter(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		for _, n := range []int{0, 40 << 10} {
			w, err := s.NextWriter(websocket.TextMessage)
			check(t, err)
			_, err = io.WriteString(w, strings.Repeat("x", n)+"\xc3")
			check(t, err)
			if err := w.Close(); !errors.Is(err, frame.ErrInvalidUTF8) {
				t.Errorf("Close: %v, want ErrInvalidUTF8", err)
			}
			err = s.WriteMessage(websocket.BinaryMessage, []byte("next"))
			if n == 0 {
				check(t, err)
				s.want(websocket.BinaryMessage, "next")
			} else if !errors.Is(err, frame.ErrInvalidUTF8) {
				t.Errorf("WriteMessage behind half a message: %v, want ErrInvalidUTF8", err)
			}
		}
	})
}

// TestStrictFrames: rules that gorilla does not check.
func TestStrictFrames(t *testing.T) {
	for name, x := range map[string]struct {
		after string // the bytes after a server's first header byte, of a message of one byte
		rule  error
	}{
		"length not minimal": {"\x7e\x00\x01x", frame.ErrLengthNotMinimal},
		"length of 2^63":     {"\x7f\x80\x00\x00\x00\x00\x00\x00\x01", frame.ErrLengthOverflow},
	} {
		t.Run(name, func(t *testing.T) {
			s := client(t, new(websocket.Dialer), nil)
			_, err := io.WriteString(s.peer, "\x82"+x.after)
			check(t, err)
			if _, _, err := s.ReadMessage(); !errors.Is(err, x.rule) {
				t.Errorf("ReadMessage: %v, want %v", err, x.rule)
			}
			if code := s.wantClose(); code != frame.ProtocolError {
				t.Errorf("the Close frame has %v, want 1002", code)
			}
		})
	}
	both(t, func(t *testing.T, s *side) {
		s.send(message(websocket.CloseMessage), "x")
		if _, _, err := s.ReadMessage(); !errors.Is(err, frame.ErrShortClose) {
			t.Errorf("ReadMessage: %v, want ErrShortClose", err)
		}
	})
	bothZipped(t, func(t *testing.T, s *side) {
		s.send(frame.Header{Opcode: frame.Text, RSV: frame.RSV1}, "")
		s.send(frame.Header{RSV: frame.RSV1, Fin: true}, "")
		if _, _, err := s.ReadMessage(); !errors.Is(err, frame.ErrReservedBits) {
			t.Errorf("ReadMessage: %v, want ErrReservedBits", err)
		}
	})
}

// TestEmptyFragments: a message can't have any number of them.
func TestEmptyFragments(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		many := bytes.Repeat(s.frame(frame.Header{}, ""), 1<<17)
		go func() {
			_, _ = s.peer.Write(append(s.frame(frame.Header{Opcode: frame.Text}, ""),
				many...))
		}()
		if _, _, err := s.ReadMessage(); !errors.Is(err, frame.ErrTooManyFragments) {
			t.Errorf("ReadMessage: %v, want ErrTooManyFragments", err)
		}
		if code := s.wantClose(); code != frame.PolicyViolation {
			t.Errorf("the Close frame has %v, want 1008", code)
		}
	})
}

// TestMaskingKeys: no two frames have the same.
func TestMaskingKeys(t *testing.T) {
	s := client(t, new(websocket.Dialer), nil)
	pm, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte("x"))
	check(t, err)
	keys := map[uint32]bool{}
	for range 100 {
		check(t, s.WritePreparedMessage(pm))
		h, _ := s.got()
		keys[h.Key] = true
	}
	if len(keys) < 99 {
		t.Errorf("100 frames have %d masking keys", len(keys))
	}
}

// TestWindowBits: a client that asks for a small window gets messages that need no more.
func TestWindowBits(t *testing.T) {
	u := &websocket.Upgrader{EnableCompression: true}
	const offer = "permessage-deflate; server_max_window_bits=9"
	r := request(http.Header{"Sec-Websocket-Extensions": {offer}})
	resp, _ := upgraded(t, u, r, nil)
	got := resp.Header.Get("Sec-Websocket-Extensions")
	if !strings.Contains(got, "server_max_window_bits=9") {
		t.Errorf("the answer is %q, want the window granted", got)
	}
	const alone = offer + "; server_no_context_takeover"
	s := server(t, u, request(http.Header{"Sec-Websocket-Extensions": {alone}}))
	// Text that repeats itself after 2000 bytes, which a window of 512 bytes does not see.
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, "%05d", i*i)
	}
	text := strings.Repeat(b.String(), 3)
	check(t, s.WriteMessage(websocket.TextMessage, []byte(text)))
	h, payload := s.got()
	if h.RSV != frame.RSV1 {
		t.Fatalf("the message is not compressed: %+v", h)
	}
	small := deflate.Decoder{WindowBits: 9}
	p, err := small.Append(nil, []byte(payload), deflate.Last)
	if err != nil || string(p) != text {
		t.Errorf("inflated with a window of 512 bytes: %d bytes, %v, want the %d of the message",
			len(p), err, len(text))
	}
}

// TestWrongOffers: a server does not accept permessage-deflate with parameters that are unknown or
// malformed.
func TestWrongOffers(t *testing.T) {
	u := &websocket.Upgrader{EnableCompression: true}
	for _, offer := range []string{
		"permessage-deflate; unknown", "permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; server_max_window_bits=7", "permessage-deflate; ;",
	} {
		r := request(http.Header{"Sec-Websocket-Extensions": {offer}})
		resp, _ := upgraded(t, u, r, nil)
		if got := resp.Header.Get("Sec-Websocket-Extensions"); got != "" {
			t.Errorf("the answer to %q is %q, want none", offer, got)
		}
	}
}

// TestShortAnswer: a server need not repeat what the client has said of itself.
func TestShortAnswer(t *testing.T) {
	d := &websocket.Dialer{EnableCompression: true}
	const answer = "permessage-deflate; server_no_context_takeover"
	s := client(t, d, http.Header{"Sec-Websocket-Extensions": {answer}})
	for range 2 { // no message refers to the one before
		check(t, s.WriteMessage(websocket.TextMessage, []byte("compressed")))
		if h, p := s.got(); h.RSV != frame.RSV1 || inflated(t, p) != "compressed" {
			t.Errorf("got %+v %q, want a message that is compressed on its own", h, p)
		}
	}
}

// TestLongRefusal: the response has the beginning of its body.
func TestLongRefusal(t *testing.T) {
	body := strings.Repeat("0123456789", 10_000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, body)
	}))
	defer s.Close()
	_, resp, err := new(websocket.Dialer).Dial(wsURL(s), nil)
	if err != websocket.ErrBadHandshake {
		t.Fatalf("Dial: %v, want ErrBadHandshake", err)
	}
	if p, err := io.ReadAll(resp.Body); string(p) != body[:64<<10] || err != nil {
		t.Errorf("the body has %d bytes, %v, want the first 64 KiB", len(p), err)
	}
}

// TestFailedJSON: nothing is sent.
func TestFailedJSON(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		if err := s.WriteJSON(func() {}); err == nil {
			t.Error("WriteJSON of a function: nil")
		}
		check(t, s.WriteJSON(1))
		s.want(websocket.TextMessage, "1\n")
	})
}

// TestCancelledDial: the end of the context ends a dial that waits for the server's response.
func TestCancelledDial(t *testing.T) {
	near, far := pipe(t)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = far.Read(make([]byte, 1000))
		cancel()
	}()
	d := &websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return near, nil }}
	if _, _, err := d.DialContext(ctx, "ws://example.com", nil); err != context.Canceled {
		t.Errorf("DialContext: %v, want context.Canceled", err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection is open: %v", err)
	}
}

// TestEndlessResponse: what a dial reads of a response is bounded.
func TestEndlessResponse(t *testing.T) {
	near, far := pipe(t)
	go func() {
		_, _ = io.WriteString(far, "HTTP/1.1 101 x\r\n")
		for {
			if _, err := io.WriteString(far, "X: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
				return
			}
		}
	}()
	d := &websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return near, nil }}
	if _, _, err := d.Dial("ws://example.com", nil); err == nil {
		t.Error("Dial: nil")
	}
}

// TestWrappedResponseWriter: a middleware's ResponseWriter needs no Hijack.
func TestWrappedResponseWriter(t *testing.T) {
	near, far := pipe(t)
	go func() { _, _ = io.Copy(io.Discard, far) }()
	w := wrapped{httptest.NewRecorder(), taken{httptest.NewRecorder(), near, ""}}
	c, err := new(websocket.Upgrader).Upgrade(w, request(nil), nil)
	check(t, err)
	check(t, c.Close())
}

type wrapped struct {
	http.ResponseWriter
	inner http.ResponseWriter
}

func (w wrapped) Unwrap() http.ResponseWriter { return w.inner }

// TestTimeoutHasItsCause: errors.Is finds what package net means by it.
func TestTimeoutHasItsCause(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		past := time.Now().Add(-time.Second)
		check(t, s.SetReadDeadline(past))
		check(t, s.SetWriteDeadline(past))
		_, _, err := s.ReadMessage()
		for _, err := range []error{err, s.WriteMessage(websocket.TextMessage, nil)} {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v: errors.Is does not find os.ErrDeadlineExceeded", err)
			}
		}
	})
}

// TestNoCompressionLevel: messages are plain.
func TestNoCompressionLevel(t *testing.T) {
	bothZipped(t, func(t *testing.T, s *side) {
		check(t, s.SetCompressionLevel(0))
		check(t, s.WriteMessage(websocket.TextMessage, []byte("plain")))
		s.want(websocket.TextMessage, "plain")
	})
}

// TestBuffersAreNotThePrograms: a WriteBufferPool is left alone.
func TestBuffersAreNotThePrograms(t *testing.T) {
	u := &websocket.Upgrader{WriteBufferPool: untouchable{}, WriteBufferSize: 10}
	s := server(t, u, request(nil))
	check(t, s.WriteMessage(websocket.TextMessage, []byte("x")))
	s.want(websocket.TextMessage, "x")
}

type untouchable struct{}

func (untouchable) Get() any { panic("Get was called") }
func (untouchable) Put(any)  { panic("Put was called") }

// TestFewFrames: a message that is written whole is one frame, also a client's.
func TestFewFrames(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		done := make(chan error, 1)
		go func() { done <- s.WriteMessage(websocket.BinaryMessage, make([]byte, 1<<20)) }()
		if h, p := s.got(); !h.Fin || len(p) != 1<<20 {
			t.Errorf("a frame of %d bytes came, FIN %t, want the whole message", len(p), h.Fin)
		}
		check(t, <-done)
	})
}

// TestFewFramesOfAWriter: a long piece that a writer is given is one frame, and what is left of it.
func TestFewFramesOfAWriter(t *testing.T) {
	const size = 1 << 20
	both(t, func(t *testing.T, s *side) {
		done := make(chan error, 1)
		go func() {
			w, err := s.NextWriter(websocket.TextMessage)
			if err == nil {
				_, err = w.Write([]byte("head "))
			}
			if err == nil {
				_, err = w.Write(bytes.Repeat([]byte("x"), size))
			}
			if err == nil {
				_, err = w.Write([]byte(" tail"))
			}
			done <- errors.Join(err, w.Close())
		}()
		op, p, frames, err := s.whole()
		check(t, err)
		if op != frame.Text || p != "head "+strings.Repeat("x", size)+" tail" || frames > 4 {
			t.Errorf("%v of %d bytes in %d frames, want text of %d in 4 at most", op, len(p), frames,
				size+10)
		}
		check(t, <-done)
	})
}

// TestCutWhileDropping: it is an error as elsewhere.
func TestCutWhileDropping(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		b := s.frame(message(websocket.TextMessage), "half a message")
		_, err := s.peer.Write(b[:len(b)-7])
		check(t, err)
		_, _, err = s.NextReader()
		check(t, err)
		check(t, s.peer.Close())
		if _, _, err := s.NextReader(); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
			t.Errorf("NextReader: %v, want 1006", err)
		}
	})
}

// TestControlWriterIsBounded: Write refuses what does not fit into a control frame.
func TestControlWriterIsBounded(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		w, err := s.NextWriter(websocket.PingMessage)
		check(t, err)
		if _, err := w.Write(make([]byte, 126)); err == nil {
			t.Error("Write of 126 bytes: nil")
		}
	})
}

// TestBadGateway: IANA has registered the code 1014.
func TestBadGateway(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		s.send(message(websocket.CloseMessage), "\x03\xf6")
		if _, _, err := s.ReadMessage(); !websocket.IsCloseError(err, 1014) {
			t.Errorf("ReadMessage: %v, want 1014", err)
		}
	})
}

// TestWriteDeadlineOfNetConn: it counts.
func TestWriteDeadlineOfNetConn(t *testing.T) {
	both(t, func(t *testing.T, s *side) {
		check(t, s.NetConn().SetWriteDeadline(time.Now().Add(-time.Second)))
		if err := s.WriteMessage(websocket.TextMessage, nil); !isTimeout(err) {
			t.Errorf("WriteMessage: %v, want a timeout", err)
		}
	})
}
