package rows

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
)

// closingRows are the rows of the closing handshake that take both sides
// (section 7 of the RFC).
func closingRows(q *requirements) {
	q.links("CL-7.4-06", "", codesNotToSend)
	q.links("CL-5.5-09", "after Close", writeAfterClose)
	q.links("CL-5.5-09", "what was queued leaves first", queuedThenClose)
	q.both("CL-5.5-09", "behind messages that wait", inThinLink(ws.Config{FragmentSize: 1 << 10}, waitingThenClose))
	q.both("CL-5.5-11", "", func(t *testing.T, role frame.Role) {
		for range 50 {
			inLink(closeRace)(t, role)
		}
	})
	q.server("CL-5.5-12", "the peer closes", func(t *testing.T) { inLink(serverEndsFirst)(t, frame.Server) })
	q.server("CL-5.5-12", "the server closes", func(t *testing.T) { inLink(serverEndsItsOwn)(t, frame.Server) })
	q.client("CL-5.5-13", "", func(t *testing.T) { inLink(clientWaits)(t, frame.Client) })
	for _, d := range drivers {
		q.links("CL-5.5-14", d.name, func(l *link) { crossedCloses(l, d) })
	}
	q.links("CL-7.1-15", "", noAnswer)
	q.links("CL-7.1-15", "a peer that goes on", goesOnInstead)
	q.links("CL-7.1-16", "pipe", unreadAtClose)
	q.both("CL-7.1-16", "TCP", func(t *testing.T, role frame.Role) { overTCP.run(t, role, setup{}, unreadAtFailure) })
	q.links("CL-7.1-19", "the peer closes", statesOfPeersClose)
	q.links("CL-7.1-19", "this side closes", statesOfClose)
	q.links("CL-7.1-19", "failed", statesOfFailure)
}

