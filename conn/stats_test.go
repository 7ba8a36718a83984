package conn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// TestStats counts a conversation, from both ends.
func TestStats(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		var s, o Stats
		c, other := deflatePair(t, role, Config{Trace: s.Trace()}, Config{Trace: o.Trace()})
		go other.Serve(bg, &Events{})
		long := []byte(strings.Repeat("again and ", 100))
		check(c.Write(bg, Text, long))
		check(c.Write(bg, Text|Uncompressed, []byte("plain")))
		served := make(chan error)
		go func() {
			served <- c.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { panic("count me") }})
		}()
		_, err := c.Ping(bg)
		check(err)
		check(other.Write(bg, Binary, []byte("b")))
		<-served
		<-other.Done()
		synctest.Wait()
		got, theirs := published(t, &s), published(t, &o)
		for name, want := range map[string]any{
			"opened": 1., "open": 0., "panics": 1., "refused": 0., "dropped": 0.,
			"messages_sent": 2., "bytes_sent": 1005., "compressed_sent": 1.,
			"messages_received": 1., "bytes_received": 1., "compressed_received": 0.,
			"frames_sent": 4., "pings_sent": 1., "pongs": 1., // and a Close frame
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		for mine, yours := range map[string]string{
			"messages_sent": "messages_received", "bytes_sent": "bytes_received", "compressed_sent": "compressed_received",
			"frames_sent": "frames_received", "wire_sent": "wire_received", "pings_sent": "pings_received",
		} {
			if got[mine] != theirs[yours] || got[mine] == 0. {
				t.Errorf("%s is %v, %s at the other end %v", mine, got[mine], yours, theirs[yours])
			}
		}
		if wire := s.Snapshot().WireSent; wire < 30 || wire > 200 {
			t.Errorf("%d bytes on the wire", wire)
		}
		if !maps.Equal(s.Closed(), map[CloseCode]int64{CloseAbnormal: 1}) || !maps.Equal(o.Closed(), map[CloseCode]int64{CloseInternalError: 1}) {
			t.Errorf("ended with %v and %v", s.Closed(), o.Closed())
		}
		if closed := theirs["closed"].(map[string]any); len(closed) != 1 || closed["1011"] != 1. {
			t.Errorf("published %v", closed)
		}
	})
	var s Stats
	trace := s.Trace()
	trace.Refused(&handshake.Request{}, errMode)
	trace.Dropped(nil, MessageInfo{})
	trace.Queued(nil, 1)
	trace.Closed(nil, &CloseError{Code: 4000})
	trace.Closed(nil, &CloseError{Code: CloseNormal})
	got := published(t, &s)
	if got["refused"] != 1. || got["dropped"] != 1. || got["queued"] != 1. || len(got["closed"].(map[string]any)) != 2 {
		t.Error(got)
	}
}

// published is what expvar shows of s.
func published(t *testing.T, s *Stats) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.String()), &m); err != nil {
		t.Fatalf("%s: %v", s.String(), err)
	}
	return m
}

// TestLogTrace: what is logged at which level, and that nothing is said twice.
func TestLogTrace(t *testing.T) {
	bubbles(t, func(t *testing.T, role frame.Role) {
		for level, want := range map[slog.Level][]string{
			slog.LevelDebug: {
				"INFO websocket opened", "DEBUG websocket frame sent", "DEBUG websocket message sent", "DEBUG websocket message queued",
				"DEBUG websocket frame sent", "DEBUG websocket message queued", "WARN websocket message dropped",
				"DEBUG websocket frame received", "DEBUG websocket round trip",
				"DEBUG websocket frame received", "DEBUG websocket message received", "ERROR websocket callback panicked",
				"DEBUG websocket close sent", "DEBUG websocket frame sent",
				"DEBUG websocket frame received", "INFO websocket closed",
			},
			slog.LevelInfo: {"INFO websocket opened", "WARN websocket message dropped", "ERROR websocket callback panicked", "INFO websocket closed"},
		} {
			var out bytes.Buffer
			l := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))
			c, peer := pipePeer(t, role, 1, Config{Trace: LogTrace(l), Queue: 200, QueuePolicy: QueueDropNewest})
			check(c.Send(Text, pattern(100)))
			go c.Ping(bg)
			synctest.Wait()
			check(c.Send(Text, pattern(10)))
			check(c.Send(Text, pattern(101)))
			go c.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { panic("oh") }})
			peer.WantText(string(pattern(100)))
			_, payload := peer.WantFrame()
			peer.WantText(string(pattern(10)))
			peer.Pong(string(payload))
			peer.Text("boom")
			peer.WantClose(CloseInternalError)
			peer.Close(CloseInternalError, "yes")
			_ = peer.NetConn().Close()
			<-c.Done()
			synctest.Wait()
			var got []string
			for line := range strings.Lines(out.String()) {
				fields := strings.SplitN(line, "level=", 2)[1]
				at, rest, _ := strings.Cut(fields, " msg=\"")
				msg, _, _ := strings.Cut(rest, "\"")
				got = append(got, at+" "+msg)
				if !strings.Contains(line, "remote=pipe:") {
					t.Errorf("whose? %s", line)
				}
			}
			if level == slog.LevelDebug { // the order of what happens at the same time does not matter
				slices.Sort(got)
				slices.Sort(want)
				got, want = slices.Compact(got), slices.Compact(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("logged\n%s\nwant\n\t%s", out.String(), strings.Join(want, "\n\t"))
			}
		}
	})
}

