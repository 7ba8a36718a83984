package conn

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
)

// Events are the callbacks of [Conn.Serve].
type Events struct {
	Open    func(c *Conn, r *Request) // r is nil
	Message func(c *Conn, t MessageType, data []byte)
	Ping    func(c *Conn, payload []byte) // never called: a browser answers a Ping by itself
	Pong    func(c *Conn, payload []byte) // never called
	Error   func(c *Conn, err error)
	Close   func(c *Conn, err *CloseError)
}

// Serve reads until the connection ends, and calls the callbacks of ev for what comes.
func (c *Conn) Serve(ctx context.Context, ev *Events) error {
	s, err := newServer(ctx, c, ev)
	if err != nil {
		return err
	}
	return s.serve(ctx)
}

// Handle is Serve on a goroutine of its own. It returns when that has begun.
func (c *Conn) Handle(ev *Events) error {
	s, err := newServer(context.Background(), c, ev)
	if err != nil {
		return err
	}
	go func() { _ = s.serve(context.Background()) }() // Events.Close reports the end
	return nil
}

// newServer takes the reading half for Serve.
func newServer(ctx context.Context, c *Conn, ev *Events) (*server, error) {
	if err := c.beginMessage(ctx); err != nil {
		return nil, err
	}
	if ev == nil {
		ev = new(Events)
	}
	c.cfg.Group.hold()
	return &server{c: c, ev: ev}, nil
}

// serve calls the callbacks.
func (s *server) serve(ctx context.Context) error {
	if s.ev.Open != nil {
		s.call(func() { s.ev.Open(s.c, nil) })
	}
	return s.finish(s.run(ctx))
}

// server is one run of Serve.
type server struct {
	c   *Conn
	ev  *Events
	buf []byte // of the message

	reports bool // Error and Close are being called
}

// run delivers messages until the connection ends, or ctx does.
func (s *server) run(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		m, err := s.c.next(ctx)
		if err != nil {
			return err
		}
		s.c.report(&m)
		if s.ev.Message != nil {
			s.buf = appendMessage(s.buf[:0], &m)
			s.call(func() { s.ev.Message(s.c, typeOf(&m), s.buf) })
		}
	}
}

// finish ends a run. If err is the connection's end, it waits for that and calls the callbacks.
func (s *server) finish(err error) error {
	c, ev := s.c, s.ev
	defer c.cfg.Group.release()
	defer c.endRead()
	if !isEnd(err) {
		return err
	}
	<-c.done
	end := c.err // set for good
	s.reports = true
	if ev.Error != nil && !end.Clean() {
		s.call(func() { ev.Error(c, end) })
	}
	if ev.Close != nil {
		s.call(func() { ev.Close(c, end) })
	}
	return end
}

// call runs one callback.
//
//go:noinline
func (s *server) call(f func()) {
	defer s.recovered()
	s.c.calling.Store(true)
	f()
	s.c.calling.Store(false)
}

// inCallback reports whether its caller may be within a callback of c: a callback of c runs, and
// this goroutine is within a callback of some connection.
func (c *Conn) inCallback() bool {
	if !c.calling.Load() {
		return false
	}
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) { // the stack may be deeper
		pcs = make([]uintptr, 4*n)
		n = runtime.Callers(2, pcs)
	}
	call := reflect.ValueOf((*server).call).Pointer()
	frames := runtime.CallersFrames(pcs[:n])
	for {
		f, more := frames.Next()
		if f.Entry == call {
			return true
		}
		if !more {
			return false
		}
	}
}

// recovered is deferred around a callback. If the callback panics, the connection ends, not the
// program. If the callback calls runtime.Goexit, this goroutine ends, so that another one has to
// report the end.
func (s *server) recovered() {
	c := s.c
	v := recover()
	if v == nil && !c.calling.Load() {
		return // the callback has returned
	}
	if v == nil {
		c.calling.Store(false)
		if !s.reports { // otherwise finish goes on by its deferred functions
			c.failWith(CloseInternalError, fmt.Errorf("websocket: %w", errExited))
			go s.finishOrphan()
		}
		return
	}
	closed := c.panicked(v) // still as a callback, so that Close does not wait for this goroutine
	c.calling.Store(false)
	if !closed {
		c.failWith(CloseInternalError, fmt.Errorf("websocket: %w: %v", errPanicked, v))
	}
}

// finishOrphan is finish for a run whose goroutine has exited in a callback.
func (s *server) finishOrphan() {
	<-s.c.done
	_ = s.finish(s.c.Err()) // Events.Close reports the end
}
