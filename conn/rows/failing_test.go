package rows

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// failingRows are the rows on connections that end without a closing
// handshake.
func failingRows(q *requirements) {
	for _, in := range []string{"", "81", "81 05 k 61", "01 01 k 61", "01 01 k 61|89 04 k 61"} {
		for _, tr := range []transport{overPipe, overTCP} {
			for _, d := range drivers {
				q.both("CL-7.1-17", d.name+" over "+tr.name+", "+in, func(t *testing.T, role frame.Role) {
					tr.run(t, role, setup{}, func(l *link) { cutAfter(l, d, in) })
				})
			}
		}
	}
	q.table("CL-7.1-17", closing(3001, "the first one counts"))
	q.links("CL-7.1-21", "", brokenAfterClose)
	q.client("CL-7.2-22", "pipe", func(t *testing.T) { inLink(lostTransport)(t, frame.Client) })
	q.client("CL-7.2-22", "reset", resetByServer)
	for _, name := range []string{"open", "message"} {
		for _, tr := range []transport{overPipe, overTCP} {
			q.both("CL-7.1-28", name+" over "+tr.name, func(t *testing.T, role frame.Role) { panicking(t, role, tr, name) })
		}
	}
}

// cutAfter: the end of TCP without a Close frame is 1006, wherever it comes.
func cutAfter(l *link, d driver, in string) {
	l.read(d)
	l.p.SendBytes(wire(l.role, in))
	if err := l.p.NetConn().(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		l.Fatalf("CloseWrite = %v, want nil", err)
	}
	l.p.WantEOF()
	l.wantEnd(ws.CloseError{Code: ws.CloseAbnormal, Err: io.ErrUnexpectedEOF})
}

// brokenAfterClose: an error after our Close frame has no frame left to tell it
// with: TCP ends (section 7.1.7).
func brokenAfterClose(l *link) {
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.p.WantClose(ws.CloseNormal)
	start := time.Now()
	l.p.SendBytes(wire(l.role, "83 00 k"))
	l.p.WantEOF()
	var end *ws.CloseError
	if err := result(); !errors.As(err, &end) || end.Err != error(frame.ErrReservedOpcode) || end.Code != ws.CloseAbnormal {
		l.Errorf("Close = %v, want code 1006 and %v", err, frame.ErrReservedOpcode)
	}
	if d := time.Since(start); d != 0 {
		l.Errorf("ended after %v, want at once", d)
	}
}

// lostTransport: if TCP is lost the connection has failed (section 7.2.1).
func lostTransport(l *link) {
	l.read(reading)
	l.p.Text("before")
	synctest.Wait()
	l.near.Cut(nil)
	messages, end := l.outcome()
	if len(messages) != 1 || end.Code != ws.CloseAbnormal || !errors.Is(end.Err, syscall.ECONNRESET) {
		l.Errorf("messages %q, ended with %+v, want one, and code 1006 after a reset", messages, end)
	}
}

// resetByServer: the same by a reset over TCP.
func resetByServer(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			overTCP.run(t, frame.Client, setup{}, func(l *link) {
				l.echo(d)
				l.p.Text("x")
				l.p.WantText("x") // it reads by now
				if err := l.p.NetConn().(*net.TCPConn).SetLinger(0); err != nil {
					l.Fatalf("SetLinger = %v, want nil", err)
				}
				_ = l.p.NetConn().Close()
				if _, end := l.outcome(); end.Code != ws.CloseAbnormal || end.Clean() || !errors.Is(end.Err, syscall.ECONNRESET) {
					l.Errorf("ended with %+v, want code 1006 after a reset", end)
				}
			})
		})
	}
}

