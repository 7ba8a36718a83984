//go:build !js

package conn

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"

	"github.com/rfc6455/ws/conn/internal/ending"
	"github.com/rfc6455/ws/handshake"
)

// Events are the callbacks of [Conn.Serve]. They are the four events of a browser's WebSocket, and
// Ping and Pong, of which a browser does not tell its pages. Nil callbacks are skipped. Those of
// one connection run one after another, Open first and Close last. They may call every method of
// the Conn except those that read. What they append leaves when all that has arrived is handled, or
// as soon as it is much: see [Conn.Append]. While a callback runs, nothing is read from its
// connection, and no Ping is answered.
//
// One Events may serve any number of connections. A nil Events has no callbacks.
type Events struct {
	// Open is called first. [Upgrader.Handler] passes the request of the handshake, and Serve
	// passes nil. The request's HTTPRequest has path values, and the context values that a
	// middleware has set. Its Data is what Upgrader.Check left there, as is c.Data().
	Open func(c *Conn, r *Request)

	// Message is called for each message. data belongs to the connection and is valid until Message
	// returns. Message may change it.
	Message func(c *Conn, t MessageType, data []byte)

	// Ping is called for each Ping of the peer (RFC 6455 section 5.5.2), and Pong for each Pong,
	// also for one that nobody asked for (section 5.5.3). They may come between the frames of a
	// message. A Ping has been answered before: its Pong precedes what the callback sends. payload
	// has at most 125 bytes, belongs to the connection and is valid until the callback returns.
	Ping func(c *Conn, payload []byte)
	Pong func(c *Conn, payload []byte)

	// Error is called before Close if the connection ends without a closing handshake: the peer
	// broke a rule, the transport was cut, a timeout passed, or a callback panicked.
	Error func(c *Conn, err error)

	// Close is called last, when the transport is closed.
	Close func(c *Conn, err *CloseError)
}

// Serve reads until the connection ends, and calls the callbacks of ev for what comes. It returns
// the [*CloseError] with which the connection ended. If ctx ends first, Serve returns ctx's error
// and does not call Close. The connection is unharmed then, and may be served or read again. Only
// one goroutine may read: others get [ErrConcurrentRead].
//
// A panic in a callback is recovered. Trace.Panic gets it, or else the log, and the connection
// fails with 1011. The same happens if a callback calls runtime.Goexit, as FailNow of package
// testing does. Serve does not return in that case.
func (c *Conn) Serve(ctx context.Context, ev *Events) error {
	s, err := newServer(ctx, c, ev)
	if err != nil {
		return err
	}
	s.open(nil)
	next, err := s.begin(ctx)
	for next == runWaits {
		next, err = s.leave(ctx, c.transport.Loop(s.ready()))
	}
	return s.finish(err)
}

// Handle begins to serve ev, as [Conn.Serve] does, and returns. The connection is served on
// Config.Loop, or else on a goroutine of its own. The callbacks run on other goroutines than
// Handle's. Handle returns an error if it did not begin: [ErrConcurrentRead] if somebody reads,
// [ErrMessageOpen], or the [*CloseError] if the connection has ended. Events.Close reports the end.
func (c *Conn) Handle(ev *Events) error { return handle(c, ev, nil) }

// handle is Handle. req is the request of the handshake, for Events.Open; nil: there is none.
//
// Without a loop, goroutines of the connection's own serve it. If a callback has made a goroutine's
// stack grow, the stack stays as large as it is. So the waiting begins in a fresh goroutine after
// Open, and moves to another one when the connection has been idle.
func handle(c *Conn, ev *Events, req *handshake.Request) error {
	s, err := newServer(context.Background(), c, ev)
	if err != nil {
		return err
	}
	inLoop := c.transport.LoopSocket() != nil
	s.moves = !inLoop
	switch {
	case s.ev.Open != nil:
		go s.openFirst(req)
	case inLoop && c.rd.in == nil:
		looped{s}.begin() // which calls nobody
	default:
		go s.handleOn()
	}
	return nil
}

// openFirst is the goroutine of a handled connection that has a callback for Open.
func (s *server) openFirst(req *handshake.Request) {
	s.open(req)
	go s.handleOn()
}

// handleOn is the goroutine of a handled connection.
func (s *server) handleOn() {
	if s.c.transport.LoopSocket() != nil {
		looped{s}.begin()
		return
	}
	ctx := context.Background()
	next, err := s.begin(ctx)
	for next == runWaits {
		next, err = s.leave(ctx, s.c.transport.Loop(s.ready()))
	}
	if next == runMoves {
		go s.handleOn()
		return
	}
	_ = s.finish(err) // Events.Close reports the end
}

// runStep is what a run of Serve does next.
type runStep uint8

const (
	runOver  runStep = iota // the run is over; an error says why
	runWaits                // wait in Transport.Loop
	runMoves                // go on in a fresh goroutine, since the connection has been idle
)

// newServer takes the read half for Serve.
func newServer(ctx context.Context, c *Conn, ev *Events) (*server, error) {
	if err := c.beginRead(ctx); err != nil {
		return nil, err
	}
	if c.rd.open != nil {
		c.endRead(nil)
		return nil, ErrMessageOpen
	}
	if ev == nil {
		ev = new(Events)
	}
	c.rd.pooled = true
	c.cfg.Group.hold()
	s := &server{c: c, ev: ev, active: true}
	s.watchControl(s)
	return s, nil
}

