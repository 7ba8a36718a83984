package conn

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/rfc6455/ws/handshake"
)

// Events are the callbacks of Serve: the four events of a browser's WebSocket.
// Nil ones are skipped. They are called one after another on one goroutine,
// Open first and Close last, and may call every method of the Conn but the
// reading ones; what they Append leaves when all that has arrived is handled, or
// as soon as it is much. A callback that blocks stops the reading of its
// connection, and its answers to pings.
//
// One Events may serve any number of connections. A nil one has no callbacks.
type Events struct {
	// Open is called first, with the request of the handshake where
	// Upgrader.Handler serves, else nil. Its HTTPRequest has path values, and
	// the values of the context that a middleware has made.
	Open func(c *Conn, r *handshake.Request)

	// Message is called for each message. data is the connection's and valid
	// until Message returns; it may be changed.
	Message func(c *Conn, t MessageType, data []byte)

	// Error is called before Close where the connection does not end with a
	// closing handshake: the peer broke a rule, the transport was cut, a
	// timeout passed, a callback panicked.
	Error func(c *Conn, err error)

	// Close is called last, when the transport is closed.
	Close func(c *Conn, err *CloseError)
}

// Serve reads until the connection ends and calls the Events for what comes.
// It returns the *CloseError with which the connection ended. If ctx ends
// first it returns ctx's error, without calling Close: the connection is
// unharmed and may be served or read again.
//
// A panic in a callback is recovered: Config.Trace.Panic gets it, and the
// connection is failed with 1011. A callback that calls runtime.Goexit, as
// FailNow of package testing does, fails it likewise; Serve then does not return.
func (c *Conn) Serve(ctx context.Context, ev *Events) error { return c.serve(ctx, ev, nil) }

// serve is Serve with the request that Open gets.
func (c *Conn) serve(ctx context.Context, ev *Events, req *handshake.Request) error {
	s, err := c.newServer(ctx, ev)
	if err != nil {
		return err
	}
	s.open(req)
	err = s.begin(ctx)
	for err == errEnter {
		err = s.leave(ctx, c.raw.Read(s.ready()))
	}
	return s.finish(err)
}

// handle starts serve for a connection that nobody waits for, on goroutines of
// its own. A goroutine whose callbacks have made its stack grow keeps it, so that
// the waiting begins in a fresh one after Open, and goes on in another when the
// connection has been idle.
func (c *Conn) handle(ev *Events, req *handshake.Request) {
	s, err := c.newServer(context.Background(), ev)
	if err != nil {
		return // closed in the meantime
	}
	s.moves = true
	if s.ev.Open == nil {
		go s.handleOn()
	} else {
		go s.openFirst(req)
	}
}

func (s *server) openFirst(req *handshake.Request) {
	s.open(req)
	go s.handleOn()
}

// handleOn is the goroutine of a handled connection.
func (s *server) handleOn() {
	ctx := context.Background()
	err := s.begin(ctx)
	for err == errEnter {
		err = s.leave(ctx, s.c.raw.Read(s.ready()))
	}
	if err == errIdle {
		go s.handleOn()
		return
	}
	_ = s.finish(err) // Close tells the end
}

// errIdle says that the connection has been idle for long enough to move.
var errIdle = errors.New("idle")

