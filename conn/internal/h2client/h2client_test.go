package h2client

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"golang.org/x/net/http2"
)

// TestHostile has a server break the rules. The link ends, or only the stream does, with the right
// code and with an error that names the rule.
func TestHostile(t *testing.T) {
	const link, stream = true, false
	for _, test := range []struct {
		name string
		do   func(s *script)
		code http2.ErrCode
		ends bool   // the link
		rule string // in the error
	}{
		{
			"DATA beyond the stream's window", func(s *script) { s.data(1, streamWindow+1) },
			http2.ErrCodeFlowControl, stream, "DATA beyond the stream's window (RFC 9113 section 6.9)",
		},
		{"DATA beyond the link's window", func(s *script) {
			for range 3 {
				s.open()
			}
			for id := uint32(1); id < 9; id += 2 { // 4 windows of 256 KiB, half of the link's is granted again
				s.data(id, streamWindow)
			}
			s.AllowIllegalWrites = true
			for range linkWindow / maxFrame {
				_ = s.WriteData(1, false, make([]byte, maxFrame))
			}
		}, http2.ErrCodeFlowControl, stream, "DATA beyond the stream's window (RFC 9113 section 6.9)"},
		{
			"DATA on an idle stream", func(s *script) { s.data(3, 1) },
			http2.ErrCodeProtocol, link, "stream 3, which was never opened (RFC 9113 section 5.1)",
		},
		{
			"DATA on an even stream", func(s *script) { s.data(2, 1) },
			http2.ErrCodeProtocol, link, "stream 2, which was never opened (RFC 9113 section 5.1)",
		},
		{
			"HEADERS on an idle stream", func(s *script) { s.respond(5, false, ":status", "200") },
			http2.ErrCodeProtocol, link, "stream 5, which was never opened (RFC 9113 section 5.1)",
		},
		{
			"RST_STREAM on an idle stream", func(s *script) { _ = s.WriteRSTStream(7, 0) },
			http2.ErrCodeProtocol, link, "stream 7, which was never opened (RFC 9113 section 5.1)",
		},
		{
			"WINDOW_UPDATE on an idle stream", func(s *script) { _ = s.WriteWindowUpdate(7, 1) },
			http2.ErrCodeProtocol, link, "stream 7, which was never opened (RFC 9113 section 5.1)",
		},
		{
			"WINDOW_UPDATE of the link by too much", func(s *script) { _ = s.WriteWindowUpdate(0, maxWindow) },
			http2.ErrCodeFlowControl, link, "the connection's window is more than 2^31-1 (RFC 9113 section 6.9.1)",
		},
		{
			"WINDOW_UPDATE of the stream by too much", func(s *script) { _ = s.WriteWindowUpdate(1, maxWindow) },
			http2.ErrCodeFlowControl, stream, "the stream's window is more than 2^31-1 (RFC 9113 section 6.9.1)",
		},
		{"SETTINGS that make a window too large", func(s *script) {
			_ = s.WriteWindowUpdate(1, maxWindow-65535)
			_ = s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65536})
		}, http2.ErrCodeFlowControl, link, "SETTINGS_INITIAL_WINDOW_SIZE makes a stream's window more than 2^31-1 (RFC 9113 section 6.9.2)"},
		{"SETTINGS that take extended CONNECT back", func(s *script) {
			_ = s.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 0})
		}, http2.ErrCodeProtocol, link, "SETTINGS_ENABLE_CONNECT_PROTOCOL is 0 after it was 1 (RFC 8441 section 3)"},
		{
			"SETTINGS of a wrong size", func(s *script) { _ = s.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) },
			http2.ErrCodeFrameSize, link, "SETTINGS frame of 5 bytes on stream 0",
		},
		{
			"a frame that is too long", func(s *script) { _ = s.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, maxFrame+1)) },
			http2.ErrCodeFrameSize, link, "DATA frame of 16385 bytes on stream 1",
		},
		{"SETTINGS with a value that is not allowed", func(s *script) {
			_ = s.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1})
		}, http2.ErrCodeProtocol, link, "SETTINGS with [MAX_FRAME_SIZE = 1]"},
		{"PUSH_PROMISE", func(s *script) {
			_ = s.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		}, http2.ErrCodeProtocol, link, "PUSH_PROMISE, which SETTINGS_ENABLE_PUSH forbids (RFC 9113 section 8.4)"},
		{
			"CONTINUATION alone", func(s *script) { _ = s.WriteContinuation(1, true, nil) },
			http2.ErrCodeProtocol, link, "unexpected CONTINUATION for stream 1",
		},
		{"DATA within HEADERS", func(s *script) {
			_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}})
			s.data(1, 1)
		}, http2.ErrCodeProtocol, link, "got DATA for stream 1; expected CONTINUATION"},
		{"HPACK that is none", func(s *script) {
			_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff}, EndHeaders: true})
		}, http2.ErrCodeCompression, link, "HEADERS frame of 3 bytes on stream 1"},
		{
			"HEADERS in the middle", func(s *script) { s.respond(1, false, ":status", "200") },
			http2.ErrCodeProtocol, stream, "HEADERS in the middle of the stream (RFC 9113 section 8.1)",
		},
		{
			"DATA after the end", func(s *script) { _ = s.WriteData(1, true, nil); s.data(1, 1) },
			http2.ErrCodeStreamClosed, stream, "DATA after END_STREAM (RFC 9113 section 5.1)",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(s *script) {
				st := s.open()
				test.do(s)
				synctest.Wait()
				if !test.ends {
					s.wantReset(test.code)
				} else if f := s.want(http2.FrameGoAway).(*http2.GoAwayFrame); f.ErrCode != test.code {
					t.Errorf("GOAWAY with %v, want %v", f.ErrCode, test.code)
				}
				var err error
				for err == nil {
					_, err = st.Read(make([]byte, 64<<10))
				}
				_, werr := st.Write([]byte("x"))
				if werr == nil {
					t.Fatal("Write succeeded, want an error")
				}
				for _, want := range []string{"the server broke the rules of HTTP/2: ", test.rule} {
					if !strings.Contains(werr.Error(), want) {
						t.Errorf("Write: %v, want %q in the error", werr, want)
					}
				}
			})
		})
	}
}