// codesNotToSend: Close refuses what may not be in a Close frame, sends nothing
// and changes nothing.
func codesNotToSend(l *link) {
	for _, code := range []ws.CloseCode{1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
		if err := l.c.Close(code, ""); err != error(frame.ErrCloseCode) {
			l.Errorf("Close(%d) = %v, want %v", code, err, frame.ErrCloseCode)
		}
	}
	for code, reason := range map[ws.CloseCode]string{0: "a reason needs a code", 1000: "\xff"} {
		if err := l.c.Close(code, reason); err == nil {
			l.Errorf("Close(%d, %q) = nil, want an error", code, reason)
		}
	}
	l.p.WantNothing()
	if l.c.State() != ws.StateOpen || l.c.Err() != nil {
		l.Errorf("State() = %v, Err() = %v, want open and nil", l.c.State(), l.c.Err())
	}
	result := aside(l.T, func() error { return l.c.Close(0, "") }) // no code is an empty frame
	l.p.Want(frame.Close, "")
	l.p.Close(0, "")
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// queuedThenClose: the Close frame is the last one.
func queuedThenClose(l *link) {
	for range 3 {
		if err := l.c.Append(ws.Text, []byte("queued")); err != nil {
			l.Fatalf("Append = %v, want nil", err)
		}
	}
	result := aside(l.T, func() error { return l.c.Close(ws.CloseGoingAway, "") })
	for range 3 {
		l.p.WantText("queued")
	}
	l.p.WantClose(ws.CloseGoingAway)
	l.p.Close(ws.CloseGoingAway, "")
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// waitingThenClose: the Close frame is the last one also if the peer reads
// too slowly for those before it, and none of them is lost.
func waitingThenClose(l *link) {
	written := aside(l.T, func() error { return l.c.Write(bg, ws.Binary, make([]byte, 20<<10)) })
	synctest.Wait() // in the midst of its fragments
	for range 3 {
		if err := l.c.Send(ws.Text, []byte("queued")); err != nil {
			l.Fatalf("Send = %v, want nil", err)
		}
	}
	result := aside(l.T, func() error { return l.c.Close(ws.CloseGoingAway, "") })
	synctest.Wait()
	l.p.WantMessage(frame.Binary, string(make([]byte, 20<<10)))
	for range 3 {
		l.p.WantText("queued")
	}
	l.p.WantClose(ws.CloseGoingAway)
	l.p.Close(ws.CloseGoingAway, "")
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
	if err := written(); err != nil {
		l.Errorf("Write = %v, want nil", err)
	}
}

// closeRace: several Closes and the answer to the peer's are one Close frame.
func closeRace(l *link) {
	l.read(reading)
	var results []func() error
	for i := range 3 {
		results = append(results, aside(l.T, func() error { return l.c.Close(ws.CloseCode(4000+i), "") }))
	}
	l.p.Close(ws.CloseNormal, "")
	if h, _ := l.p.WantFrame(); h.Opcode != frame.Close {
		l.Fatalf("got %v, want a Close frame", h.Opcode)
	}
	if l.role == frame.Client {
		l.p.WantNothing()
	}
	l.hangUp()
	for _, result := range results {
		if err := result(); err != nil {
			l.Errorf("Close = %v, want nil", err)
		}
	}
	if _, end := l.outcome(); end.Code != ws.CloseNormal || !end.Clean() {
		l.Errorf("ended with %v, want a clean end with code 1000", end)
	}
}

// serverEndsFirst: a server ends TCP as soon as both Close frames are through,
// without waiting for the client (section 7.1.1).
func serverEndsFirst(l *link) {
	start := time.Now()
	l.read(reading)
	l.p.Close(ws.CloseNormal, "")
	l.p.WantClose(ws.CloseNormal)
	l.p.WantEOF()
	if d := time.Since(start); d != 0 {
		l.Errorf("the client saw the end after %v, want at once", d)
	}
	_ = l.p.NetConn().Close()
	l.wantEnd(*remote(ws.CloseNormal, ""))
}

// serverEndsItsOwn is the same if the server begins.
func serverEndsItsOwn(l *link) {
	start := time.Now()
	result := aside(l.T, func() error { return l.c.Close(ws.CloseGoingAway, "bye") })
	if reason := l.p.WantClose(ws.CloseGoingAway); reason != "bye" {
		l.Errorf("reason %q, want bye", reason)
	}
	l.p.Close(ws.CloseGoingAway, "")
	l.p.WantEOF()
	if d := time.Since(start); d != 0 {
		l.Errorf("the client saw the end after %v, want at once", d)
	}
	_ = l.p.NetConn().Close()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// clientWaits: a client leaves the end of TCP to the server, for a while.
func clientWaits(l *link) {
	start := time.Now()
	l.read(reading)
	l.p.Close(ws.CloseNormal, "")
	l.p.WantClose(ws.CloseNormal)
	l.p.WantNothing()
	l.p.WantEOF()
	if d := time.Since(start); d != 5*time.Second {
		l.Errorf("the client ended TCP after %v, want Config.CloseTimeout's 5s", d)
	}
	l.wantEnd(*remote(ws.CloseNormal, ""))
}

// crossedCloses: two Close frames that cross are the closing handshake, and
// each side reports the other's code (section 7.1.5).
func crossedCloses(l *link, d driver) {
	l.read(d)
	result := aside(l.T, func() error { return l.c.Close(3000, "ours") })
	synctest.Wait()
	l.p.Close(4000, "theirs") // before it has read ours
	if reason := l.p.WantClose(3000); reason != "ours" {
		l.Errorf("reason %q, want ours", reason)
	}
	if l.role == frame.Client {
		l.p.WantNothing() // no third Close frame
	}
	l.hangUp()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
	l.wantEnd(ws.CloseError{Code: 4000, Reason: "theirs"})
}

// noAnswer: a peer that does not answer our Close frame is waited for no longer
// than Config.CloseTimeout.
func noAnswer(l *link) {
	start := time.Now()
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.p.WantClose(ws.CloseNormal)
	l.p.WantEOF()
	var end *ws.CloseError
	if err := result(); !errors.As(err, &end) || end.Clean() || end.Err != ws.ErrCloseTimeout || end.Code != ws.CloseAbnormal {
		l.Errorf("Close = %v, want code 1006 and %v", err, ws.ErrCloseTimeout)
	}
	if d := time.Since(start); d != 5*time.Second {
		l.Errorf("ended after %v, want 5s", d)
	}
}

// goesOnInstead is a peer that sends instead of answering: its messages are
// dropped and its pings not answered, and the time is the same.
func goesOnInstead(l *link) {
	start := time.Now()
	l.read(reading)
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.p.WantClose(ws.CloseNormal)
	for range 4 {
		l.p.Text("going on")
		l.p.Ping("")
		l.p.WantNothing()
		pass(time.Second)
	}
	l.p.WantEOF()
	if err := result(); !errors.Is(err, ws.ErrCloseTimeout) {
		l.Errorf("Close = %v, want %v", err, ws.ErrCloseTimeout)
	}
	if d := time.Since(start); d != 5*time.Second {
		l.Errorf("ended after %v, want 5s", d)
	}
	l.wantEnd(ws.CloseError{Code: ws.CloseAbnormal, Err: ws.ErrCloseTimeout})
}

// unreadAtClose: bytes that nobody has read do not reset the connection under
// our Close frame: they are read away (section 7.1.1). The near end of the pipe
// is one that resets, as a kernel's does.
func unreadAtClose(l *link) {
	for range 10 {
		l.p.Binary(make([]byte, 4<<10))
	}
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.p.WantClose(ws.CloseNormal)
	l.p.Binary(make([]byte, 4<<10))
	l.p.Close(ws.CloseNormal, "")
	l.p.SendBytes(make([]byte, 4<<10)) // after the end of all frames
	if l.role == frame.Server {
		l.p.WantEOF()
		l.p.SendBytes(make([]byte, 4<<10))
	}
	_ = l.p.NetConn().Close()
	if err := result(); err != nil {
		l.Errorf("Close = %v, want nil", err)
	}
}

// unreadAtFailure: the same over TCP, when this side fails the connection
// while much is on its way.
func unreadAtFailure(l *link) {
	l.read(reading)
	b := append(wire(l.role, "83 00 k"), make([]byte, 1<<20)...)
	sent := aside(l.T, func() error { _, err := l.p.NetConn().Write(b); return err })
	l.p.WantClose(ws.CloseProtocolError)
	l.p.WantEOF()
	if err := sent(); err != nil {
		l.Errorf("sending: %v, want nil", err)
	}
	_ = l.p.NetConn().Close()
	l.wantEnd(ws.CloseError{Code: ws.CloseAbnormal, Err: frame.ErrReservedOpcode})
}

// wantState compares the state, once everybody waits.
func (l *link) wantState(want ws.State) {
	l.Helper()
	synctest.Wait()
	if got := l.c.State(); got != want {
		l.Errorf("State() = %v, want %v", got, want)
	}
	select {
	case <-l.c.Done():
		if want != ws.StateClosed {
			l.Errorf("Done is closed, want it open in state %v", want)
		}
	default:
		if want == ws.StateClosed {
			l.Error("Done is open, want it closed in state closed")
		}
	}
}

// statesOfPeersClose: open, closing from the peer's Close frame on, closed with
// the end of TCP; clean, since the handshake came first (sections 7.1.3, 7.1.4).
func statesOfPeersClose(l *link) {
	l.read(reading)
	l.wantState(ws.StateOpen)
	l.p.Close(ws.CloseNormal, "")
	l.wantState(ws.StateClosing)
	l.p.WantClose(ws.CloseNormal)
	l.wantState(ws.StateClosing)
	l.hangUp()
	l.wantState(ws.StateClosed)
	if _, end := l.outcome(); !end.Clean() || !end.Remote {
		l.Errorf("ended with %+v, want a clean end by the peer", end)
	}
}

// statesOfClose: the same if this side begins.
func statesOfClose(l *link) {
	result := aside(l.T, func() error { return l.c.Close(ws.CloseNormal, "") })
	l.wantState(ws.StateClosing)
	if err := l.c.Err(); err != nil {
		l.Errorf("Err() = %v before the end is known, want nil", err)
	}
	l.p.WantClose(ws.CloseNormal)
	l.p.Close(ws.CloseNormal, "")
	l.wantState(ws.StateClosing)
	l.hangUp()
	l.wantState(ws.StateClosed)
	var end *ws.CloseError
	if err := result(); err != nil || !errors.As(l.c.Err(), &end) || !end.Clean() || end.Remote {
		l.Errorf("Close = %v, Err() = %+v, want a clean end by this side", err, end)
	}
}

// statesOfFailure: an end without the handshake is not clean.
func statesOfFailure(l *link) {
	l.read(reading)
	l.wantState(ws.StateOpen)
	l.p.SendBytes(wire(l.role, "83"))
	l.wantState(ws.StateClosing)
	l.p.WantClose(ws.CloseProtocolError)
	l.p.WantEOF()
	_ = l.p.NetConn().Close()
	l.wantState(ws.StateClosed)
	if _, end := l.outcome(); end.Clean() || !errors.Is(end, net.ErrClosed) {
		l.Errorf("ended with %+v, want an unclean end", end)
	}
}