// watchControl has the control frames of the peer reported to run, if s has callbacks for them.
func (s *server) watchControl(run *server) {
	if s.ev.Ping == nil && s.ev.Pong == nil {
		return
	}
	s.c.mu.Lock()
	s.c.makeRareLocked().serving = run
	s.c.mu.Unlock()
}

// open calls Open.
func (s *server) open(req *handshake.Request) {
	if s.ev.Open != nil {
		s.call(func() { s.ev.Open(s.c, req) })
	}
}

// finish ends a run. If err is not the connection's end, the reading half is given back. If it is,
// finish brings the end about and reports it to the callbacks.
func (s *server) finish(err error) error {
	c, ev := s.c, s.ev
	defer c.cfg.Group.release()
	c.rd.pooled = false
	s.watchControl(nil)
	if !isEnd(err) {
		c.endRead(nil)
		return err
	}
	c.step(ending.Met)
	ender{c}.finish()
	<-c.Done()
	end := c.err // set for good
	if ev.Error != nil && !end.Clean() {
		s.call(func() { ev.Error(c, end) })
	}
	if ev.Close != nil {
		s.call(func() { ev.Close(c, end) })
	}
	return end
}

// server is one run of Serve.
type server struct {
	c    *Conn
	ev   *Events
	busy atomic.Pointer[pace] // nil while the connection is not busy: see putOff

	moves  bool   // the run may move to a fresh goroutine
	active bool   // bytes have come since the idle deadline was set
	dried  uint8  // reads that emptied the socket, since the time in since
	since  uint16 // in milliseconds; it wraps after a minute
}

// begin delivers what has come already. It returns when the connection or ctx ends, or when the run
// has to wait in Transport.Loop. If the transport is no socket, begin does all the rest, too.
func (s *server) begin(ctx context.Context) (runStep, error) {
	c := s.c
	if err := s.deliver(moreBytes); err != nil {
		return runOver, err
	}
	if !c.transport.Socket() {
		return runOver, s.runStream(ctx)
	}
	if !c.transport.Arm(ctx) {
		return runOver, contextError(ctx)
	}
	return s.enter(ctx)
}

// runStream delivers messages of a transport that only knows Read.
func (s *server) runStream(ctx context.Context) error {
	for {
		got, err := receiver{s.c}.readMore(ctx)
		if err == nil {
			err = s.deliver(got)
		}
		if err != nil {
			return err
		}
	}
}

// deliver calls Message for the message that has just been completed, if got says that there is
// one. It does the same for the messages that the bytes at hand complete. Its error is final.
func (s *server) deliver(got progress) error {
	c := s.c
	r := &c.rd
	for {
		if got == wholeMessage {
			if r.pongQueued {
				c.flushRead()
			}
			if s.ev.Message != nil {
				s.callMessage(r.typ, r.message())
			}
			c.keep.message()
			r.freeMessage()
		}
		var err error
		if got, err = c.advance(); err != nil || got == moreBytes {
			return err
		}
	}
}

// callMessage is call for Message, without a closure per message.
//
//go:noinline
func (s *server) callMessage(t MessageType, p []byte) {
	defer s.recovered()
	s.c.rd.calling.Store(true)
	if !s.c.ending() { // otherwise a Cut may have missed that a callback runs, and wait for its return
		s.ev.Message(s.c, t, p)
	}
	s.c.rd.calling.Store(false)
}

// call runs one callback.
//
//go:noinline
func (s *server) call(f func()) {
	defer s.recovered()
	s.c.rd.calling.Store(true)
	f()
	s.c.rd.calling.Store(false)
}

// inCallback reports whether its caller may be within a callback of c: a callback of c runs, and
// this goroutine is within a callback of some connection. It may be wrong if a callback of one
// connection asks about another one. If no callback of c runs, it costs one load.
func (c *Conn) inCallback() bool {
	if !c.rd.calling.Load() {
		return false
	}
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) { // the stack may be deeper
		pcs = make([]uintptr, 4*n)
		n = runtime.Callers(2, pcs)
	}
	call := reflect.ValueOf((*server).call).Pointer()
	callMessage := reflect.ValueOf((*server).callMessage).Pointer()
	frames := runtime.CallersFrames(pcs[:n])
	for {
		f, more := frames.Next()
		if f.Entry == call || f.Entry == callMessage {
			return true
		}
		if !more {
			return false
		}
	}
}

// recovered is deferred around a callback. If the callback panics, the connection ends, not the
// program. If the callback calls runtime.Goexit, this goroutine ends, so that another one has to
// end the connection.
func (s *server) recovered() {
	c := s.c
	v := recover()
	if v == nil && !c.rd.calling.Load() {
		return // the callback has returned
	}
	if v == nil {
		c.rd.calling.Store(false)
		if c.reading.Phase() != ending.Closed { // otherwise finish was reporting the end
			go s.endOrphan()
		}
		return
	}
	closed := c.panicked(v) // still as a callback, so that Close does not wait for this goroutine
	c.rd.calling.Store(false)
	if !closed {
		c.failWith(CloseInternalError, fmt.Errorf("websocket: %w: %v", errPanicked, v))
	}
}

// endOrphan ends a connection whose goroutine has exited in a callback.
func (s *server) endOrphan() {
	s.c.failWith(CloseInternalError, fmt.Errorf("websocket: %w", errExited))
	err := s.c.endError()
	if p := s.c.reading.Phase(); p == ending.Inside || p == ending.ShutDown {
		_, err = s.leave(context.Background(), nil)
	}
	_ = s.finish(err) // Events.Close reports the end
}
