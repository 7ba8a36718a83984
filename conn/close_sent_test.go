package conn

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// TestCloseErrorSent: whoever closes and for whatever reason, the code that this
// side sent is in the CloseError, its text, Stats and the log.
func TestCloseErrorSent(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  Config
		end  func(c *Conn, peer *wstest.Peer)
		sent CloseCode
		text string // a part of the error's
	}{
		"too big": {
			Config{MaxMessageSize: 3},
			func(_ *Conn, peer *wstest.Peer) { peer.Text("four"); peer.WantClose(CloseMessageTooBig) },
			CloseMessageTooBig, "; this side sent 1009 message too big",
		},
		"panic": {
			Config{Trace: &Trace{Panic: func(*Conn, any, []byte) {}}},
			func(_ *Conn, peer *wstest.Peer) { peer.Text("boom"); peer.WantClose(CloseInternalError) },
			CloseInternalError, "; this side sent 1011 ",
		},
		"policy": {
			Config{MaxFragments: 2},
			func(_ *Conn, peer *wstest.Peer) {
				peer.Fragments(frame.Text, "a", "b", "c")
				peer.WantClose(ClosePolicyViolation)
			},
			ClosePolicyViolation, "; this side sent 1008 policy violation",
		},
		"Close, which the peer answers with another code": {
			Config{},
			func(c *Conn, peer *wstest.Peer) {
				go c.Close(4001, "bye")
				peer.WantClose(4001)
				peer.Close(CloseNormal, "")
			},
			4001, "closed by this side with 4001, the peer answered: 1000 normal closure",
		},
		"Close without a code": {
			Config{},
			func(c *Conn, peer *wstest.Peer) {
				go c.Close(0, "")
				peer.WantClose(0)
				peer.Close(4000, "so long")
			},
			CloseNoStatus, "closed by this side without a code, the peer answered: 4000: so long",
		},
		"Close, and the peer vanishes": {
			Config{},
			func(c *Conn, peer *wstest.Peer) { go c.Close(4002, ""); peer.WantClose(4002) },
			4002, "cut without a Close frame (1006); this side sent 4002",
		},
		"the peer closes": {
			Config{},
			func(_ *Conn, peer *wstest.Peer) { peer.Close(4003, "enough"); peer.WantClose(4003) },
			4003, "closed by the peer: 4003: enough",
		},
		"the peer closes without a code": {
			Config{},
			func(_ *Conn, peer *wstest.Peer) { peer.Close(0, ""); peer.WantClose(0) },
			CloseNoStatus, "closed by the peer: 1005",
		},
		"idle": {
			Config{IdleTimeout: time.Minute},
			func(_ *Conn, peer *wstest.Peer) {
				peer.Timeout = time.Hour
				peer.WantClose(CloseGoingAway)
				peer.Close(CloseNormal, "")
			},
			CloseGoingAway, "closed by this side with 1001 going away, the peer answered: 1000",
		},
		"cut":      {Config{}, func(*Conn, *wstest.Peer) {}, 0, "websocket: connection cut without a Close frame (1006)"},
		"CloseNow": {Config{}, func(c *Conn, _ *wstest.Peer) { _ = c.CloseNow() }, 0, "websocket: connection ended: closed by CloseNow"},
	} {
		t.Run(name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, role frame.Role) {
				var s Stats
				var out bytes.Buffer
				cfg := test.cfg
				cfg.Trace = JoinTraces(cfg.Trace, s.Trace(), LogTrace(slog.New(slog.NewTextHandler(&out, nil))))
				c, peer := pipePeer(t, role, 64<<10, cfg)
				go c.Serve(bg, &Events{Message: func(*Conn, MessageType, []byte) { panic("oh") }})
				test.end(c, peer)
				_ = peer.NetConn().Close()
				<-c.Done()
				synctest.Wait() // Trace.Closed comes after Done
				wantSent(t, c, &s, test.sent, test.text)
				if line := out.String(); strings.Contains(line, " sent=") != (test.sent != 0) {
					t.Errorf("logged %s", line)
				}
			})
		})
	}
}

func wantSent(t *testing.T, c *Conn, s *Stats, sent CloseCode, text string) {
	t.Helper()
	var end *CloseError
	if !errors.As(c.Err(), &end) || end.Sent != sent || !strings.Contains(end.Error(), text) {
		t.Errorf("ended with %v (%+v), want %d and %q", c.Err(), end, sent, text)
	}
	want := map[CloseCode]int64{}
	if sent != 0 {
		want[sent] = 1
	}
	if got := s.CloseSent(); !maps.Equal(got, want) {
		t.Errorf("Stats count %v, want %v", got, want)
	}
	counted, _ := published(t, s)["close_sent"].(map[string]any)
	if counted == nil || len(counted) != len(want) {
		t.Errorf("published %v, want %v", counted, want)
	}
}

// TestCloseErrorText: what reads like a fault of this program says what it is.
func TestCloseErrorText(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for _, test := range []struct {
		err  CloseError
		want string
	}{
		{CloseError{Code: CloseAbnormal, Err: io.ErrUnexpectedEOF}, "connection cut without a Close frame (1006)"},
		{CloseError{Code: CloseAbnormal, Err: reset}, "connection cut without a Close frame (1006): read tcp: " + syscall.ECONNRESET.Error()},
		{CloseError{Code: CloseAbnormal, Err: reset, Sent: 4001}, "connection cut without a Close frame (1006): read tcp: " + syscall.ECONNRESET.Error() + "; this side sent 4001"},
		{CloseError{Code: CloseAbnormal, Err: ErrPongTimeout}, "connection ended: " + strings.TrimPrefix(ErrPongTimeout.Error(), "websocket: ")},
		{CloseError{Code: CloseNormal, Remote: true, Sent: CloseNormal}, "connection closed by the peer: 1000 normal closure"},
		{CloseError{Code: CloseNormal}, "connection closed by this side, the peer answered: 1000 normal closure"},
	} {
		if got := test.err.Error(); got != "websocket: "+test.want {
			t.Errorf("got  %s\nwant websocket: %s", got, test.want)
		}
	}
	if err := error(&CloseError{Code: CloseAbnormal, Err: io.ErrUnexpectedEOF}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is not found")
	}
}

// TestCloseReasonWithoutCode: the error tells what is missing.
func TestCloseReasonWithoutCode(t *testing.T) {
	c, _ := pipePeer(t, frame.Server, 1000, Config{})
	err := c.Close(0, "bye")
	if !errors.Is(err, frame.ErrCloseCode) || !strings.Contains(err.Error(), "reason") || !strings.Contains(err.Error(), "needs a code") {
		t.Errorf("got %v, want that a reason needs a code", err)
	}
	if c.State() != StateOpen {
		t.Errorf("State() = %v, want open", c.State())
	}
}