// TestLogTraceRefused: a stranger can't fill the log of errors.
func TestLogTraceRefused(t *testing.T) {
	var out bytes.Buffer
	trace := LogTrace(slog.New(slog.NewTextHandler(&out, nil)))
	r := handshake.NewRequest(&http.Request{
		Method: "GET", RequestURI: "/chat?token=s3cr3t", RemoteAddr: "192.0.2.1:5",
		Host: "here.example", Header: http.Header{"Origin": {"https://page.example"}},
	})
	for _, test := range []struct {
		r     *handshake.Request
		err   error
		level string
	}{
		{r, &handshake.Error{Status: 403, Reason: "no"}, "INFO"},
		{r, &net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, "INFO"},
		{&handshake.Request{RemoteAddr: "192.0.2.1:5"}, errors.New("not whole"), "INFO"},
		{r, fmt.Errorf("websocket: handshake: %w: %w", errUnsent, errors.New("client disconnected")), "INFO"}, // as of net/http's HTTP/2
		{r, context.Canceled, "INFO"}, // of UpgradeNet
		{r, errMode, "ERROR"},
	} {
		out.Reset()
		trace.Refused(test.r, test.err)
		if line := out.String(); !strings.Contains(line, "level="+test.level) || !strings.Contains(line, "192.0.2.1:5") {
			t.Errorf("%v: %s", test.err, line)
		}
	}
	for _, want := range []string{"target=/chat ", "host=here.example", "origin=https://page.example"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
	out.Reset()
	r = &handshake.Request{Target: "/chat?token=s3cr3t"}
	c := New(&loopStream{wire: []byte{0}}, frame.Server, Negotiated{Subprotocol: "v2"}, Config{})
	trace.Opened(c, r)
	trace.Closed(c, &CloseError{Code: CloseNormal, Reason: "done", Remote: true})
	trace.Closed(c, &CloseError{Code: CloseAbnormal, Err: ErrPongTimeout})
	for _, want := range []string{"role=server", "target=/chat", "reason=done", "by_peer=true", "KeepAlive ping"} {
		if !strings.Contains(strings.ReplaceAll(out.String(), "keepalive", "KeepAlive"), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "s3cr3t") {
		t.Errorf("a secret was logged: %s", out.String())
	}
	if strings.Contains(out.String(), "remote") {
		t.Error("a stream without addresses has one")
	}
	check(c.CloseNow())
}

// TestAllocsTraced: counting allocates nothing, and neither does a log of which
// nothing is wanted.
func TestAllocsTraced(t *testing.T) {
	var s Stats
	silent := LogTrace(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	for name, trace := range map[string]*Trace{"none": nil, "no hooks": {}, "Stats": s.Trace(), "both": JoinTraces(s.Trace(), silent)} {
		peer := frame.Encoder{Role: frame.Client}
		wire, err := peer.AppendFrame(nil, frame.Header{Opcode: frame.Text, Fin: true}, pattern(100))
		check(err)
		c := New(&loopStream{wire: wire}, frame.Server, Negotiated{}, Config{Trace: trace, WriteTimeout: time.Hour})
		buf := make([]byte, 0, 1000)
		wantAllocs(t, name+": Write", 0, func() { check(c.Write(bg, Text, buf[:100])) })
		wantAllocs(t, name+": ReadInto", 0, func() {
			_, _, err := c.ReadInto(bg, buf)
			check(err)
		})
		check(c.CloseNow())
	}
}

// BenchmarkTrace is one message each way, without a Trace and with ready ones.
func BenchmarkTrace(b *testing.B) {
	var s Stats
	silent := LogTrace(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	for _, bench := range []struct {
		name  string
		trace *Trace
	}{{"none", nil}, {"empty", &Trace{}}, {"Stats", s.Trace()}, {"LogTrace above debug", silent}} {
		b.Run(bench.name, func(b *testing.B) {
			peer := frame.Encoder{Role: frame.Client}
			wire, err := peer.AppendFrame(nil, frame.Header{Opcode: frame.Text, Fin: true}, pattern(100))
			check(err)
			c := New(&loopStream{wire: wire}, frame.Server, Negotiated{}, Config{Trace: bench.trace})
			buf := make([]byte, 0, 1000)
			b.ReportAllocs()
			for b.Loop() {
				check(c.Write(bg, Binary, buf[:100]))
				_, _, err := c.ReadInto(bg, buf)
				check(err)
			}
			check(c.CloseNow())
		})
	}
}
