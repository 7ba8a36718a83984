//go:build !js

package conn

import (
	"net"
	"sync"
	"time"

	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
)

// Loop serves connections without a goroutine for each: an event loop. It is for programs that hold
// very many connections, most of which are idle. The zero value is ready. Set Config.Loop to a Loop
// that many connections share, and serve them with [Upgrader.Handler] or [Conn.Handle]. Callbacks
// get the same Conn, and may call the same methods.
//
// A Loop has a poller for each processor, and a goroutine for each poller that has connections. It
// takes connections over TCP and over Unix sockets, and those of TLS over such a socket: dialed
// ones, and accepted ones if [Loop.Listener] accepted the socket. All others are served as without
// a Loop, by goroutines. That is so over HTTP/2, over other transports, and on Windows and GOOS=js.
//
// A callback may block. If one runs for longer than about a millisecond, the Loop goes on with the
// other connections on another goroutine. As ever, the callbacks of one connection run one at a
// time and in order. A program whose callbacks all block for long has a goroutine for each of
// these.
//
// This is different from a connection without a Loop:
//
//   - The Loop has a descriptor of its own for the socket, and closes the net.Conn that it was
//     given. The NetConn method of what [Conn.NetConn] returns gives the Loop's socket instead, a
//     net.Conn with a SyscallConn method, CloseRead and CloseWrite. The *tls.Conn stays the same.
//   - Deadlines that are set through NetConn work for calls that block, such as [Conn.Read]. They
//     end no connection that is served. Write deadlines do nothing over TLS: Config.WriteTimeout
//     does.
//   - KeepAlive, IdleTimeout, WriteTimeout and CloseTimeout may come up to 17 ms late.
//   - A client's TLS refuses renegotiation, whatever tls.Config says.
//   - A connection has to be closed, or served until it ends. The garbage collector does not close
//     the socket of one that a program has forgotten.
//
// The reading methods and [Conn.Serve] work on such a connection, too, and take a goroutine while
// they wait. A Loop may be used concurrently. It must not be copied.
type Loop struct{ pollers loop.Loop }

// Listener returns a listener like ln, whose connections a Loop can serve even if they use TLS.
// Give it to http.Server.ServeTLS, to tls.NewListener, or use it where [Upgrader.UpgradeNet] gets
// its connections from. A TLS connection of any other listener is served by goroutines.
func (l *Loop) Listener(ln net.Listener) net.Listener { return wireListener{ln} }

// wireListener is the listener of Loop.Listener.
type wireListener struct{ net.Listener }

// Accept implements net.Listener.
func (l wireListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return transport.NewWire(nc), nil
}

// timer is a timer of the runtime's or of a loop's.
type timer interface {
	Reset(d time.Duration) bool
	Stop() bool
}

// after is time.AfterFunc for a connection. In a loop f must not block.
func after(c *Conn, d time.Duration, f func()) timer {
	if s := c.transport.LoopSocket(); s != nil {
		return s.AfterFunc(d, f)
	}
	return time.AfterFunc(d, f)
}

// looped is a run of Serve in a loop. It is the [loop.Reader] of the connection's socket.
type looped struct{ *server }

// begin delivers what has come already, and lets the loop do the rest.
func (s looped) begin() {
	c := s.c
	err := s.deliver(moreBytes)
	if err == nil && c.step(ending.Enter) != ending.Proceed {
		err = c.endError()
	}
	if err != nil {
		go s.server.finish(err)
		return
	}
	c.keep.wait()
	c.transport.LoopSocket().Watch(s)
}

// Readable is called when there may be something to read: see [loop.Reader].
func (s looped) Readable(fd uintptr, hup bool) loop.Verdict {
	c := s.c
	c.keep.endWait()
	c.transport.BeginReads(hup)
	var turn pool.Turn
	over := false
	for !over {
		got, n, left, err := s.readOnce(fd)
		if left == nothing {
			break
		}
		if err == nil {
			err = s.deliver(got)
		}
		if err != nil {
			s.leave(err)
			return loop.Over
		}
		if left == dry && !hup {
			break
		}
		turn.Count(n)
		over = turn.Over(pool.TurnTime)
	}
	c.rd.freeBuffer()
	if c.transport.Empties() {
		c.flushFD(fd)
	} else {
		c.flushRead() // through TLS
	}
	if over {
		return loop.Again
	}
	c.keep.wait()
	return loop.Wait
}