// newServer takes the read half for Serve.
func (c *Conn) newServer(ctx context.Context, ev *Events) (*server, error) {
	if err := c.beginRead(ctx, readServe); err != nil {
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
	return &server{c: c, ev: ev, active: true}, nil
}

// open calls Open.
func (s *server) open(req *handshake.Request) {
	if s.ev.Open != nil {
		s.call(func() { s.ev.Open(s.c, req) })
	}
}

// finish is the end of a run: that of its context, or of the connection, which
// it brings about and tells.
func (s *server) finish(err error) error {
	c, ev := s.c, s.ev
	defer c.cfg.Group.release()
	c.rd.pooled = false
	if !c.over(err) {
		c.endRead(nil)
		return err
	}
	c.rd.taken.Store(uint32(readClosing))
	c.finish()
	<-c.Done()
	end := c.cl.err // set for good
	if ev.Error != nil && !end.Clean() {
		s.call(func() { ev.Error(c, end) })
	}
	if ev.Close != nil {
		s.call(func() { ev.Close(c, end) })
	}
	return end
}

// server is one run of Serve. What comes before RawConn.Read and after it is done
// in functions of its own, so that a waiting goroutine has few frames on its
// stack, and callbacks find room on it.
type server struct {
	c    *Conn
	ev   *Events
	busy atomic.Pointer[pace] // while the connection is busy: see putsOff

	moves  bool   // it may end with errIdle
	active bool   // bytes have come since the deadline was set
	timed  bool   // the read deadline is set, to see whether the connection is idle
	inside bool   // a RawConn function; guarded by Conn.mu
	poked  bool   // the read deadline is in the past, for there to be a look; guarded by Conn.mu
	dried  uint8  // how often a read emptied the socket, since
	since  uint16 // then, by the clock of milliseconds, which starts again after a minute
}

// errEnter says that RawConn.Read is to be called.
var errEnter = errors.New("enter")

// begin delivers what is there already, until the connection or ctx ends or it
// is to be waited in RawConn.Read. Where the transport is no socket it does all
// of the rest, too.
func (s *server) begin(ctx context.Context) error {
	c := s.c
	if err := s.deliver(moreBytes); err != nil {
		return err
	}
	if c.raw == nil {
		return s.runStream(ctx)
	}
	if err := c.watch.arm(ctx, readDeadline{c}); err != nil {
		return err
	}
	return s.enter(ctx)
}

// runStream delivers messages of a transport that only knows Read.
func (s *server) runStream(ctx context.Context) error {
	for {
		got, err := s.c.more(ctx)
		if err == nil {
			err = s.deliver(got)
		}
		if err != nil {
			return err
		}
	}
}

// deliver calls Message for the message that has just been completed, if got
// says so, and for those that the bytes at hand complete. Its error is final.
func (s *server) deliver(got progress) error {
	c := s.c
	r := &c.rd
	for {
		if got == wholeMessage {
			if r.answered {
				c.flushRead()
			}
			if s.ev.Message != nil {
				s.callMessage(r.typ, r.message())
			}
			c.keep.message()
			r.delivered()
		}
		var err error
		if got, err = c.advance(); err != nil || got == moreBytes {
			return err
		}
	}
}

// callMessage is call for Message, without a closure per message.
func (s *server) callMessage(t MessageType, p []byte) {
	defer s.recovered()
	s.c.rd.calling.Store(true)
	s.ev.Message(s.c, t, p)
	s.c.rd.calling.Store(false)
}

// call runs one callback.
func (s *server) call(f func()) {
	defer s.recovered()
	s.c.rd.calling.Store(true)
	f()
	s.c.rd.calling.Store(false)
}

// recovered is deferred around a callback: a panic ends the connection, not
// the program. So does runtime.Goexit, which a test's FailNow calls: it takes
// this goroutine away, and another one ends what is left.
func (s *server) recovered() {
	c := s.c
	v := recover()
	if v == nil && !c.rd.calling.Load() {
		return // the callback has returned
	}
	c.rd.calling.Store(false)
	if v == nil {
		if c.rd.taken.Load() != uint32(readClosing) { // else finish was telling the end
			go s.endOrphan()
		}
		return
	}
	if t := c.cfg.Trace; t != nil && t.Panic != nil {
		t.Panic(c, v, debug.Stack())
	}
	c.failWith(CloseInternalError, fmt.Errorf("websocket: %w: %v", errPanicked, v))
}

// endOrphan ends a connection whose goroutine has exited in a callback.
func (s *server) endOrphan() {
	s.c.failWith(CloseInternalError, fmt.Errorf("websocket: %w", errExited))
	err := s.c.readError()
	if s.inside {
		err = s.leave(context.Background(), nil)
	}
	_ = s.finish(err) // Close tells the end
}