// data sends n bytes in frames.
func (s *script) data(id uint32, n int) {
	for n > 0 {
		m := min(n, maxFrame)
		_ = s.WriteData(id, false, make([]byte, m))
		n -= m
		synctest.Wait()
	}
}

// TestFloods has a server ask without end and read nothing. What waits for the server is bounded:
// the link ends.
func TestFloods(t *testing.T) {
	for name, ask := range map[string]func(s *script) error{
		"PING":     func(s *script) error { return s.WritePing(false, [8]byte{}) },
		"SETTINGS": func(s *script) error { return s.WriteSettings() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *script) {
				st := s.open()
				for i := 0; ask(s) == nil; i++ {
					if i > 1<<20 {
						t.Fatal("a million frames were accepted from a server that reads nothing, want the link to end")
					}
				}
				if _, err := st.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "ENHANCE_YOUR_CALM") {
					t.Error(err)
				}
				time.Sleep(2 * lastWrite)
			})
		})
	}
	t.Run("RST_STREAM and others of a stream that has ended", func(t *testing.T) {
		bubble(t, func(s *script) {
			st := s.open()
			st.Abort()
			s.wantReset(http2.ErrCodeCancel)
			for range 10_000 {
				_ = s.WriteRSTStream(1, http2.ErrCodeCancel)
				_ = s.WriteWindowUpdate(1, 1)
				_ = s.WriteData(1, false, []byte("late"))
			}
			synctest.Wait()
			st.link.mu.Lock()
			if n := len(st.link.out) + len(st.link.streams); n > 0 {
				t.Errorf("%d bytes and streams are left, want none", n)
			}
			st.link.mu.Unlock()
			s.open()
		})
	})
	t.Run("1xx", func(t *testing.T) {
		bubble(t, func(s *script) {
			done := s.ask(context.Background())
			_ = s.WriteSettings(allow)
			s.want(http2.FrameHeaders)
			for range maxInformed + 1 {
				s.respond(1, false, ":status", "103")
			}
			if a := <-done; a.err == nil {
				t.Error("no error, want one after so many 1xx responses")
			}
			s.wantReset(http2.ErrCodeProtocol)
		})
	})
}