// readOnce is [server.readOnce] in a loop. It also returns how many bytes have come.
func (s looped) readOnce(fd uintptr) (got progress, n int, left supply, err error) {
	c := s.c
	r := &c.rd
	p := r.place()
	n, err = c.transport.ReadNow(fd, p)
	switch {
	case err != nil:
		r.freeBuffer()
		return moreBytes, 0, plenty, receiver{c}.handleReadError(err)
	case n == 0:
		return moreBytes, 0, nothing, nil
	case n < len(p) && c.transport.Empties():
		left = dry
	}
	receiver{c}.noteArrival()
	if r.direct() {
		got, err = receiver{c}.addDirect(n)
	} else {
		r.in.Unread = p[:n]
		transport.NoteBehind(fd, r.in, n) // a record of TLS is shorter than the buffer
	}
	return got, n, left, err
}

// Closed is called if the socket was closed without a word to the Conn.
func (s looped) Closed() {
	s.c.keep.endWait()
	s.leave(receiver{s.c}.handleReadError(net.ErrClosed))
}

// leave ends the run. The rest of the connection's end may wait for the peer, so it gets a
// goroutine.
func (s looped) leave(err error) {
	s.c.step(ending.Leave)
	go s.server.finish(err)
}

// writeInLoop lets the loop write what is left of the caller's batch, when the socket takes it. It
// returns false if the connection is in no loop.
func writeInLoop(c *Conn) bool {
	socket := c.transport.LoopSocket()
	if socket == nil {
		return false
	}
	w, _ := loopWriters.Get().(*loopWriter)
	if w == nil {
		w = new(loopWriter)
		w.late = func() { w.abort(ErrWriteTimeout) }
	}
	w.owner, w.part, w.limit = owner{c}, 0, c.cfg.writeTimeout()
	if w.limit > 0 {
		socket.SetTimer(&w.timer, w.limit, w.late)
	}
	return c.transport.WhenWritable(w)
}

// loopWriter owns the wire while the socket is full: it is the [loop.Writer] of the socket.
type loopWriter struct {
	owner
	limit time.Duration // Config.WriteTimeout; 0: there is none
	timer loop.Timer    // of limit
	part  int           // bytes that are out since the timer was set
	late  func()        // of the timer
	fired bool          // late has been called, or is about to be
}

var loopWriters sync.Pool // of *loopWriter

// writePart is how many bytes Config.WriteTimeout bounds. A batch that is out begins it anew, too.
const writePart = outbox.WriteMax

// Writable writes until the socket is full: see [loop.Writer].
func (w *loopWriter) Writable(fd uintptr) (done bool) {
	for {
		n, full, err := w.writeNow(fd)
		switch act := w.finishTry(n, err); {
		case act == outbox.Write && full:
			if w.part += n; w.part >= writePart {
				w.restart()
			}
			return false
		case act == outbox.Write: // the next batch
			w.restart()
		default:
			if act == outbox.Cut {
				w.abort(errOutOfOrder)
			}
			w.end()
			return true
		}
	}
}

// writeNow writes as much of the batch as the socket takes, and reports whether that was not all.
func (w *loopWriter) writeNow(fd uintptr) (n int, full bool, err error) {
	frames, payload := w.box.Batch().Bytes()
	n, err = w.transport.WriteNow(fd, frames)
	if err == nil && n == len(frames) {
		var m int
		m, err = w.transport.WriteNow(fd, payload)
		n += m
	}
	return n, n < len(frames)+len(payload), err
}

// Closed ends the writing of a closed connection.
func (w *loopWriter) Closed() {
	w.finishTry(0, net.ErrClosed)
	w.end()
}

// restart begins the timeout anew.
func (w *loopWriter) restart() {
	w.part = 0
	if w.limit > 0 && !w.timer.Reset(w.limit) {
		w.fired = true
	}
}

// end gives w back, unless its timer's function may be running.
func (w *loopWriter) end() {
	if w.limit == 0 || w.timer.Stop() && !w.fired {
		w.owner = owner{}
		loopWriters.Put(w)
	}
}