// panicking: a callback that panics ends the connection with 1011, and not in
// silence.
func panicking(t *testing.T, role frame.Role, tr transport, callback string) {
	var traced any
	cfg := ws.Config{Trace: &ws.Trace{Panic: func(_ *ws.Conn, v any, stack []byte) { traced = v }}}
	tr.run(t, role, setup{cfg: cfg}, func(l *link) {
		ev := &ws.Events{Message: func(*ws.Conn, ws.MessageType, []byte) { panic("in message") }}
		if callback == "open" {
			ev = &ws.Events{Open: func(*ws.Conn, *handshake.Request) { panic("in open") }}
		}
		result := aside(l.T, func() error { return l.c.Serve(bg, ev) })
		if callback != "open" {
			l.p.Text("hi")
		}
		l.p.WantClose(ws.CloseInternalError)
		l.p.WantEOF()
		_ = l.p.NetConn().Close()
		var end *ws.CloseError
		if err := result(); !errors.As(err, &end) || end.Clean() || traced != "in "+callback {
			l.Errorf("Serve = %v, traced %v, want an unclean end and in %s", err, traced, callback)
		}
	})
}

// timeRows are the timeouts: each fires, at its time.
func timeRows(q *requirements) {
	q.both("SE-10-09", "write", inThinLink(ws.Config{}, writeStall))
	q.both("SE-10-09", "idle", inLinkWith(ws.Config{IdleTimeout: time.Minute}, idle))
	q.both("SE-10-09", "pong", inLinkWith(ws.Config{KeepAlive: time.Minute}, keepAlive))
	q.links("SE-10-09", "close", noAnswer)
	q.server("SE-10-09", "handshake", func(t *testing.T) { synctest.Test(t, silentClient) })
	q.client("SE-10-09", "handshake", func(t *testing.T) { synctest.Test(t, silentServer) })
}

// writeStall: a peer that never reads loses its connection.
func writeStall(l *link) {
	start := time.Now()
	err := aside(l.T, func() error { return l.c.Write(bg, ws.Binary, make([]byte, 10<<10)) })()
	if !errors.Is(err, ws.ErrWriteTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, net.ErrClosed) {
		l.Errorf("Write = %v, want %v, a timeout and net.ErrClosed", err, ws.ErrWriteTimeout)
	}
	if d := time.Since(start); d != 30*time.Second {
		l.Errorf("failed after %v, want 30s", d)
	}
	await(l.T, l.c.Done())
}

// idle: a connection over which no message passes is closed with 1001. Pings
// are no messages.
func idle(l *link) {
	l.p.Timeout = time.Hour
	l.read(reading)
	pass(50 * time.Second)
	l.p.Text("a message")
	synctest.Wait()
	start := time.Now()
	pass(50 * time.Second)
	l.p.Ping("x")
	l.p.WantPong("x")
	if reason := l.p.WantClose(ws.CloseGoingAway); reason != "idle" {
		l.Errorf("reason %q, want idle", reason)
	}
	if d := time.Since(start); d != time.Minute {
		l.Errorf("closed after %v, want 1m", d)
	}
	l.p.Close(ws.CloseGoingAway, "")
	l.hangUp()
	if _, end := l.outcome(); !end.Clean() || end.Remote {
		l.Errorf("ended with %+v, want a clean end by this side", end)
	}
}

// silentClient: a client that never sends its request is dropped, without a
// byte.
func silentClient(t *testing.T) {
	near, far := wstest.Pipe(pipeSize)
	p := wstest.NewPeer(t, far, frame.Client)
	p.Timeout = time.Hour
	start := time.Now()
	result := aside(t, func() error { _, _, err := new(ws.Upgrader).UpgradeNet(bg, near, nil); return err })
	p.SendBytes([]byte("GET /chat HTTP/1.1\r\n"))
	synctest.Wait()
	p.WantEOF()
	if err := result(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("UpgradeNet = %v, want %v", err, os.ErrDeadlineExceeded)
	}
	if d := time.Since(start); d != 10*time.Second {
		t.Errorf("dropped after %v, want 10s", d)
	}
}

// silentServer: a server that never answers fails the dial.
func silentServer(t *testing.T) {
	near, far := wstest.Pipe(pipeSize)
	p := wstest.NewPeer(t, far, frame.Server)
	p.Timeout = time.Hour
	d := &ws.Dialer{Proxy: ws.NoProxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	start := time.Now()
	result := aside(t, func() error { _, _, err := d.Dial(bg, "ws://h/"); return err })
	p.WantHead()
	p.WantEOF()
	if err := result(); !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial = %v, want a deadline of the context and of the connection", err)
	}
	if d := time.Since(start); d != 10*time.Second {
		t.Errorf("failed after %v, want 10s", d)
	}
}