// TestFirstFrame checks that a server has to begin with SETTINGS.
func TestFirstFrame(t *testing.T) {
	for name, write := range map[string]func(s *script){
		"PING":     func(s *script) { _ = s.WritePing(false, [8]byte{}) },
		"ACK":      func(s *script) { _ = s.WriteSettingsAck() },
		"HTTP/1.1": func(s *script) { _, _ = s.nc.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")) },
		"nothing":  func(s *script) { _ = s.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *script) {
				done := s.ask(context.Background())
				write(s)
				if a := <-done; a.err == nil {
					t.Error("no error, want one")
				}
			})
		})
	}
}

// TestSettingsOfPythonH2 has the SETTINGS that Python's h2 sends, byte by byte. They allow extended
// CONNECT if its user has set local_settings. A user who calls update_settings before
// initiate_connection sends a 1 and then the 0 that is still in local_settings.
func TestSettingsOfPythonH2(t *testing.T) {
	const first = "0001 00001000  0002 00000000  0004 0000ffff  0005 00004000 "
	for _, test := range []struct {
		name, bytes, rule string
	}{
		{"local_settings", "00001e 04 00 00000000 " + first + "0008 00000001", ""},
		{
			"update_settings first",
			"000006 04 00 00000000  0008 00000001" +
				"00002a 04 00 00000000 " + first + "0008 00000000  0003 00000064  0006 00010000",
			"SETTINGS_ENABLE_CONNECT_PROTOCOL is 0 after it was 1 (RFC 8441 section 3)",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(s *script) {
				done := s.ask(context.Background())
				p, err := hex.DecodeString(strings.ReplaceAll(test.bytes, " ", ""))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = s.nc.Write(p)
				synctest.Wait()
				if test.rule == "" {
					s.respond(s.want(http2.FrameHeaders).Header().StreamID, false, ":status", "200")
				}
				a := <-done
				failed := a.err != nil
				if failed != (test.rule != "") || failed && !strings.Contains(a.err.Error(), test.rule) {
					t.Errorf("error %v, want %q", a.err, test.rule)
				}
				if a.s != nil {
					a.s.Abort()
				}
			})
		})
	}
}

// TestLostBeforeFirstStream has a connection end after the server's SETTINGS and before the first
// stream opens. The error says how the connection ended.
func TestLostBeforeFirstStream(t *testing.T) {
	theirs, ours := wstest.Pipe(1 << 10)
	defer ours.Close()
	l := newLink(theirs)
	if l.fail(io.EOF); !errors.Is(l.refuse(), io.ErrUnexpectedEOF) {
		t.Errorf("refuse() = %v, want the end of the connection", l.refuse())
	}
}

// TestStream reads, writes and ends.
func TestStream(t *testing.T) {
	bubble(t, func(s *script) {
		st := s.open()
		if _, err := st.Write([]byte("up")); err != nil {
			t.Fatal(err)
		}
		if f := s.want(http2.FrameData).(*http2.DataFrame); string(f.Data()) != "up" {
			t.Errorf("DATA frame %q, want what was written", f.Data())
		}
		_ = s.WriteDataPadded(1, false, []byte("down"), make([]byte, 100))
		p := make([]byte, 3)
		for _, want := range []string{"dow", "n"} {
			if n, err := st.Read(p); err != nil || string(p[:n]) != want {
				t.Errorf("Read = %q, %v, want what was sent", p[:n], err)
			}
		}
		_ = st.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := st.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		_ = st.SetReadDeadline(time.Time{})
		_ = s.WriteData(1, true, []byte("end"))
		if all, err := io.ReadAll(st); err != nil || string(all) != "end" {
			t.Errorf("ReadAll = %q, %v, want the rest and no error", all, err)
		}
		_ = st.Close()
		if f := s.want(http2.FrameData).(*http2.DataFrame); !f.StreamEnded() {
			t.Error("DATA frame without END_STREAM, want it set")
		}
		if _, err := st.Read(p); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := st.Write(p); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestLinger checks that a stream that this side has ended is reset if the server does not end it
// for a while. What comes meanwhile is dropped, and no more of it is asked for.
func TestLinger(t *testing.T) {
	bubble(t, func(s *script) {
		st := s.open()
		_ = st.CloseWrite()
		_ = st.Close()
		s.data(1, streamWindow)
		s.client.CloseIdleConnections() // the link ends with the stream
		start := time.Now()
		s.wantReset(http2.ErrCodeCancel)
		if d := time.Since(start); d != lingerTime {
			t.Errorf("after %v, want %v", d, lingerTime)
		}
		if _, err := s.ReadFrame(); err == nil {
			t.Error("the link goes on, want it to end")
		}
	})
}

// TestBackPressure checks that a stream that nobody reads holds one window at most and stops no
// other stream. Reading asks for more.
func TestBackPressure(t *testing.T) {
	bubble(t, func(s *script) {
		slow, quick := s.open(), s.open()
		s.data(1, streamWindow)
		for range 3 * linkWindow / streamWindow { // more than the link's window in all
			s.data(3, streamWindow)
			if _, err := io.ReadFull(quick, make([]byte, streamWindow)); err != nil {
				t.Fatal(err)
			}
		}
		if n := cap(slow.in.b); n > streamWindow {
			t.Errorf("%d bytes are held, want at most %d", n, streamWindow)
		}
		if _, err := io.ReadFull(slow, make([]byte, streamWindow)); err != nil {
			t.Fatal(err)
		}
		if slow.in != nil {
			t.Error("a buffer is held after everything was read, want none")
		}
		for {
			if f := s.want(http2.FrameWindowUpdate); f.Header().StreamID == 1 {
				break
			}
		}
	})
}

// TestSendWindow checks that a write waits for the windows of its stream and of the link, while
// other streams go on.
func TestSendWindow(t *testing.T) {
	bubble(t, func(s *script) {
		small := http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10}
		st, other := s.open(small), s.open()
		done := make(chan error, 2)
		go func() { _, err := st.Write(bytes.Repeat([]byte("x"), 25)); done <- err }()
		synctest.Wait()
		_, _ = other.Write([]byte("beside"))
		got := map[uint32]int{}
		take := func(frames int) {
			for range frames {
				f := s.want(http2.FrameData).(*http2.DataFrame)
				got[f.StreamID] += len(f.Data())
			}
		}
		take(2)
		if got[1] != 10 || got[3] != 6 {
			t.Errorf("%v", got)
		}
		_ = s.WriteWindowUpdate(1, 5)
		take(1)
		_ = s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 20})
		take(1)
		if err := <-done; err != nil || got[1] != 25 {
			t.Errorf("%v, %v", got, err)
		}
		go func() { _, err := st.Write(make([]byte, 100)); done <- err }()
		synctest.Wait()
		st.Abort()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestStuck checks that a server that does not read the connection holds up writes, within bounds,
// and that an abort does not wait for it.
func TestStuck(t *testing.T) {
	bubble(t, func(s *script) {
		st := s.open(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow})
		_ = s.WriteWindowUpdate(0, maxWindow-65535)
		done := make(chan int, 1)
		go func() { n, _ := st.Write(make([]byte, 16<<20)); done <- n }()
		synctest.Wait()
		st.Abort()
		if n := <-done; n > 1<<20+4*maxOut {
			t.Errorf("%d bytes were accepted, want a bounded number", n)
		}
	})
}

// TestGoAwayRetry checks that a request that the server has not served, or has refused, is sent
// again on another connection.
func TestGoAwayRetry(t *testing.T) {
	for name, refuse := range map[string]func(s *script){
		"GOAWAY":         func(s *script) { _ = s.WriteGoAway(0, http2.ErrCodeNo, nil) },
		"REFUSED_STREAM": func(s *script) { _ = s.WriteRSTStream(1, http2.ErrCodeRefusedStream) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *script) {
				done := s.ask(context.Background())
				_ = s.WriteSettings(allow)
				s.want(http2.FrameHeaders)
				refuse(s)
				synctest.Wait()
				if s.dials == 2 {
					_ = s.WriteSettings(allow)
				}
				id := s.want(http2.FrameHeaders).Header().StreamID
				s.respond(id, false, ":status", "200")
				if a := <-done; a.err != nil {
					t.Error(a.err)
				}
			})
		})
	}
}

// TestRetryEnds checks that a server that always refuses is asked only a few times.
func TestRetryEnds(t *testing.T) {
	bubble(t, func(s *script) {
		done := s.ask(context.Background())
		_ = s.WriteSettings(allow)
		for range maxTries {
			id := s.want(http2.FrameHeaders).Header().StreamID
			_ = s.WriteRSTStream(id, http2.ErrCodeRefusedStream)
		}
		if a := <-done; a.err == nil || !strings.Contains(a.err.Error(), "REFUSED_STREAM") {
			t.Error(a.err)
		}
	})
}

// TestLimits checks that streams beyond the server's limit, and those for which no number is left,
// take another connection.
func TestLimits(t *testing.T) {
	bubble(t, func(s *script) {
		one := http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}
		first := s.open(one)
		s.open(one)
		if s.dials != 2 {
			t.Errorf("%d connections, want 2", s.dials)
		}
		first.Abort()
	})
	bubble(t, func(s *script) {
		st := s.open()
		st.link.mu.Lock()
		st.link.nextID = maxStreamID
		st.link.mu.Unlock()
		if last := s.open(); last.id != maxStreamID || s.dials != 1 {
			t.Errorf("stream %d on connection %d", last.id, s.dials)
		}
		if next := s.open(); next.id != 1 || s.dials != 2 {
			t.Errorf("stream %d on connection %d", next.id, s.dials)
		}
		st.link.leave(nil)
	})
	bubble(t, func(s *script) {
		done := s.ask(context.Background())
		_ = s.WriteSettings(allow, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
		if a := <-done; !errors.Is(a.err, ErrNoStreams) {
			t.Error(a.err)
		}
	})
}

// TestDeadConnection checks that after a request that got neither an answer nor anything else, the
// next request takes another connection.
func TestDeadConnection(t *testing.T) {
	bubble(t, func(s *script) {
		s.open()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if a := <-s.ask(ctx); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Error(a.err)
		}
		old := s.nc
		s.open()
		if s.dials != 2 {
			t.Errorf("%d connections, want 2", s.dials)
		}
		_ = old.Close()
	})
}

// TestIdle checks that a link without streams ends after a while.
func TestIdle(t *testing.T) {
	bubble(t, func(s *script) {
		st := s.open()
		time.Sleep(2 * idleTimeout)
		st.Abort()
		s.wantReset(http2.ErrCodeCancel)
		start := time.Now()
		if f, err := s.ReadFrame(); err == nil {
			t.Errorf("frame %v, want the connection to end", f)
		}
		if d := time.Since(start); d != idleTimeout {
			t.Errorf("after %v, want %v", d, idleTimeout)
		}
	})
}
